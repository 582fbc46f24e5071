"""Supervisor: what becomes of a failed source: retry, poll instead, give up, end the run.

Used by the engine's thread only. A source's attempt ends with a failure; what that
means depends on what the failure is, on whether the source ever worked, and on what
the user asked for.
"""

from __future__ import annotations

import queue
import random
from collections.abc import Callable, Collection, Iterable, Iterator
from math import inf
from typing import Optional, Union

from agentctl.debug_log import DebugLog
from agentctl.engine.attempt import Source
from agentctl.engine.health import SourceHealth, health_of, stop_all
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
from agentctl.engine.staleness import Staleness
from agentctl.engine.stand_ins import StandIns
from agentctl.engine.unseen import essential
from agentctl.errors import (
    STARTING,
    DisconnectedError,
    ExitCode,
    ForbiddenError,
    NotFoundError,
    SourceError,
    StartingError,
    StreamingUnsupported,
    UnauthorizedError,
)
from agentctl.model import ErrorCode

log = DebugLog(__name__)


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
        proven: Callable[[Optional[float], str], Collection[str]],
    ) -> None:
        self._policy = policy
        self._rng = rng
        self._blind = blind
        self._lost = lost
        self._found = found
        self._proven = proven
        self.rests_until = -inf
        """Until when nothing is due, all being well; -inf where the last look found otherwise."""
        self._health = {source.name: health_of(source, policy) for source in sources}
        self.got_to = dict.fromkeys(self._health, "")
        """The resourceVersion of what was applied of each source; empty where it has none."""
        self._servers: dict[str, ServerHealth] = {}
        for health in self:
            name = health.stream.server
            empty = ServerHealth(rng, tell, health.stream.cluster)
            self._servers.setdefault(name, empty).add(health)
        self._stand_ins = StandIns(
            self._health.values(), lambda health, now: health.start(self._inbox, now)
        )
        self._staleness = Staleness(
            policy.max_staleness_s,
            blind,
            found,
            proven,
            lambda health, now: health.start(self._inbox, now),
        )

    def __iter__(self) -> Iterator[SourceHealth]:
        return (health for health in self._health.values() if health.active)

    def __getitem__(self, name: str) -> SourceHealth:
        return self._health[name]

    @property
    def servers(self) -> list[ServerHealth]:
        return list(self._servers.values())

    @property
    def several(self) -> bool:
        """Whether several clusters are watched: the loss of one is not the end then."""
        return len(essential(self.servers)) > 1

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
        return [health for server in self._restless for health in server.down]

    @property
    def lost(self) -> list[SourceHealth]:
        """Those down for want of a connection, not of a permission."""
        return [health for health in self.down if health.lost]

    def missing(self, now: float) -> list[Notice]:
        """What readers are told on the beat of those that are down."""
        return [h.missing(now, server.took(h)) for server in self._restless for h in server.down]

    @property
    def settling(self) -> bool:
        """There is an outage that has not been told yet."""
        return any(server.settling for server in self._restless)

    @property
    def _restless(self) -> Iterator[ServerHealth]:
        return (server for server in self._servers.values() if server.rests_until == -inf)

    def vitals(self) -> tuple[SourceVitals, ...]:
        """How each source is; for any thread, as all that is read is replaced, not changed."""
        return tuple(health.vitals() for health in self)

    def versions(self) -> dict[str, str]:
        """The resourceVersion that each source has got to, where it has one."""
        return {name: version for name, version in self.got_to.items() if version}

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
        health = self[message.source]
        failure = message.failure
        server = self._stirred(health)
        health.stop()
        if failure is None:
            self._done(server, health, now)
            return None
        if self._stand_ins.take_over(server, health, failure, now):
            self.got_to[health.name] = ""
            return None
        if isinstance(failure, StreamingUnsupported):
            server.answered(health, now, Reach.WELL)
            outcome = self._fall_back(server, health, failure, now)
            if outcome is None or not self.several:
                return outcome
        self._look_back(server, at_start and isinstance(failure, StartingError), now)
        unshown = (at_start or self.several) and not health.ever_up and not health.proves
        at_start = not health.ever_up and (at_start or not self.reached)
        gives_up = isinstance(failure, DisconnectedError) and not self._policy.retry
        ends = gives_up or (isinstance(failure, UnauthorizedError) and at_start)
        if ends and not self.several:
            return Outcome(failure.exit_code, failure.message)
        up_since = health.up_since
        if health.proves and health.up:  # what nobody can renew does not expire
            for member in server.watches:
                self._lost(member.name, server.last_proof, now)
        elif health.ever_up and not health.proves:
            # Its end may have come long before, or while it was being read anew.
            self._lost(health.name, health.heard_at if server.proves else now, now)
        news = health.fell(now, failure)
        starting = isinstance(failure, StartingError)
        self._turn_blind(health, failure, unshown)
        again = (starting or not self._policy.once) and not gives_up
        waits = (failure, up_since, now, self._policy.refused_retry_s, self._rng)
        delay = health.retry_later(*waits) if again else None
        server.failed(health, failure, delay, news, now)
        if gives_up and all(h.lost for one in essential(self.servers) for h in one.watches):
            return Outcome(ExitCode.DISCONNECTED, f"{server.cluster}: {failure.message}")
        return None

    def _done(self, server: ServerHealth, health: SourceHealth, now: float) -> None:
        """An attempt has done all that was asked."""
        health.idle = True
        if health.proves:
            self._proven(None, server.cluster)
        server.answered(health, now, Reach.ANSWERS if health.proves else Reach.WELL)
        if not self._policy.once:
            refused_s = self._policy.refused_retry_s
            health.retry_later(None, health.up_since, now, refused_s, self._rng)

    def _turn_blind(self, health: SourceHealth, failure: SourceError, unshown: bool) -> None:
        """What rests on it cannot be known for this failure; ``unshown``: it never was."""
        if isinstance(failure, (ForbiddenError, NotFoundError, StreamingUnsupported)):
            health.blind = True
            self._blind(health.name, failure.message)
        elif isinstance(failure, StartingError) and not health.ever_up:
            self._blind(health.name, STARTING)
        elif unshown:
            self._blind(health.name, failure.message)

    def _look_back(self, server: ServerHealth, starts: bool, now: float) -> None:
        """If it starts while we do: what is seen on it could not be renewed before."""
        server.just_back = server.just_back or starts
        for health in server.watches:
            if starts and health.up:
                self._lost(health.name, -inf, now)
                self._found(health.name, now)

    def heard(self, message: Message, now: float) -> bool:
        """A sign of life; False where it does not count: a cache speaks for silent storage."""
        health = self._health[message.source]
        rests = self._servers[health.stream.server].rests_until > -inf
        if rests and isinstance(message, (Changed, Received)):
            # Neither speaks for another source: one that receives has none beside it.
            health.last_alive = health.heard_at = now
            return True
        server = self._stirred(health)
        if isinstance(message, Pending):
            server.answered(health, now, Reach.STARTS)
            health.excuse = message.reason
            if not health.ever_up:
                self._blind(health.name, message.reason)
            return False
        if isinstance(message, Received) or (
            isinstance(message, (Alive, Replaced)) and message.consistent
        ):
            self._staleness.proved(server, health.name, now)
        elif server.stale:
            return False
        unrenewed = isinstance(message, Replaced) and message.unrenewed
        if not health.up and not health.proves:
            if not health.ever_up and (unrenewed or server.just_back or health.kept_waiting(now)):
                self._lost(health.name, -inf, now)
            self._found(health.name, now)
        health.alive(now, answers=not (unrenewed and self._policy.once))
        server.answered(health, now, Reach.WELL)
        return True

    def give_up_waiting(self, waited_s: float) -> None:
        """What is shown now is shown without those that have not answered: say so."""
        for health in self:
            if not (health.known or health.proves):
                self._blind(health.name, health.silence(waited_s))

    def told_missing(self) -> None:
        """Who never answered was named on the beat: that it does is told as well."""
        for server in self._restless:
            for health in server.down:
                if not health.known:
                    server.fell(health, health.began_at, told=True)

    def lost_history(self, message: Warned, now: float) -> None:
        """A source reads everything anew, and is told of once that is there."""
        health = self[message.source]
        server = self._stirred(health)
        health.relists(now)
        if message.restored:  # no time in it counts: nobody could renew anything since
            self._lost(health.name, -inf, now)
        server.lost_history(health, message.message, now)

    def tell_resync(self, differs: Callable[[], bool], now: float) -> None:
        """Before what is new is told: whether it is because history was lost."""
        for server in self._restless:
            server.tell_resync(differs, now)

    def look(self, now: float, at_once: bool = False) -> None:
        """Do what is due: staleness, retries, another try of the stream, what is to be told.

        ``at_once`` tells of an outage before it has settled: there is no later.
        """
        for server in self._servers.values():
            if now < server.rests_until:
                continue
            self._staleness.turn(server, now)
            server.renewal.look(server.members, now)
            server.look(now, at_once)
            for health in server.members:
                health.look(self._inbox, now)
            server.rests_until = self._due(server) if server.calm else -inf
        self.rests_until = min((one.rests_until for one in self._servers.values()), default=inf)

    def next_deadline(self) -> float:
        """When (monotonic) ``look`` will find something due; inf for never."""
        if self.rests_until > -inf:
            return self.rests_until
        rest = (one.rests_until for one in self._servers.values() if one.rests_until > -inf)
        return min((*rest, *map(self._due, self._restless)), default=inf)

    def _due(self, server: ServerHealth) -> float:
        due = [*server.deadlines(), server.renewal.due]
        for health in server.members:
            due += (health.retry_at, health.stream_due, self._staleness.at(server, health))
        return min((moment for moment in due if moment is not None), default=inf)

    def _fall_back(
        self, server: ServerHealth, health: SourceHealth, failure: StreamingUnsupported, now: float
    ) -> Optional[Outcome]:
        fallback = health.stream.fallback()
        if not self._policy.fallback_poll or fallback is None:
            return Outcome(ExitCode.STREAMING_UNSUPPORTED, failure.message)
        # Later tries of the stream fail without a word, unless one had worked for a while.
        tried_at = -inf if health.stream_at is None else health.stream_at
        if now - tried_at >= self._policy.backoff.reset_after:
            text = f"polling instead: {failure.message}"
            server.tell(Notice(health.name, ErrorCode.FALLBACK, text))
        health.source = fallback
        health.stream_at = now + self._policy.stream_retry_s
        health.start(self._inbox, now)
        return None

    def _stirred(self, health: SourceHealth) -> ServerHealth:
        """Its server, of which something is to be found at the next look."""
        server = self._servers[health.stream.server]
        server.rests_until = self.rests_until = -inf
        return server
