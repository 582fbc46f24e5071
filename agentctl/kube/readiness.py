"""Readiness of an API server: whether one that refuses or lacks something only starts.

A server that starts answers ``/apis`` with groups missing and refuses what its roles will
permit, with ``/readyz`` at 500 all the while. Where ``/readyz`` itself is refused or not
known, the first half minute after a connect counts as the start.
"""

from __future__ import annotations

import math
import re
import threading
from enum import Enum
from typing import Optional

from agentctl.clock import Clock
from agentctl.debug_log import DebugLog
from agentctl.errors import (
    ForbiddenError,
    RefusedError,
    ServerError,
    SourceError,
    StartingError,
    UnauthorizedError,
)
from agentctl.kube.reader import ApiReader
from agentctl.lazy_regex import regex
from agentctl.net.endpoint import Timeouts

log = DebugLog(__name__)

PATH = "/readyz"
TIMEOUTS = Timeouts(5.0, 5.0, 5.0)
MAX_BYTES = 64 << 10

AGAIN_S = 2.0
"""How soon to look again at what a starting server lacks."""

UNKNOWN_FOR_S = 30.0
"""How long a server that does not tell may be starting, from the connect."""

_FAILING = regex(rb"^\[-\](\S+)", re.MULTILINE)
_STORAGE = {b"etcd", b"etcd-readiness"}
"""What fails at a server that has started long ago, when its storage does not answer."""


class Readiness(Enum):
    READY = "ready"
    STARTING = "starting"
    UNKNOWN = "unknown"
    """It may be starting, and does not tell."""


class Anonymous:
    """What ``/readyz`` says to who gives no credentials, asked for all sources together."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked_at = -math.inf
        self._answer = (0, b"")

    def ask(self, api: ApiReader, clock: Clock) -> tuple[int, bytes]:
        """Status and body, at most 2 s old."""
        with self._lock:
            if clock.monotonic() - self._asked_at >= AGAIN_S:
                with api.get_anonymously(PATH, TIMEOUTS) as response:
                    self._answer = response.status, response.read_all(MAX_BYTES)
                self._asked_at = clock.monotonic()
            return self._answer


class Startup:
    """One source's view of its server's start; for its thread only."""

    def __init__(self, clock: Clock, anonymous: Anonymous, waits: bool = True) -> None:
        """Unless it ``waits`` what is forbidden at the start is: others stand in for it."""
        self._clock = clock
        self._anonymous = anonymous
        self._waits = waits
        self._worked = False
        self._doubted_since: Optional[float] = None
        """When (monotonic) the connection was made on which it first could not be told."""

    def worked(self) -> None:
        """The server has answered as it was asked to."""
        self._worked, self._doubted_since = True, None

    def ask(self, api: ApiReader, anonymous: bool = False) -> Readiness:
        """One question to ``/readyz``, on the connection that is open.

        An ``anonymous`` one may be answered where credentials are refused.
        """
        connected_at = api.connected_at
        try:
            if anonymous:
                status, body = self._anonymous.ask(api, self._clock)
            else:
                with api.get(PATH, {}, "*/*", TIMEOUTS) as response:
                    status, body = response.status, response.read_all(MAX_BYTES)
        except SourceError as error:
            log.debug("%s: %s", PATH, error.message)
            status, body = 0, b""
        failing = set(_FAILING.findall(body)) if status == 500 else set()
        if status == 200 or (failing and failing <= _STORAGE):
            self._doubted_since = None
            return Readiness.READY
        if status == 500:
            return Readiness.STARTING
        if self._doubted_since is None:
            self._doubted_since = connected_at
        young = self._clock.monotonic() - self._doubted_since < UNKNOWN_FOR_S
        return Readiness.UNKNOWN if young else Readiness.READY

    def judged(self, error: SourceError, api: ApiReader) -> SourceError:
        """The failure as it is, or as that of a server that is not ready."""
        if isinstance(error, ForbiddenError) and not (self._waits or self._worked):
            return error
        if not isinstance(error, (RefusedError, ServerError)):
            self._doubted_since = None  # nobody answered: it may be another that does next
            return error
        if isinstance(error, StartingError) or error.retry_after is not None:
            return error
        # Refused credentials are not tried for long, and not at all for this: it gets hosts
        # banned. Whoever was good a moment ago may be so again when the server has started.
        unauthorized = isinstance(error, UnauthorizedError)
        never_good = unauthorized and not self._worked
        readiness = self.ask(api, anonymous=unauthorized)
        if not isinstance(error, RefusedError):
            self._doubted_since = None  # a balancer's word: nobody starts there yet
        if readiness is Readiness.STARTING:
            return StartingError(error.message, AGAIN_S)
        passing = isinstance(error, (ForbiddenError, UnauthorizedError)) and not never_good
        if isinstance(error, RefusedError) and passing and readiness is Readiness.UNKNOWN:
            return StartingError(error.message, AGAIN_S, error)
        return error
