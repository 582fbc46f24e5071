"""Liveness: what the engine last said of itself, and what readers hear on their beats."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Union

from agentctl.clock import Clock
from agentctl.duration import format_duration
from agentctl.lazy_dataclass import replace
from agentctl.model import ErrorCode, Event, Heartbeat, StreamError
from agentctl.server.fanout.entry import Entry

SILENT_S = 5.0
"""The engine says each second how it is; after this long without, readers are told."""


class Liveness:
    """Not thread-safe: its channel's lock guards it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._said: Sequence[Union[Heartbeat, StreamError]] = ()
        self._said_at = 0.0
        self._told_at = datetime(1970, 1, 1, tzinfo=timezone.utc)
        self._entries: Sequence[Entry] = ()

    def begin(self) -> None:
        """The engine lives, and has said nothing of its sources yet."""
        self._said_at = self._clock.monotonic()

    def say(self, beat_events: Sequence[Union[Heartbeat, StreamError]]) -> None:
        """Take what the engine says on its own beat: an error for each cluster that is missed."""
        self._said, self._entries = beat_events, ()
        self._said_at = self._clock.monotonic()

    def follow(self, event: Event) -> None:
        """See that no beat seems older than an event that came before it."""
        self._told_at = event.generated_at

    def errors(self, now: float, cursor: str) -> tuple[StreamError, ...]:
        """What is amiss at the moment; none if nothing is."""
        events = self._events(now, cursor)
        return tuple(event for event in events if isinstance(event, StreamError))

    def entries(self, now: float, cursor: str) -> Sequence[Entry]:
        """What a reader that has everything is told; the same objects for all of a second."""
        if now - self._said_at > SILENT_S:
            return [Entry(event, now) for event in self._events(now, cursor)]
        if not self._entries or self._entries[0].event.cursor != cursor:
            self._entries = [Entry(event, now) for event in self._events(now, cursor)]
        return self._entries

    def _events(self, now: float, cursor: str) -> Sequence[Union[Heartbeat, StreamError]]:
        silent = now - self._said_at
        if silent > SILENT_S:
            held = format_duration(int(silent))
            message = f"the server has not looked at its sources for {held}"
            return (StreamError(self._clock.now(), message, ErrorCode.STALE, "", None, cursor),)
        if not self._said:
            return (Heartbeat(self._clock.now(), cursor),)
        return [
            replace(said, generated_at=max(said.generated_at, self._told_at), cursor=cursor)
            for said in self._said
        ]
