"""Tally of a while: how long each state was, and the worst in each of equal parts."""

from __future__ import annotations

from agentctl.timeline.facts import SpanState


class ColumnTally:
    """Sums of a while, and the worst in each of ``width`` equal parts of it."""

    def __init__(self, start: int, end: int, width: int) -> None:
        self._start = start
        self._whole = end - start
        self._width = width
        self.worst = bytearray(width)
        """A code for each column."""
        self.totals = [0] * len(SpanState)
        """Milliseconds by code."""
        self.changes = 0

    def cover(self, low: int, high: int, code: int) -> None:
        """Show a state between two times; one of no time is in one column."""
        worst, whole, width = self.worst, self._whole, self._width
        if whole <= 0:
            first, last = 0, width - 1
        else:
            first = (low - self._start) * width // whole
            last = ((high - self._start) * width - 1) // whole
        for column in range(min(first, width - 1), min(max(first, last) + 1, width)):
            worst[column] = max(worst[column], code)
