"""Memory budget: how much all that is being read from one server may take together.

Each source may read a page of a list at any time, and what a hostile server sends there is
bounded for each of them; this bounds them all. Nothing waits for another's share, which
could be for ever: who does not get his own fails, and tries again later.
"""

from __future__ import annotations

import threading

from agentctl.errors import ServerError

TOTAL_BYTES = 256 << 20
"""A page of 25 MB fits, parsed, and so do eight of what real ones come to (5 MB of pods)."""


class MemoryBudget:
    """Thread-safe."""

    def __init__(self, total: int = TOTAL_BYTES) -> None:
        self._total = total
        self._lock = threading.Lock()
        self._taken = 0
        self.parsing = threading.Lock()
        """Held by who makes objects of bytes, the greater part of it all: one at a time,
        as under Python's own lock."""

    def share(self) -> Share:
        """A part of it, empty yet; used as a context, it is given back at the end."""
        return Share(self)

    @property
    def taken(self) -> int:
        return self._taken

    def take(self, count: int) -> None:
        """Raises ServerError where so much is not left."""
        with self._lock:
            if self._taken + count > self._total:
                raise ServerError(
                    f"the answers being read at once come to more than {self._total >> 20} MiB: "
                    "this one is put off; is that an API server?"
                )
            self._taken += count

    def give(self, count: int) -> None:
        with self._lock:
            self._taken -= count


class Share:
    """What one reader has taken of a budget."""

    def __init__(self, budget: MemoryBudget) -> None:
        self._budget = budget
        self._taken = 0

    def add(self, count: int) -> None:
        """Take more. Raises ServerError where so much is not left."""
        self._budget.take(count)
        self._taken += count

    def __enter__(self) -> Share:
        return self

    def __exit__(self, *raised: object) -> None:
        self._budget.give(self._taken)
        self._taken = 0
