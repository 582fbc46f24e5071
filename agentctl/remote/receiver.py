"""Receiver: from a server's events to the engine's messages, for all transports.

A server is one source, ``server``; its place to resume is its own cursor. Nothing that a
peer says is believed to be redacted, small or well-formed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Optional

from agentctl import cursor as cursors
from agentctl.clock import Clock
from agentctl.debug_log import DebugLog
from agentctl.duration import format_duration
from agentctl.engine.attempt import Attempt
from agentctl.engine.messages import Alive, Received, Warned
from agentctl.errors import DisconnectedError
from agentctl.lazy_dataclass import replace
from agentctl.model import ErrorCode, Event, Heartbeat, Snapshot, StreamError
from agentctl.redact import redact, redact_value
from agentctl.remote.access import ServerAccess
from agentctl.sanitize import harmless
from agentctl.wire.statusjson import Namespaces, Read

log = DebugLog(__name__)

SOURCE = "server"
"""The name of the only source there is with a server."""

MIN_HEARTBEAT_S, MAX_HEARTBEAT_S = 1.0, 300.0
"""What servers accept; ours is bent to it."""

CATCH_UP_S = 3.0
"""How long a server may take to see what the user's cursor has seen."""

FIRST_EVENT_S = 15.0
"""A server that has just begun says nothing until its own sources have answered (10 s), or
until it has seen what our cursor has seen (3 s); not even that it is alive."""

MAX_COMPLAINTS = 100
"""What cannot be read is told so often, and no more: a server may make up any number."""


def asked_heartbeat(wanted_s: Optional[float]) -> float:
    """The beat to ask a server for, so that silence is noticed; None wants none printed."""
    return min(max(wanted_s or 30.0, MIN_HEARTBEAT_S), MAX_HEARTBEAT_S)


class Receiver:
    """One attempt's events on their way to the engine: the rules of every transport.

    Only a snapshot begins: until there is one, or a cursor that the stream goes on from,
    what a delta changes would be anybody's guess, and heartbeats say nothing. A first
    snapshot is waited for longer than the beat. Until ``patient_until`` (monotonic,
    CATCH_UP_S after the source's first attempt began) a state older than the user's cursor
    is refused. ``complaints`` outlives attempts: what was told of once is not told again.
    """

    def __init__(
        self,
        attempt: Attempt,
        clock: Clock,
        access: ServerAccess,
        patient_until: float = 0,
        complaints: Optional[set[str]] = None,
    ) -> None:
        self._attempt = attempt
        self._clock = clock
        self._access = access
        self._silence_s = access.silence_s
        self._since = cursors.decode(access.since) if access.since else None
        self._patient_until = patient_until
        self._complaints = complaints if complaints is not None else set()
        self.namespaces = Namespaces(access.namespace)
        """Those of the items that came, for reading what leaves them out."""
        self.known = bool(attempt.resource_version)
        """Whether there is a state that the stream goes on from."""

    @property
    def cursor(self) -> str:
        """What to resume from; empty for a state that has to be read anew."""
        return self._attempt.resource_version

    @property
    def silence_s(self) -> float:
        """How long the server may say nothing that counts."""
        return self._silence_s if self.known else max(self._silence_s, FIRST_EVENT_S)

    def silent(self) -> DisconnectedError:
        """For a server that has been silent for so long."""
        what = "nothing heard from" if self.known else "no snapshot from"
        return DisconnectedError(
            f"{what} {self._access.address} for {format_duration(self.silence_s)}"
        )

    def connected(self) -> None:
        """The server answers. That alone says nothing of a state that is not known yet."""
        if self.cursor:
            self._attempt.put(Alive(SOURCE, self._attempt.epoch, self.cursor))

    def moved(self, cursor: str) -> None:
        """The place to resume from has changed without an event; empty for none any more."""
        if self.known:
            self._attempt.put(Alive(SOURCE, self._attempt.epoch, cursor, forgets=not cursor))

    def take(self, read: Read, cursor: str = "") -> bool:
        """Hand on what a message says; False where it does not count as a sign of life.

        ``cursor`` is the stream's own, for events without one. Raises DisconnectedError
        for a state older than the user's.
        """
        event = read.event
        if event is None:
            log.debug("ignoring an event of type %.60r, which is unknown here", read.kind)
            return self.known
        self.known = self.known or isinstance(event, Snapshot)
        if not self.known:
            return False
        self.receive(event if event.cursor or not cursor else replace(event, cursor=cursor))
        self.complain(read.passed_over)
        return True

    def complain(self, passed_over: Iterable[str]) -> None:
        """Tell of what could not be read, each once."""
        for reason in passed_over:
            text = redact(f"passed over what cannot be read: {reason}")
            if text not in self._complaints and len(self._complaints) < MAX_COMPLAINTS:
                self._complaints.add(text)
                self._attempt.put(Warned(SOURCE, self._attempt.epoch, ErrorCode.SERVER, text))

    def receive(self, event: Event) -> None:
        """Hand one event on. Raises DisconnectedError for a state older than the user's."""
        if isinstance(event, Snapshot):
            self._refuse_the_past(event.cursor)
        event = harmless(event, redact_value)
        self._attempt.put(Received(SOURCE, self._attempt.epoch, event, event.cursor))

    def receive_status(self, snapshot: Snapshot, errors: list[StreamError]) -> None:
        """Hand on a whole state that was asked for, and what is wrong with it."""
        self.receive(snapshot)
        for error in errors:
            self.receive(error)
        if not errors:
            self.receive(Heartbeat(snapshot.generated_at, snapshot.cursor))

    def _refuse_the_past(self, cursor: str) -> None:
        present = cursors.decode(cursor)
        if self._since is None or present is None or present.scope != self._since.scope:
            return
        behind = cursors.is_behind(present.versions, self._since)
        if behind and self._clock.monotonic() < self._patient_until:
            raise DisconnectedError("the server has not seen yet what --since has", 0.5)
