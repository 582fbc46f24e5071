"""Connection pool: a few connections to one server that many threads share in turn.

How many is decided by how long the first TCP connect took. To a server that is near, a TLS
handshake costs more than waiting for another's answer; to one that is far, each answer that
is waited for costs a round trip, and all ask at once.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Optional

from agentctl.clock import Clock

if TYPE_CHECKING:
    from agentctl.net.connection import Connection
    from agentctl.net.endpoint import HttpEndpoint

NEAR = ((0.001, 2), (0.003, 3))
"""Up to which connect time (seconds) how many connections are enough; beyond, one each."""

FAR_S = NEAR[-1][0]

STALL_S = 0.025
"""How long one waits for a connection while nothing moves, before opening its own: an answer
that does not come holds nobody up for longer."""

PATIENCE_S = 0.25
"""The same while others are connected, shake hands or come free."""


class Turn:
    """One thread that waits for a connection to ``endpoint``."""

    def __init__(self, endpoint: HttpEndpoint) -> None:
        self.endpoint = endpoint
        self.given: Optional[Connection] = None


class ConnectionPool:
    """For all threads. Who is given a connection has it alone until it is put back."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._resting: deque[tuple[Connection, HttpEndpoint]] = deque()
        self._turns: deque[Turn] = deque()
        self._open = 0
        self._enough: Optional[float] = None
        """How many may be open before anybody has to wait; None before the first connect."""
        self._users = 0

    def enter(self) -> None:
        """One more will use it, until ``leave``."""
        with self._changed:
            self._users += 1

    def leave(self) -> None:
        """Whoever is the last one ends the connections that rest."""
        with self._changed:
            self._users -= 1
            ended = [] if self._users else list(self._resting)
            if ended:
                self._resting.clear()
        for conn, _ in ended:
            conn.end()

    def take(
        self, endpoint: HttpEndpoint, make: Callable[[], Connection]
    ) -> tuple[Connection, bool]:
        """A connection that has rested, or one made anew (True), after a short wait at most.

        One that was made is to be dialled, by who has it.
        """
        stale: list[Connection] = []
        with self._changed:
            found = self._rested(endpoint, stale) or self._waited_for(endpoint)
            if found is None:
                self._open += 1
        for conn in stale:
            conn.end()
        return (found, False) if found is not None else (make(), True)

    def put(self, conn: Connection, endpoint: HttpEndpoint) -> None:
        """Give back what can be used again: to who waits longest, if anybody does."""
        with self._changed:
            used = self._users > 0
            turn = next((one for one in self._turns if one.endpoint is endpoint), None)
            if turn is not None:
                turn.given = conn
                self._turns.remove(turn)
            elif used:
                self._resting.append((conn, endpoint))
            self._changed.notify_all()
        if turn is None and not used:
            conn.end()

    def connected(self, seconds: float) -> None:
        """A TCP connect took so long."""
        with self._changed:
            if self._enough is None:
                fitting = (count for limit_s, count in NEAR if seconds < limit_s)
                self._enough = next(fitting, float("inf"))
            self._changed.notify_all()

    def dialled(self) -> None:
        """One that was made can be asked."""
        with self._changed:
            self._changed.notify_all()

    def gone(self) -> None:
        """One that was made has ended."""
        with self._changed:
            self._open -= 1
            self._changed.notify_all()

    def _rested(self, endpoint: HttpEndpoint, stale: list[Connection]) -> Optional[Connection]:
        """One that is good still; the others are added to ``stale``."""
        while self._resting and not self._turns:
            conn, its = self._resting.pop()
            if its is endpoint and not conn.is_stale:
                return conn
            stale.append(conn)
        return None

    def _waited_for(self, endpoint: HttpEndpoint) -> Optional[Connection]:
        turn = Turn(endpoint)
        began = self._clock.monotonic()
        self._turns.append(turn)
        while turn.given is None:
            seconds = self._patience_s(began)
            if seconds <= 0 or not self._changed.wait(seconds):
                break
        if turn.given is None:
            self._turns.remove(turn)
        return turn.given

    def _patience_s(self, began: float) -> float:
        """How long to wait for another's connection now; 0 where one more is to be opened."""
        if not self._open:
            return 0.0
        if self._enough is None:
            return FAR_S
        waited_s = self._clock.monotonic() - began
        return STALL_S if self._open >= self._enough and waited_s < PATIENCE_S else 0.0
