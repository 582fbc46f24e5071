"""Timed stream: a socket's bytes, with a deadline for all besides a timeout for each read."""

from __future__ import annotations

import socket
from typing import Optional

from agentctl.clock import Clock
from agentctl.net.http1 import CutShort, Head, NoAnswer, head_end, parse_head

READ_BYTES = 1 << 16


class TimedStream:
    """For one thread; who else wants it to end shuts down the socket."""

    def __init__(self, sock: socket.socket, clock: Clock) -> None:
        self._sock = sock
        self._clock = clock
        self._timeout: Optional[float] = None
        self._deadline: Optional[float] = None
        self.surplus = b""
        """What was received beyond a head, and not read yet."""

    def limit(self, timeout: Optional[float], deadline: Optional[float] = None) -> None:
        """At most ``timeout`` seconds for one read; none at all after ``deadline``."""
        self._timeout, self._deadline = timeout, deadline

    def send(self, data: bytes) -> None:
        self._sock.settimeout(self._patience())
        self._sock.sendall(data)

    def read(self, n: int) -> bytes:
        """At most ``n`` bytes, as soon as there are any; b"" at the end."""
        if self.surplus:
            data, self.surplus = self.surplus[:n], self.surplus[n:]
            return data
        self._sock.settimeout(self._patience())
        return self._sock.recv(n) or b""  # urllib3's TLS in TLS may say 0

    def head(self, step: int = READ_BYTES) -> Head:
        """An answer's head, read ``step`` bytes at a time; those of status 1xx are passed over.

        Raises NotHttp, NoAnswer and CutShort.
        """
        data = b""
        while True:
            piece = self.read(step)
            if not piece:
                raise CutShort if data else NoAnswer
            data += piece
            new = len(piece)
            while True:
                end = head_end(data, new)
                if end is None:
                    break
                head = parse_head(data[: end[0]])
                data = data[end[1] :]
                if head.status >= 200:
                    self.surplus = data + self.surplus
                    return head
                new = len(data)

    def _patience(self) -> Optional[float]:
        if self._deadline is None:
            return self._timeout
        left = self._deadline - self._clock.monotonic()
        if left <= 0:
            raise socket.timeout("timed out")
        return left if self._timeout is None else min(left, self._timeout)
