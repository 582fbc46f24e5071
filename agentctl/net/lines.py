"""Lines out of a byte stream that arrives in pieces of any size."""

from __future__ import annotations


class LineTooLong(ValueError):
    """A line passed the limit; its rest is not worth waiting for."""


class LineSplitter:
    """Cuts a byte stream at LF; what follows the last LF waits for the next piece.

    Linear in the bytes fed however they are split, because an unfinished line is
    kept in pieces and joined once. At most ``limit`` bytes are held.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._pieces: list[bytes] = []
        self._held = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that ``data`` completes, without their LF, in order.

        Raises LineTooLong when a line, finished or not, is longer than the limit.
        """
        head, *rest = data.split(b"\n")
        if not rest:
            self._hold(head)
            return []
        self._hold(head)
        first = b"".join(self._pieces)
        self._pieces = []
        self._held = 0
        tail = rest.pop()
        lines = [first, *rest]
        if any(len(line) > self._limit for line in rest):
            raise LineTooLong(f"a line of more than {self._limit} bytes")
        self._hold(tail)
        return lines

    @property
    def pending(self) -> int:
        """How many bytes of an unfinished line are held."""
        return self._held

    def _hold(self, piece: bytes) -> None:
        if piece:
            self._held += len(piece)
            if self._held > self._limit:
                raise LineTooLong(f"a line of more than {self._limit} bytes")
            self._pieces.append(piece)
