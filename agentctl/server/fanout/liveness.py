"""Liveness: what the engine last said of itself, and what readers hear on their beats."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from typing import Optional, Union

from agentctl.clock import Clock
from agentctl.duration import format_duration
from agentctl.model import ErrorCode, Event, Heartbeat, StreamError
from agentctl.server.fanout.entry import Entry

SILENT_S = 5.0
"""The engine says each second how it is; after this long without, readers are told."""


class Liveness:
    """Not thread-safe: its channel's lock guards it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._said: Union[Heartbeat, StreamError, None] = None
        self._said_at = 0.0
        self._told_at = datetime(1970, 1, 1, tzinfo=timezone.utc)
        self._entry: Optional[Entry] = None

    def begin(self) -> None:
        """The engine lives, and has said nothing of its sources yet."""
        self._said_at = self._clock.monotonic()

    def say(self, beat_event: Union[Heartbeat, StreamError]) -> None:
        """Take what the engine says on its own beat."""
        self._said, self._entry = beat_event, None
        self._said_at = self._clock.monotonic()

    def follow(self, event: Event) -> None:
        """See that no beat seems older than an event that came before it."""
        self._told_at = event.generated_at

    def error(self, now: float, cursor: str) -> Optional[StreamError]:
        """What is amiss at the moment; None if nothing is."""
        event = self._event(now, cursor)
        return event if isinstance(event, StreamError) else None

    def entry(self, now: float, cursor: str) -> Entry:
        """What a reader that has everything is told; the same object for all of a second."""
        if now - self._said_at > SILENT_S:
            return Entry(self._event(now, cursor), now)
        if self._entry is None or self._entry.event.cursor != cursor:
            self._entry = Entry(self._event(now, cursor), now)
        return self._entry

    def _event(self, now: float, cursor: str) -> Union[Heartbeat, StreamError]:
        silent = now - self._said_at
        if silent > SILENT_S:
            held = format_duration(int(silent))
            message = f"the server has not looked at its sources for {held}"
            return StreamError(self._clock.now(), message, ErrorCode.STALE, "", None, cursor)
        if self._said is None:
            return Heartbeat(self._clock.now(), cursor)
        at = max(self._said.generated_at, self._told_at)
        return replace(self._said, generated_at=at, cursor=cursor)
