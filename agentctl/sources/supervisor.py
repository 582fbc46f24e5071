"""Decides what becomes of each source: retry, poll instead, give up, or end the run.

Used by the engine's thread only. A source's attempt ends with a failure; what that
means depends on what the failure is, on whether the source ever worked, and on what
the user asked for.
"""

from __future__ import annotations

import logging
import queue
import random
from collections.abc import Callable, Iterable, Iterator
from typing import Optional, Protocol, Union

from agentctl.backoff import Retry
from agentctl.duration import format_duration
from agentctl.errors import (
    DisconnectedError,
    ExitCode,
    ForbiddenError,
    NotFoundError,
    RefusedError,
    SourceError,
    StreamingUnsupported,
    UnauthorizedError,
)
from agentctl.model import ErrorCode
from agentctl.policy import Outcome, SourceVitals, StreamPolicy
from agentctl.sources.base import Ended, Message, Source, Stop
from agentctl.sources.health import SourceHealth

log = logging.getLogger(__name__)

JOIN_S = 1.0
"""How long stopping may take, all threads together."""


class Tell(Protocol):
    """Sends an error event."""

    def __call__(
        self, source: str, code: ErrorCode, message: str, retry_in: Optional[float] = None
    ) -> None: ...


class Supervisor:
    """All sources' health.

    ``tell`` sends an error event; ``blind(source, reason)`` turns unknown what rests on
    a source.
    """

    def __init__(
        self,
        sources: Iterable[Source],
        policy: StreamPolicy,
        rng: random.Random,
        *,
        tell: Tell,
        blind: Callable[[str, str], None],
    ) -> None:
        self._policy = policy
        self._rng = rng
        self._tell = tell
        self._blind = blind
        self._health = {
            source.name: SourceHealth(source, source, Retry(policy.backoff)) for source in sources
        }

    def __iter__(self) -> Iterator[SourceHealth]:
        return iter(self._health.values())

    def __getitem__(self, name: str) -> SourceHealth:
        return self._health[name]

    @property
    def answered(self) -> bool:
        """Whether every source has its first answer, good or bad."""
        return all(health.answered for health in self)

    @property
    def reached(self) -> bool:
        """Whether any source ever had a good answer, or there is none to be asked."""
        return not self._health or any(health.ever_up for health in self)

    @property
    def down(self) -> list[SourceHealth]:
        return [health for health in self if not health.up]

    @property
    def lost(self) -> list[SourceHealth]:
        """Those down for want of a connection, not of a permission."""
        return [health for health in self if health.lost]

    def vitals(self) -> tuple[SourceVitals, ...]:
        """How each source is; for any thread, as all that is read is replaced, not changed."""
        return tuple(health.vitals() for health in self)

    def versions(self) -> dict[str, str]:
        """The resourceVersion that each source has got to, where it has one."""
        return {health.name: health.resource_version for health in self if health.resource_version}

    def start(self, inbox: queue.Queue[Union[Message, Stop]], now: float) -> None:
        """Begin every source's first attempt."""
        self._inbox = inbox
        for health in self:
            health.last_alive = now
            self._blind(health.name, "no data yet")
            health.start(inbox)

    def stop(self, monotonic: Callable[[], float]) -> None:
        """Stop all threads: signal all first, then wait for all, a second together."""
        for health in self:
            health.stop()
        deadline = monotonic() + JOIN_S
        for health in self:
            for attempt in health.abandoned:
                if not attempt.join(max(0.0, deadline - monotonic())):
                    log.debug("%s: its thread did not end in time", health.name)

    def ended(self, message: Ended, now: float, at_start: bool) -> Optional[Outcome]:
        """An attempt is over; an outcome if that ends the run.

        ``at_start`` says that nothing has been shown yet; it is still the start after
        that for as long as no source ever had a good answer.
        """
        health = self[message.source]
        failure = message.failure
        health.stop()
        if failure is None:
            if not self._policy.once:
                self._retry(health, None, health.up_since, now)
            return None
        if isinstance(failure, StreamingUnsupported):
            return self._fall_back(health, failure, now)
        at_start = not health.ever_up and (at_start or not self.reached)
        if isinstance(failure, UnauthorizedError) and at_start:
            return Outcome(ExitCode.REFUSED, failure.message)
        if isinstance(failure, DisconnectedError) and not self._policy.retry:
            return Outcome(ExitCode.DISCONNECTED, failure.message)
        up_since = health.up_since
        news = health.fell(now, failure)
        if isinstance(failure, (ForbiddenError, NotFoundError)):
            health.blind = True
            self._blind(health.name, failure.message)
        delay = None if self._policy.once else self._retry(health, failure, up_since, now)
        if news:
            self._tell(health.name, failure.code, failure.message, delay)
        return None

    def look(self, now: float) -> None:
        """Do what is due: staleness, retries, another try of the stream."""
        for health in self:
            stale_at = self._stale_at(health)
            if stale_at is not None and now >= stale_at:
                self._turn_stale(health)
            if health.retry_at is not None and now >= health.retry_at:
                log.debug("%s: reconnecting", health.name)
                health.start(self._inbox)
            if health.polling and health.stream_at is not None and now >= health.stream_at:
                log.debug("%s: trying the stream again", health.name)
                health.source = health.stream
                health.start(self._inbox)

    def deadlines(self) -> Iterator[float]:
        """When (monotonic) ``look`` will find something due."""
        for health in self:
            stream_at = health.stream_at if health.polling else None
            for moment in (health.retry_at, stream_at, self._stale_at(health)):
                if moment is not None:
                    yield moment

    def refused_everywhere(self) -> Optional[Outcome]:
        """An outcome if there is nothing but refusals: nothing will come of waiting."""
        failures = [health.failure for health in self if health.stream.essential]
        if not failures or not all(isinstance(failure, RefusedError) for failure in failures):
            return None
        return Outcome(ExitCode.REFUSED, failures[0].message if failures[0] else "")

    def _retry(
        self,
        health: SourceHealth,
        failure: Optional[SourceError],
        up_since: Optional[float],
        now: float,
    ) -> float:
        """Set the time of the next attempt; returns the wait in seconds."""
        if isinstance(failure, RefusedError):
            delay = self._policy.refused_retry_s * self._rng.uniform(0.75, 1.25)
        else:
            wish = failure.retry_after if failure is not None else None
            delay = health.retry.failed(now, up_since, wish, self._rng)
        health.retry_at = now + delay
        reason = failure.message if failure is not None else "it ended"
        log.debug("%s: %s; next attempt in %.1fs", health.name, reason, delay)
        return delay

    def _fall_back(
        self, health: SourceHealth, failure: StreamingUnsupported, now: float
    ) -> Optional[Outcome]:
        fallback = health.stream.fallback()
        if not self._policy.fallback_poll or fallback is None:
            return Outcome(ExitCode.STREAMING_UNSUPPORTED, failure.message)
        # Later tries of the stream fail without a word, unless one had worked for a while.
        worked = health.stream_at is not None and (
            now - health.stream_at >= self._policy.backoff.reset_after
        )
        if health.stream_at is None or worked:
            self._tell(health.name, ErrorCode.FALLBACK, f"polling instead: {failure.message}")
        health.source = fallback
        health.stream_at = now + self._policy.stream_retry_s
        health.start(self._inbox)
        return None

    def _stale_at(self, health: SourceHealth) -> Optional[float]:
        """When what rests on a source that is down stops being believed."""
        limit = self._policy.max_staleness_s
        if limit is None or health.up or health.blind or not health.ever_up:
            return None
        return health.last_alive + limit

    def _turn_stale(self, health: SourceHealth) -> None:
        health.blind = True
        reason = f"no data for {format_duration(self._policy.max_staleness_s or 0.0)}"
        self._blind(health.name, reason)
        self._tell(health.name, ErrorCode.STALE, f"{health.name}: {reason}")
        if health.attempt is not None and health.attempt.resource_version:
            # Under way to resume what is not believed any more: read it anew instead.
            health.start(self._inbox)
