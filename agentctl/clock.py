"""Clock: time as an argument."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from functools import partial
from typing import Protocol


class Clock(Protocol):
    """Two clocks: one that only grows, for deadlines, and one that people read."""

    def monotonic(self) -> float:
        """Seconds since an arbitrary point; never goes back, whatever NTP does."""

    def now(self) -> datetime:
        """The wall clock, as an aware datetime in UTC."""


class SystemClock:
    """The machine's own clocks."""

    # As they are: asked several times for each change, they need no frame of their own.
    monotonic = staticmethod(time.monotonic)
    now = staticmethod(partial(datetime.now, timezone.utc))
