"""TCP keepalive, the same for every connection of ours, on either side."""

from __future__ import annotations

import socket
import sys

KEEPALIVE_IDLE_S = 15
KEEPALIVE_INTERVAL_S = 5
KEEPALIVE_COUNT = 3
"""With the above: a peer that vanished is noticed within 30 s."""


def keep_alive(sock: socket.socket, user_timeout_ms: int = 0) -> None:
    """Raises OSError where the peer is gone already.

    ``user_timeout_ms`` is for bytes that are under way: keepalive does not probe then.
    """
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPALIVE" if sys.platform == "darwin" else "TCP_KEEPIDLE", KEEPALIVE_IDLE_S),
        ("TCP_KEEPINTVL", KEEPALIVE_INTERVAL_S),
        ("TCP_KEEPCNT", KEEPALIVE_COUNT),
        ("TCP_USER_TIMEOUT", user_timeout_ms),
    ):
        option = getattr(socket, name, None)
        if value and option is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)
