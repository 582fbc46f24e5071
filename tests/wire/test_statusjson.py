"""A peer's JSON: our own events come through, a newer or older server's are understood."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentctl.model import Delta, ErrorCode, Item, ItemKey, Snapshot, Status, StreamError
from agentctl.wire import statusjson
from agentctl.wire.statusjson import Namespaces, error_of, status_of
from tests.strategies import EVENTS

AT = datetime(2026, 1, 30, 18, 15, tzinfo=timezone.utc)
LATER = datetime(2026, 2, 1, tzinfo=timezone.utc)
ITEM = {"component": "grpc", "namespace": "agents", "status": "healthy", "message": ""}


def event_of(kind: str, body: str) -> Any:
    return statusjson.event_of(kind, body, LATER, Namespaces("agents")).event


def passed_over(body: str) -> tuple[str, ...]:
    return statusjson.event_of("message", body, LATER, Namespaces()).passed_over


def text(kind: str, **fields: Any) -> str:
    return json.dumps({"type": kind, "generated_at": "2026-01-30T18:15:00Z", **fields})


@given(EVENTS)
def test_our_own_events_come_through(event: Any) -> None:
    body = json.dumps(event.to_json())
    received = event_of(event.type, body)
    assert received == event_of("message", body)
    assert received is not None
    assert received.to_json() == event.to_json()


def test_the_streams_type_stands_in_for_one_that_is_missing() -> None:
    body = json.dumps({"generated_at": "2026-01-30T18:15:00Z", "cursor": "c"})
    event = event_of("heartbeat", body)
    assert event is not None
    assert event.type == "heartbeat"


@pytest.mark.parametrize(
    ("kind", "body"),
    [("progress", "not even JSON"), ("message", text("progress")), ("delta", text("progress"))],
)
def test_a_type_that_is_not_known_is_no_event(kind: str, body: str) -> None:
    assert event_of(kind, body) is None


def test_a_status_that_is_not_known_is_unknown_and_says_so() -> None:
    items = [ITEM, {**ITEM, "status": "frozen", "message": "cold"}, {**ITEM, "status": "x"}]
    event = event_of("delta", text("delta", changes=items))
    assert isinstance(event, Delta)
    assert [(item.status, item.message) for item in event.changes] == [
        (Status.HEALTHY, ""),
        (Status.UNKNOWN, 'the server gave status "frozen", unknown here: cold'),
        (Status.UNKNOWN, 'the server gave status "x", unknown here'),
    ]


def test_what_is_switched_off_is_configured() -> None:
    event = event_of("delta", text("delta", changes=[{**ITEM, "status": "disabled"}]))
    assert isinstance(event, Delta)
    assert [(item.status, item.message) for item in event.changes] == [(Status.CONFIGURED, "")]


def test_a_code_that_is_not_known_is_an_error_all_the_same() -> None:
    event = event_of("error", text("error", message="melting", code="overheated"))
    assert event == StreamError(AT, "overheated: melting", ErrorCode.SERVER, "", None, "")


@pytest.mark.parametrize(
    "body",
    [
        "",
        "nonsense",
        "[]",
        "null",
        "7",
        '{"type":"heartbeat"',
        "[" * 100_000,
        '{"a":' * 100_000,
        '{"type":7}',
        "{}",
        text("snapshot"),
        text("snapshot", items=7),
        text("delta"),
        text("delta", changes={}, removed=[7]),
        text("error"),
        text("error", message="m", code="server", retry_in=7).replace("7", "NaN"),
        text("error", message="m", code="server", retry_in=7).replace("7", "7" * 5000),
    ],
    ids=lambda body: body[:60],
)
def test_what_is_no_event_is_a_value_error(body: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        event_of("message", body)


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (7, "items 2: expected an object, got int"),
        ("x", "items 2: expected an object, got str"),
        ({}, "items 2: without 'component'"),
        ({**ITEM, "component": None}, "items 2: without 'component'"),
        ({**ITEM, "component": 7}, "items 2: component: expected text"),
        ({**ITEM, "namespace": []}, "items 2: grpc: namespace: expected text"),
        ({**ITEM, "status": []}, "items 2: grpc: status: expected text"),
        ({key: value for key, value in ITEM.items() if key != "status"}, "without 'status'"),
    ],
)
def test_an_item_that_cannot_be_read_is_passed_over_and_told(item: Any, reason: str) -> None:
    body = text("snapshot", items=[ITEM, item, ITEM])
    assert len(event_of("message", body).items) == 2
    (told,) = passed_over(body)
    assert reason in told


def test_what_the_specification_leaves_open_may_be_missing() -> None:
    bare = {"component": "grpc", "status": "healthy"}
    (item,) = event_of("message", text("snapshot", items=[bare])).items
    assert (item.namespace, item.message, item.details) == ("agents", "", {})
    (item,) = event_of("message", text("delta", changes=[{**bare, "message": None}])).changes
    assert item.message == ""
    assert event_of("message", text("delta", removed=[{"component": "a"}])).removed == (
        ItemKey("agents", "a"),
    )
    assert event_of("message", '{"type":"heartbeat"}').generated_at == LATER
    assert event_of("message", '{"type":"heartbeat","generated_at":"soon"}').generated_at == LATER
    error = event_of("message", text("error", message="m"))
    assert (error.code, error.message, error.retry_in) == (ErrorCode.SERVER, "m", None)
    for wait in ("soon", -1, 1e99, True):
        assert event_of("message", text("error", message="m", retry_in=wait)).retry_in is None


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
KEYS = ("type", "generated_at", "items", "changes", "removed", "message", "code", "retry_in")
STATUS_KEYS = ("errors", "controllers", "runtime_adapters", "database", "grpc", "namespaces")


@given(st.dictionaries(st.sampled_from([*KEYS, *STATUS_KEYS, "cursor", "source"]), JSON))
def test_nothing_but_a_value_error_comes_of_any_json(data: Any) -> None:
    for kind in ("snapshot", "delta", "heartbeat", "error", "message"):
        try:
            event_of(kind, json.dumps({**data, "type": data.get("type", kind)}))
        except ValueError:
            continue
    try:
        status_of(json.dumps(data), "agents", AT)
    except ValueError:
        return


# The answer to the one-shot request.


def test_the_one_shot_state_and_what_is_wrong_with_it() -> None:
    error = json.loads(text("error", message="refused", code="disconnected", source="pods"))
    body = text("snapshot", items=[ITEM], cursor="c", errors=[error])
    snapshot, errors = status_of(body, "agents", LATER) or pytest.fail("no state")
    assert snapshot == Snapshot(AT, (Item("grpc", "agents", Status.HEALTHY),), "c")
    assert errors == [StreamError(AT, "refused", ErrorCode.DISCONNECTED, "pods", None, "")]


OLDER = {
    "service": "jangar",
    "generated_at": "2026-01-30T18:15:00.123Z",
    "controllers": [
        {
            "name": "agents-controller",
            "enabled": True,
            "started": True,
            "crds_ready": False,
            "missing_crds": ["agents.agents.proompteng.ai"],
            "last_checked_at": "2026-01-30T18:15:00Z",
            "status": "degraded",
            "message": "missing 1 CRD",
        },
        {"name": "supporting-controller", "status": "healthy", "message": ""},
    ],
    "runtime_adapters": [
        {"name": "temporal", "status": "configured", "message": "set", "endpoint": "t:7233"},
        {"name": "custom", "status": "unknown", "message": "configured per AgentRun"},
    ],
    "database": {"configured": True, "status": "healthy", "message": "", "latency_ms": 3},
    "grpc": {"enabled": False, "address": "", "status": "disabled", "message": ""},
    "namespaces": [
        {
            "namespace": "agents",
            "status": "degraded",
            "degraded_components": ["agents-controller"],
        }
    ],
    "watch_reliability": {"status": "unknown"},
}


def test_an_older_servers_answer_becomes_items() -> None:
    snapshot, errors = status_of(json.dumps(OLDER), "agents", LATER) or pytest.fail("no state")
    told = [(item.component, item.status.value, item.message) for item in snapshot.items]
    assert told == [
        ("namespace", "degraded", "degraded: agents-controller"),
        ("agents-controller", "degraded", "missing 1 CRD"),
        ("supporting-controller", "healthy", ""),
        ("runtime:temporal", "configured", ""),
        ("runtime:custom", "unknown", "configured per AgentRun"),
        ("database", "healthy", ""),
        ("grpc", "configured", ""),
    ]
    assert {item.namespace for item in snapshot.items} == {"agents"}
    assert (snapshot.generated_at, snapshot.cursor, errors) == (
        datetime(2026, 1, 30, 18, 15, 0, 123000, timezone.utc),
        "",
        [],
    )


def test_an_older_answer_is_told_as_the_protobuf_one_is() -> None:
    json_format = pytest.importorskip("google.protobuf.json_format")
    from agentctl.rpc.agentctl_pb2 import GetControlPlaneStatusResponse
    from agentctl.wire import legacy_pb

    message = GetControlPlaneStatusResponse()
    json_format.ParseDict(OLDER, message, ignore_unknown_fields=True)
    snapshot, _ = status_of(json.dumps(OLDER), "agents", AT) or pytest.fail("no state")
    assert snapshot.items == legacy_pb.items_of(message, "agents")


def test_older_fields_of_the_wrong_kind_count_as_not_told() -> None:
    body = json.dumps(
        {
            "controllers": [7, {"name": 7, "status": ["x"], "missing_crds": "x"}],
            "database": "fine",
            "grpc": [],
            "namespaces": {},
            "generated_at": 7,
        }
    )
    snapshot, _ = status_of(body, "agents", LATER) or pytest.fail("no state")
    assert snapshot == Snapshot(LATER, (Item("", "agents", Status.UNKNOWN, "no status given"),), "")


def test_json_of_something_else_is_no_state() -> None:
    assert status_of('{"ok":true}', "agents", AT) is None


@pytest.mark.parametrize(
    "body",
    [
        "<html>",
        "[]",
        text("snapshot", items=7),
        text("snapshot", items=[], errors=7),
    ],
)
def test_a_state_that_cannot_be_read_is_a_value_error(body: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        status_of(body, "agents", AT)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            '{"error":"namespace x is not served here","status":404}',
            ("namespace x is not served here", 404),
        ),
        ('{"ok":false,"error":"boom","details":{}}', ("boom", None)),
        ('{"message":"Not Found","statusCode":404}', ("Not Found", None)),
        ('{"error":{"code":5},"status":true}', ("", None)),
        ("<html>", ("", None)),
        ("[]", ("", None)),
    ],
)
def test_what_an_error_says(body: str, expected: Any) -> None:
    assert error_of(body) == expected


def test_removals_are_read() -> None:
    removed = [{"component": "extra", "namespace": "agents"}]
    event = event_of("delta", text("delta", changes=[], removed=removed, cursor="c"))
    assert event == Delta(AT, (), (ItemKey("agents", "extra"),), "c")
