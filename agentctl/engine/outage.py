"""Outages: what the sources of one server have lost together is one error, and one recovery.

A server is one patient. Its sources fall and come back together, within moments of each
other; each keeps its own attempts and waits, and here is what is told of them, and who is
woken when the server answers again. Used by the engine's thread only.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from enum import IntEnum
from math import inf
from typing import Optional

from agentctl.duration import format_duration
from agentctl.engine.health import REFUSALS, WAKE_S, SourceHealth
from agentctl.engine.loss import SETTLE_S, Outage
from agentctl.engine.policy import Notice
from agentctl.engine.renewal import Renewal
from agentctl.errors import RefusedError, ServerError, SourceError, StartingError, UnauthorizedError
from agentctl.model import ErrorCode

LONG_SILENCE_S = 10.0
"""After so long, whoever gets the first answer, and no good one, is eager again itself. Not
sooner: a balancer whose servers take turns in failing would be asked without a pause."""


class Reach(IntEnum):
    """How well a server answers since it last was silent; each step up wakes who waits."""

    SILENT = 0
    ANSWERS = 1
    """Something, if only that it cannot answer now: it may be another in its place."""
    STARTS = 2
    """It is there, and not ready."""
    WELL = 3


class ServerHealth:
    """The sources of one server: its outage, its lost history, its last proof of life.

    ``cluster`` is its name where several are watched.
    """

    def __init__(
        self, rng: random.Random, tell: Callable[[Notice], None], cluster: str = ""
    ) -> None:
        self.cluster = cluster
        self.renewal = Renewal()
        self.rests_until = -inf
        """Until when nothing is due, all being well; -inf where the last look found otherwise."""
        self.members: list[SourceHealth] = []
        self._provers: list[SourceHealth] = []
        self.last_proof = 0.0
        """When (monotonic) an answer last went through the server's storage."""
        self.just_back = False
        """It was still starting when we did."""
        self.stale = False
        """Its storage has been silent for too long: what its caches say does not count."""
        self._rng = rng
        self._emit = tell
        self._reach = Reach.WELL
        self._silent_since = 0.0
        self._unanswered: set[str] = set()
        """Whose last attempts did not reach it."""
        self._outage: Optional[Outage] = None
        self._standing: list[Outage] = []
        """Told before, of sources that the present one has nothing to do with."""
        self._resynced: dict[str, str] = {}
        self._resync_at: Optional[float] = None
        self._resync_told = False

    def tell(self, notice: Notice) -> None:
        """Send an error event: its sources by the names that they have here."""
        if self.cluster:
            start = len(self.cluster) + 1
            names = tuple(name[start:] for name in notice.sources)
            notice = notice._replace(
                source=notice.source[start:], sources=names, cluster=self.cluster
            )
        self._emit(notice)

    def add(self, health: SourceHealth) -> None:
        """One more source of this server's."""
        self.members.append(health)
        if health.proves:
            self._provers.append(health)

    def drop(self, health: SourceHealth, now: float) -> None:
        """One fewer: others are in its place."""
        self.members.remove(health)
        self._unanswered.discard(health.name)
        self._refused(health, now)

    @property
    def proves(self) -> bool:
        """Whether a source of its own asks its storage whether it is alive."""
        return any(not health.idle for health in self._provers)

    @property
    def calm(self) -> bool:
        """Nothing is amiss with any of them, and nothing waits to be told."""
        told = self._outage is None and not self._standing and self._resync_at is None
        reached = self._reach is Reach.WELL and not self._unanswered and not self.stale
        return told and reached and all(health.calm for health in self.members)

    def stale_at(self, health: SourceHealth, limit_s: Optional[float]) -> Optional[float]:
        """When what rests on one of them stops being believed."""
        return health.stale_at(limit_s, self.last_proof if self.proves else None)

    @property
    def watches(self) -> list[SourceHealth]:
        """All but the proof of life."""
        return [health for health in self.members if not health.proves]

    @property
    def down(self) -> list[SourceHealth]:
        """Those that are down; the proof of life alone is named only where it is alone."""
        found = [health for health in self.members if health.down]
        return [health for health in found if not health.proves] or found

    @property
    def _watchers(self) -> list[SourceHealth]:
        """Those that notice at once when the server goes: not who asks it now and then."""
        return [health for health in self.members if health.stream.essential] or self.members

    # Outages.

    @property
    def settling(self) -> bool:
        """There is an outage that has not been told yet."""
        return self._outage is not None and self._outage.tell_at is not None

    def took(self, health: SourceHealth) -> bool:
        """Whether it is one of those that the outage has taken."""
        outages = (*self._standing, self._outage)
        return any(health.name in outage.names for outage in outages if outage is not None)

    def failed(
        self,
        health: SourceHealth,
        failure: SourceError,
        retry_in: Optional[float],
        news: bool,
        now: float,
    ) -> None:
        """An attempt is over: an outage, a refusal, or, unless it is ``news``, the same again."""
        unauthorized = isinstance(failure, UnauthorizedError)
        if isinstance(failure, REFUSALS) and not unauthorized:
            self._refused(health, now)
            if news:
                self.tell(Notice(health.name, failure.code, failure.told, retry_in))
        elif news:
            self.fell(health, now)
            if unauthorized:
                self._tell_again(ErrorCode.UNAUTHORIZED, now)
        if not isinstance(failure, (*REFUSALS, ServerError)):
            self._unreachable(health, now)
        elif not health.proves or isinstance(failure, (*REFUSALS, StartingError)):
            starts = isinstance(failure, StartingError)
            self.answered(health, now, Reach.STARTS if starts else Reach.ANSWERS)
        bad = not isinstance(failure, StartingError) and all(one.down for one in self._watchers)
        if bad and self._reach > Reach.ANSWERS:
            self._reach = Reach.ANSWERS

    def fell(self, health: SourceHealth, now: float, told: bool = False) -> None:
        """A source has lost its connection, and that is news; ``told``: it is being told."""
        if self.took(health):
            return
        outage = self._outage
        if outage is not None and outage.spares(self.members) and not self._proofs(outage):
            self._standing.append(outage)
            outage = None
        outage = outage or Outage((), now, None if told else now + SETTLE_S)
        self._outage = outage._replace(names=(*outage.names, health.name))

    def _proofs(self, outage: Outage) -> bool:
        """Whether it has taken the proof of life: then it is the whole server's."""
        return any(one.name in outage.names for one in self._provers)

    def _tell_again(self, code: ErrorCode, now: float) -> None:
        """The outage has another cause now, and one that somebody has to mend."""
        outage = self._outage
        if outage is not None and outage.tell_at is None and outage.code is not code:
            self._outage = outage._replace(tell_at=now + SETTLE_S)

    def _refused(self, health: SourceHealth, now: float) -> None:
        """It answered, and the answer was no: that is another matter, told by itself."""
        for outage in (*self._standing, self._outage):
            if outage is None or health.name not in outage.names:
                continue
            names = tuple(name for name in outage.names if name != health.name)
            left = outage._replace(names=names) if names else None
            if outage is self._outage:
                self._outage = left
            else:
                self._standing.remove(outage)
                self._standing += [left] if left else []
            if left is None and outage.tell_at is None:
                self._tell_end(outage, now)

    # Silence, and who sleeps through its end.

    def _unreachable(self, health: SourceHealth, now: float) -> None:
        """An attempt ended without an answer; silent is a server that answers nobody."""
        self._unanswered.add(health.name)
        if self._reach is not Reach.SILENT and all(
            one.name in self._unanswered or isinstance(one.failure, RefusedError)
            for one in self._watchers
        ):
            self._reach, self._silent_since = Reach.SILENT, now

    def answered(self, health: SourceHealth, now: float, reach: Reach) -> None:
        """Somebody has an answer; the first of its kind after a silence wakes all who wait.

        Where it was no silence for all, because some had answers or had not asked, those
        are told who did not reach it either; they stay as wary as they were.
        """
        missed = health.name in self._unanswered
        self._unanswered.discard(health.name)
        before = self._reach
        if reach <= before:
            if missed:
                self._hint(now)
            return
        self._reach = reach
        silence = now - self._silent_since if before is Reach.SILENT else 0.0
        self.wake(now, None if silence >= LONG_SILENCE_S else health, before is Reach.SILENT)

    def wake(self, now: float, awake: Optional[SourceHealth] = None, hanging: bool = False) -> None:
        """Have those that wait tried within a moment, each not before its server's own wish.

        With ``hanging`` also those whose attempts are older than that: they talk to one that
        did not answer.
        """
        for health in self.members:
            if health is awake or not health.down or isinstance(health.failure, RefusedError):
                continue
            wake_at = max(now + self._rng.uniform(0.0, WAKE_S), health.not_before)
            health.retry.forget()
            if health.retry_at is not None:
                health.retry_at = min(health.retry_at, wake_at)
            elif hanging and health.attempt is not None and now - health.began_at > WAKE_S:
                health.retry_at = wake_at

    def _hint(self, now: float) -> None:
        """Have those tried within a moment whose last attempts found nobody."""
        for health in self.members:
            if health.name in self._unanswered and health.retry_at is not None:
                wake_at = max(now + self._rng.uniform(0.0, WAKE_S), health.not_before)
                health.retry_at = min(health.retry_at, wake_at)

    def look(self, now: float, at_once: bool = False) -> None:
        """Tell what is due: an outage that has settled, and one that is over."""
        outage = self._outage
        if outage is None and not self._standing:
            return
        down = {health.name: health for health in self.members if health.away}
        for old in [old for old in self._standing if down.keys().isdisjoint(old.names)]:
            self._standing.remove(old)
            self._tell_end(old, now)
        if outage is None:
            return
        over = not any(name in down for name in outage.names)
        everyone = all(one.away for one in self._watchers)
        if outage.tell_at is not None and (over or at_once or everyone or now >= outage.tell_at):
            code = self._tell_loss(outage, down, now)
            told = (*outage.told, *self._shown(outage.names))
            outage = self._outage = outage._replace(tell_at=None, code=code, told=told)
        if over:
            self._outage = None
            self._tell_end(outage, now)

    def _tell_end(self, outage: Outage, now: float) -> None:
        names = self._shown(outage.names, outage.told)
        lasted = now - outage.since
        text = f"{self._listed(names)}: back after {format_duration(max(1, round(lasted)))}"
        self.tell(Notice(names[0], ErrorCode.RECOVERED, text, sources=names, lasted=lasted))

    def _tell_loss(
        self, outage: Outage, down: dict[str, SourceHealth], now: float
    ) -> Optional[ErrorCode]:
        """As what it was told: refused credentials before all else, as nobody's but theirs."""
        names = self._shown(outage.names)
        health = next(one for one in self.members if one.name == names[0])
        failure = health.failure or health.last_failure
        refused = (one.failure for one in down.values() if one.name in outage.names)
        failure = next((one for one in refused if isinstance(one, UnauthorizedError)), failure)
        waits = [one.retry_at - now for one in down.values() if one.retry_at is not None]
        if failure is not None:
            retry_in = max(0.0, min(waits)) if waits else None
            self.tell(Notice(names[0], failure.code, failure.message, retry_in, names))
        return failure.code if failure is not None else None

    def _shown(self, names: Iterable[str], told: Iterable[str] = ()) -> tuple[str, ...]:
        """In the order of the sources; the proof of life only where nothing else is, or where
        it was ``told``."""
        order = [one for one in self.members if one.name in set(names)]
        shown = [one.name for one in order if not one.proves or one.name in told]
        return tuple(shown or [one.name for one in order])

    def _listed(self, names: tuple[str, ...]) -> str:
        start = len(self.cluster) + 1 if self.cluster else 0
        return names[0][start:] if len(names) == 1 else f"{len(names)} sources"

    # Lost history.

    def lost_history(self, health: SourceHealth, message: str, now: float) -> None:
        """A source reads everything anew; what that brings decides what is told."""
        self._resynced[health.name] = message
        self._resync_at = now + SETTLE_S

    def tell_resync(self, differs: Callable[[], bool], now: float) -> None:
        """Say once for all of them what the new lists brought, before that itself is told.

        That nothing differs is known when the lists of all are there, in an outage at its
        end; and is not worth a word where it was told before that something does.
        """
        if self._resync_at is None:
            return
        lost = [one for one in self.members if one.name in self._resynced]
        names = tuple(one.name for one in lost)
        if any(one.up for one in lost) and differs():
            text = self._resynced[names[0]]
            self.tell(Notice(names[0], ErrorCode.RESYNC, text, sources=names))
            self._resynced.clear()
            self._resync_told = True
        elif now >= self._resync_at and self._relisted:
            if not self._resync_told:
                text = f"history of {self._listed(names)} was lost and read anew: nothing differs"
                self.tell(Notice(names[0], ErrorCode.RESYNC, text, sources=names))
            self._resynced.clear()
            self._resync_at, self._resync_told = None, False

    @property
    def _relisted(self) -> bool:
        """Whether the lists of all that lost their history are there."""
        lost = (one for one in self.members if one.name in self._resynced)
        return self._outage is None and all(one.up for one in lost)

    def deadlines(self) -> Iterable[float]:
        if self._outage is not None and self._outage.tell_at is not None:
            yield self._outage.tell_at
        if self._resync_at is not None and self._relisted:
            yield self._resync_at
