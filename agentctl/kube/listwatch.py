"""List and watch of one resource: the requests, and what their answers mean.

What a source does with the outcome (relist, wait, give up) is in ``kube.source``;
here is what the API server says and how it is said. The rules are those of
client-go's reflector and of the Kubernetes API concepts page ("Efficient detection
of changes", "Resource versions").
"""

from __future__ import annotations

import random
from collections.abc import Generator, Iterator, Mapping, MutableSequence
from contextlib import contextmanager
from typing import Any, Optional

from agentctl.clock import Clock
from agentctl.debug_log import DebugLog
from agentctl.duration import format_duration
from agentctl.engine.messages import Change
from agentctl.errors import (
    DisconnectedError,
    NotFoundError,
    ServerError,
    SourceError,
    StreamingUnsupported,
)
from agentctl.kube.decode import ExpiredError, LineSplitter, UnreadableError, WatchDecoder
from agentctl.kube.reader import ApiReader, json_object, parsed_bytes, refusal
from agentctl.kube.resources import Seen, WatchSpec
from agentctl.lazy_dataclass import dataclass
from agentctl.net.endpoint import Timeouts
from agentctl.net.memory_budget import Share
from agentctl.net.response import Response, TooLargeAnswerError

log = DebugLog(__name__)

JSON = "application/json"
_PARTIAL = "application/json;as=PartialObjectMetadata{};g=meta.k8s.io;v=v1"

CUT_BYTES = 1024
"""What is kept of an object until its list is complete."""


@dataclass(frozen=True)
class WatchSettings:
    """The numbers of list and watch, each with its reason."""

    page_limit: int = 500
    """What client-go asks for at a time: bounds the size of one answer."""

    term_s: tuple[float, float] = (60.0, 90.0)
    """timeoutSeconds is random in here, so that many watchers do not come back at once.
    Shorter than client-go's 5 to 10 minutes: it bounds how long silence can mislead."""

    read_margin_s: float = 8.0
    """How much longer than its term a watch may stay silent, or last at all: a server
    closes in time."""

    connect_timeout_s: float = 10.0
    list_timeout_s: float = 30.0
    """For the first byte of a list and between two. An API server that is slow to list
    is busy; one that takes longer will not answer at all."""

    list_total_s: float = 300.0
    """For all pages of a list: etcd compacts each 5 minutes, and a continue token is good
    for no longer."""

    watch_header_timeout_s: float = 15.0
    """A watch is accepted before anything happens on it."""

    recall_timeout_s: float = 3.0
    """For whether a server knows a change: it does or does not, and waits for nothing."""

    short_watch_s: float = 2.0
    """A watch that closes sooner was not served properly, and a new one has to wait."""

    max_page_bytes: int = 32 << 20
    """500 objects of 64 KB: what is larger hardly fits into the memory budget once parsed."""

    max_line_bytes: int = 8 << 20
    """etcd holds no object over 1.5 MiB; JSON and managedFields may double it."""


class TooLargeVersionError(ServerError):
    """This server has not yet seen that resourceVersion."""


@dataclass(frozen=True)
class Batch:
    """A complete list, or what one read of a watch brought: none where it was only a bookmark.

    ``resource_version`` is where to watch from.
    """

    changes: tuple[Change, ...]
    resource_version: str


