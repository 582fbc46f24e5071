"""Clock: time as an argument, and times as text."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import Protocol


class Clock(Protocol):
    """Two clocks: one that only grows, for deadlines, and one that people read."""

    def monotonic(self) -> float:
        """Seconds since an arbitrary point; never goes back, whatever NTP does."""

    def now(self) -> datetime:
        """The wall clock, as an aware datetime in UTC."""


class SystemClock:
    """The machine's own clocks."""

    def monotonic(self) -> float:
        return time.monotonic()

    def now(self) -> datetime:
        return datetime.now(timezone.utc)


def format_time(moment: datetime) -> str:
    """UTC, whole seconds, ``Z``: the one form of a time in events and messages.

    >>> format_time(datetime(2026, 1, 30, 18, 15, tzinfo=timezone.utc))
    '2026-01-30T18:15:00Z'
    """
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_time(text: str) -> datetime:
    """Read an RFC 3339 time as Kubernetes writes it, with or without a fraction.

    Raises ValueError for anything else, a time without an offset included.
    """
    body = text[:-1] + "+00:00" if text.endswith(("Z", "z")) else text
    # fromisoformat took only 3 or 6 fraction digits before Python 3.11.
    head, dot, rest = body.partition(".")
    if dot:
        digits = len(rest) - len(rest.lstrip("0123456789"))
        body = f"{head}.{rest[:digits][:6].ljust(6, '0')}{rest[digits:]}"
    moment = datetime.fromisoformat(body)
    if moment.tzinfo is None:
        raise ValueError(f"time without an offset: {text!r}")
    return moment.astimezone(timezone.utc)
