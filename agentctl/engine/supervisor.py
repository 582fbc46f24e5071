"""Supervisor: what becomes of a failed source: retry, poll instead, give up, end the run.

Used by the engine's thread only. A source's attempt ends with a failure; what that
means depends on what the failure is, on whether the source ever worked, and on what
the user asked for.
"""

from __future__ import annotations

import logging
import queue
import random
from collections.abc import Callable, Collection, Iterable, Iterator
from math import inf
from typing import Optional, Union

from agentctl.duration import format_duration
from agentctl.engine.attempt import Source
from agentctl.engine.health import Renewal, SourceHealth, health_of, stop_all
from agentctl.engine.messages import (
    Alive,
    Changed,
    Ended,
    Message,
    Pending,
    Received,
    Replaced,
    Stop,
    Warned,
)
from agentctl.engine.outage import Reach, ServerHealth
from agentctl.engine.policy import Notice, Outcome, SourceVitals, StreamPolicy
from agentctl.errors import (
    STARTING,
    DisconnectedError,
    ExitCode,
    ForbiddenError,
    NotFoundError,
    ServerError,
    StartingError,
    StreamingUnsupported,
    UnauthorizedError,
)
from agentctl.model import ErrorCode

log = logging.getLogger(__name__)


class Supervisor:
    """All sources' health.

    ``tell`` sends an error event; ``blind(source, reason)`` turns unknown what rests on
    a source; ``lost(source, since, now)`` and ``found(source, now)`` say how its
    connection is.
    """

    def __init__(
        self,
        sources: Iterable[Source],
        policy: StreamPolicy,
        rng: random.Random,
        *,
        tell: Callable[[Notice], None],
        blind: Callable[[str, str], None],
        lost: Callable[[str, float, float], None],
        found: Callable[[str, float], None],
        proven: Callable[[Optional[float]], Collection[str]],
    ) -> None:
        self._policy = policy
        self._rng = rng
        self._tell = tell
        self._blind = blind
        self._lost = lost
        self._found = found
        self._proven = proven
        self._health = {source.name: health_of(source, policy) for source in sources}
        self._servers: dict[str, ServerHealth] = {}
        for health in self:
            server = self._servers.setdefault(health.stream.server, ServerHealth(rng, tell))
            server.add(health)
        self._renewal = Renewal()
        self._calm, self._due = False, inf
        """Whether the last ``look`` found all well, and until when nothing is due then."""

    def __iter__(self) -> Iterator[SourceHealth]:
        return iter(self._health.values())

    def __getitem__(self, name: str) -> SourceHealth:
        return self._health[name]

    @property
    def answered(self) -> bool:
        """Whether every source has its first answer, good or bad."""
        return all(health.answered for health in self if not health.proves)

    @property
    def reached(self) -> bool:
        """Whether any source ever had a good answer, or there is none to be asked."""
        told = [health for health in self if not health.proves]
        return not told or any(health.ever_up for health in told)

    @property
    def down(self) -> list[SourceHealth]:
        if self._calm:
            return []
        return [health for server in self._servers.values() for health in server.down]

    @property
    def lost(self) -> list[SourceHealth]:
        """Those down for want of a connection, not of a permission."""
        return [health for health in self.down if health.lost]

    @property
    def settling(self) -> bool:
        """There is an outage that has not been told yet."""
        return not self._calm and any(server.settling for server in self._servers.values())

    def fallen(self, health: SourceHealth) -> bool:
        """Whether it is one of those that an outage has taken and not given back."""
        return self._server(health).took(health)

    def vitals(self) -> tuple[SourceVitals, ...]:
        """How each source is; for any thread, as all that is read is replaced, not changed."""
        return tuple(health.vitals() for health in self)

    def versions(self) -> dict[str, str]:
        """The resourceVersion that each source has got to, where it has one."""
        known = self._health.items()
        return {name: one.resource_version for name, one in known if one.resource_version}

    def start(self, inbox: queue.Queue[Union[Message, Stop]], now: float) -> None:
        """Begin every source's first attempt."""
        self._inbox = inbox
        for server in self._servers.values():
            server.last_proof = now
        for health in self:
            health.last_alive = now
            if not health.proves:
                self._blind(health.name, "no data yet")
            health.start(inbox, now)

    def stop(self, monotonic: Callable[[], float]) -> None:
        """Stop all threads: signal all first, then wait for all, a second together."""
        stop_all(self, monotonic)

    def ended(self, message: Ended, now: float, at_start: bool) -> Optional[Outcome]:
        """An attempt is over; an outcome if that ends the run.

        ``at_start`` says that nothing has been shown yet; it is still the start after
        that for as long as no source ever had a good answer.
        """
        self._calm = False
        health = self[message.source]
        failure = message.failure
        server = self._server(health)
        refused_s = self._policy.refused_retry_s
        health.stop()
        if failure is None:
            health.idle = True
            if health.proves:
                self._proven(None)
            server.answered(health, now, Reach.ANSWERS if health.proves else Reach.WELL)
            if not self._policy.once:
                health.retry_later(None, health.up_since, now, refused_s, self._rng)
            return None
        if isinstance(failure, StreamingUnsupported):
            server.answered(health, now, Reach.WELL)
            return self._fall_back(health, failure, now)
        self._look_back(server, at_start and isinstance(failure, StartingError), now)
        unshown = at_start and not health.ever_up and not health.proves
        at_start = not health.ever_up and (at_start or not self.reached)
        if isinstance(failure, UnauthorizedError) and at_start:
            return Outcome(ExitCode.REFUSED, failure.message)
        if isinstance(failure, DisconnectedError) and not self._policy.retry:
            return Outcome(ExitCode.DISCONNECTED, failure.message)
        up_since = health.up_since
        if health.proves and health.up:  # what nobody can renew does not expire
            for member in server.watches:
                self._lost(member.name, server.last_proof, now)
        elif health.ever_up and not health.proves:
            # Its end may have come long before, or while it was being read anew.
            self._lost(health.name, health.heard_at if server.proves else now, now)
        news = health.fell(now, failure)
        starting = isinstance(failure, StartingError)
        if isinstance(failure, (ForbiddenError, NotFoundError)):
            health.blind = True
            self._blind(health.name, failure.message)
        elif starting and not health.ever_up:
            self._blind(health.name, STARTING)
        elif unshown:
            self._blind(health.name, failure.message)
        again = starting or not self._policy.once
        waits = (failure, up_since, now, refused_s, self._rng)
        delay = health.retry_later(*waits) if again else None
        server.failed(health, failure, delay, news, now)
        return None

    def _look_back(self, server: ServerHealth, starts: bool, now: float) -> None:
        """If it starts while we do: what is seen on it could not be renewed before."""
        server.just_back = server.just_back or starts
        for health in server.watches:
            if starts and health.up:
                self._lost(health.name, -inf, now)
                self._found(health.name, now)

    def heard(self, message: Message, now: float) -> bool:
        """A sign of life; False where it does not count: a cache speaks for silent storage."""
        health = self[message.source]
        server = self._server(health)
        if self._calm and isinstance(message, (Changed, Received)):
            # Neither speaks for another source: one that receives has none beside it.
            health.last_alive = health.heard_at = now
            return True
        self._calm = False
        if isinstance(message, Pending):
            server.answered(health, now, Reach.STARTS)
            health.excuse = message.reason
            if not health.ever_up:
                self._blind(health.name, message.reason)
            return False
        if isinstance(message, Received) or (
            isinstance(message, (Alive, Replaced)) and message.consistent
        ):
            self._proved(server, health.name, now)
        elif server.stale:
            return False
        if not health.up and not health.proves:
            if not health.ever_up and (server.just_back or health.kept_waiting(now)):
                self._lost(health.name, -inf, now)
            self._found(health.name, now)
        health.alive(now)
        health.heard_at = now
        server.answered(health, now, Reach.WELL)
        return True

    def give_up_waiting(self, waited_s: float) -> None:
        """What is shown now is shown without those that have not answered: say so."""
        for health in self:
            if not (health.known or health.proves):
                self._blind(health.name, health.silence(waited_s))

    def lost_history(self, message: Warned, now: float) -> None:
        """A source reads everything anew, and is told of once that is there."""
        self._calm = False
        health = self[message.source]
        health.relists(now)
        if message.restored:  # no time in it counts: nobody could renew anything since
            self._lost(health.name, -inf, now)
        self._server(health).lost_history(health, message.message, now)

    def tell_resync(self, differs: Callable[[], bool], now: float) -> None:
        """Before what is new is told: whether it is because history was lost."""
        for server in () if self._calm else self._servers.values():
            server.tell_resync(differs, now)

    def look(self, now: float, at_once: bool = False) -> None:
        """Do what is due: staleness, retries, another try of the stream, what is to be told.

        ``at_once`` tells of an outage before it has settled: there is no later.
        """
        if self._calm and now < self._due:
            return
        self._calm = False
        self._turn_stale(now)
        self._renewal.look(self, now)
        for server in self._servers.values():
            server.look(now, at_once)
        for health in self:
            health.look(self._inbox, now)
        self._due = min(self.deadlines(), default=inf)
        self._calm = all(server.calm for server in self._servers.values())

    def deadlines(self) -> Iterator[float]:
        """When (monotonic) ``look`` will find something due."""
        if self._calm:
            yield from (self._due,) if self._due < inf else ()
            return
        for server in self._servers.values():
            yield from server.deadlines()
        if self._renewal.due is not None:
            yield self._renewal.due
        for health in self:
            moments = (health.retry_at, health.stream_due, self._stale_at(health))
            yield from (moment for moment in moments if moment is not None)

    def _fall_back(
        self, health: SourceHealth, failure: StreamingUnsupported, now: float
    ) -> Optional[Outcome]:
        fallback = health.stream.fallback()
        if not self._policy.fallback_poll or fallback is None:
            return Outcome(ExitCode.STREAMING_UNSUPPORTED, failure.message)
        # Later tries of the stream fail without a word, unless one had worked for a while.
        tried_at = -inf if health.stream_at is None else health.stream_at
        if now - tried_at >= self._policy.backoff.reset_after:
            text = f"polling instead: {failure.message}"
            self._tell(Notice(health.name, ErrorCode.FALLBACK, text))
        health.source = fallback
        health.stream_at = now + self._policy.stream_retry_s
        health.start(self._inbox, now)
        return None

    def _server(self, health: SourceHealth) -> ServerHealth:
        return self._servers[health.stream.server]

    def _stale_at(self, health: SourceHealth) -> Optional[float]:
        return self._server(health).stale_at(health, self._policy.max_staleness_s)

    def _turn_stale(self, now: float) -> None:
        for server in self._servers.values():
            turned = []
            for health in server.members:
                stale_at = self._stale_at(health)
                if stale_at is None or now < stale_at:
                    continue
                reason = f"no data for {format_duration(self._policy.max_staleness_s or 0.0)}"
                turned.append(health.name)
                self._blind(health.name, reason)
                health.blind = True
                if health.up:  # only its cache is
                    server.stale = True
                    health.fell(now, ServerError(f"its storage is silent: {reason}"), running=True)
                    server.fell(health, now, told=True)
                elif health.attempt is not None and health.attempt.resource_version:
                    # Under way to resume what is not believed any more: read it anew instead.
                    health.start(self._inbox, now)
            if turned:
                what = turned[0] if len(turned) == 1 else f"{len(turned)} sources"
                text = f"{what}: {reason}"
                self._tell(Notice(turned[0], ErrorCode.STALE, text, sources=tuple(turned)))

    def _proved(self, server: ServerHealth, speaker: str, now: float) -> None:
        """The server's storage has answered: what its caches say counts again, read anew."""
        server.last_proof = now
        stale, server.stale = server.stale, False
        silent = stale or any(health.proves and health.down for health in server.members)
        if silent:
            server.wake(now)
        for name in self._proven(now) if server.proves else ():
            # Or its connection is dead, and nobody has said so.
            if name != speaker and self[name].up:
                self[name].start(self._inbox, now)
        for health in server.members:
            if health.proves:
                health.alive(now)
            elif health.up:
                health.last_alive = now
                if silent:
                    self._found(health.name, now)
            elif stale and health.attempt is not None:
                health.start(self._inbox, now)
