"""Timed stream: a socket's bytes, in time, and out of the chunks that they may come in."""

from __future__ import annotations

import socket
from typing import Optional

from agentctl.clock import Clock
from agentctl.net.http1 import CutShort, Head, NoAnswer, head_end, parse_head

READ_BYTES = 1 << 16

MAX_LINE = 4096
"""Of a chunk's size with its extensions, and of a trailer."""

EARLY = 0.75
"""What part of a deadline that is far a socket is told to wait at first. To tell a socket takes
the interpreter's lock away from who has just been handed something: so not for each read."""

FAR_S = 4.0

_HEX = frozenset(b"0123456789abcdefABCDEF")


UNTOLD = -1.0


class TimedStream:
    """Bytes with a deadline for all of them, besides a timeout for each read.

    For one thread; who else wants it to end shuts down the socket.
    """

    def __init__(self, sock: socket.socket, clock: Clock) -> None:
        self._sock = sock
        self._clock = clock
        self._timeout: Optional[float] = None
        self._deadline: Optional[float] = None
        self._told: Optional[float] = UNTOLD
        """How long the socket waits now; None for ever."""
        self.surplus = b""
        """What was received beyond a head, and not read yet."""

    def limit(self, timeout: Optional[float], deadline: Optional[float] = None) -> None:
        """At most ``timeout`` seconds for one read; none at all after ``deadline``."""
        self._timeout, self._deadline = timeout, deadline

    def send(self, data: bytes) -> None:
        self._tell(self._patience())
        self._sock.sendall(data)

    def read(self, n: int) -> bytes:
        """At most ``n`` bytes, as soon as there are any; b"" at the end."""
        if self.surplus:
            data, self.surplus = self.surplus[:n], self.surplus[n:]
            return data
        if self._tell_early(self._patience()):
            try:
                return self._sock.recv(n) or b""  # urllib3's TLS in TLS may say 0
            except socket.timeout:
                self._tell(self._patience())
        return self._sock.recv(n) or b""

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

    def _tell_early(self, patience: Optional[float]) -> bool:
        """Have the socket wait so long, or shorter, which is what True says."""
        if patience is None or patience == self._timeout or patience < FAR_S:
            self._tell(patience)
            return False
        told = self._told
        if told is None or not patience * EARLY / 2 <= told <= patience:
            self._tell(patience * EARLY)
        return True

    def _tell(self, patience: Optional[float]) -> None:
        if patience != self._told:
            self._sock.settimeout(patience)
            self._told = patience

    def _patience(self) -> Optional[float]:
        if self._deadline is None:
            return self._timeout
        left = self._deadline - self._clock.monotonic()
        if left <= 0:
            raise socket.timeout("timed out")
        return left if self._timeout is None else min(left, self._timeout)


class ChunkError(ValueError):
    """What is there is no chunk."""


class ChunkDecoder:
    """Pieces of a chunked body in, the data they carry out (RFC 9112, 7.1)."""

    def __init__(self) -> None:
        self.ended = False
        """Whether the last chunk and its trailers are there."""
        self.surplus = False
        """Whether there was more after the end, which nobody asked for."""
        self._left = 0
        self._after_data = False
        self._in_trailers = False
        self._unfinished = b""

    def feed(self, piece: bytes) -> bytes:
        """The data in the next piece. Raises ChunkError."""
        data = self._unfinished + piece if self._unfinished else piece
        self._unfinished = b""
        out: list[bytes] = []
        at, end = 0, len(data)
        while at < end and not self.ended:
            if self._left:
                part = data[at : at + self._left]
                out.append(part)
                at += len(part)
                self._left -= len(part)
                self._after_data = not self._left
                continue
            line_end = data.find(b"\n", at, at + MAX_LINE)
            if line_end < 0:
                self._unfinished = data[at:]
                if len(self._unfinished) >= MAX_LINE:
                    raise ChunkError("a line between chunks is too long")
                break
            self._take(data[at:line_end].rstrip(b"\r"))
            at = line_end + 1
        self.surplus = self.surplus or (self.ended and at < end)
        return b"".join(out)

    def _take(self, line: bytes) -> None:
        """A line that is not data: a chunk's end, its size, or a trailer."""
        if self._after_data:
            self._after_data = False
            if line:
                raise ChunkError("a chunk is longer than its size")
        elif self._in_trailers:
            self.ended = not line
        else:
            size = line.partition(b";")[0].strip(b" \t")
            if not 0 < len(size) <= 16 or not _HEX.issuperset(size):
                raise ChunkError(f"no chunk size: {size[:20]!r}")
            self._left = int(size, 16)
            self._in_trailers = not self._left
