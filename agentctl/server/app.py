"""Server application: engine and listeners, and the order in which they begin and end.

Listeners are bound before there is an app, so that a port that is taken is told at once.
The engine's run is the server's: when it ends, by itself or because it was told to, the
streams are ended in good order and its outcome is the server's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from agentctl.debug_log import DebugLog
from agentctl.engine.engine import Engine
from agentctl.engine.policy import Outcome
from agentctl.server.services import Services

log = DebugLog(__name__)

END_S = 2.5
"""How long the streams may take to end, all transports together. The engine's sources have
a second before that and grpc's threads one after it; a process is given 5 s."""


class Transport(Protocol):
    """A listener that is bound, and what it serves."""

    @property
    def threads(self) -> int:
        """How many ``start`` starts."""

    def start(self) -> None:
        """Begin to answer."""

    def drain(self) -> None:
        """Take no new streams and end those there are; never waits."""

    def stop(self, deadline_s: float) -> None:
        """End, with what has not ended after ``deadline_s``. Also good before ``start``."""


class ServerApp:
    """One run of a server; use it once."""

    def __init__(self, engine: Engine, services: Services, transports: Sequence[Transport]) -> None:
        self._engine = engine
        self._services = services
        self._transports = transports

    @property
    def threads(self) -> int:
        """How many a run takes."""
        return self._engine.threads + sum(one.threads for one in self._transports)

    def run(self) -> Outcome:
        """Serve until the engine's run is over; everything has ended when it returns."""
        try:
            for transport in self._transports:
                transport.start()
            return self._engine.run()
        finally:
            self._end()

    def stop(self, exit_code: int) -> None:
        """End the run, from any thread or a signal; never waits."""
        self._services.draining.set()
        self._engine.stop(exit_code)

    def _end(self) -> None:
        clock = self._services.clock
        self._services.draining.set()
        for transport in self._transports:
            transport.drain()
        deadline = clock.monotonic() + END_S
        for transport in self._transports:
            transport.stop(max(0.0, deadline - clock.monotonic()))
        log.debug("all streams have ended")
