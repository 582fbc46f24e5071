"""Items and the older fields: what clients and servers in the field say and understand."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentctl.model import ErrorCode, Item, Snapshot, Status, StreamError
from agentctl.rpc.agentctl_pb2 import GetControlPlaneStatusResponse
from agentctl.wire.legacy_pb import items_of, status_of, to_response
from tests.strategies import STATES
from tests.wire.protobytes import fields

AT = datetime(2026, 1, 30, 18, 15, tzinfo=timezone.utc)
NS = "agents"
CRD = "tools.tools.proompteng.ai"
TEMPORAL = "temporal-frontend.temporal.svc.cluster.local:7233"
CHECKED = "2026-01-30T18:14:59.123Z"


def controller(name: str, status: str, message: str = "", *missing: str) -> tuple[int, bytes]:
    fine = status == "healthy"
    sent: list[tuple[int, Any]] = [(1, name), (2, status != "disabled"), (3, True), (4, fine)]
    sent += [(5, crd) for crd in missing]
    return 3, fields(*sent, (6, CHECKED), (7, status), (8, message))


def runtime(name: str, status: str, message: str, endpoint: str = "") -> tuple[int, bytes]:
    return 4, fields((1, name), (2, True), (3, status), (4, message), (5, endpoint))


def database(status: str, message: str = "") -> tuple[int, bytes]:
    up = status == "healthy"
    return 5, fields((1, status != "disabled"), (2, up), (3, status), (4, message), (5, 3))


def grpc(status: str, address: str = "0.0.0.0:50051", message: str = "") -> tuple[int, bytes]:
    return 6, fields((1, status != "disabled"), (2, address), (3, status), (4, message))


def namespace(name: str, status: str, *degraded: str) -> tuple[int, bytes]:
    return 7, fields((1, name), (2, status), *((3, one) for one in degraded))


HEAD = ((1, "jangar"), (2, "2026-01-30T18:15:00.456Z"))
OLDER_SERVER = fields(
    *HEAD,
    controller("agents-controller", "healthy"),
    controller("supporting-controller", "degraded", f"missing CRDs: {CRD}", CRD),
    controller("orchestration-controller", "disabled", "controller disabled"),
    runtime("workflow", "healthy", "native workflow runtime via Kubernetes Jobs"),
    runtime("job", "healthy", "job runtime via Kubernetes Jobs"),
    runtime("temporal", "configured", "temporal configuration resolved", TEMPORAL),
    runtime("custom", "unknown", "custom runtime configured per AgentRun"),
    database("degraded", "connection refused"),
    grpc("healthy"),
    namespace(NS, "degraded", "supporting-controller", "orchestration-controller", "database"),
)
"""Field by field what a server that knows no items answers."""


def older(*sent: tuple[int, Any]) -> GetControlPlaneStatusResponse:
    return GetControlPlaneStatusResponse.FromString(fields(*HEAD, *sent))


def item(component: str, status: Status, message: str = "", **details: Any) -> Item:
    return Item(component, NS, status, message, details)


def test_an_older_servers_answer_gives_items_in_the_catalogs_order() -> None:
    response = GetControlPlaneStatusResponse.FromString(OLDER_SERVER)
    bad = ["supporting-controller", "orchestration-controller", "database"]
    assert items_of(response, NS) == (
        item(
            "namespace",
            Status.DEGRADED,
            "degraded: supporting-controller, orchestration-controller, database",
            degraded_components=bad,
        ),
        item("agents-controller", Status.HEALTHY),
        item("supporting-controller", Status.DEGRADED, f"missing CRDs: {CRD}", missing_crds=[CRD]),
        item("orchestration-controller", Status.CONFIGURED, note="controller disabled"),
        item(
            "runtime:workflow", Status.HEALTHY, note="native workflow runtime via Kubernetes Jobs"
        ),
        item("runtime:job", Status.HEALTHY, note="job runtime via Kubernetes Jobs"),
        item(
            "runtime:temporal",
            Status.CONFIGURED,
            note="temporal configuration resolved",
            endpoint=TEMPORAL,
        ),
        item("runtime:custom", Status.UNKNOWN, "custom runtime configured per AgentRun"),
        item("database", Status.DEGRADED, "connection refused"),
        item("grpc", Status.HEALTHY, "0.0.0.0:50051", address="0.0.0.0:50051"),
    )


def test_two_answers_that_differ_in_times_alone_give_equal_items() -> None:
    later = OLDER_SERVER.replace(CHECKED.encode(), b"2026-01-30T18:15:59.987Z")
    assert later != OLDER_SERVER
    one, other = (GetControlPlaneStatusResponse.FromString(x) for x in (OLDER_SERVER, later))
    other.database.latency_ms = 250
    assert items_of(one, NS) == items_of(other, NS)


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (
            controller("a", "unknown", "CRD status not yet checked"),
            item("a", Status.UNKNOWN, "CRD status not yet checked"),
        ),
        (
            controller("a", "degraded", "controller not started"),
            item("a", Status.DEGRADED, "controller not started"),
        ),
        (controller("a", "degraded"), item("a", Status.DEGRADED, "degraded, no reason given")),
        (controller("a", ""), item("a", Status.UNKNOWN, "no status given")),
        (
            controller("a", "sleepy", "zzz"),
            item("a", Status.UNKNOWN, 'the server gave status "sleepy", unknown here: zzz'),
        ),
        (
            runtime("workflow", "disabled", "controller disabled"),
            item("runtime:workflow", Status.CONFIGURED, note="controller disabled"),
        ),
        (
            database("disabled", "DATABASE_URL not set"),
            item("database", Status.CONFIGURED, note="DATABASE_URL not set"),
        ),
        (database("healthy"), item("database", Status.HEALTHY)),
        (grpc("disabled", ""), item("grpc", Status.CONFIGURED)),
        (
            grpc("disabled", "", "gRPC disabled"),
            item("grpc", Status.CONFIGURED, note="gRPC disabled"),
        ),
        (
            grpc("degraded", "0.0.0.0:1", "not serving"),
            item("grpc", Status.DEGRADED, "not serving", address="0.0.0.0:1"),
        ),
        (namespace(NS, "healthy"), item("namespace", Status.HEALTHY)),
        (
            namespace(NS, "degraded"),
            item("namespace", Status.DEGRADED, "degraded, no reason given"),
        ),
    ],
)
def test_each_thing_an_older_server_says_has_its_item(sent: Any, expected: Item) -> None:
    assert items_of(older(sent), NS) == (expected,)


def test_of_several_namespaces_the_one_asked_for_is_taken() -> None:
    response = older(namespace("other", "degraded"), namespace(NS, "healthy"))
    assert items_of(response, NS) == (item("namespace", Status.HEALTHY),)


def test_without_a_namespace_asked_for_the_only_one_told_of_is_meant() -> None:
    response = older(namespace(NS, "healthy"), database("healthy"))
    assert items_of(response, "") == (
        item("namespace", Status.HEALTHY),
        item("database", Status.HEALTHY),
    )


def test_items_win_over_the_older_fields() -> None:
    response = GetControlPlaneStatusResponse.FromString(
        OLDER_SERVER + fields((100, fields((1, "grpc"), (2, NS), (3, 1))))
    )
    assert items_of(response, NS) == (item("grpc", Status.HEALTHY),)


# The other way: what a client in the field is told.


def old_fields(*items: Item) -> GetControlPlaneStatusResponse:
    """Through the wire, and without what a client in the field does not know."""
    data = to_response(items, AT).SerializeToString()
    response = GetControlPlaneStatusResponse.FromString(data)
    response.ClearField("items")
    return response


@given(STATES)
def test_items_go_through_unchanged(state: Any) -> None:
    items = tuple(state.values())
    data = to_response(items, AT).SerializeToString()
    response = GetControlPlaneStatusResponse.FromString(data)
    if items:
        assert items_of(response, "") == items
    assert response.generated_at == "2026-01-30T18:15:00Z"
    assert response.service == "agentctl"


def test_cursor_and_what_is_wrong_go_through_too() -> None:
    error = StreamError(AT, "connection refused", ErrorCode.DISCONNECTED, "pods", 2.0, "c")
    items = (item("grpc", Status.HEALTHY),)
    response = to_response(items, AT, cursor="c", errors=[error])
    assert status_of(response, NS, AT) == (Snapshot(AT, items, "c"), [error])


def test_an_answer_that_does_not_say_when_it_was_made_is_of_now() -> None:
    response = GetControlPlaneStatusResponse(generated_at="yesterday")
    assert status_of(response, NS, AT) == (Snapshot(AT, items_of(response, NS), ""), [])


@given(STATES)
def test_an_older_client_hears_of_every_component(state: Any) -> None:
    response = old_fields(*state.values())
    told = {one.name for one in response.controllers}
    told |= {f"runtime:{one.name}" for one in response.runtime_adapters}
    assert {key.component for key in state} <= told | {"namespace", "database", "grpc"}
    assert {one.namespace for one in response.namespaces} == {key.namespace for key in state}


@given(STATES)
def test_what_is_bad_stays_bad_for_an_older_client_and_back(state: Any) -> None:
    for before in state.values():
        if before.component in ("namespace", "database", "grpc"):
            continue
        response = old_fields(before)
        # The older fields know of no clusters.
        key = before.key._replace(cluster="")
        (after,) = (one for one in items_of(response, before.namespace) if one.key == key)
        bad = (Status.DEGRADED, Status.ERROR)
        assert (after.status in bad) == (before.status in bad)
        if before.status not in bad:
            assert after.status is before.status
        assert response.namespaces[0].degraded_components == (
            [before.component] if before.status in bad else []
        )


@pytest.mark.parametrize(
    ("given_item", "started", "crds_ready"),
    [
        (item("a", Status.HEALTHY), True, True),
        (item("a", Status.UNKNOWN, "no data for 2m0s"), False, False),
        (item("a", Status.DEGRADED, "missing CRDs: x", missing_crds=["x"]), True, False),
        (item("a", Status.DEGRADED, "", unestablished_crds=["x"]), True, False),
        (item("a", Status.DEGRADED, "", unserved_crds=["x"]), True, False),
        (item("a", Status.DEGRADED, "", deleting_crds=["x"]), True, False),
        (item("a", Status.ERROR, "0/2 ready", ready=0, desired=2), False, True),
        (item("a", Status.ERROR, "lease l expired"), False, True),
        (item("a", Status.ERROR, "missing CRDs", ready=1, missing_crds=["x"]), True, False),
    ],
)
def test_a_controllers_booleans_follow_its_status_and_details(
    given_item: Item, started: bool, crds_ready: bool
) -> None:
    (told,) = old_fields(given_item).controllers
    assert (told.enabled, told.started, told.crds_ready) == (True, started, crds_ready)
    assert list(told.missing_crds) == given_item.details.get("missing_crds", [])
    assert told.last_checked_at == (
        "" if given_item.status is Status.UNKNOWN else "2026-01-30T18:15:00Z"
    )


def test_an_error_is_told_as_degraded() -> None:
    response = old_fields(
        item("a", Status.ERROR, "gone"), item("database", Status.ERROR, "not set")
    )
    assert (response.controllers[0].status, response.controllers[0].message) == (
        "degraded",
        "gone",
    )
    assert (response.database.status, response.database.configured) == ("degraded", False)
    assert response.namespaces[0].status == "degraded"


def test_a_runtimes_endpoint_is_the_address_that_holds_by_default() -> None:
    default = item("runtime:temporal", Status.CONFIGURED, source="default", value=TEMPORAL)
    secret = item("runtime:other", Status.CONFIGURED, source="secret", name="s", key="value")
    told = old_fields(default, secret).runtime_adapters
    assert [(one.name, one.available, one.endpoint) for one in told] == [
        ("temporal", True, TEMPORAL),
        ("other", True, ""),
    ]


def test_a_healthy_grpcs_message_is_its_address() -> None:
    address = "agents-grpc.agents.svc.cluster.local:50051"
    told = old_fields(item("grpc", Status.HEALTHY, address, address=address)).grpc
    assert (told.enabled, told.address, told.status, told.message) == (True, address, "healthy", "")
    down = item("grpc", Status.ERROR, "no ready endpoints", address=address)
    told = old_fields(down).grpc
    assert (told.address, told.status, told.message) == (address, "degraded", "no ready endpoints")


def test_what_is_not_watched_is_told_as_disabled_rather_than_left_out() -> None:
    response = old_fields(item("a", Status.HEALTHY))
    assert (response.database.status, response.database.configured) == ("disabled", False)
    assert (response.grpc.status, response.grpc.enabled) == ("disabled", False)


def test_a_namespace_that_cannot_be_seen_is_not_called_healthy() -> None:
    blind = item("namespace", Status.UNKNOWN, "no data for 2m0s")
    assert old_fields(blind, item("a", Status.HEALTHY)).namespaces[0].status == "unknown"
    assert old_fields(item("a", Status.UNKNOWN)).namespaces[0].status == "unknown"
    custom = item("runtime:custom", Status.UNKNOWN, "configured per AgentRun")
    fine = item("namespace", Status.HEALTHY)
    assert old_fields(fine, custom).namespaces[0].status == "healthy"


def test_of_several_namespaces_the_worst_of_a_name_is_told_and_where() -> None:
    response = old_fields(
        item("a", Status.HEALTHY),
        Item("a", "second", Status.DEGRADED, "1/2 ready"),
        Item("a", "third", Status.UNKNOWN, "no data"),
    )
    (told,) = response.controllers
    assert (told.status, told.message) == ("degraded", "second: 1/2 ready")
    assert [(one.namespace, one.status) for one in response.namespaces] == [
        (NS, "healthy"),
        ("second", "degraded"),
        ("third", "unknown"),
    ]


WORDS = st.sampled_from(["healthy", "configured", "degraded", "disabled", "unknown", "error"])
STATUSES = WORDS | st.text(max_size=5)
MESSAGES = st.just("") | st.text(max_size=5)
ANSWERS = st.lists(
    st.one_of(
        st.builds(controller, st.text(max_size=3), STATUSES, MESSAGES),
        st.builds(runtime, st.text(max_size=3), STATUSES, MESSAGES, MESSAGES),
        st.builds(database, STATUSES, MESSAGES),
        st.builds(grpc, STATUSES, MESSAGES, MESSAGES),
        st.builds(namespace, st.sampled_from([NS, ""]), STATUSES, st.text(max_size=3)),
    ),
    max_size=5,
)


@given(ANSWERS)
def test_whatever_an_older_server_says_only_what_is_fine_is_silent(answer: Any) -> None:
    for one in items_of(older(*answer), NS):
        fine = one.status in (Status.HEALTHY, Status.CONFIGURED)
        if one.component == "grpc" and fine:
            assert one.message == one.details.get("address", "")
        else:
            assert (one.message == "") is fine
