"""Sockets of the server: their common options, and how they end."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
from typing import Any

from agentctl.net.keepalive import keep_alive

SNDBUF = 64 * 1024
"""What the kernel holds for one reader (Linux doubles it): a reader that has stopped is
found soon, and costs little until then."""

USER_TIMEOUT_MS = 30_000
"""A reader that vanished is found by then with bytes under way, too."""

NOT_NOW = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
"""A non-blocking socket would have to wait."""


def prepare(sock: socket.socket) -> None:
    """Options of an accepted socket. Raises OSError where the peer is gone already."""
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SNDBUF)
    keep_alive(sock, USER_TIMEOUT_MS)


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
