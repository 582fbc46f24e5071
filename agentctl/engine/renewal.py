"""Renewal of credentials: sources that were refused are tried again once theirs change."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Optional

from agentctl.debug_log import DebugLog
from agentctl.engine.health import LOOK_AT_CREDENTIALS_S, SourceHealth
from agentctl.errors import RefusedError

log = DebugLog(__name__)


class Renewal:
    """Notices new credentials for those that wait with refused ones.

    Files are looked at only while something is refused.
    """

    def __init__(self) -> None:
        self.due: Optional[float] = None
        """When (monotonic) to look again."""
        self._seen: object = None

    def look(self, healths: Iterable[SourceHealth], now: float) -> None:
        """Have the refused tried now, where the files that they authenticate with changed."""
        refused = [
            health
            for health in healths
            if health.retry_at is not None and isinstance(health.failure, RefusedError)
        ]
        if not refused:
            self.due = None
            return
        if self.due is not None and now < self.due:
            return
        found = [health.stream.credentials() for health in refused]
        if not any(found):
            return
        if self.due is not None and found != self._seen:
            log.debug("credentials have changed: trying again")
            for health in refused:
                health.retry_at = now
        self._seen, self.due = found, now + LOOK_AT_CREDENTIALS_S
