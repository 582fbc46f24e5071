"""Readiness: whether an API server that refuses or lacks something is only starting.

A server that starts answers ``/apis`` with groups missing and refuses what its roles will
permit, with ``/readyz`` at 500 all the while. Where ``/readyz`` itself is refused or not
known, the first half minute after a connect counts as the start.
"""

from __future__ import annotations

import logging
from enum import Enum

from agentctl.errors import (
    DisconnectedError,
    RefusedError,
    ServerError,
    SourceError,
    StartingError,
    UnauthorizedError,
)
from agentctl.kube.api import ApiReader, Timeouts

log = logging.getLogger(__name__)

PATH = "/readyz"
TIMEOUTS = Timeouts(5.0, 5.0, 5.0)
MAX_BYTES = 64 << 10

AGAIN_S = 2.0
"""How soon to look again at what a starting server lacks."""

UNKNOWN_FOR_S = 30.0
"""How long a server that does not tell may be starting, from the connect."""


class Readiness(Enum):
    READY = "ready"
    STARTING = "starting"
    UNKNOWN = "unknown"
    """It may be starting, and does not tell."""


class Startup:
    """One source's view of its server's start; for its thread only."""

    def __init__(self, monotonic: float) -> None:
        self._connected_at = monotonic
        self._lost = True
        self._worked = False

    def worked(self, now: float) -> None:
        """The server has answered as it was asked to."""
        self._worked = True
        self.connected(now)

    def connected(self, now: float) -> None:
        """The server has answered; the first answer after a loss begins the count."""
        if self._lost:
            self._lost, self._connected_at = False, now

    def lost(self) -> None:
        """The server could not be reached: it may be another one that answers next."""
        self._lost = True

    def ask(self, api: ApiReader, now: float) -> Readiness:
        """One question to ``/readyz``, on the connection that is open."""
        try:
            with api.get(PATH, {}, "*/*", TIMEOUTS) as response:
                response.read_all(MAX_BYTES)
                status = response.status
        except SourceError as error:
            log.debug("%s: %s", PATH, error.message)
            status = 0
        if status == 200:
            return Readiness.READY
        if status >= 500:
            return Readiness.STARTING
        young = now - self._connected_at < UNKNOWN_FOR_S
        return Readiness.UNKNOWN if young else Readiness.READY

    def judged(self, error: SourceError, api: ApiReader, now: float) -> SourceError:
        """The failure as it is, or as that of a server that is not ready."""
        answered = isinstance(error, (RefusedError, ServerError))
        if not answered:
            if isinstance(error, DisconnectedError):
                self.lost()
            return error
        self.connected(now)
        if isinstance(error, StartingError) or error.retry_after is not None:
            return error
        if isinstance(error, UnauthorizedError) and not self._worked:
            return error  # credentials that were never good: hammering gets hosts banned
        readiness = self.ask(api, now)
        refusal = error if isinstance(error, RefusedError) else None
        if readiness is Readiness.STARTING:
            return StartingError(error.message, AGAIN_S)
        if readiness is Readiness.UNKNOWN and refusal is not None:
            return StartingError(error.message, AGAIN_S, refusal)
        return error
