"""The schema holds for every event the model makes, and refuses what is none."""

from __future__ import annotations

import contextlib
import copy
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import agentctl
from agentctl import schema
from agentctl.model import Delta, ErrorCode, Event, Status
from agentctl.wire.statusjson import Namespaces, Read, event_in
from tests.strategies import EVENTS

SCHEMA = json.loads(schema.text())
ACCEPTED = json.loads(schema.text(schema.ACCEPTED))
ACCEPTS = jsonschema.Draft202012Validator(ACCEPTED)
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

ITEM = {"component": "grpc", "namespace": "agents", "status": "healthy", "message": ""}
SNAPSHOT = {
    "type": "snapshot",
    "generated_at": "2026-01-30T18:15:00Z",
    "items": [{**ITEM, "details": {"address": "127.0.0.1:50051"}}],
    "cursor": "AQ",
}
DELTA = {
    "type": "delta",
    "generated_at": "2026-01-30T18:15:02Z",
    "changes": [ITEM],
    "removed": [{"component": "extra", "namespace": "agents"}],
    "cursor": "AQ",
}
HEARTBEAT = {"type": "heartbeat", "generated_at": "2026-01-30T18:15:32Z", "cursor": "AQ"}
ERROR = {
    "type": "error",
    "generated_at": "2026-01-30T18:15:40Z",
    "message": "connection refused",
    "code": "disconnected",
    "source": "deployments",
    "retry_in": 2.1,
    "cursor": "AQ",
}


@pytest.mark.parametrize("one", [SCHEMA, ACCEPTED], ids=["written", "accepted"])
def test_it_is_a_schema_itself(one: Any) -> None:
    jsonschema.Draft202012Validator.check_schema(one)


KEYWORDS = {
    "object": {"required", "properties", "minProperties"},
    "array": {"items", "minItems", "maxItems"},
    "string": {"pattern", "minLength", "maxLength"},
    "number": {"minimum"},
}
"""Those in use, by the type that they speak of."""

ALWAYS = {"$schema", "$id", "$defs", "$ref", "title", "description", "type", "const", "enum"}
ALWAYS |= {"oneOf", "anyOf", "not"}


def subschemas(one: Any) -> Iterator[dict[str, Any]]:
    if not isinstance(one, dict):
        assert one in (True, False)
        return
    yield one
    for key in ("$defs", "properties"):
        for inner in one.get(key, {}).values():
            yield from subschemas(inner)
    for key in ("oneOf", "anyOf"):
        for inner in one.get(key, []):
            yield from subschemas(inner)
    for key in ("items", "not"):
        if key in one:
            yield from subschemas(one[key])


@pytest.mark.parametrize("whole", [SCHEMA, ACCEPTED], ids=["written", "accepted"])
def test_strict_compilers_take_it(whole: Any) -> None:
    """The rules of ajv's strict mode: a keyword stands beside its type, what is required
    beside its property, and there is no keyword that nobody knows."""
    for one in subschemas(whole):
        types = one["type"] if isinstance(one.get("type"), list) else [one.get("type")]
        spoken = {kind for kind, words in KEYWORDS.items() if words & set(one)}
        assert set(one) <= ALWAYS.union(*KEYWORDS.values()), one
        assert spoken <= set(types), one
        assert set(one.get("required", ())) <= set(one.get("properties", ())), one
        assert len(types) == 1 or (len(types) == 2 and "null" in types), one


@given(EVENTS)
def test_what_is_written_is_accepted(event: Event) -> None:
    ACCEPTS.validate(json.loads(json.dumps(event.to_json())))


