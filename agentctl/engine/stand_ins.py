"""Stand-ins: sources that begin only where another, which would do for all of them, may not.

Used by the engine's thread only, by the supervisor.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Callable

from agentctl.debug_log import DebugLog
from agentctl.engine.health import SourceHealth
from agentctl.engine.outage import ServerHealth
from agentctl.errors import ForbiddenError, SourceError, StreamingUnsupported

log = DebugLog(__name__)


class StandIns:
    """Which sources wait for which; ``begin`` starts an attempt of one."""

    def __init__(
        self, healths: Iterable[SourceHealth], begin: Callable[[SourceHealth, float], None]
    ) -> None:
        self._begin = begin
        self._waiting: dict[str, list[SourceHealth]] = {}
        for health in healths:
            other = health.stream.stands_in_for
            if other:
                self._waiting.setdefault(other, []).append(health)

    def take_over(
        self, server: ServerHealth, health: SourceHealth, failure: SourceError, now: float
    ) -> bool:
        """Whether others begin in its place, for good: it was not permitted."""
        if not isinstance(failure, (ForbiddenError, StreamingUnsupported)):
            return False
        waiting = self._waiting.pop(health.name, None)
        if waiting is None:
            return False
        log.debug("%s: %s; %d sources in its place", health.name, failure.message, len(waiting))
        health.active = False
        server.drop(health, now)
        for one in waiting:
            one.active = True
            one.last_alive = now
            server.add(one)
            self._begin(one, now)
        return True
