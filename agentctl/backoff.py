"""Backoff: how long to wait before trying again, with jitter."""

from __future__ import annotations

from typing import Optional, Protocol

from agentctl.lazy_dataclass import dataclass


class Random(Protocol):
    """Where jitter comes from; random.Random is one."""

    def uniform(self, a: float, b: float) -> float: ...


@dataclass(frozen=True)
class Backoff:
    """Exponential, with jitter; seconds."""

    base: float = 1.0
    """A restart of the peer is over in seconds, and a person waits."""

    cap: float = 30.0
    """A peer that is back should not go unnoticed for minutes."""

    factor: float = 2.0
    """Reaches the cap on the sixth failure: about 30 s of eager tries, then patience."""

    reset_after: float = 30.0
    """Only so much health starts from ``base`` again: were it the connection alone, a
    peer that accepts and drops would be dialled in a tight loop."""

    def delay(self, attempt: int, rng: Random, floor: float = 0.0) -> float:
        """The wait before try number ``attempt`` (the first retry is 0).

        Between half of the full delay and all of it, so that many clients that lost one
        peer together do not come back together. At least ``floor``, which is the peer's
        own wish and may pass the cap.
        """
        try:
            full = min(self.base * self.factor**attempt, self.cap)
        except OverflowError:
            full = self.cap
        return max(rng.uniform(full / 2, full), floor)


class Retry:
    """Counts one peer's failures."""

    def __init__(self, backoff: Backoff) -> None:
        self._backoff = backoff
        self._failures = 0

    def forget(self) -> None:
        """Begin again from the base: the peer is known to be there."""
        self._failures = 0

    def failed(
        self, now: float, up_since: Optional[float], retry_after: Optional[float], rng: Random
    ) -> float:
        """Another failure: the seconds to wait.

        ``now`` and ``up_since`` are monotonic seconds; ``up_since`` is when it last came
        up (None if it did not since the failure before), ``retry_after`` what the peer
        asked for.
        """
        if up_since is not None and now - up_since >= self._backoff.reset_after:
            self._failures = 0
        delay = self._backoff.delay(self._failures, rng, retry_after or 0.0)
        self._failures += 1
        return delay
