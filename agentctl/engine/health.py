"""Health of a source as the engine sees it: up or down, how stale, when to try again."""

from __future__ import annotations

import queue
import random
from collections.abc import Callable, Iterable
from typing import Optional, Union

from agentctl.backoff import Retry
from agentctl.debug_log import DebugLog
from agentctl.duration import format_duration
from agentctl.engine.attempt import Attempt, Source
from agentctl.engine.messages import Ended, Message, Stop
from agentctl.engine.policy import Notice, SourceVitals, StreamPolicy
from agentctl.errors import (
    DisconnectedError,
    RefusedError,
    SourceError,
    StartingError,
    StreamingUnsupported,
    UnauthorizedError,
)
from agentctl.lazy_dataclass import dataclass, field, replace
from agentctl.model import ErrorCode

log = DebugLog(__name__)

WAKE_S = 1.0
"""Within which those that wait are tried, once their server answers; spread, so that it is
not asked for everything at once."""

LOOK_AT_CREDENTIALS_S = 1.0
"""How soon a token that somebody has put in place is noticed."""

REFUSALS = (RefusedError, StreamingUnsupported)
"""What somebody has to mend: trying again soon is of no use."""

AGAIN_S = 1.0
"""How soon an attempt is tried again that could neither begin nor say so."""

JOIN_S = 1.0
"""How long stopping may take, all threads together."""

AWAY_S = 5.0
"""Who is silent for so long is not slow but was away, and could not be written to either."""


LOOKOUT_S = 2.0
"""The longest backoff of who proves a server: one small question for all its sources, which
its answer wakes. A server that is away for long is else not found for half a minute."""


