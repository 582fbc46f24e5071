"""Sockets of the server: their common options, and how they end."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import sys
from typing import Any

SNDBUF = 64 * 1024
"""What the kernel holds for one reader (Linux doubles it): a reader that has stopped is
found soon, and costs little until then."""

KEEPALIVE_IDLE_S = 15
KEEPALIVE_INTERVAL_S = 5
KEEPALIVE_COUNT = 3
"""A reader that vanished without a FIN is found within 30 s of its last sign of life."""

USER_TIMEOUT_MS = 30_000
"""The same where bytes are under way: keepalive does not probe then."""

NOT_NOW = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
"""A non-blocking socket would have to wait."""


def prepare(sock: socket.socket) -> None:
    """Options of an accepted socket. Raises OSError where the peer is gone already."""
    sock.setblocking(False)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SNDBUF)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPALIVE" if sys.platform == "darwin" else "TCP_KEEPIDLE", KEEPALIVE_IDLE_S),
        ("TCP_KEEPINTVL", KEEPALIVE_INTERVAL_S),
        ("TCP_KEEPCNT", KEEPALIVE_COUNT),
        ("TCP_USER_TIMEOUT", USER_TIMEOUT_MS),
    ):
        option = getattr(socket, name, None)
        if option is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)


def close(sock: socket.socket) -> None:
    """Close after what was sent; over TLS with a farewell."""
    if isinstance(sock, ssl.SSLSocket):
        # It sends ours, and would then wait for theirs.
        with contextlib.suppress(OSError, ValueError):
            sock.unwrap()
    sock.close()


def reset(sock: socket.socket) -> None:
    """Close at once: what the peer has not read yet is thrown away."""
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def peer_of(address: Any) -> str:
    """The address that limits count by. An IPv4 one is the same over an IPv6 listener."""
    host = str(address[0]) if isinstance(address, tuple) and address else ""
    return host[len("::ffff:") :] if host.startswith("::ffff:") and "." in host else host
