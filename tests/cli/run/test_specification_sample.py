"""The stream as the specification samples it, read to its end: over SSE, gRPC and from a file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from agentctl.rpc import agentctl_pb2 as pb
from tests.cli.inprocess import call
from tests.net.tinyserver import serving
from tests.remote.grpc_server_rig import ScriptedServer, until_gone
from tests.remote.sse_server_rig import chunks, then_wait

SAMPLE: list[dict[str, Any]] = [
    {
        "type": "snapshot",
        "generated_at": "2026-01-30T18:15:00Z",
        "items": [
            {"component": "agents-controller", "namespace": "agents", "status": "healthy"},
            {"component": "runtime:temporal", "namespace": "agents", "status": "healthy"},
            {"component": "grpc", "status": "healthy", "message": "127.0.0.1:50051"},
            {"status": "healthy"},
        ],
    },
    {"type": "progress", "generated_at": "2026-01-30T18:15:01Z", "percent": 40},
    {"type": "error", "message": "something the server met"},
    {"type": "heartbeat", "new": True},
    {
        "type": "delta",
        "generated_at": "2026-01-30T18:15:02Z",
        "changes": [
            {
                "component": "runtime:temporal",
                "status": "degraded",
                "message": "temporal connection retrying",
            }
        ],
    },
]
CHANGED = {
    "component": "runtime:temporal",
    "namespace": "agents",
    "status": "degraded",
    "message": "temporal connection retrying",
}
WATCH = ("status", "watch", "--until", "degraded", "--timeout", "15s")


def items_of(event: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = event.get("items", event.get("changes", []))
    return found


def sse_event(event: dict[str, Any]) -> bytes:
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()


def pb_event(event: dict[str, Any]) -> bytes:
    kinds = {"snapshot": 1, "delta": 2, "heartbeat": 3, "error": 4}
    message = pb.ControlPlaneStatusEvent(message=event.get("message", ""))
    message.type = kinds.get(event["type"], 77)
    if "generated_at" in event:
        stamp = Timestamp()
        stamp.FromJsonString(event["generated_at"])
        message.generated_at.CopyFrom(stamp)
    for item in event.get("items", event.get("changes", ())):
        if "component" in item:
            message.items.add(
                component=item["component"],
                namespace=item.get("namespace", ""),
                status=f"STATUS_{item['status'].upper()}",
                message=item.get("message", ""),
            )
    return message.SerializeToString()


@contextmanager
def sse() -> Iterator[tuple[str, ...]]:
    with serving(then_wait(chunks(*map(sse_event, SAMPLE)))) as server:
        yield ("--transport", "sse", "--server", f"127.0.0.1:{server.port}")
        server.done.set()


@contextmanager
def grpc() -> Iterator[tuple[str, ...]]:
    def watch(request: Any, context: Any) -> Iterator[bytes]:
        yield from map(pb_event, SAMPLE)
        until_gone(context)

    with ScriptedServer(watch) as server:
        yield ("--transport", "grpc", "--server", f"127.0.0.1:{server.port}")


@pytest.mark.parametrize("transport", [sse, grpc])
def test_a_server_that_speaks_as_the_specification_does(transport: Any, tmp_path: Path) -> None:
    with transport() as flags:
        done = call(*WATCH, *flags, "-o", "ndjson", home=tmp_path)
    assert done.code == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert events[0]["type"] == "snapshot"
    # What comes before the first state is shown is part of it; later it is a delta.
    state = {item["component"]: item for event in events for item in items_of(event)}
    assert {item["namespace"] for item in state.values()} == {"agents"}
    assert set(state) == {"agents-controller", "runtime:temporal", "grpc"}
    assert state["runtime:temporal"] == CHANGED
    told = [event["message"] for event in events if event["type"] == "error"]
    assert "something the server met" in told
    if transport is sse:
        assert any("passed over" in message and "items 4" in message for message in told)


def test_its_table(tmp_path: Path) -> None:
    with sse() as flags:
        done = call(*WATCH, *flags, home=tmp_path)
    assert done.code == 0, done.stderr
    assert re.search(r"^grpc +agents +healthy +127\.0\.0\.1:50051$", done.stdout, re.MULTILINE)
    assert re.search(r"runtime:temporal.*degraded.*temporal connection retrying", done.stdout)


def test_a_file_of_it_is_replayed_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "sample.ndjson"
    path.write_text("".join(json.dumps(event) + "\n" for event in SAMPLE))
    done = call("replay", str(path), "-o", "ndjson", home=tmp_path)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["type"] for event in events] == ["snapshot", "error", "heartbeat", "delta"]
    assert events[-1]["changes"] == [CHANGED]
    assert events[2]["generated_at"] == "2026-01-30T18:15:00Z"
    assert "items 4" in done.stderr
