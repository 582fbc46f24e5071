"""Limits on streams, in all and for one peer: a stream too many is refused, never kept waiting."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Optional, Protocol

from agentctl.lazy_namedtuple import NamedTuple
from agentctl.server.fanout.narrowing import MAX_NARROWED, MAX_NARROWED_ITEMS

LEAST_SHARE = 0.25
"""Of what all readers have in common, for one peer: less would be hard on the many that may
share the address of a proxy or a node."""


class StreamLimits(NamedTuple):
    """What one server takes on. A peer is an address: many users may share a proxy's."""

    streams: int = 10_000
    per_peer: int = 1_000

    @property
    def share(self) -> float:
        """How much one peer may have of what else all readers have in common: all of it where it
        may have ten thousand streams."""
        return min(1.0, max(LEAST_SHARE, self.per_peer / 10_000))


class Selected(Protocol):
    """A selection of components, which all streams of it share."""

    @property
    def size(self) -> int:
        """How many items it has now."""


class StreamCount:
    """The streams that are open, of all transports together. Thread-safe."""

    def __init__(self, limits: StreamLimits) -> None:
        self._limits = limits
        self._most_selected = max(1, int(MAX_NARROWED * limits.share))
        self._most_items = int(MAX_NARROWED_ITEMS * limits.share)
        self._refusal = (
            f"one peer may read {self._most_selected} different selections of components at a "
            f"time, or {self._most_items} components in all: ask for one that you read already, "
            "close some first, or ask without component= and choose from what comes"
        )
        self._lock = threading.Lock()
        self._total = 0
        self._by_transport: Counter[str] = Counter()
        self._by_peer: Counter[str] = Counter()
        self._selected: dict[str, Counter[Selected]] = {}
        """By peer the selections that it reads, each with the number of its streams."""

    def enter(
        self, transport: str, peer: str, selected: Optional[Selected] = None
    ) -> Optional[str]:
        """Count one stream more: None if that was granted, else one line that says why not."""
        limits = self._limits
        with self._lock:
            if self._total >= limits.streams:
                return f"this server serves {limits.streams} streams at most; try again later"
            if self._by_peer[peer] >= limits.per_peer:
                return f"one peer may have {limits.per_peer} streams at most; close some first"
            if selected is not None:
                held = self._selected.get(peer, Counter())
                if selected not in held and self._too_many(held, selected):
                    return self._refusal
                held[selected] += 1
                self._selected[peer] = held
            self._total += 1
            self._by_transport[transport] += 1
            self._by_peer[peer] += 1
        return None

    def no_more(self, peer: str) -> Optional[str]:
        """Why a selection that nobody reads yet need not be made for a peer; None if it may be."""
        with self._lock:
            held = len(self._selected.get(peer, ()))
        return self._refusal if held >= self._most_selected else None

    def leave(self, transport: str, peer: str, selected: Optional[Selected] = None) -> None:
        """Count one stream less: one that was granted, and once."""
        with self._lock:
            self._total -= 1
            self._by_transport[transport] -= 1
            self._by_peer[peer] -= 1
            if not self._by_peer[peer]:
                del self._by_peer[peer]
            if selected is not None:
                held = self._selected[peer]
                held[selected] -= 1
                if not held[selected]:
                    del held[selected]
                if not held:
                    del self._selected[peer]

    def active(self) -> dict[str, int]:
        """The open streams by transport; those that ever were are there with 0."""
        with self._lock:
            return dict(self._by_transport)

    def _too_many(self, held: Counter[Selected], selected: Selected) -> bool:
        """Whether one more is; a single one may be as large as it likes."""
        if len(held) >= self._most_selected:
            return True
        items = sum(one.size for one in held)
        return items > 0 and items + selected.size > self._most_items
