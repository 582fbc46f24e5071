"""Source of one Kubernetes resource: list, watch, and what to do when either fails.

One attempt lists (unless it knows where the last one got to), then watches again
and again from where it is. It ends when something happens that only time can heal;
the engine then waits and starts the next one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Optional, TypeVar

from agentctl.cursor import is_older
from agentctl.debug_log import DebugLog
from agentctl.duration import format_duration
from agentctl.engine.attempt import Attempt, Source
from agentctl.engine.messages import Alive, Changed, Pending, Replaced, Warned
from agentctl.errors import (
    STARTING,
    DisconnectedError,
    ForbiddenError,
    NotFoundError,
    ServerError,
    StartingError,
    StreamingUnsupported,
)
from agentctl.kube.context import ClusterSource, KubeContext
from agentctl.kube.decode import ExpiredError, UnreadableError
from agentctl.kube.listwatch import Batch, ListWatch, TooLargeVersionError
from agentctl.kube.readiness import Readiness
from agentctl.kube.renewals import GIVE_UP_S, LOOK_S, newest_ended
from agentctl.kube.resources import WatchSpec
from agentctl.model import ErrorCode

log = DebugLog(__name__)

T = TypeVar("T")

EXPIRED_TRIES = 3
"""How often in a row history may expire before the attempt gives up and backs off."""

TOO_LARGE_TRIES = 2
"""How often a server whose cache is behind its storage is asked. Each time it waits itself
for 3 s."""

TOO_LARGE_WAIT_S = 1.0
"""The wait between those where the server names none (a real one says 1)."""

ABSENT_S, ABSENT_MAX_S = 2.0, 10.0
"""How often it is looked whether a resource is served that was not; less often in time."""

TOO_LARGE_WAIT_MAX_S = 5.0
"""What is honoured of a longer one: the source says nothing meanwhile."""


class ResourceSource(ClusterSource):
    """What asks for one resource.

    ``on_change`` is called from the source's thread after each change it has put.
    """

    def __init__(
        self,
        spec: WatchSpec,
        context: KubeContext,
        on_change: Optional[Callable[[], None]] = None,
    ) -> None:
        super().__init__(context)
        self.name = spec.name
        self.noun = spec.resource.noun
        self._spec = spec
        self._on_change = on_change or (lambda: None)
        self._startup = context.startup(not spec.wide)
        self._listed = False
        self._unrenewed = False
        """The first list held something that has ended since its server began."""

    _once = False

    def _await_served(self, attempt: Attempt, listwatch: ListWatch) -> bool:
        """Wait until the resource is served, telling that it is not.

        False when stopped, and at once where it is only to be looked at once.
        """
        ready = False
        waited_s = 0.0
        while not listwatch.locate():
            ready = ready or self._startup.ask(listwatch.api) is Readiness.READY
            if not ready:  # a server that starts does not serve everything yet
                attempt.put(Pending(self.name, attempt.epoch, STARTING))
            elif not waited_s:
                absence = self._spec.absence()
                attempt.put(Replaced(self.name, attempt.epoch, absence, "", consistent=False))
                attempt.put(Alive(self.name, attempt.epoch, forgets=True))
            else:
                attempt.put(Alive(self.name, attempt.epoch))
            if ready and self._once:
                return False
            wait_s = min(ABSENT_MAX_S, ABSENT_S + waited_s / 60)
            if attempt.wait(wait_s):
                return False
            waited_s += wait_s if ready else 0.0
        return not attempt.stopping

    def _list(self, attempt: Attempt, listwatch: ListWatch) -> str:
        """List, hand the result over in one message, and return its resourceVersion."""
        found = patiently(attempt, listwatch.list)
        now = self._context.proof.at = self._context.clock.monotonic()
        ended = "" if self._listed else newest_ended(found.changes, now)
        self._unrenewed = bool(ended) and not listwatch.recalls(ended)
        self._listed = True
        self._put(attempt, found)
        self._startup.worked()
        self._on_change()
        return found.resource_version

    def _put(self, attempt: Attempt, found: Batch) -> None:
        version, unrenewed = found.resource_version, self._unrenewed
        message = Replaced(self.name, attempt.epoch, found.changes, version, unrenewed=unrenewed)
        attempt.put(message)


class KubeSource(ResourceSource):
    """The watch of one resource."""

    _watch_refused: Optional[bool] = None
    """Whether the last watch was forbidden; None before the first answer."""
    _unreadable_after = ""
    """The last resourceVersion after which a watch brought what cannot be read."""

    def fallback(self) -> Optional[Source]:
        return KubePollSource(self._spec, self._context, self._on_change)

    def run(self, attempt: Attempt) -> None:
        with self._context.listwatch(attempt, self._spec, self._startup) as listwatch:
            since = attempt.resource_version
            while self._await_served(attempt, listwatch):
                place = listwatch.located
                try:
                    self._follow(attempt, listwatch, since)
                except NotFoundError:
                    # Its definition went, or has another version now.
                    if listwatch.locate() and listwatch.located == place:
                        raise
                    since = ""

    def _follow(self, attempt: Attempt, listwatch: ListWatch, since: str) -> None:
        """List and watch until stopped. Raises NotFoundError where it is not served any more."""
        version = self._resumable(attempt, listwatch, since)
        expired = 0
        while not attempt.stopping:
            try:
                if not version:
                    version = self._list(attempt, listwatch)
                version = self._watch(attempt, listwatch, version)
                expired = 0
            except ExpiredError as error:
                expired += 1
                if expired >= EXPIRED_TRIES:
                    raise ServerError(f"{error.message} ({expired} times in a row)") from None
                self._warn_resync(attempt, error.message)
                version = ""

    def _resumable(self, attempt: Attempt, listwatch: ListWatch, version: str) -> str:
        """Where to go on from: ``version`` if this server knows it, else ''."""
        if not version:
            return ""
        newest = patiently(attempt, listwatch.newest)
        if not is_older(newest, than=version):
            return version
        # Storage never lags: it was restored from a backup. In time it comes to the same
        # number, by another history.
        text = f"the API server's storage is at {newest}, and was at {version}"
        self._warn_resync(attempt, f"history of {self.noun} was lost: {text}", restored=True)
        return ""

    def _watch(self, attempt: Attempt, listwatch: ListWatch, version: str) -> str:
        """One watch to its clean end; returns where the next one starts."""
        clock, settings = self._context.clock, self._context.settings
        started = clock.monotonic()
        sent = False
        batches = listwatch.watch(version)
        try:
            next(batches)
            self._startup.worked()
            self._watch_refused = False
            attempt.put(Alive(self.name, attempt.epoch, version))
            for batch in batches:
                sent = True
                version = batch.resource_version
                if batch.changes:
                    attempt.put(Changed(self.name, attempt.epoch, batch.changes, version))
                    self._on_change()
                else:
                    attempt.put(Alive(self.name, attempt.epoch, version))
        except UnreadableError as error:
            # What was garbled on the way is not so again. What is so in the history stays so.
            again, self._unreadable_after = self._unreadable_after == version, version
            if again:
                raise ExpiredError(error.message) from None
            raise
        except ForbiddenError as error:
            judged = self._startup.judged(error, listwatch.api)
            if isinstance(judged, StartingError):
                raise judged from error
            # One refusal may pass, or be the first of all; the next says which.
            passing, self._watch_refused = self._watch_refused is False, True
            if passing:
                raise
            raise StreamingUnsupported(
                f"{error.message}, though listing is allowed: grant the verb watch, "
                "or poll with --fallback-poll"
            ) from None
        finally:
            batches.close()
        lasted = clock.monotonic() - started
        if lasted < settings.short_watch_s:
            if not sent:
                raise DisconnectedError(
                    f"the server closed the watch of {self.noun} after "
                    f"{format_duration(round(lasted, 1))} without a word"
                )
            attempt.wait(settings.short_watch_s - lasted)
        return version

    def _warn_resync(self, attempt: Attempt, message: str, restored: bool = False) -> None:
        attempt.put(Warned(self.name, attempt.epoch, ErrorCode.RESYNC, message, restored))


class KubePollSource(ResourceSource):
    """The same resource, listed again and again; or once, with ``once``."""

    def __init__(
        self,
        spec: WatchSpec,
        context: KubeContext,
        on_change: Optional[Callable[[], None]] = None,
        once: bool = False,
    ) -> None:
        super().__init__(spec, context, on_change)
        self._once = once

    def run(self, attempt: Attempt) -> None:
        with self._context.listwatch(attempt, self._spec, self._startup) as listwatch:
            while self._await_served(attempt, listwatch):
                self._list(attempt, listwatch)
                if self._once:
                    self._await_renewal(attempt, listwatch)
                    return
                if attempt.wait(self._context.poll_interval_s):
                    return

    def _await_renewal(self, attempt: Attempt, listwatch: ListWatch) -> None:
        """List again until what had ended is renewed, or could have been."""
        clock = self._context.clock
        give_up_at = clock.monotonic() + GIVE_UP_S
        while self._unrenewed and not attempt.wait(LOOK_S):
            found = patiently(attempt, listwatch.list)
            now = clock.monotonic()
            self._unrenewed = bool(newest_ended(found.changes, now)) and now < give_up_at
            if not self._unrenewed:
                self._put(attempt, found)


def patiently(attempt: Attempt, call: Callable[[], T]) -> T:
    """Call again while the server says that it has not yet seen the resourceVersion."""
    for _ in range(TOO_LARGE_TRIES - 1):
        try:
            return call()
        except TooLargeVersionError as error:
            pause(attempt, error)
    return call()


def pause(attempt: Attempt, error: TooLargeVersionError) -> None:
    """Wait as the server asks, before it is asked again. Raises DisconnectedError if stopped."""
    log.debug("%s: %s", attempt.source, error.message)
    if attempt.wait(min(error.retry_after or TOO_LARGE_WAIT_S, TOO_LARGE_WAIT_MAX_S)):
        raise DisconnectedError("stopped")
