"""Polling a server: its whole status, asked for again and again, or once."""

from __future__ import annotations

from typing import Protocol

from agentctl.clock import Clock
from agentctl.engine.attempt import Attempt, Source
from agentctl.model import Snapshot, StreamError
from agentctl.remote.access import ServerAccess
from agentctl.remote.receiver import SOURCE, Receiver


class Ask(Protocol):
    """Asks a server once for its whole state."""

    def __call__(self, attempt: Attempt) -> tuple[Snapshot, list[StreamError]]:
        """Raises SourceError; returns within a second of the attempt's stop."""


class RemotePollSource(Source):
    """A server's state, asked for again and again; or once, with ``once``."""

    name = noun = SOURCE

    def __init__(self, ask: Ask, clock: Clock, access: ServerAccess) -> None:
        self._ask = ask
        self._clock = clock
        self._access = access

    def credentials(self) -> object:
        return self._access.credentials()

    def run(self, attempt: Attempt) -> None:
        receiver = Receiver(attempt, self._clock, self._access)
        while not attempt.stopping:
            receiver.receive_status(*self._ask(attempt))
            if self._access.once or attempt.wait(self._access.poll_interval_s):
                return
