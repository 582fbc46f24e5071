"""Backlog of a slow reader: events in order, merged beyond a limit.

Whatever was merged, what is taken leaves a reader that folds it with the same state as all
that was put would have: of each item the last state counts.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from typing import Optional

from agentctl.lazy_dataclass import replace
from agentctl.model import Delta, ErrorCode, Event, Heartbeat, Item, ItemKey, Snapshot, StreamError

LIMIT_BYTES = 1 << 20
"""As NDJSON. The event that is next has no part in it: a snapshot may be larger by itself."""

ERRORS_KEPT = 100
"""Of errors that were merged: the last one of each source and code, of so many of them."""

Told = dict[ItemKey, Optional[Item]]
"""What was said last of each item; None: that it is gone."""


class Backlog:
    """Put at one end, taken at the other; never holds much more than one state.

    Not thread-safe.
    """

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        self._limit = limit_bytes
        self._waiting: deque[tuple[Event, int]] = deque()
        self._bytes = 0
        self._merged: Optional[_Merged] = None
        self._told: Told = {}
        self._complete = False

    def __bool__(self) -> bool:
        return bool(self._waiting) or self._merged is not None

    def __len__(self) -> int:
        """How many events would be taken."""
        return len(self._waiting) + (sum(1 for _ in self._rest()) if self._merged else 0)

    def put(self, event: Event) -> None:
        if self._merged is not None:
            self._merged.add(event)
            return
        # The first is not weighed: mostly it is taken at once.
        size = _size(event) if self._waiting else 0
        self._waiting.append((event, size))
        self._bytes += size
        if self._bytes > self._limit:
            self._merged = _Merged()
            for waiting, _ in self._waiting:
                self._merged.add(waiting)
            self._waiting.clear()
            self._bytes = 0

    def take(self) -> Optional[Event]:
        """The next event; None if none waits."""
        if not self._waiting and self._merged is not None:
            self._waiting.extend((event, 0) for event in self._rest())
            self._merged = None
        if not self._waiting:
            return None
        event, size = self._waiting.popleft()
        self._bytes -= size
        if isinstance(event, Delta):
            self._told.update(dict.fromkeys(event.removed))
            for item in event.changes:
                self._told[item.key] = item
        elif isinstance(event, Snapshot):
            self._told, self._complete = {item.key: item for item in event.items}, True
        return event

    def _rest(self) -> Iterator[Event]:
        assert self._merged is not None
        return self._merged.events(self._told, self._complete)


class _Merged:
    """Events as one state, one word on what that has cost, and the latest errors."""

    def __init__(self) -> None:
        self._snapshot: Optional[Snapshot] = None
        self._changes: Told = {}
        self._errors: dict[tuple[str, str, ErrorCode], StreamError] = {}
        self._beat: Optional[Heartbeat] = None
        self._first: Optional[Event] = None
        self._last: Optional[Event] = None
        self._deltas = self._beats = self._errors_lost = 0

    def add(self, event: Event) -> None:
        self._first, self._last = self._first or event, event
        self._beat = None
        if isinstance(event, Snapshot):
            self._snapshot, self._changes = event, {}
        elif isinstance(event, Delta):
            self._deltas += 1
            self._changes.update(dict.fromkeys(event.removed))
            self._changes.update((item.key, item) for item in event.changes)
        elif isinstance(event, Heartbeat):
            self._beats += 1
            self._beat = event
        else:
            self._keep(event)

    def _keep(self, error: StreamError) -> None:
        key = (error.cluster, error.source, error.code)
        if self._errors.pop(key, None) is not None:
            self._errors_lost += 1
        self._errors[key] = error
        if len(self._errors) > ERRORS_KEPT:
            del self._errors[next(iter(self._errors))]
            self._errors_lost += 1

    def events(self, told: Told, complete: bool) -> Iterator[Event]:
        """What is to be said to a reader that was ``told`` so much before.

        ``complete`` says that it knows all items there were.
        """
        assert self._last is not None
        at, cursor = self._last.generated_at, self._last.cursor
        if self._snapshot is not None:
            state: Told = {item.key: item for item in self._snapshot.items}
            state.update(self._changes)
            yield Snapshot(at, tuple(item for item in state.values() if item), cursor)
        else:
            delta = self._delta(told, complete)
            if delta.changes or delta.removed:
                yield delta
        yield StreamError(at, self._summary(), ErrorCode.RESYNC, "", None, cursor)
        for error in self._errors.values():
            yield replace(error, cursor=cursor)
        if self._beat is not None:
            yield self._beat

    def _delta(self, told: Told, complete: bool) -> Delta:
        """Only what is news, in the order that the reader knows."""
        assert self._last is not None
        place = {key: number for number, key in enumerate(told)}
        news = sorted(self._changes, key=lambda key: place.get(key, len(place)))
        changes, removed = [], []
        for key in news:
            item = self._changes[key]
            if item is None:
                if told.get(key) is not None or (key not in told and not complete):
                    removed.append(key)
            elif told.get(key) != item:
                changes.append(item)
        return Delta(self._last.generated_at, tuple(changes), tuple(removed), self._last.cursor)

    def _summary(self) -> str:
        merged = f"{self._deltas} deltas were merged, the last state of each item counts"
        left_out = self._beats - bool(self._beat) + self._errors_lost
        return (
            f"the output was not read in time: {merged}; "
            f"{left_out} heartbeats and repeated errors were left out"
        )


def _size(event: Event) -> int:
    return len(json.dumps(event.to_json()))
