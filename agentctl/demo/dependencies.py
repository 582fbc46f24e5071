"""Dependencies of the demo: small servers on loopback that speak the first words of a protocol.

A database (PostgreSQL), and Temporal and the agents' own endpoint (gRPC's health service). The
demo's script takes them down and brings them back.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Callable, Optional

PATIENCE_S = 2.0
"""How long a client may take to say its first words."""

Speak = Callable[[socket.socket], None]


class Dependency:
    """One server; each client gets its first words, and is let go."""

    def __init__(self, speak: Speak) -> None:
        self._speak = speak
        self._listener: Optional[socket.socket] = None
        self._thread: Optional[threading.Thread] = None
        self.port = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def up(self) -> None:
        """Listen, on the same port each time. Raises OSError if that is taken meanwhile."""
        if self._listener is not None:
            return
        listener = socket.create_server(("127.0.0.1", self.port))
        self.port = listener.getsockname()[1]
        self._listener = listener
        self._thread = threading.Thread(
            target=self._serve, args=(listener,), name="demo-dependency", daemon=True
        )
        self._thread.start()

    def down(self) -> None:
        """Refuse connections from now on."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        if self._thread is not None:
            self._thread.join(PATIENCE_S)

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:  # it is down
                return
            with client, suppress(OSError, ValueError, struct.error):
                client.settimeout(PATIENCE_S)
                self._speak(client)


def _exactly(client: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = client.recv(size - len(data))
        if not piece:
            raise ValueError("it has left")
        data += piece
    return data


def database(client: socket.socket) -> None:
    """No TLS; and whoever begins a session is asked for a password."""
    _exactly(client, 8)
    client.sendall(b"N")
    (size,) = struct.unpack(">i", _exactly(client, 4))
    _exactly(client, min(size, 4096) - 4)
    client.sendall(b"R" + struct.pack(">ii", 8, 3))


_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _SETTINGS, _PING = 0, 1, 4, 6
_END_STREAM, _END_HEADERS, _ACK = 1, 4, 1
_ANSWER = b"\x88\x00\x0ccontent-type\x10application/grpc"
"""HPACK (RFC 7541): status 200 out of the table, and a field written out."""
_SERVING = b"\x00\x00\x00\x00\x02\x08\x01"
_TRAILERS = b"\x00\x0bgrpc-status\x010"
MAX_FRAME = 1 << 14


def health(client: socket.socket) -> None:
    """One call of gRPC's health service, whatever is asked: SERVING (RFC 9113)."""
    if _exactly(client, len(_PREFACE)) != _PREFACE:
        return
    client.sendall(_frame(_SETTINGS, 0, 0, b""))
    while True:
        head = _exactly(client, 9)
        size = int.from_bytes(head[:3], "big")
        kind, flags, stream = head[3], head[4], int.from_bytes(head[5:], "big")
        if size > MAX_FRAME:
            return
        payload = _exactly(client, size)
        if kind in (_SETTINGS, _PING) and not flags & _ACK:
            client.sendall(_frame(kind, _ACK, 0, payload if kind == _PING else b""))
        elif kind in (_DATA, _HEADERS) and flags & _END_STREAM:
            client.sendall(
                _frame(_HEADERS, _END_HEADERS, stream, _ANSWER)
                + _frame(_DATA, 0, stream, _SERVING)
                + _frame(_HEADERS, _END_HEADERS | _END_STREAM, stream, _TRAILERS)
            )


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return (
        struct.pack(">I", len(payload))[1:]
        + bytes((kind, flags))
        + struct.pack(">I", stream)
        + payload
    )


class Dependencies:
    """What the demo's control plane depends on, by component."""

    def __init__(self) -> None:
        self.temporal = Dependency(health)
        self.database = Dependency(database)
        self.grpc = Dependency(health)

    def named(self, name: str) -> Dependency:
        """Raises KeyError."""
        return {"temporal": self.temporal, "database": self.database, "grpc": self.grpc}[name]

    def addresses(self) -> Mapping[str, str]:
        """``HOST:PORT`` by the component that asks it."""
        return {
            "runtime:temporal": self.temporal.address,
            "database": self.database.address,
            "grpc": self.grpc.address,
        }

    def start(self) -> None:
        for one in (self.temporal, self.database, self.grpc):
            one.up()

    def stop(self) -> None:
        for one in (self.temporal, self.database, self.grpc):
            one.down()
