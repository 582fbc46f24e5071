"""Limits on streams, in all and for one peer: a stream too many is refused, never kept waiting."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Optional

from agentctl.lazy_namedtuple import NamedTuple


class StreamLimits(NamedTuple):
    """What one server takes on. A peer is an address: many users may share a proxy's."""

    streams: int = 10_000
    per_peer: int = 1_000


class StreamCount:
    """The streams that are open, of all transports together. Thread-safe."""

    def __init__(self, limits: StreamLimits) -> None:
        self._limits = limits
        self._lock = threading.Lock()
        self._total = 0
        self._by_transport: Counter[str] = Counter()
        self._by_peer: Counter[str] = Counter()

    def enter(self, transport: str, peer: str) -> Optional[str]:
        """Count one stream more: None if that was granted, else one line that says why not."""
        limits = self._limits
        with self._lock:
            if self._total >= limits.streams:
                return f"this server serves {limits.streams} streams at most; try again later"
            if self._by_peer[peer] >= limits.per_peer:
                return f"one peer may have {limits.per_peer} streams at most; close some first"
            self._total += 1
            self._by_transport[transport] += 1
            self._by_peer[peer] += 1
        return None

    def leave(self, transport: str, peer: str) -> None:
        """Count one stream less: one that was granted, and once."""
        with self._lock:
            self._total -= 1
            self._by_transport[transport] -= 1
            self._by_peer[peer] -= 1
            if not self._by_peer[peer]:
                del self._by_peer[peer]

    def active(self) -> dict[str, int]:
        """The open streams by transport; those that ever were are there with 0."""
        with self._lock:
            return dict(self._by_transport)
