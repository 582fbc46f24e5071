"""The schema holds for every event the model makes, and refuses what is none."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from strategies import EVENTS

import agentctl
from agentctl import schema
from agentctl.model import Delta, ErrorCode, Event, Status

SCHEMA = json.loads(schema.text())
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


def test_it_is_a_schema_itself() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


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
        for name in ("__init__.py", "schema/__init__.py", "schema/events.schema.json"):
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
