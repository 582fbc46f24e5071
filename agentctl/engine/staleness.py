"""Staleness: what a server said is not believed any more, until its storage has answered again.

Used by the engine's thread only, by the supervisor.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Optional

from agentctl.duration import format_duration
from agentctl.engine.health import SourceHealth
from agentctl.engine.outage import ServerHealth
from agentctl.engine.policy import Notice
from agentctl.errors import ServerError
from agentctl.model import ErrorCode


class Staleness:
    """``blind``, ``found`` and ``proven`` are the supervisor's; ``restart`` begins an attempt
    of a source anew."""

    def __init__(
        self,
        limit_s: Optional[float],
        blind: Callable[[str, str], None],
        found: Callable[[str, float], None],
        proven: Callable[[Optional[float], str], Collection[str]],
        restart: Callable[[SourceHealth, float], None],
    ) -> None:
        self._limit_s = limit_s
        self._blind = blind
        self._found = found
        self._proven = proven
        self._restart = restart

    def at(self, server: ServerHealth, health: SourceHealth) -> Optional[float]:
        """When (monotonic) what rests on a source stops being believed."""
        return server.stale_at(health, self._limit_s)

    def turn(self, server: ServerHealth, now: float) -> None:
        """What rests on a server's sources for too long without an answer turns unknown."""
        turned = []
        reason = f"no data for {format_duration(self._limit_s or 0.0)}"
        for health in server.members:
            stale_at = self.at(server, health)
            if stale_at is None or now < stale_at:
                continue
            turned.append(health)
            self._blind(health.name, reason)
            health.blind = True
            if health.up:  # only its cache is
                server.stale = True
                health.fell(now, ServerError(f"its storage is silent: {reason}"), running=True)
                server.fell(health, now, told=True)
            elif health.attempt is not None and health.attempt.resource_version:
                # Under way to resume what is not believed any more: read it anew instead.
                self._restart(health, now)
        if turned:
            what = turned[0].label if len(turned) == 1 else f"{len(turned)} sources"
            names = tuple(one.name for one in turned)
            server.tell(Notice(names[0], ErrorCode.STALE, f"{what}: {reason}", sources=names))

    def proved(self, server: ServerHealth, speaker: str, now: float) -> None:
        """The server's storage has answered: what its caches say counts again, read anew."""
        server.last_proof = now
        stale, server.stale = server.stale, False
        silent = stale or any(health.proves and health.down for health in server.members)
        if silent:
            server.wake(now)
        late = self._proven(now, server.cluster) if server.proves else ()
        for health in server.members:
            # Or its connection is dead, and nobody has said so.
            if health.name in late and health.name != speaker and health.up:
                self._restart(health, now)
        for health in server.members:
            if health.proves:
                health.alive(now)
            elif health.up:
                health.last_alive = now
                if silent:
                    self._found(health.name, now)
            elif stale and health.attempt is not None:
                self._restart(health, now)
