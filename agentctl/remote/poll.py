"""Sources of a server's state: what all transports have in common, and polling it."""

from __future__ import annotations

from abc import abstractmethod
from typing import Callable, Optional

from agentctl.clock import Clock
from agentctl.engine.attempt import UNREACHED, Attempt, Source
from agentctl.model import Snapshot, StreamError
from agentctl.remote.access import ServerAccess
from agentctl.remote.receiver import CATCH_UP_S, SOURCE, Receiver


class RemotePollSource(Source):
    """A server's state, asked for again and again; or once, with ``once``."""

    name = noun = SOURCE

    def __init__(
        self,
        ask: Callable[[Attempt], tuple[Snapshot, list[StreamError]]],
        clock: Clock,
        access: ServerAccess,
    ) -> None:
        """``ask`` is ``RemoteSource.ask``."""
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


class RemoteSource(Source):
    """The stream of one server; its status alone where once is enough."""

    name = noun = SOURCE

    def __init__(self, access: ServerAccess, clock: Clock) -> None:
        self._access = access
        self._clock = clock
        self._patient_until: Optional[float] = None
        self._complaints: set[str] = set()

    advice = UNREACHED

    @property
    def asked(self) -> str:
        return f"{SOURCE} {self._access.address}"

    def credentials(self) -> object:
        return self._access.credentials()

    def fallback(self) -> RemotePollSource:
        return RemotePollSource(self.ask, self._clock, self._access)

    def run(self, attempt: Attempt) -> None:
        if self._access.once:
            self.fallback().run(attempt)
            return
        if self._patient_until is None:
            self._patient_until = self._clock.monotonic() + CATCH_UP_S
        self.watch(
            attempt,
            Receiver(attempt, self._clock, self._access, self._patient_until, self._complaints),
        )

    @abstractmethod
    def watch(self, attempt: Attempt, receiver: Receiver) -> None:
        """One stream to its end, which is a failure always. Raises SourceError."""

    @abstractmethod
    def ask(self, attempt: Attempt) -> tuple[Snapshot, list[StreamError]]:
        """The server's status, once. Raises SourceError; within a second of a stop."""
