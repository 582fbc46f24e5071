"""A TCP proxy that does to the bytes what bad networks and bad proxies do."""

from __future__ import annotations

import contextlib
import random
import selectors
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Optional

HTML = b"<html><body>Please log in</body></html>"
LOGIN_PAGE = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n" % len(HTML) + HTML
)
BAD_GATEWAY = LOGIN_PAGE.replace(b"200 OK", b"502 Bad Gateway")

NORMAL = "normal"
ANSWERS = ("refuse", "login", "bad gateway")
PER_CONNECTION = (*ANSWERS, "split", "delay", "truncate", "double", "garbage")
"""What a new connection may meet with."""
AT_ONCE = ("cut", "reset", "stall")
"""What may befall those under way."""


@dataclass(eq=False)
class Link:
    """One connection: the client's side, the server's side, and what is wrong with it."""

    client: socket.socket
    server: Optional[socket.socket]
    fault: str
    left: int = 0
    """Bytes until the fault strikes."""
    stalled: bool = False
    held: bytes = b""
    """What waits to be sent after what comes next (``reorder``: for TLS, whose records show it)."""
    due: list[tuple[float, bytes]] = field(default_factory=list)
    """Delayed bytes, and when each may go."""


class FaultProxy:
    """Use it as a context. ``fault`` names what new connections meet; ``strike`` hits old ones."""

    def __init__(self, target: Callable[[], int], rng: random.Random) -> None:
        self._target = target
        self._rng = rng
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self.fault = NORMAL
        self.connections = 0
        self._strikes: list[str] = []
        self._links: set[Link] = set()
        self._heard, self._rung = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        self._over = False
        self._thread = threading.Thread(target=self._run, name="fault proxy")

    def __enter__(self) -> FaultProxy:
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._heard, selectors.EVENT_READ)
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._over = True
        self._ring()
        self._thread.join(20)
        for link in list(self._links):
            self._close(link)
        for one in (self._listener, self._heard, self._rung):
            one.close()
        self._selector.close()

    def strike(self, kind: str) -> None:
        """``cut``, ``reset`` or ``stall`` what is under way."""
        self._strikes.append(kind)
        self._ring()

    def calm(self) -> None:
        """From now on all is well; what is stalled or spoiled is cut."""
        self.fault = NORMAL
        self.strike("cut")

    def _ring(self) -> None:
        self._rung.send(b"x")

    def _run(self) -> None:
        while not self._over:
            for key, _ in self._selector.select(self._wait()):
                if key.fileobj is self._listener:
                    self._accept()
                elif key.fileobj is self._heard:
                    self._heard.recv(1024)
                elif key.data in self._links:
                    self._forward(key.data, key.fileobj)  # type: ignore[arg-type]
            while self._strikes:
                self._hit(self._strikes.pop(0))
            self._deliver()

    def _wait(self) -> Optional[float]:
        moments = [link.due[0][0] for link in self._links if link.due]
        return max(0.0, min(moments) - time.monotonic()) if moments else None

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        self.connections += 1
        fault = self.fault
        if fault in ANSWERS:
            answer = {"refuse": b"", "login": LOGIN_PAGE, "bad gateway": BAD_GATEWAY}[fault]
            with contextlib.suppress(OSError):
                client.settimeout(0.2)
                client.recv(65536)  # a close before it is read would be a reset
                client.sendall(answer)
            client.close()
            return
        try:
            server = socket.create_connection(("127.0.0.1", self._target()), timeout=1)
        except OSError:
            client.close()
            return
        for one in (client, server):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            one.settimeout(1)
        link = Link(client, server, fault, self._rng.choice([0, 10, 100, 300, 1000, 2000]))
        self._links.add(link)
        self._selector.register(client, selectors.EVENT_READ, link)
        self._selector.register(server, selectors.EVENT_READ, link)

    def _forward(self, link: Link, source: socket.socket) -> None:
        try:
            data = source.recv(1 << 16)
        except OSError:
            data = b""
        if not data:
            self._close(link)
        elif source is link.client:
            self._send(link, link.server, data)
        elif not link.stalled:
            self._spoil(link, data)

    def _spoil(self, link: Link, data: bytes) -> None:
        """Hand on what the server says, in the way of this link's fault."""
        if link.fault == "split":
            for at in range(len(data)):
                self._send(link, link.client, data[at : at + 1])
        elif link.fault == "reorder":
            data, link.held = link.held, data
            if data:  # what came before goes out after what came now
                self._send(link, link.client, link.held + data)
                link.held = b""
        elif link.fault == "delay":
            link.due.append((time.monotonic() + self._rng.uniform(0.0, 0.02), data))
        elif link.fault in ("truncate", "double", "garbage") and len(data) > link.left:
            head, rest = data[: link.left], data[link.left :]
            if link.fault == "double":
                self._send(link, link.client, head + rest + rest)
                link.fault = NORMAL
            elif link.fault == "garbage":
                self._send(link, link.client, head + self._rng.randbytes(20) + rest)
                link.fault = NORMAL
            else:
                self._send(link, link.client, head)
                self._close(link)
        else:
            link.left = max(0, link.left - len(data))
            self._send(link, link.client, data)

    def _deliver(self) -> None:
        now = time.monotonic()
        for link in list(self._links):
            while link.due and link.due[0][0] <= now and link in self._links:
                self._send(link, link.client, link.due.pop(0)[1])

    def _hit(self, kind: str) -> None:
        for link in list(self._links):
            if kind == "stall":
                link.stalled = True
            else:
                self._close(link, reset=kind == "reset")

    def _send(self, link: Link, target: Optional[socket.socket], data: bytes) -> None:
        try:
            if target is not None:
                target.sendall(data)
        except OSError:
            self._close(link)

    def _close(self, link: Link, reset: bool = False) -> None:
        if link not in self._links:
            return
        self._links.discard(link)
        for one in (link.client, link.server):
            if one is not None:
                with contextlib.suppress(KeyError, ValueError):
                    self._selector.unregister(one)
                if reset:
                    linger = struct.pack("ii", 1, 0)
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                one.close()
