"""Metrics of the server: what it counts for Prometheus.

Counts live in plain numbers here and where things happen (broadcaster, engine, limits);
they become metric families when somebody asks for them, in a registry of their own.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping

from agentctl.lazy_namedtuple import NamedTuple

BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""From one reader alone (under 1 ms) to a reader that is about to be cut."""

ERROR_KINDS = (
    "bad_request",
    "connection_lost",
    "limit",
    "slow_reader",
    "timeout",
    "unauthorized",
)
"""There from the start with 0, so that a rate can be told from the first one on."""


class Metrics:
    """Counts of what happened to streams. Thread-safe and cheap: it is on the hot path."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._errors: Counter[str] = Counter(dict.fromkeys(ERROR_KINDS, 0))
        self._buckets = [0] * (len(BOUNDS_S) + 1)
        self._sum_s = 0.0

    def stream_error(self, kind: str) -> None:
        """A stream or a request that did not end as its reader wished."""
        with self._lock:
            self._errors[kind] += 1

    def handed_over(self, seconds: Iterable[float]) -> None:
        """How long deltas took from their making until the kernel or grpc took their bytes."""
        # Thousands come at once, nearly in order: to sort them costs less than to place each.
        ordered = sorted(seconds)
        if not ordered:
            return
        below = [bisect_right(ordered, bound) for bound in BOUNDS_S]
        counts = [after - before for before, after in zip([0, *below], [*below, len(ordered)])]
        total = sum(ordered)
        with self._lock:
            self._buckets = [old + new for old, new in zip(self._buckets, counts)]
            self._sum_s += total

    def counts(self) -> Counts:
        """All of it at one moment."""
        with self._lock:
            return Counts(dict(self._errors), tuple(self._buckets), self._sum_s)


class Counts(NamedTuple):
    """What ``Metrics`` has counted. ``buckets`` are those up to each bound, and the rest."""

    errors: Mapping[str, int]
    buckets: tuple[int, ...]
    sum_s: float
