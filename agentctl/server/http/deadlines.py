"""Deadlines: one heap for thousands, where moving one costs nothing.

Each thing has one entry that counts, at or before its deadline. A deadline that moves
later leaves its entry where it is: when that comes up it is put back.
"""

from __future__ import annotations

import heapq
from itertools import count
from typing import Generic, Optional, Protocol, TypeVar

NEVER = float("inf")

SLACK = 1024
"""Entries that no longer count and are not worth clearing out."""


class Timed(Protocol):
    """What can be due. Both belong to ``Deadlines``, and are NEVER to begin with."""

    due: float
    queued: float
    """When the entry that counts comes up."""


T = TypeVar("T", bound=Timed)


class Deadlines(Generic[T]):
    """Times are monotonic seconds. Not thread-safe."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, T]] = []
        self._numbers = count()
        self._idle = 0

    def __len__(self) -> int:
        """Entries of the heap, also those that no longer count."""
        return len(self._heap)

    def set(self, thing: T, due: float) -> None:
        """``due`` from now on; NEVER takes it out."""
        thing.due = due
        if due < thing.queued:
            if thing.queued != NEVER:
                self._idle += 1
            thing.queued = due
            heapq.heappush(self._heap, (due, next(self._numbers), thing))

    def drop(self, thing: T) -> None:
        """Forget a thing that will never be due any more."""
        thing.due = NEVER
        if thing.queued != NEVER:
            thing.queued = NEVER
            self._idle += 1
            if self._idle > SLACK and self._idle > len(self._heap) // 2:
                self._heap = [entry for entry in self._heap if entry[0] == entry[2].queued]
                heapq.heapify(self._heap)
                self._idle = 0

    def next(self) -> float:
        """When to look again; NEVER if nothing will be due."""
        return self._heap[0][0] if self._heap else NEVER

    def pop(self, now: float) -> Optional[T]:
        """A thing that is due and is out from now on; None if there is none."""
        thing = self.first()
        if thing is None or thing.due > now:
            return None
        heapq.heappop(self._heap)
        thing.due = thing.queued = NEVER
        return thing

    def first(self) -> Optional[T]:
        """What is due next; None if nothing will be."""
        heap = self._heap
        while heap:
            when, _, thing = heap[0]
            if when == thing.queued and thing.due <= when:
                return thing
            heapq.heappop(heap)
            if when == thing.queued:
                thing.queued = NEVER
                self.set(thing, thing.due)
            else:
                self._idle -= 1
        return None
