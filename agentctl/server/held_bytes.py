"""Held bytes: what readers have yet to take of long answers and events, in all and for one peer.

Each reader may be slow for some seconds, and what it was to get is in memory until then: of
thousands that comes to gigabytes. What many share counts once. Nothing waits for another's
share, which could be for ever: what does not fit is refused.
"""

from __future__ import annotations

import threading

from agentctl.server.limits import LEAST_SHARE

TOTAL_BYTES = 64 << 20
"""Of ten thousand components the state is 1.3 MB; a changed one is another object."""

SHORT = 4096
"""Up to here nothing is counted, and so nothing refused: health, refusals, most events."""


class HeldBytes:
    """Thread-safe. Things are told apart by what they are, not by what they say: a holder keeps
    its own until it has been dropped."""

    def __init__(self, share: float = LEAST_SHARE, total: int = TOTAL_BYTES) -> None:
        """``share`` is how much of it one peer may have."""
        self._lock = threading.RLock()
        self._of_peer = int(total * share)
        self._all = _Ledger(total)
        self._by_peer: dict[str, _Ledger] = {}
        self.refusal = (
            f"readers have yet to take as much as this server holds for them: {total >> 20} MiB, "
            f"{self._of_peer >> 20} MiB for one peer; take what you have asked for, or come back"
        )

    @property
    def taken(self) -> int:
        return self._all.taken

    def fits(self, peer: str, thing: object, size: int) -> bool:
        """Whether a peer may hold this too; the first may be as large as it likes."""
        if size <= SHORT:
            return True
        with self._lock:
            own = self._by_peer.get(peer)
            return self._all.fits(thing, size) and (own is None or own.fits(thing, size))

    def claim(self, peer: str, thing: object, size: int) -> bool:
        """Hold it if it fits."""
        with self._lock:
            fits = self.fits(peer, thing, size)
            if fits:
                self.hold(peer, thing, size)
        return fits

    def hold(self, peer: str, thing: object, size: int) -> None:
        """Count it, whether it fits or not, until as many times dropped as held."""
        if size <= SHORT:
            return
        with self._lock:
            own = self._by_peer.setdefault(peer, _Ledger(self._of_peer))
            for ledger in (self._all, own):
                ledger.take(thing, size)

    def drop(self, peer: str, thing: object) -> None:
        """A peer does not hold it any more; nothing where that was not counted."""
        with self._lock:
            own = self._by_peer.get(peer)
            if own is not None and own.give(thing):
                self._all.give(thing)
                if not own.taken:
                    del self._by_peer[peer]


class _Ledger:
    """What is held and how often, by the identity of things."""

    __slots__ = ("_held", "_most", "taken")

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: dict[int, tuple[int, int]] = {}
        self.taken = 0

    def fits(self, thing: object, size: int) -> bool:
        return not self.taken or id(thing) in self._held or self.taken + size <= self._most

    def take(self, thing: object, size: int) -> None:
        held, times = self._held.get(id(thing), (size, 0))
        self._held[id(thing)] = held, times + 1
        self.taken += 0 if times else held

    def give(self, thing: object) -> bool:
        held, times = self._held.pop(id(thing), (0, 0))
        if times > 1:
            self._held[id(thing)] = held, times - 1
        elif times:
            self.taken -= held
        return times > 0
