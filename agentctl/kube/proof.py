"""Proof of life: whether an API server's storage answers, asked for all of its sources.

While storage hangs, an API server goes on answering watches and discovery from its caches.
Only a list without a resourceVersion has to go through storage.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Optional

from agentctl.debug_log import DebugLog
from agentctl.engine.attempt import Attempt
from agentctl.engine.messages import Alive
from agentctl.errors import (
    DisconnectedError,
    ForbiddenError,
    NotFoundError,
    RefusedError,
    ServerError,
    StartingError,
)
from agentctl.kube.context import ClusterSource, KubeContext
from agentctl.kube.listwatch import ListWatch
from agentctl.kube.reader import ApiReader
from agentctl.kube.resources import WatchSpec
from agentctl.lazy_dataclass import replace

log = DebugLog(__name__)

NAME = "storage"

PERIOD_S = 30.0
"""At most; a third of what staleness allows, so that two may fail before it is reached."""

ANSWER_S = 5.0
"""One object of a namespace: who takes longer is not slow but silent..."""

AGAIN_S = 0.5
"""...unless it is only busy, which a second question shows."""

SILENT_S = 1.0
"""The pause between two attempts while storage is silent. No longer: a question that hangs
is answered as soon as storage is back, one that is still to be asked is not."""

AGAIN_MAX_S = 5.0
"""What is honoured of a longer wait that the server asks for."""


class ProofSource(ClusterSource):
    """Lists one object now and then, and says so. Needs no permission of its own."""

    noun = NAME
    essential = False
    proves = True

    def __init__(
        self, specs: Sequence[WatchSpec], context: KubeContext, max_staleness_s: Optional[float]
    ) -> None:
        super().__init__(context)
        self.name = f"{context.cluster}:{NAME}" if context.cluster else NAME
        self._settings = replace(context.settings, list_timeout_s=ANSWER_S)
        self._period_s = min(PERIOD_S, (max_staleness_s or PERIOD_S * 3) / 3)
        self._startup = context.startup()
        listed = [spec for spec in specs if spec.resource.is_api]
        # In the watched namespace if possible. Who may list single objects by their name
        # may not list without one: those are asked for last, as their watch asks.
        named = [(spec, True) for spec in listed if spec.field_selector]
        self._places = [
            *((spec, False) for spec in listed if spec.namespace and not spec.field_selector),
            *((spec, False) for spec in listed if not spec.namespace or spec.field_selector),
            *named,
        ]
        self._place = 0
        """Where the last answer came from."""
        self._attempt: Optional[Attempt] = None
        self._wanted = False

    def poke(self) -> None:
        """From another thread: something is to be judged that only a proof decides."""
        attempt, self._wanted = self._attempt, True
        if attempt is not None:
            attempt.rouse()

    def run(self, attempt: Attempt) -> None:
        """Ends where nothing may be listed at all; after a failure it asks at once."""
        self._attempt = attempt
        rests = attempt.epoch == 1
        with self._context.reader(attempt) as api:
            while not attempt.stopping:
                if rests and self._rest(attempt):
                    return
                rests, self._wanted = True, False
                if not self._ask(attempt, api):
                    log.debug("no permission to list anything: storage cannot be asked")
                    return
                attempt.put(Alive(self.name, attempt.epoch, consistent=True))

    def _rest(self, attempt: Attempt) -> bool:
        """Wait until the last proof, whoever had it, is old or wanted; True when stopped."""
        clock = self._context.clock
        since = clock.monotonic()
        due = since + self._period_s * self._context.rng.uniform(0.75, 1.0)
        while not self._wanted and clock.monotonic() < due:
            if attempt.wait(due - clock.monotonic()):
                return True
            if self._context.proof.at > since:
                since = self._context.proof.at
                due = since + self._period_s * self._context.rng.uniform(0.75, 1.0)
        return False

    def _ask(self, attempt: Attempt, api: ApiReader) -> bool:
        """Whether there was anything that may be listed."""
        refused: Optional[RefusedError] = None
        for offset in range(len(self._places)):
            place = (self._place + offset) % len(self._places)
            try:
                self._list(attempt, api, *self._places[place])
            except (ForbiddenError, NotFoundError) as error:
                refused = refused or error
                continue
            self._place = place
            self._startup.worked()
            return True
        judged = self._startup.judged(refused, api) if refused is not None else None
        if isinstance(judged, StartingError):
            raise judged
        return False

    def _list(self, attempt: Attempt, api: ApiReader, spec: WatchSpec, narrowed: bool) -> None:
        """One list; what may be only slow, or busy, is asked once more."""
        context = self._context
        listwatch = ListWatch(spec, api, context.clock, self._settings, context.rng)
        try:
            listwatch.prove(narrowed)
        except DisconnectedError as error:
            if not _may_be_slow(error):
                raise
            log.debug("storage: %s; asking once more", error.message)
            if attempt.wait(min(error.retry_after or AGAIN_S, AGAIN_MAX_S)):
                raise
            self._again(listwatch, narrowed)

    def _again(self, listwatch: ListWatch, narrowed: bool) -> None:
        try:
            listwatch.prove(narrowed)
        except DisconnectedError as error:
            if not _may_be_slow(error):
                raise
            reason = error.message.partition("; check ")[0]  # the server itself is reached
            raise ServerError(
                f"the API server's storage does not answer ({reason}); "
                "what its watches say comes from a cache",
                max(error.retry_after or 0.0, SILENT_S),
                put_off=True,
            ) from error


def _may_be_slow(error: DisconnectedError) -> bool:
    """Whether the server is there: it answered, or let the time pass."""
    return isinstance(error, ServerError) or isinstance(error.__cause__, socket.timeout)