SAMPLES: list[dict[str, Any]] = [
    {"type": "snapshot", "items": [{"component": "grpc", "status": "healthy"}]},
    {"type": "snapshot", "generated_at": "2026-01-30T18:15:00.25+01:00", "items": []},
    {"type": "snapshot", "items": [{"component": "x", "status": "on fire", "new": 1}]},
    {
        "type": "delta",
        "generated_at": "2026-01-30T18:15:02Z",
        "changes": [{"component": "grpc", "status": "degraded", "message": "retrying"}],
    },
    {"type": "delta", "removed": [{"component": "grpc"}]},
    {"type": "delta", "changes": None},
    {"type": "heartbeat"},
    {"type": "heartbeat", "generated_at": None, "cursor": None, "new": {}},
    {"type": "error", "message": "something the server met"},
    {"type": "error", "code": "melted"},
    {"type": "error", "message": "x", "code": "melted", "retry_in": None, "sources": ["a"]},
    {"type": "progress", "percent": 40},
]
"""What other servers send, and older ones."""


@pytest.mark.parametrize("event", SAMPLES, ids=lambda one: json.dumps(one)[:40])
def test_what_others_write_is_accepted(event: dict[str, Any]) -> None:
    ACCEPTS.validate(event)
    assert not VALIDATOR.is_valid(event)


def read(event: dict[str, Any]) -> Read:
    now = datetime(2026, 1, 30, 18, 15, tzinfo=timezone.utc)
    return event_in(event, now, Namespaces("agents"))


TEXT = st.sampled_from([None, "", "x", "grpc", "healthy", "on fire", "2026-01-30T18:15:00Z"])
SECONDS = st.sampled_from([None, 0, 2.5, -1, 1e9])
KEY = {"component": TEXT, "namespace": TEXT}
AN_ITEM = st.fixed_dictionaries(
    {"component": TEXT, "status": TEXT},
    optional={
        "namespace": TEXT,
        "message": TEXT,
        "details": st.sampled_from([None, {}, {"a": 1}, []]),
        "new": TEXT,
    },
)
AN_EVENT = st.fixed_dictionaries(
    {"type": st.sampled_from(["snapshot", "delta", "heartbeat", "error", "progress"])},
    optional={
        "generated_at": TEXT,
        "cursor": TEXT,
        "message": TEXT,
        "code": TEXT,
        "source": TEXT,
        "sources": st.none() | st.lists(TEXT, max_size=2),
        "retry_in": SECONDS,
        "lasted": SECONDS,
        "items": st.none() | st.lists(AN_ITEM, max_size=2),
        "changes": st.none() | st.lists(AN_ITEM, max_size=2),
        "removed": st.none() | st.lists(st.fixed_dictionaries({}, optional=KEY), max_size=2),
    },
)


@given(AN_EVENT | st.sampled_from(SAMPLES))
@settings(max_examples=300)
def test_what_is_accepted_is_read_whole(event: dict[str, Any]) -> None:
    if ACCEPTS.is_valid(event):
        assert read(event).passed_over == ()


def test_what_others_write_is_read() -> None:
    for event in SAMPLES:
        found = read(event)
        assert (found.event is None) == (event["type"] == "progress")


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"type": 7},
        {"type": "snapshot"},
        {"type": "snapshot", "items": None},
        {"type": "snapshot", "items": [{"status": "healthy"}]},
        {"type": "snapshot", "items": [{"component": "grpc"}]},
        {"type": "snapshot", "items": ["grpc"]},
        {"type": "snapshot", "items": [{"component": "x", "status": "healthy", "namespace": 1}]},
        {"type": "delta"},
        {"type": "delta", "changes": {}},
        {"type": "delta", "removed": ["grpc"]},
        {"type": "error"},
        {"type": "error", "message": "", "code": ""},
    ],
    ids=json.dumps,
)
def test_what_cannot_be_read_is_not_accepted(event: dict[str, Any]) -> None:
    assert not ACCEPTS.is_valid(event)
    with contextlib.suppress(ValueError):
        assert read(event).passed_over


