"""A source of server-sent events on one end of a real socket, a script on the other."""

from __future__ import annotations

import json
import queue
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Callable, Optional

from agentctl.clock import SystemClock
from agentctl.engine.attempt import Attempt, Source
from agentctl.engine.messages import Alive, Ended, Message, Received
from agentctl.errors import SourceError
from agentctl.model import Event, Snapshot
from agentctl.remote.access import ServerAccess, ServerAddress
from agentctl.remote.sse import SseSource
from tests.net.tinyserver import Script, Server

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
STREAM = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
PLAIN = HEAD + b"\r\n"
"""Ends with the connection, as over HTTP/1.0."""

AT = "2026-01-30T18:15:00Z"


def item(component: str = "grpc", status: str = "healthy", message: str = "") -> dict[str, Any]:
    return {"component": component, "namespace": "agents", "status": status, "message": message}


def event(kind: str, cursor: str = "c1", **fields: Any) -> bytes:
    body = {"type": kind, "generated_at": AT, **fields, "cursor": cursor}
    return f"event: {kind}\nid: {cursor}\ndata: {json.dumps(body)}\n\n".encode()


def snapshot(cursor: str = "c1", *items: dict[str, Any]) -> bytes:
    return event("snapshot", cursor, items=list(items or [item()]))


def delta(cursor: str = "c2", *items: dict[str, Any]) -> bytes:
    return event("delta", cursor, changes=list(items or [item(status="error", message="down")]))


def heartbeat(cursor: str = "c1") -> bytes:
    return event("heartbeat", cursor)


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def chunks(*pieces: bytes) -> bytes:
    """A stream's answer so far, a chunk for each piece."""
    return STREAM + b"".join(chunk(piece) for piece in pieces)


def reply(
    status: str, body: bytes = b"", content_type: str = "application/json", **more: str
) -> bytes:
    headers = {"Content-Type": content_type, "Content-Length": str(len(body)), **more}
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status}\r\n{lines}\r\n".encode() + body


def then_wait(*pieces: bytes) -> Script:
    """Answer a request with these, then hold the line."""

    def script(sock: socket.socket, server: Server) -> None:
        if server.request(sock):
            for piece in pieces:
                sock.sendall(piece)
            server.done.wait(20)

    return script


def in_turn(*scripts: Script) -> Script:
    """Each connection's own; the last one's for all that follow."""
    left = list(scripts)

    def script(sock: socket.socket, server: Server) -> None:
        (left.pop(0) if len(left) > 1 else left[0])(sock, server)

    return script


class Reading:
    """One attempt, and what it said."""

    def __init__(self, source: Source, resume: str = "") -> None:
        self.inbox: queue.Queue[Any] = queue.Queue()
        self.messages: list[Message] = []
        self.attempt = Attempt(source, 1, resume, self.inbox)
        self.attempt.start()

    def next(self, timeout: float = 20) -> Message:
        message: Message = self.inbox.get(timeout=timeout)
        self.messages.append(message)
        return message

    def event(self) -> Event:
        """The next event; what is no event is passed over."""
        while True:
            message = self.next()
            assert not isinstance(message, Ended), message.failure
            if isinstance(message, Received):
                return message.event

    def events(self, count: int) -> list[Event]:
        return [self.event() for _ in range(count)]

    def failure(self, timeout: float = 20) -> SourceError:
        """What it ended with."""
        deadline = time.monotonic() + timeout
        while True:
            message = self.next(max(0.01, deadline - time.monotonic()))
            if isinstance(message, Ended):
                assert message.failure is not None
                return message.failure

    @property
    def received(self) -> list[Event]:
        return [one.event for one in self.messages if isinstance(one, Received)]

    @property
    def alive(self) -> list[str]:
        """The cursors that were proofs of life."""
        return [one.resource_version for one in self.messages if isinstance(one, Alive)]

    def close(self) -> None:
        self.attempt.stop()
        assert self.attempt.join(10)


class Bench:
    """A server that does what a script says, and a source that is to read it."""

    def __init__(self, server: Server, **fields: Any) -> None:
        self.server = server
        options: dict[str, Any] = {
            "address": ServerAddress("127.0.0.1", server.port),
            "namespace": "agents",
            "heartbeat_s": 30.0,
            **fields,
        }
        self.access = ServerAccess(**options)
        self.source = SseSource(self.access, SystemClock())
        self._readings: list[Reading] = []

    def read(self, resume: str = "", source: Optional[Source] = None) -> Reading:
        self._readings.append(Reading(source or self.source, resume))
        return self._readings[-1]

    def poll(self) -> Reading:
        return self.read(source=self.source.fallback())

    def headers(self, at: int = -1) -> dict[str, str]:
        """Of a request, with its first line as ``""``; names in lower case."""
        first, *lines = self.server.requests[at].decode().rstrip().split("\r\n")
        pairs = (line.partition(": ") for line in lines)
        return {"": first, **{name.lower(): value for name, _, value in pairs}}

    def close(self) -> None:
        self.server.done.set()
        for reading in self._readings:
            reading.close()


@contextmanager
def reading(script: Script, context: Any = None, /, **fields: Any) -> Iterator[Bench]:
    """``context`` is for a server with TLS, ``fields`` are the access's."""
    server = Server(script, context)
    try:
        bench = Bench(server, **fields)
        try:
            yield bench
        finally:
            bench.close()
    finally:
        server.close()


def first_state(one: Event) -> Snapshot:
    assert isinstance(one, Snapshot)
    return one


def until_refused(sock: socket.socket, piece: Callable[[], bytes], limit: int) -> int:
    """Send pieces until the peer hangs up or ``limit`` is passed; how much was sent."""
    sent = 0
    with suppress(OSError):
        while sent < limit:
            data = piece()
            sock.sendall(data)
            sent += len(data)
    return sent
