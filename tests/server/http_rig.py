"""An HTTP server on a free port, fed by the test, and a client that shows every byte."""

from __future__ import annotations

import json
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Optional

from agentctl.clock import Clock
from agentctl.engine.policy import SourceVitals, Vitals
from agentctl.model import Event
from agentctl.net.timed_stream import ChunkDecoder
from agentctl.server.address import Address
from agentctl.server.auth import TokenGate
from agentctl.server.cors import CorsPolicy
from agentctl.server.held_bytes import TOTAL_BYTES, HeldBytes
from agentctl.server.hosts import AllowedHosts
from agentctl.server.http.server import HttpServer
from agentctl.server.limits import StreamCount, StreamLimits
from agentctl.server.metrics import Metrics
from agentctl.server.services import ServerInfo, Services
from agentctl.server.tls import ServerTls
from tests.fakes import event_in
from tests.server.replica import Replica

STREAM = "/api/agents/control-plane/status/stream"
STATUS = "/api/agents/control-plane/status"

PATIENCE_S = 20.0
"""Longer than anything takes here; what waits for it has failed."""


class Site:
    """A replica with its services; ``serve`` puts HTTP servers on it."""

    def __init__(
        self,
        *namespaces: str,
        clock: Optional[Clock] = None,
        token: Optional[str] = None,
        gate: Optional[TokenGate] = None,
        limits: StreamLimits = StreamLimits(),  # noqa: B008 (a value)
        hosts: Sequence[str] = ("a",),
        origins: Sequence[str] = (),
        held: int = TOTAL_BYTES,
    ) -> None:
        self.replica = Replica(*namespaces, clock=clock)
        self.clock: Any = self.replica.clock
        self.sources: tuple[SourceVitals, ...] = ()
        self.looked_at: Optional[float] = None
        self.services = Services(
            self.replica.broadcaster,
            self.vitals,
            gate or TokenGate(token),
            StreamCount(limits),
            Metrics(),
            self.clock,
            ServerInfo("1.2.3"),
            AllowedHosts(hosts),
            CorsPolicy(origins),
            held=HeldBytes(limits.share, held),
        )
        self.http: Any = None

    def vitals(self) -> Vitals:
        at = self.clock.monotonic() if self.looked_at is None else self.looked_at
        return Vitals(at, self.replica.broadcaster.begun, self.sources)

    @contextmanager
    def serve(self, tls: Optional[ServerTls] = None, probe: bool = False) -> Iterator[Site]:
        self.http = server = HttpServer(
            self.services, Address("127.0.0.1", 0), tls=tls, probe=probe
        )
        server.start()
        try:
            yield self
        finally:
            server.stop(0.0)

    def client(self, **options: Any) -> Client:
        return Client(self.http.port, **options)

    def get(self, target: str, *headers: str, **options: Any) -> Response:
        with self.client() as client:
            return client.get(target, *headers, **options)

    def advance(self, seconds: float) -> None:
        """Move a fake clock, and have the loops look at it."""
        self.clock.advance(seconds)
        self.http.wake()

    def errors(self, kind: str) -> int:
        return self.services.metrics.counts().errors[kind]

    @property
    def streams(self) -> int:
        return sum(self.services.count.active().values())


@dataclass
class Response:
    status: int
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes = b""
    raw_head: bytes = b""
    json: Any = field(default=None)


class Client:
    """A blocking client whose every wait is bounded. Use it as a context."""

    def __init__(
        self, port: int, tls: Optional[ssl.SSLContext] = None, receive_buffer: int = 0
    ) -> None:
        sock = socket.socket()
        sock.settimeout(PATIENCE_S)
        try:
            if receive_buffer:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            sock.connect(("127.0.0.1", port))
            self.sock = tls.wrap_socket(sock, server_hostname="localhost") if tls else sock
        except BaseException:
            sock.close()
            raise
        self._data = b""
        self._decoder: Optional[ChunkDecoder] = None
        self._text = b""
        self.ended = False
        """The body came to its proper end."""

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def ask(self, target: str, *headers: str, method: str = "GET", version: str = "1.1") -> None:
        named = any(header.lower().startswith("host:") for header in headers)
        host = [] if named or version == "1.0" else ["Host: localhost"]
        lines = [f"{method} {target} HTTP/{version}", *host, *headers]
        self.send(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))

    def get(self, target: str, *headers: str, method: str = "GET", **how: str) -> Response:
        self.ask(target, *headers, method=method, **how)
        return self.response(head_only=method == "HEAD")

    def stream(self, query: str = "", *headers: str, version: str = "1.1") -> Response:
        """Ask for the stream; the head of the answer."""
        self.ask(STREAM + query, *headers, version=version)
        head = self.head()
        assert head.status == 200, self.rest()
        if head.headers.get("transfer-encoding") == "chunked":
            self._decoder = ChunkDecoder()
        return head

    def head(self) -> Response:
        while b"\r\n\r\n" not in self._data:
            self.more()
        raw, _, self._data = self._data.partition(b"\r\n\r\n")
        first, *lines = raw.decode("latin-1").split("\r\n")
        pairs = [line.split(": ", 1) for line in lines]
        assert len({name.lower() for name, _ in pairs}) == len(pairs), "a header twice"
        headers = {name.lower(): value for name, value in pairs}
        return Response(int(first.split(" ")[1]), headers, raw_head=raw)

    def response(self, head_only: bool = False) -> Response:
        response = self.head()
        length = 0 if head_only else int(response.headers["content-length"])
        while len(self._data) < length:
            self.more()
        response.body, self._data = self._data[:length], self._data[length:]
        if response.headers["content-type"] == "application/json" and not head_only:
            response.json = json.loads(response.body)
        return response

    def rest(self) -> bytes:
        """All until the end of the connection."""
        try:
            while True:
                self.more()
        except (EOFError, ConnectionResetError):
            data, self._data = self._data, b""
            return data

    def block(self) -> list[str]:
        """The lines of the next block of server-sent events."""
        return self._until(b"\n\n").decode().split("\n")

    def line(self) -> str:
        return self._until(b"\n").decode()

    def event(self) -> Event:
        """The next event; what it says of itself must agree."""
        while True:
            lines = [line for line in self.block() if not line.startswith(("retry: ", ":"))]
            if lines:
                break
        fields = dict(line.split(": ", 1) for line in lines)
        assert list(fields) == ["event", "id", "data"]
        event = event_in(fields["data"])
        assert (fields["event"], fields["id"]) == (event.type, event.cursor)
        return event

    def events(self, count: int) -> list[Event]:
        return [self.event() for _ in range(count)]

    def finish(self) -> bytes:
        """The rest of a stream's body, which must end as it should if it is chunked."""
        try:
            while not self.ended:
                self._textmore()
        except EOFError:
            assert self._decoder is None, "cut off"
        text, self._text = self._text, b""
        return text

    def _until(self, end: bytes) -> bytes:
        while end not in self._text:
            self._textmore()
        found, _, self._text = self._text.partition(end)
        return found

    def _textmore(self) -> None:
        if not self._data:
            self.more()
        data, self._data = self._data, b""
        if self._decoder is None:
            self._text += data
            return
        self._text += self._decoder.feed(data)
        self.ended = self._decoder.ended

    def more(self) -> None:
        data = self.sock.recv(65536)
        if not data:
            raise EOFError
        self._data += data


def eventually(what: Callable[[], bool]) -> None:
    """Wait for another thread to come to it."""
    deadline = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < deadline, "never came to it"
        time.sleep(0.002)
