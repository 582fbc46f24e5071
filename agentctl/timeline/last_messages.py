"""Last messages of a component, in one piece of memory: when each was said, and of which state."""

from __future__ import annotations

import struct

from agentctl.lazy_namedtuple import NamedTuple
from agentctl.timeline.row import MESSAGE

MOST = 100
"""Messages that are kept of one component."""

_HEAD = struct.Struct("<QH")  # when and of which state; bytes of the text


class PastMessage(NamedTuple):
    at: int
    code: int
    text: str


class LastMessages:
    """The newest ones, MOST at most and within the bytes that are given."""

    __slots__ = ("_count", "_data")

    def __init__(self) -> None:
        self._data = bytearray()
        self._count = 0

    def add(self, at: int, code: int, text: str, room: int) -> None:
        """``room`` is in bytes; the newest is kept whatever it needs."""
        encoded = text[:MESSAGE].encode("utf-8", "replace")
        self._data += _HEAD.pack(at << 3 | code, len(encoded)) + encoded
        self._count += 1
        while self._count > MOST or (len(self._data) > room and self._count > 1):
            self._drop()

    def forget(self, horizon: int) -> None:
        """Drop what was said before ``horizon``, but for the last."""
        while self._count > 1 and _HEAD.unpack_from(self._data)[0] >> 3 < horizon:
            self._drop()

    def read(self) -> list[PastMessage]:
        found, at = [], 0
        while at < len(self._data):
            when, length = _HEAD.unpack_from(self._data, at)
            at += _HEAD.size
            text = self._data[at : at + length].decode("utf-8")
            found.append(PastMessage(when >> 3, when & 7, text))
            at += length
        return found

    def _drop(self) -> None:
        length = _HEAD.unpack_from(self._data)[1]
        del self._data[: _HEAD.size + length]
        self._count -= 1
