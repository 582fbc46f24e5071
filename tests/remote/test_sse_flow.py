"""SSE under load, at its start and at its stop."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from agentctl.clock import SystemClock
from agentctl.errors import MissingPackageError
from agentctl.model import Delta
from agentctl.remote.access import ServerAccess, ServerAddress, client_tls
from agentctl.remote.sse import SseSource
from tests.net.tinyserver import Server, silent
from tests.remote.sse_server_rig import (
    STREAM,
    Bench,
    Reading,
    chunk,
    delta,
    item,
    reading,
    snapshot,
)
from tests.test_layers import loaded_after


def test_a_flood_comes_through_without_loss_and_in_order() -> None:
    """With room to spare: here a second is given to what 10,000 a second would send in two."""
    count = 20_000

    def flood(sock: socket.socket, server: Server) -> None:
        server.request(sock)
        sock.sendall(STREAM + chunk(snapshot()))
        told = item(status="degraded", message="temporal connection retrying")
        blob = b"".join(chunk(delta(f"c{at}", told)) for at in range(count))
        sock.sendall(blob)
        server.done.wait(20)

    with reading(flood) as bench:
        read = bench.read()
        read.event()
        begun = time.process_time()
        cursors = [read.event().cursor for _ in range(count)]
        spent = time.process_time() - begun
        assert cursors == [f"c{at}" for at in range(count)]
        assert all(isinstance(event, Delta) for event in read.received[1:])
        assert spent < 8  # it takes 1 where nothing else runs


def test_a_change_comes_through_at_once() -> None:
    """Whatever buffers there are, none waits for more: there is no more before it is read."""
    seen = threading.Semaphore(0)

    def ticks(sock: socket.socket, server: Server) -> None:
        server.request(sock)
        sock.sendall(STREAM + chunk(snapshot()))
        for at in range(50):
            if not seen.acquire(timeout=20):
                return
            sock.sendall(chunk(delta(f"c{at}")))
        server.done.wait(20)

    with reading(ticks) as bench:
        read = bench.read()
        for _ in range(51):
            read.event()
            seen.release()


def test_the_source_imports_no_transport_but_its_own() -> None:
    assert loaded_after("import agentctl.remote.sse") == set()
    code = (
        "from agentctl.clock import SystemClock\n"
        "from agentctl.remote.access import *\n"
        "from agentctl.remote.sse import SseSource\n"
        "SseSource(ServerAccess(ServerAddress('h', 1), 'agents', 30.0), SystemClock())"
    )
    assert loaded_after(code) == {"requests"}


def test_without_requests_it_is_told_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "requests", None)
    monkeypatch.delitem(sys.modules, "agentctl.remote.get", raising=False)
    with pytest.raises(MissingPackageError, match="needs the package requests, which is not "):
        SseSource(ServerAccess(ServerAddress("h", 1), "agents", 30.0), SystemClock())


@contextmanager
def full_port() -> Iterator[int]:
    """One that answers no SYN: its queue is full."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        for _ in range(10):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(address)
        yield address[1]


def assert_freed(read: Reading) -> None:
    read.attempt.stop()
    assert read.attempt.join(10)  # by themselves they would last longer


def test_stop_frees_a_connection_that_is_not_made() -> None:
    with full_port() as port, reading(silent, address=ServerAddress("127.0.0.1", port)) as bench:
        read = bench.read()
        time.sleep(0.1)  # nothing to be seen from outside
        assert_freed(read)


def test_stop_frees_a_handshake_that_does_not_end() -> None:
    with reading(silent, tls=client_tls()) as bench:
        read = bench.read()
        _until_connected(bench)
        assert_freed(read)


def _until_connected(bench: Bench) -> None:
    deadline = time.monotonic() + 20
    while not bench.server.connections and time.monotonic() < deadline:
        time.sleep(0.01)
