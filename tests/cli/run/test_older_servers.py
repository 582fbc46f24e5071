"""Servers of the older kind: a status in the fields before items, and no stream of it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import grpc
import pytest

from agentctl.rpc import agentctl_pb2 as pb
from agentctl.wire.grpc_contract import SERVICES
from tests.cli.inprocess import call
from tests.cli.program import Program

TRANSPORTS = ("grpc", "sse")
NAMES = ("agents-controller", "supporting-controller")


class Older:
    """What it answers; the test changes it."""

    def __init__(self) -> None:
        self.missing: list[str] = []
        self.asked = 0

    def status(self) -> dict[str, Any]:
        self.asked += 1
        controllers = [
            {
                "name": name,
                "enabled": True,
                "started": True,
                "crds_ready": not self.missing,
                "missing_crds": self.missing,
                "last_checked_at": f"2026-01-30T18:15:{self.asked % 60:02}Z",
                "status": "degraded" if self.missing else "healthy",
                "message": f"missing CRDs: {', '.join(self.missing)}" if self.missing else "",
            }
            for name in NAMES
        ]
        return {
            "service": "jangar",
            "generated_at": "2026-01-30T18:15:00.123Z",
            "controllers": controllers,
            "database": {"configured": True, "connected": True, "status": "healthy"},
            "namespaces": [{"namespace": "agents", "status": "healthy"}],
        }


@contextmanager
def over_http(older: Older) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(older.status()).encode()
            known = "/stream" not in self.path
            self.send_response(200 if known else 501)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body) if known else 0))
            self.end_headers()
            if known:
                self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), name="older")
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def over_grpc(older: Older) -> Iterator[int]:
    def answer(request: Any, context: Any) -> Any:
        return pb.GetControlPlaneStatusResponse(**older.status())

    method = grpc.unary_unary_rpc_method_handler(
        answer,
        request_deserializer=pb.GetControlPlaneStatusRequest.FromString,
        response_serializer=pb.GetControlPlaneStatusResponse.SerializeToString,
    )
    handler = grpc.method_handlers_generic_handler(SERVICES[1], {"GetControlPlaneStatus": method})
    with futures.ThreadPoolExecutor(2) as pool:
        server = grpc.server(pool, handlers=[handler])
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            yield port
        finally:
            server.stop(0).wait()


OVER = {"grpc": over_grpc, "sse": over_http}


@pytest.fixture(params=TRANSPORTS)
def served(request: pytest.FixtureRequest) -> Iterator[tuple[Older, tuple[str, ...]]]:
    older = Older()
    with OVER[request.param](older) as port:
        yield older, ("--transport", request.param, "--server", f"127.0.0.1:{port}")


def test_it_is_shown(served: tuple[Older, tuple[str, ...]], tmp_path: Path) -> None:
    done = call("status", "-o", "ndjson", *served[1], home=tmp_path)
    assert (done.code, done.stderr) == (0, "")
    items = {item["component"]: item for item in json.loads(done.stdout)["items"]}
    assert set(NAMES) <= set(items)
    assert items["agents-controller"]["status"] == "healthy"
    assert items["agents-controller"]["namespace"] == "agents"


def test_without_fallback_poll_a_watch_of_it_ends_with_4(
    served: tuple[Older, tuple[str, ...]], tmp_path: Path
) -> None:
    done = call("status", "watch", *served[1], home=tmp_path)
    assert done.code == 4
    assert "--fallback-poll" in done.stderr


def test_it_is_watched_by_polling(served: tuple[Older, tuple[str, ...]], tmp_path: Path) -> None:
    older, way = served
    flags = ("-o", "ndjson", "--fallback-poll", "--poll-interval", "50ms", "--heartbeat", "200ms")
    with Program("status", "watch", *flags, *way, home=tmp_path) as watcher:
        watcher.wait_for(lambda event: event["type"] == "heartbeat")
        older.missing = ["tools.tools.proompteng.ai"]
        delta = watcher.wait_for(lambda event: event["type"] == "delta")
        events = watcher.events
    assert {one["component"] for one in delta["changes"]} == set(NAMES)
    assert "missing CRDs" in delta["changes"][0]["message"]
    kinds = [event["type"] for event in events]
    # What differs each time, as the moment of the last check, is no change.
    assert kinds.count("snapshot") == 1
    assert kinds.count("delta") == 1
    assert [event["code"] for event in events if event["type"] == "error"] == ["fallback"]