@dataclass
class SourceHealth:
    """Written by the engine's thread only. Times are monotonic seconds."""

    source: Source
    """What runs now: the stream, or what polls in its place."""
    stream: Source
    retry: Retry
    active: bool = True
    """Whether it is asked at all: not while it waits to stand in, nor once others do for it."""
    epoch: int = 0
    attempt: Optional[Attempt] = None
    answered: bool = False
    """Its first answer, good or bad, is in."""
    up: bool = False
    ever_up: bool = False
    excuse: str = ""
    """Why its server has answered, and nothing can be told of it yet; until there is."""
    up_since: Optional[float] = None
    """Since when it has been well; a failure clears it, so that each of one outage counts."""
    last_alive: float = 0.0
    """When what it said was last known to be true, by whatever answer of its server's."""
    heard_at: float = 0.0
    """When it last said something itself."""
    idle: bool = False
    """Its last attempt ended without a failure: there was nothing for it to do."""
    blind: bool = False
    """What rests on it has turned unknown."""
    failure: Optional[SourceError] = None
    last_failure: Optional[SourceError] = None
    not_before: float = 0.0
    """Until when (monotonic) its server does not want to be asked."""
    began_at: float = 0.0
    """When the attempt that is under way began."""
    retry_at: Optional[float] = None
    stream_at: Optional[float] = None
    """When polling may be left for another try of the stream."""
    resource_version: str = ""
    abandoned: list[Attempt] = field(default_factory=list)
    """Attempts that were told to stop and have not been seen to end."""

    @property
    def name(self) -> str:
        return self.stream.name

    @property
    def label(self) -> str:
        """Its name among those of its cluster."""
        return self.stream.label

    @property
    def polling(self) -> bool:
        return self.source is not self.stream

    @property
    def proves(self) -> bool:
        return self.stream.proves

    @property
    def down(self) -> bool:
        """Not up; a proof of life is not missing before it has failed."""
        return not self.up and (not self.proves or self.failure is not None)

    @property
    def known(self) -> bool:
        """Whether anything at all has come of it."""
        return self.ever_up or self.answered or bool(self.excuse) or self.failure is not None

    @property
    def calm(self) -> bool:
        """Nothing is amiss with it, nor follows from the next that it says."""
        if self.proves:
            return not self.down
        return self.up and not (self.idle or self.blind or self.excuse)

    @property
    def stream_due(self) -> Optional[float]:
        """When to try the stream again in whose place it polls."""
        return self.stream_at if self.polling else None

    @property
    def lost(self) -> bool:
        """Down for want of a connection, not of a permission."""
        return self.down and not isinstance(self.failure, REFUSALS)

    @property
    def away(self) -> bool:
        """Down for want of what all sources of a server share: a connection, credentials."""
        return self.lost or (self.down and isinstance(self.failure, UnauthorizedError))

    def kept_waiting(self, now: float) -> bool:
        """Whether its server was away until now: it failed, or was silent for long."""
        return self.last_failure is not None or now - self.began_at > AWAY_S

    def silence(self, waited_s: float) -> str:
        """In words, that nothing at all has come of it for so long."""
        waited = format_duration(max(0.1, round(waited_s, 1)))
        advice = f"; {self.stream.advice}" if self.stream.advice else ""
        return f"no answer from {self.stream.asked} within {waited}{advice}"

    @property
    def refusal(self) -> Optional[SourceError]:
        """Its failure; of a server that starts, the refusal that it may have been."""
        failure = self.failure
        return failure.refusal or failure if isinstance(failure, StartingError) else failure

    def missing(self, now: float, fallen: bool) -> Notice:
        """What its readers are told on the beat; ``fallen``: it is in an outage."""
        failure, cluster = self.failure, self.stream.cluster
        if self.excuse:
            return Notice(self.label, ErrorCode.SERVER, self.excuse, cluster=cluster)
        if failure is not None:
            wait = None if self.retry_at is None else max(0.0, self.retry_at - now)
            return Notice(self.label, failure.code, failure.told, wait, cluster=cluster)
        # Nobody fails where history is read anew, unless that is how an outage ends.
        relists = self.ever_up and not fallen
        code = ErrorCode.RESYNC if relists else ErrorCode.DISCONNECTED
        return Notice(self.label, code, "no answer yet", cluster=cluster)

    def stale_at(self, limit_s: Optional[float], proven_at: Optional[float]) -> Optional[float]:
        """When what rests on it stops being believed.

        One that is down has nothing to say. One that is up may be served from a cache
        whose storage is silent: ``proven_at`` is when that last answered, None where
        nobody looks after it.
        """
        if limit_s is None or self.blind or not self.ever_up or self.proves:
            return None
        if not self.up:
            return self.last_alive + limit_s
        return None if proven_at is None else proven_at + limit_s

    def vitals(self) -> SourceVitals:
        failure = self.failure
        return SourceVitals(
            self.name,
            self.up,
            self.away,
            self.last_alive,
            self.epoch,
            failure.message if failure is not None else "",
            self.stream.cluster,
            self.ever_up,
        )

    def start(self, inbox: queue.Queue[Union[Message, Stop]], now: float) -> None:
        """Begin the next attempt; whatever an earlier one still says is not listened to."""
        self.stop()
        self.retry_at = None
        self.began_at = now
        self.epoch += 1
        # What turned unknown is not resumed but read anew: replaying history would first
        # show the old state as if it were the present one.
        version = "" if self.blind else self.resource_version
        self.attempt = Attempt(self.source, self.epoch, version, inbox)
        try:
            self.attempt.start()
        except DisconnectedError as error:
            self._not_begun(error, inbox, now)

    def look(self, inbox: queue.Queue[Union[Message, Stop]], now: float) -> None:
        """Begin what is due."""
        if self.retry_at is not None and now >= self.retry_at:
            log.debug("%s: reconnecting", self.name)
            self.start(inbox, now)
        if self.stream_due is not None and now >= self.stream_due:
            log.debug("%s: trying the stream again", self.name)
            self.source = self.stream
            self.start(inbox, now)

    def stop(self) -> None:
        """Tell the running attempt to end, without waiting for it."""
        self.abandoned = [attempt for attempt in self.abandoned if not attempt.join(0)]
        if self.attempt is not None:
            self.attempt.stop()
            self.abandoned.append(self.attempt)
            self.attempt = None

    def _not_begun(
        self, error: DisconnectedError, inbox: queue.Queue[Union[Message, Stop]], now: float
    ) -> None:
        """An attempt that has no thread ends as one does whose connection is refused."""
        try:
            inbox.put_nowait(Ended(self.name, self.epoch, error))
        except queue.Full:  # and this is the thread that takes from it
            self.attempt, self.retry_at = None, now + AGAIN_S

    def alive(self, now: float, answers: bool = True) -> None:
        """Proof of life; ``answers`` unless what is to be shown is still to come."""
        self.last_alive = self.heard_at = now
        self.answered, self.ever_up = self.answered or answers, True
        self.blind = self.idle = False
        self.excuse = ""
        if not self.up:
            self.up = True
            self.up_since = now if self.up_since is None else self.up_since
            self.failure = None

    def retry_later(
        self,
        failure: Optional[SourceError],
        up_since: Optional[float],
        now: float,
        refused_s: float,
        rng: random.Random,
    ) -> float:
        """Set the time of the next attempt; returns the wait in seconds.

        ``refused_s`` is how long to wait after a refusal, give or take a quarter.
        """
        wish = (failure.retry_after if failure is not None else None) or 0.0
        if isinstance(failure, REFUSALS):
            delay = refused_s * rng.uniform(0.75, 1.25)
        elif isinstance(failure, StartingError):
            delay = wish
        elif failure is not None and failure.put_off:
            delay = wish + rng.uniform(0.0, WAKE_S)
        else:
            delay = self.retry.failed(now, up_since, wish or None, rng)
        self.not_before = now + wish
        self.retry_at = now + delay
        reason = failure.message if failure is not None else "it ended"
        log.debug("%s: %s; next attempt in %.1fs", self.name, reason, delay)
        return delay

    def relists(self, now: float) -> None:
        """Its history is lost: it answered, but counts as alive only once it has listed."""
        if self.up:
            self.up = False
            self.last_alive = now

    def fell(self, now: float, failure: SourceError, running: bool = False) -> bool:
        """The attempt failed; True if that is news: it was up, or fails another way.

        ``running``: it goes on, but what it says does not count.
        """
        before = self.failure
        self.failure = self.last_failure = failure
        # What a starting server says is no answer yet: it is looked at again.
        self.answered = self.answered or not isinstance(failure, StartingError)
        self.excuse = ""
        if not running:
            self.attempt = None
        news = self.up or before is None or before.code is not failure.code
        self.up, self.up_since = False, None
        return news


def health_of(source: Source, policy: StreamPolicy) -> SourceHealth:
    """A source that has not been started."""
    backoff = policy.backoff
    if source.proves:
        backoff = replace(backoff, cap=max(backoff.base, LOOKOUT_S))
    return SourceHealth(source, source, Retry(backoff), active=not source.stands_in_for)


def stop_all(healths: Iterable[SourceHealth], monotonic: Callable[[], float]) -> None:
    """Signal all threads first, then wait for all, JOIN_S together."""
    for health in healths:
        health.stop()
    deadline = monotonic() + JOIN_S
    for health in healths:
        for attempt in health.abandoned:
            if not attempt.join(max(0.0, deadline - monotonic())):
                log.debug("%s: its thread did not end in time", health.name)
