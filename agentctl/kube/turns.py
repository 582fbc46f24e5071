"""Turns: when each of many probes may begin."""

from __future__ import annotations

import bisect
import threading

GAP_S = 0.01
"""No two probes of a process begin closer together than this."""


class Turns:
    """When each of many probes may begin, for all threads: never two within GAP_S."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken: list[float] = []

    def take(self, wanted: float, now: float) -> float:
        """The first free moment (monotonic) from ``wanted`` on, which is taken with that."""
        with self._lock:
            past = bisect.bisect_left(self._taken, now - GAP_S)
            del self._taken[:past]
            at = bisect.bisect_right(self._taken, wanted - GAP_S)
            while at < len(self._taken) and self._taken[at] < wanted + GAP_S:
                wanted = self._taken[at] + GAP_S
                at += 1
            self._taken.insert(at, wanted)
            return wanted
