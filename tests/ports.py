"""Ports on loopback on which nothing listens, nor will anything else before they are wanted."""

from __future__ import annotations

import random
import socket
from contextlib import suppress


def free_port() -> int:
    (port,) = free_ports(1)
    return port


def free_ports(count: int) -> list[int]:
    """Below those that the kernel gives to whoever asks for any: one of these would be taken,
    by another process of the tests, before or between its server's starts."""
    found: set[int] = set()
    while len(found) < count:
        with (
            suppress(OSError),
            socket.create_server(
                ("127.0.0.1", random.SystemRandom().randrange(15_000, 30_000))
            ) as one,
        ):
            found.add(one.getsockname()[1])
    return sorted(found)
