"""Chunked transfer coding of HTTP, taken off a byte stream that arrives in pieces.

http.client hands out one chunk at a time, and an API server sends each event as a
chunk of its own: here all that one read brought comes out at once.
"""

from __future__ import annotations

MAX_LINE = 4096
"""Of a chunk's size with its extensions, and of a trailer."""

_HEX = frozenset(b"0123456789abcdefABCDEF")


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
