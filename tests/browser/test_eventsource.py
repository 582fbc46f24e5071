"""A real browser's EventSource, and curl: each resumes where it was when the server returns."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from agentctl.demo import DemoControlPlane
from tests.browser import chromium
from tests.campaign.test_replicas import Site
from tests.cli.program import PATIENCE_S, Program
from tests.ports import free_port

STREAM = "/api/agents/control-plane/status/stream?heartbeat=1s"
COLLECT = """
window.events = [];
window.source = new EventSource(%s);
for (const type of ['snapshot', 'delta', 'heartbeat', 'error'])
  source.addEventListener(type, event => event.data && events.push(
    {type: type, id: event.lastEventId, data: JSON.parse(event.data)}));
"""


@pytest.fixture
def plane() -> Iterator[DemoControlPlane]:
    with DemoControlPlane(script=False) as demo:
        yield demo


@pytest.fixture
def site(plane: DemoControlPlane, tmp_path: Path) -> tuple[Any, int]:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(plane.kubeconfig_text())

    @contextmanager
    def serve() -> Iterator[Program]:
        listen = ("--http", f"127.0.0.1:{port}", "--grpc", "off")
        arguments = ("--kubeconfig", str(kubeconfig), *listen)
        with Program("serve", *arguments, home=tmp_path) as program:
            Site.wait_until_ready(port)
            yield program

    port = free_port()
    return serve, port


def changed(events: list[dict[str, Any]]) -> list[list[str]]:
    """The components of each delta."""
    return [
        [change["component"] for change in event["data"]["changes"]]
        for event in events
        if event["type"] == "delta"
    ]


@pytest.mark.skipif(chromium.program() is None, reason="needs Chromium")
def test_eventsource_resumes_after_the_server_restarted(
    plane: DemoControlPlane, site: tuple[Any, int], tmp_path: Path
) -> None:
    pytest.importorskip("websocket")
    serve, port = site
    with ExitStack() as stack:
        with serve():
            page = stack.enter_context(
                chromium.Page(tmp_path / "profile", f"http://127.0.0.1:{port}/healthz")
            )
            page.wait_for("location.pathname == '/healthz' && document.readyState == 'complete'")
            page.evaluate(COLLECT % json.dumps(STREAM))
            page.wait_for("events.some(event => event.type == 'heartbeat')")
            plane.plane.temporal_degrades()
            page.wait_for("events.some(event => event.type == 'delta')")
        plane.plane.temporal_recovers()
        plane.plane.grpc_degrades()
        with serve():
            page.wait_for("events.filter(event => event.type == 'delta').length > 1")
            page.wait_for("events[events.length - 1].type == 'heartbeat'")
            events = page.evaluate("events")
            assert [event["type"] for event in events].count("snapshot") == 1
            assert changed(events) == [["runtime:temporal"], ["runtime:temporal", "grpc"]]
            assert events[-1]["id"] == events[-1]["data"]["cursor"]
            assert page.evaluate("source.readyState") == 1


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_curl_resumes_with_last_event_id(plane: DemoControlPlane, site: tuple[Any, int]) -> None:
    serve, port = site
    with serve():
        first = curl(port, until="snapshot")
    plane.plane.grpc_degrades()
    with serve():
        second = curl(port, until="heartbeat", last=first[-1]["id"])
    assert [event["type"] for event in second] == ["delta", "heartbeat"]
    assert changed(second) == [["grpc"]]


def curl(port: int, until: str, last: str = "") -> list[dict[str, Any]]:
    """The events that ``curl -N`` shows, up to the first of a type."""
    header = ["-H", f"Last-Event-ID: {last}"] if last else []
    limit = str(int(PATIENCE_S))
    command = ["curl", "-sN", "--max-time", limit, *header, f"http://127.0.0.1:{port}{STREAM}"]
    events: list[dict[str, Any]] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        event: dict[str, Any] = {}
        for line in process.stdout:
            name, _, value = line.rstrip("\n").partition(": ")
            if name:
                event[{"event": "type"}.get(name, name)] = value
            elif "data" in event:
                events.append({**event, "data": json.loads(event["data"])})
                event = {}
                if events[-1]["type"] == until:
                    break
        process.kill()
    return events
