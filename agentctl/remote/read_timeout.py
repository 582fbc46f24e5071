"""What a thread that is in a read without a timeout cannot notice by itself."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Callable, Optional

from agentctl.clock import Clock

BUSY_LOOK_S = 1.0
"""How soon to look again where the reader was not reading."""


SETTLE_S = 0.25
"""A stream that is refused has headers too, and its end comes right behind them."""


class ReadTimeout:
    """``with ReadTimeout(...) as dog``: calls ``bark`` once a read has waited for ``limit_s``.

    It is called from a thread of the watchdog's own, which sleeps for as long as it can.
    The reader says ``waiting`` before each read and ``busy`` after it, so that a reader that
    is slow itself is not taken for a silent peer.
    """

    def __init__(self, clock: Clock, limit_s: float, bark: Callable[[], None]) -> None:
        self.barked = False
        self._clock = clock
        self._limit_s = limit_s
        self._bark = bark
        self._heard_at = clock.monotonic()
        self._since: Optional[float] = self._heard_at
        self._over = False
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

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

    def __enter__(self) -> ReadTimeout:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
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
                self.barked = True
                self._bark()
                return
            self._wake.wait(left)
            self._wake.clear()
            if self._over:
                return


class Settling:
    """``with Settling(settled) as settling``: calls ``settled`` once SETTLE_S have passed.

    Not if it was ``over`` before: the stream ended, or something came that says more.
    """

    def __init__(self, settled: Callable[[], None]) -> None:
        self._settled = settled
        self._lock = threading.Lock()
        self._over = False
        self._timer = threading.Timer(SETTLE_S, self._settle)
        self._timer.daemon = True

    def over(self) -> None:
        """Once it has returned, nothing will be called."""
        if self._over:
            return
        self._timer.cancel()
        with self._lock:
            self._over = True

    def __enter__(self) -> Settling:
        self._timer.start()
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.over()
        self._timer.join()

    def _settle(self) -> None:
        with self._lock:
            if not self._over:
                self._settled()
                self._over = True
