"""Read timeout for a read that has none of its own: a thread that watches the reader."""

from __future__ import annotations

import threading
from typing import Callable, Optional

from agentctl.clock import Clock

BUSY_LOOK_S = 1.0
"""How soon to look again where the reader was not reading."""


SETTLE_S = 0.25
"""A stream that is refused has headers too, and its end comes right behind them."""


class ReadTimeout:
    """``with ReadTimeout(...) as watched``: ``expire`` once a read has waited for ``limit_s``.

    It is called from a thread of the timeout's own, which sleeps for as long as it can.
    The reader says ``waiting`` before each read and ``busy`` after it, so that a reader that
    is slow itself is not taken for a silent peer.
    """

    def __init__(self, clock: Clock, limit_s: float, expire: Callable[[], None]) -> None:
        self.expired = False
        self._clock = clock
        self._limit_s = limit_s
        self._expire = expire
        self._lock = threading.Lock()
        self._settles_at = 0.0
        self._settled: Optional[Callable[[], None]] = None
        self._heard_at = clock.monotonic()
        self._since: Optional[float] = self._heard_at
        self._over = False
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="read-timeout", daemon=True)

    def waiting(self, heard: bool, limit_s: float) -> None:
        """A read begins; ``heard`` says that what the last one brought counts."""
        if limit_s != self._limit_s:
            self._limit_s = limit_s
            self._wake.set()
        if heard:
            self._heard_at = self._clock.monotonic()
        self._since = self._heard_at

    def busy(self) -> None:
        self._since = None
        if self._settled is not None:
            with self._lock:
                self._settled = None

    def settling(self, settled: Callable[[], None]) -> None:
        """Have ``settled`` called once SETTLE_S have passed without an answer or an end.

        Once ``busy`` or ``with`` is over, it is not called any more.
        """
        self._settles_at = self._clock.monotonic() + SETTLE_S
        self._settled = settled
        self._wake.set()

    def __enter__(self) -> ReadTimeout:
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._over = True
        self._wake.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            since = self._since
            if since is None:
                left = min(self._limit_s, BUSY_LOOK_S)
            else:
                left = since + self._limit_s - self._clock.monotonic()
            if left <= 0:
                self.expired = True
                self._expire()
                return
            if self._settled is not None:
                left = min(left, self._settle())
            self._wake.wait(left)
            self._wake.clear()
            if self._over:
                return

    def _settle(self) -> float:
        """For how long to wait yet, if at all."""
        left = self._settles_at - self._clock.monotonic()
        if left > 0:
            return left
        with self._lock:
            if self._settled is not None and not self._over:
                self._settled()
            self._settled = None  # only now: until then ``busy`` waits for it
        return BUSY_LOOK_S