class ListWatch:
    """The requests of one resource over one connection; for one thread."""

    def __init__(
        self,
        spec: WatchSpec,
        api: ApiReader,
        clock: Clock,
        settings: WatchSettings,
        rng: random.Random,
    ) -> None:
        self._spec = spec
        self.api = api
        self._clock = clock
        self._settings = settings
        self._rng = rng
        self._page_limit = settings.page_limit
        self._path = spec.resource.path(spec.namespace) if spec.resource.version else ""
        self._noun = spec.resource.noun

    def locate(self) -> bool:
        """Find out where the resource is served; False where it is not.

        Its version and its scope may be others each time.
        """
        if not self._spec.resource.version:
            from agentctl.kube.locate import locate  # few resources need it

            found = locate(self.api, self._spec.resource)
            self._path = found.path(self._spec.namespace) if found is not None else ""
        return bool(self._path)

    @property
    def located(self) -> str:
        """Where it was found; empty for nowhere yet."""
        return self._path

    def list(self) -> Batch:
        """Everything there is now, page by page.

        No resourceVersion is sent, so the answer is as new as etcd's own. Raises
        ExpiredError when the continue token expired on the way, ServerError when the
        list does not come to an end; the pages read so far are of no use then.
        """
        with self.api.budget.share() as kept:
            return self._list(kept)

    def _list(self, kept: Share) -> Batch:
        changes: list[Change] = []
        token = ""
        give_up_at = self._clock.monotonic() + self._settings.list_total_s
        while True:
            query = {"limit": str(self._page_limit)}
            if token:
                query["continue"] = token
            before = token
            try:
                token, version = self._add_page(query, changes, kept)
            except TooLargeAnswerError:
                if self._page_limit == 1:
                    raise
                self._page_limit = max(1, self._page_limit // 5)  # of objects that are large
                continue
            if not token:
                return Batch(tuple(changes), version)
            if token == before:
                raise ServerError(f"listing {self._noun}: the same page comes again and again")
            if self._clock.monotonic() >= give_up_at:
                bound = f"has not ended after {format_duration(self._settings.list_total_s)}"
                raise ServerError(f"listing {self._noun}: {bound}")

    def _add_page(
        self, query: Mapping[str, str], changes: MutableSequence[Change], kept: Share
    ) -> tuple[str, str]:
        """One page's objects, cut: its continue token and its resourceVersion.

        The page is gone when this returns: it must not be there beside the next one.
        """
        with self._fetch(query) as (page, seen):
            metadata, items = page.get("metadata") or {}, page.get("items") or ()
            kept.add(len(items) * CUT_BYTES)
            changes.extend(self._spec.change(item, seen) for item in items)
            return metadata.get("continue") or "", str(metadata.get("resourceVersion") or "")

    def newest(self) -> str:
        """The resourceVersion of now, as the server's storage has it, not a cache of it.

        A watch from a later one is silent: a server restored from a backup would look
        healthy for ever. To ask for what is not older than a version does not help: the
        server waits for 3 s, in which another history may come to the same number.
        """
        with self._fetch({"limit": "1"}) as (page, _):
            return str((page.get("metadata") or {}).get("resourceVersion") or "")

    def prove(self, narrowed: bool) -> None:
        """List one object through the server's storage; ``narrowed`` as the watch is.

        Without a resourceVersion no cache can answer alone.
        """
        with self._fetch({"limit": "1"}, narrowed):
            pass

    def recalls(self, resource_version: str) -> bool:
        """Whether the server has seen the change itself that made this version.

        Its watch cache begins with it: what was before that has expired there. True as well
        where it does not tell.
        """
        if not resource_version.isdecimal():
            return True
        query = {
            "watch": "true",
            "timeoutSeconds": "1",
            "resourceVersion": str(int(resource_version) - 1),
        }
        limit_s = self._settings.recall_timeout_s
        timeouts = Timeouts(limit_s, limit_s, limit_s)
        opened = self._clock.monotonic()
        try:
            with self.api.get(self._path, self._narrowed(query), JSON, timeouts) as response:
                if response.status != 200:
                    raise self._failure(response, "watch")
                next(self._read(response, resource_version, opened, opened + limit_s), None)
        except ExpiredError:
            return False
        except SourceError as error:
            log.debug("%s: what was before its start? %s", self._noun, error.message)
        return True

    def watch(self, resource_version: str) -> Generator[Batch, None, None]:
        """What happens after ``resource_version``, until the server ends the watch.

        The first batch is empty and says that the watch was accepted. Raises
        ExpiredError, DisconnectedError and the refusals; a clean end just ends.
        """
        settings = self._settings
        term = max(1, round(self._rng.uniform(*settings.term_s)))
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(term),
            "resourceVersion": resource_version,
        }
        lasts = term + settings.read_margin_s
        timeouts = Timeouts(settings.connect_timeout_s, settings.watch_header_timeout_s, lasts)
        accept = _PARTIAL.format("") if self._spec.resource.metadata_only else JSON
        with self.api.get(self._path, self._narrowed(query), accept, timeouts) as response:
            if response.status in (405, 501):
                raise StreamingUnsupported(
                    f"{self._noun} cannot be watched there (HTTP {response.status}): "
                    "poll with --fallback-poll"
                )
            if response.status != 200:
                raise self._failure(response, "watch")
            opened = self._clock.monotonic()
            yield Batch((), resource_version)
            yield from self._read(response, resource_version, opened, opened + lasts)

    def _read(
        self, response: Response, resource_version: str, opened: float, overdue: float
    ) -> Iterator[Batch]:
        """The batches of a watch answered at ``opened``, up to ``overdue`` (monotonic).

        Data alone does not keep a watch going: bytes may come for ever and say nothing.
        """
        decoder = WatchDecoder(self._spec, resource_version)
        splitter = LineSplitter(self._settings.max_line_bytes)
        server_time = response.server_time
        spoke = False
        while data := response.read1():
            try:
                lines = splitter.feed(data)
            except ValueError as error:  # too long
                raise UnreadableError(f"watching {self._noun}: {error}") from None
            if lines:
                spoke = True
                changes = decoder.decode(lines, self._seen(server_time, opened))
                if changes is not None:
                    yield Batch(tuple(changes), decoder.resource_version)
            if self._clock.monotonic() >= overdue:
                if not spoke:
                    raise DisconnectedError(
                        f"watching {self._noun}: one line lasted longer than the watch itself"
                    )
                break
        if splitter.pending:
            log.debug("%s: dropped a line cut off after %d bytes", self._noun, splitter.pending)

    @contextmanager
    def _fetch(
        self, query: Mapping[str, str], narrowed: bool = True
    ) -> Iterator[tuple[dict[str, Any], Seen]]:
        """One answer, for as long as it is needed: nobody else's objects are made meanwhile."""
        settings = self._settings
        accept = _PARTIAL.format("List") if self._spec.resource.metadata_only else JSON
        timeouts = Timeouts(
            settings.connect_timeout_s, settings.list_timeout_s, settings.list_timeout_s
        )
        if not self._path and not self.locate():
            raise NotFoundError(f"{self._noun} is not served")
        asked = self._narrowed(query) if narrowed else query
        budget = self.api.budget
        with budget.share() as share:
            with self.api.get(self._path, asked, accept, timeouts) as response:
                seen = self._seen(response.server_time, self._clock.monotonic())
                if response.status != 200:
                    raise self._failure(response, "list")
                body = response.read_all(settings.max_page_bytes, share=share)
            with budget.parsing:
                share.add(parsed_bytes(body))
                yield _parse_list(body, self._noun), seen

    def _narrowed(self, query: Mapping[str, str]) -> dict[str, str]:
        """The query with the selectors, and without what is empty."""
        selectors = {
            "fieldSelector": self._spec.field_selector,
            "labelSelector": self._spec.label_selector,
        }
        return {name: value for name, value in {**query, **selectors}.items() if value}

    def _failure(self, response: Response, verb: str) -> SourceError:
        failure, status = refusal(response, verb, self._noun)
        if response.status == 410 or status.get("reason") in ("Expired", "Gone"):
            return ExpiredError(f"history of {self._noun} expired: {failure.message}")
        if response.status == 504:
            from agentctl.kube.api_failures import has_cause

            if has_cause(status, "ResourceVersionTooLarge"):
                return TooLargeVersionError(failure.message, failure.retry_after)
        return failure

    def _seen(self, server_time: Optional[float], opened: float) -> Seen:
        """Now, by this host's monotonic clock and by the API server's, which was that then."""
        now = self._clock.monotonic()
        if server_time is None:
            return Seen(now, self._clock.now().timestamp())
        return Seen(now, server_time + (now - opened))


def _parse_list(body: bytes, noun: str) -> dict[str, Any]:
    page = json_object(body)
    items, metadata = page.get("items"), page.get("metadata")
    well_formed = isinstance(items, (list, type(None))) and isinstance(metadata, (dict, type(None)))
    if not str(page.get("kind", "")).endswith("List") or not well_formed:
        raise ServerError(
            f"listing {noun}: the answer is no Kubernetes list but {body[:60]!r}; "
            "is this address an API server?"
        )
    for place, item in enumerate(items or ()):
        if not isinstance(item, dict) or not isinstance(item.get("metadata"), dict):
            page["items"][place] = {}  # told of, and left out
    return page
