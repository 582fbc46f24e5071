"""SSE decoder: events out of a text/event-stream, by the WHATWG (HTML, section 9.2).

No I/O: bytes go in, in pieces of any size, and events come out as soon as the line that
ends them is there. Linear in the bytes fed however they are split, in bounded memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional, Union

from agentctl.lazy_namedtuple import NamedTuple

MAX_BYTES = 16 << 20
"""Of one line, and of one event's data. Fifty thousand items fit."""

MAX_RETRY_MS = 10**9
"""Eleven days: what is longer has as many digits as one likes, and counts as this."""

_BOM = b"\xef\xbb\xbf"


class EventTooLarge(ValueError):
    """A line or an event passed the limit; its rest is not worth waiting for."""


class ServerEvent(NamedTuple):
    """``last_event_id`` is the stream's, whichever event set it."""

    type: str
    data: str
    last_event_id: str


class EventStreamDecoder:
    """One stream, from its first byte; another connection needs another decoder.

    A stream that breaks off needs no last word: what has no empty line after it was never
    dispatched, and its id does not count.
    """

    def __init__(self, limit: int = MAX_BYTES) -> None:
        self.last_event_id = ""
        """Where the reader is: the id as of the last empty line."""
        self.retry_ms: Optional[int] = None
        """The reconnection time that was asked for last, at most MAX_RETRY_MS."""
        self._limit = limit
        self._begun = False
        self._after_cr = False
        self._in_comment = False
        self._line = bytearray()
        """A line that has not ended. Kept as one piece, it costs no more than its bytes."""
        self._type = ""
        self._data: Union[bytes, bytearray, None] = None
        self._id = ""

    @property
    def pending(self) -> int:
        """How many bytes of an unfinished event are held; comments are not."""
        return len(self._line) + len(self._data or b"")

    def feed(self, data: bytes) -> list[ServerEvent]:
        """The events that ``data`` completes, in order. Raises EventTooLarge."""
        if not self._begun:
            data = self._without_bom(data)
        if self._after_cr and data:
            # The line ended with the CR: it did not wait for what follows.
            self._after_cr = False
            data = data[1:] if data.startswith(b"\n") else data
        if b"\r" in data:
            self._after_cr = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        first, newline, rest = data.partition(b"\n")
        self._hold(first)
        if not newline:
            return []
        lines = rest.split(b"\n")
        if self._in_comment:
            self._in_comment = False
        else:
            lines.insert(0, bytes(self._line))
            self._line.clear()
        tail = lines.pop()
        if len(data) > self._limit:
            self._check(lines)
        events = self._take(lines)
        self._hold(tail)
        return events

    def _without_bom(self, data: bytes) -> bytes:
        """Hold back what may be the beginning of a byte order mark; one is dropped."""
        data = bytes(self._line) + data
        self._line.clear()
        if len(data) < len(_BOM) and _BOM.startswith(data):
            self._line += data
            return b""
        self._begun = True
        return data[len(_BOM) :] if data.startswith(_BOM) else data

    def _hold(self, piece: bytes) -> None:
        """Keep the next piece of an unfinished line, unless it is a comment's."""
        if not self._line and not self._in_comment:
            self._in_comment = piece.startswith(b":")
        if self._in_comment:
            return
        self._line += piece
        if len(self._line) > self._limit:
            self._check([self._line])

    def _check(self, lines: Sequence[Union[bytes, bytearray]]) -> None:
        if any(len(line) > self._limit and not line.startswith(b":") for line in lines):
            raise EventTooLarge(f"a line of more than {self._limit} bytes")

    def _take(self, lines: list[bytes]) -> list[ServerEvent]:
        """Process whole lines (WHATWG, 9.2.6)."""
        events: list[ServerEvent] = []
        for line in lines:
            if not line:
                event = self._dispatch()
                if event is not None:
                    events.append(event)
                continue
            name, _, value = line.partition(b":")
            if value.startswith(b" "):
                value = value[1:]
            if name == b"data":
                self._append(value)
            elif name == b"event":
                self._type = value.decode("utf-8", "replace")
            elif name == b"id":
                if b"\0" not in value:
                    self._id = value.decode("utf-8", "replace")
            elif name == b"retry":
                self._retry(value)
        return events

    def _append(self, value: bytes) -> None:
        """Another line of data. Most events have one."""
        data = self._data
        if data is None:
            data = value
        elif isinstance(data, bytes):
            data = bytearray(data)
            data += b"\n"
            data += value
        else:
            data += b"\n"
            data += value
        self._data = data
        if len(data) > self._limit:
            raise EventTooLarge(f"an event of more than {self._limit} bytes")

    def _retry(self, value: bytes) -> None:
        if value.isdigit():
            digits = value.lstrip(b"0")
            long = len(digits) > len(str(MAX_RETRY_MS))
            self.retry_ms = MAX_RETRY_MS if long else min(int(digits or b"0"), MAX_RETRY_MS)

    def _dispatch(self) -> Optional[ServerEvent]:
        """An empty line: the id counts, and if there was data it is an event."""
        data, kind = self._data, self._type
        self._data, self._type = None, ""
        self.last_event_id = self._id
        if data is None:
            return None
        return ServerEvent(kind or "message", data.decode("utf-8", "replace"), self._id)
