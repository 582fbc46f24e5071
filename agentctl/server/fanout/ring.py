"""Ring of recent events, bounded: what a reader that lags or resumes has missed.

Entries are numbered from 1. A place is the number of the last entry that a reader has
seen; 0 is before the first.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Optional

from agentctl.model import Delta, ErrorCode, Item, ItemKey, StreamError
from agentctl.server.fanout.entry import Entry

MAX_ENTRIES = 1024
MAX_CHANGES = 5000
"""Changes in all entries together: a delta may hold as many items as there are, and its
bytes in three forms are kept as long as the entry."""


class Ring:
    """Not thread-safe: its channel's lock guards it."""

    def __init__(
        self, cursor: str, max_entries: int = MAX_ENTRIES, max_changes: int = MAX_CHANGES
    ) -> None:
        self._entries: deque[Entry] = deque()
        self._max_entries = max_entries
        self._max_changes = max_changes
        self._changes = 0
        self._first_cursor = cursor
        self._places = {cursor: 0}
        self.head = 0
        """The place of a reader that has seen everything."""

    def append(self, entry: Entry) -> None:
        """Take the next entry; the oldest are forgotten where there are too many."""
        self.head += 1
        self._entries.append(entry)
        self._changes += len(entry.before)
        if isinstance(entry.event, Delta):
            self._places[entry.event.cursor] = self.head
        # The newest is kept however large it is.
        while len(self._entries) > 1 and (
            len(self._entries) > self._max_entries or self._changes > self._max_changes
        ):
            self._forget()

    @property
    def newest(self) -> Optional[Entry]:
        """The entry whose number is ``head``; None while there is none."""
        return self._entries[-1] if self._entries else None

    def holds(self, place: int) -> bool:
        """Whether all that came after a place is still here."""
        return place >= self.head - len(self._entries)

    def place_of(self, cursor: str) -> Optional[int]:
        """The place at which the state was this cursor's, if all since is still here."""
        return self._places.get(cursor)

    def next(self, place: int, deltas_only: bool) -> Optional[tuple[int, Entry]]:
        """The entry after a place, with its number."""
        for number, entry in enumerate(self._after(place), place + 1):
            if not deltas_only or isinstance(entry.event, Delta):
                return number, entry
        return None

    def before(self, place: int) -> dict[ItemKey, Optional[Item]]:
        """What the items that changed after a place were there."""
        known: dict[ItemKey, Optional[Item]] = {}
        for entry in self._after(place):
            for key, item in entry.before.items():
                known.setdefault(key, item)
        return known

    def errors(self, place: int) -> list[Entry]:
        """The last error of each kind after a place, in order."""
        last: dict[tuple[str, str, ErrorCode], Entry] = {}
        for entry in self._after(place):
            event = entry.event
            if isinstance(event, StreamError):
                kind = event.cluster, event.source, event.code
                last.pop(kind, None)
                last[kind] = entry
        return list(last.values())

    def _after(self, place: int) -> Iterator[Entry]:
        skipped = place - (self.head - len(self._entries))
        # A deque is slow in its middle: readers that are nearly there come from its end.
        if skipped > len(self._entries) // 2:
            recent = list(islice(reversed(self._entries), len(self._entries) - skipped))
            return reversed(recent)
        return islice(self._entries, max(0, skipped), None)

    def _forget(self) -> None:
        entry = self._entries.popleft()
        self._changes -= len(entry.before)
        self._places.pop(self._first_cursor, None)
        if isinstance(entry.event, Delta):
            self._places.pop(entry.event.cursor, None)
