"""Rechecks: when a verdict may change without any event, the soonest first."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import Optional

Seat = tuple[int, str]

SLACK = 64
"""How many moments that mean nothing any more are kept beside the others."""


class Rechecks:
    """A moment (monotonic seconds) for each seat, at most: a unit's number, and whose of it.

    Of what is not due nothing is looked at but the first.
    """

    def __init__(self) -> None:
        self._at: dict[Seat, float] = {}
        self._heap: list[tuple[float, Seat]] = []

    @property
    def next(self) -> Optional[float]:
        """The first moment; None if there is none."""
        heap = self._heap
        while heap and self._at.get(heap[0][1]) != heap[0][0]:
            heappop(heap)
        return heap[0][0] if heap else None

    def set(self, seat: Seat, moment: Optional[float]) -> None:
        """Its moment from now on; None for none."""
        if self._at.get(seat) == moment:
            return
        if moment is None:
            del self._at[seat]
            return
        self._at[seat] = moment
        if len(self._heap) > 2 * len(self._at) + SLACK:
            self._heap = [(at, one) for one, at in self._at.items()]
            heapify(self._heap)
        else:
            heappush(self._heap, (moment, seat))

    def due(self, now: float) -> list[Seat]:
        """Those whose moment has come; they have none then."""
        found = []
        heap = self._heap
        while heap and heap[0][0] <= now:
            moment, seat = heappop(heap)
            if self._at.get(seat) == moment:
                del self._at[seat]
                found.append(seat)
        return found