@given(EVENTS)
def test_every_event_of_the_model_is_valid(event: Event) -> None:
    data = json.loads(json.dumps(event.to_json()))
    # The engine makes no delta without a change.
    empty = isinstance(event, Delta) and not event.changes and not event.removed
    assert VALIDATOR.is_valid(data) is not empty


def test_its_enums_are_those_of_the_model() -> None:
    defs = SCHEMA["$defs"]
    assert defs["item"]["properties"]["status"]["enum"] == [status.value for status in Status]
    told = defs["error"]["properties"]["code"]["description"]
    assert all(code.value in told for code in ErrorCode)


@pytest.mark.parametrize("event", [SNAPSHOT, DELTA, HEARTBEAT, ERROR], ids=lambda one: one["type"])
def test_a_new_key_is_no_error_but_a_missing_one_is(event: dict[str, Any]) -> None:
    VALIDATOR.validate(event)
    VALIDATOR.validate({**event, "new": {"x": 1}})
    optional = {"removed", "source", "retry_in", "sources", "lasted"}
    for key in event:
        without = {name: value for name, value in event.items() if name != key}
        assert VALIDATOR.is_valid(without) is (key in optional), key


@pytest.mark.parametrize(
    ("event", "path", "value"),
    [
        (SNAPSHOT, ["type"], "Snapshot"),
        (SNAPSHOT, ["generated_at"], "2026-01-30T18:15:00+00:00"),
        (SNAPSHOT, ["generated_at"], "2026-01-30T18:15:00.5Z"),
        (SNAPSHOT, ["generated_at"], "2026-13-30T18:15:00Z"),
        (SNAPSHOT, ["generated_at"], "2026-01-30 18:15:00Z"),
        (SNAPSHOT, ["generated_at"], 1769796900),
        (SNAPSHOT, ["items"], {}),
        (SNAPSHOT, ["items", 0], "grpc"),
        (SNAPSHOT, ["items", 0, "status"], "ok"),
        (SNAPSHOT, ["items", 0, "message"], None),
        (SNAPSHOT, ["items", 0, "message"], "x" * 1025),
        (SNAPSHOT, ["items", 0, "details"], {}),
        (SNAPSHOT, ["items", 0, "details"], []),
        (SNAPSHOT, ["items", 0, "component"], 1),
        (SNAPSHOT, ["cursor"], "a b"),
        (SNAPSHOT, ["cursor"], "A" * 1025),
        (DELTA, ["changes", 0, "namespace"], None),
        (DELTA, ["removed"], []),
        (DELTA, ["removed", 0], "extra"),
        (DELTA, ["removed", 0], {"component": "extra"}),
        (ERROR, ["code"], ""),
        (ERROR, ["code"], 7),
        (ERROR, ["sources"], ["one"]),
        (ERROR, ["lasted"], -1),
        (ERROR, ["source"], ""),
        (ERROR, ["retry_in"], -1),
        (ERROR, ["retry_in"], "2.1s"),
        (HEARTBEAT, ["cursor"], None),
    ],
)
def test_a_broken_event_is_refused(event: dict[str, Any], path: list[Any], value: Any) -> None:
    broken = copy.deepcopy(event)
    inner: Any = broken
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    assert not VALIDATOR.is_valid(broken)


def test_a_delta_of_nothing_is_refused() -> None:
    nothing = {key: value for key, value in DELTA.items() if key != "removed"}
    assert not VALIDATOR.is_valid({**nothing, "changes": []})


def test_it_is_read_from_a_zip_file_too(tmp_path: Path) -> None:
    root = Path(agentctl.__file__).parent
    archive = tmp_path / "agentctl.zip"
    with zipfile.ZipFile(archive, "w") as made:
        for name in ("__init__.py", "package.py", "schema/__init__.py", f"schema/{schema.WRITTEN}"):
            made.write(root / name, f"agentctl/{name}")
    code = "import sys; from agentctl import schema; sys.stdout.write(schema.text())"
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(archive)!r}); {code}"],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    )
    assert done.stdout == schema.text()
