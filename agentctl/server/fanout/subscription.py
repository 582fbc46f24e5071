"""Subscription: one reader's place in a channel, and what it gets next.

It holds a position, no queue: what a slow reader has not taken costs nothing, and is
merged once it is far behind.
"""

from __future__ import annotations

from typing import Optional

from agentctl.server.fanout.channel import Channel
from agentctl.server.fanout.entry import Entry

CATCH_UP_S = 3.0
"""How long a replica may take to see what a reader's cursor has seen elsewhere."""


class Subscription:
    """Used by one thread at a time; simply dropped when the reader is gone.

    ``heartbeat_s`` is None for no heartbeats.
    """

    __slots__ = (
        "__weakref__",
        "_beat_at",
        "_channel",
        "_cursor",
        "_first",
        "_follow_only",
        "_heartbeat_s",
        "_patient_until",
        "_place",
        "_replay_to",
        "_since",
    )

    def __init__(
        self,
        channel: Channel,
        now: float,
        since: Optional[str] = None,
        heartbeat_s: Optional[float] = 30.0,
        follow_only: bool = False,
    ) -> None:
        self._channel = channel
        self._since = since
        self._follow_only = follow_only
        self._heartbeat_s = heartbeat_s
        self._beat_at = float("inf") if heartbeat_s is None else now + heartbeat_s
        self._patient_until = now + CATCH_UP_S
        self._place: Optional[int] = None
        self._replay_to = 0
        self._cursor = ""
        self._first: tuple[Entry, ...] = ()
        # Its place is that of the moment it came, not of when it is first looked after.
        self._open(now)

    @property
    def channel(self) -> Channel:
        return self._channel

    @property
    def waiting(self) -> Optional[Entry]:
        """What it begins with, if that is known."""
        return self._first[0] if self._first else None

    def take(self, now: float) -> Optional[Entry]:
        """The next entry for this reader; None if there is none now."""
        if self._place is None and not self._open(now):
            return None
        if not self._first:
            self._look()
        if self._first:
            entry, *rest = self._first
            self._first = tuple(rest)
            self._cursor = entry.event.cursor
            return entry
        if now >= self._beat_at and self._heartbeat_s is not None:
            missed = (now - self._beat_at) // self._heartbeat_s
            self._beat_at += self._heartbeat_s * (1 + missed)
            entry, *rest = self._channel.beat_entries(now)
            self._first = tuple(rest)
            return entry
        return None

    def follow(self, number: int, entry: Entry) -> bool:
        """Take the channel's newest entry, if it is all that this reader lacks."""
        if self._place != number - 1 or self._first or self._replay_to >= number:
            return False
        self._place = number
        self._cursor = entry.event.cursor
        return True

    def next_due(self) -> float:
        """When (monotonic) to ask again even if there was no news."""
        if self._place is None:
            return self._patient_until if self._channel.begun else float("inf")
        return self._beat_at

    def _open(self, now: float) -> bool:
        patient = now < self._patient_until
        opening = self._channel.open(self._since, self._follow_only, now, patient)
        if opening is None:
            return False
        self._place, self._replay_to, self._first = opening
        self._cursor = self._since or ""
        self._since = None
        return True

    def _look(self) -> None:
        assert self._place is not None
        while not self._first:
            following = self._channel.next(self._place, self._replay_to, self._cursor)
            if following is None:
                return
            self._place, entries = following
            self._first = tuple(entries)
