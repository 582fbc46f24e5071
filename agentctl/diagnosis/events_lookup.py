"""Events and permissions that a diagnosis asks the API for itself.

Asked for on demand and on the engine's thread, so in bounds: few objects, few seconds,
and what failed is left alone for a while. ``stop`` frees it from any wait.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Optional

from agentctl.clock import Clock
from agentctl.debug_log import DebugLog
from agentctl.errors import SourceError
from agentctl.kube.client import ApiClient
from agentctl.kube.explain.finding import Ref
from agentctl.kube.locate import placed
from agentctl.kube.rbac import Permission, permissions
from agentctl.kube.reader import ApiReader, json_object, refusal
from agentctl.kube.resources import WatchSpec
from agentctl.kube.self_review import Access, access
from agentctl.lazy_namedtuple import NamedTuple
from agentctl.lenient_json import mapping, mappings, number, text
from agentctl.net.endpoint import Timeouts

log = DebugLog(__name__)

PAGE = 50
"""Events read of one object: the API keeps them for an hour and folds what repeats."""

SHOWN = 5
MAX_BYTES = 4 << 20
MAX_TEXT = 300

OBJECTS = 16
"""Objects asked about for one update; a read scans all events of a namespace."""

BUDGET_S = 3.0
"""How long all questions for one update may take: heartbeats wait for them."""

CLUSTER_WIDE = "default"
"""Where the events are of what is in no namespace."""

AGAIN_S = 60.0
"""How long what failed, and what is granted, is taken as known."""

TIMEOUTS = Timeouts(connect=2.0, header=2.0, body=2.0)


class WarningEvent(NamedTuple):
    """A Warning event. ``last`` is as the API wrote it, empty if it did not."""

    about: Ref
    reason: str
    message: str
    times: int
    last: str


class EventsLookup:
    """One run's questions. Not for two threads at once, but for ``stop``."""

    def __init__(self, client: ApiClient, clock: Clock) -> None:
        self._session = client.session()
        self._api = ApiReader(client, self._session)
        self._clock = clock
        self._failed: dict[str, tuple[float, str]] = {}
        self._access: dict[Permission, tuple[float, Optional[Access]]] = {}
        self._needed: dict[str, tuple[float, Permission]] = {}
        self._left = OBJECTS
        self._until = 0.0

    def start(self) -> None:
        """Nothing to be done before the first question."""

    def stop(self) -> None:
        """End what is being waited for; every later question fails at once."""
        self._api.kill()

    def join(self) -> None:
        self._session.close()

    def begin(self) -> None:
        """A new update: its bounds begin anew."""
        self._left, self._until = OBJECTS, self._clock.monotonic() + BUDGET_S

    def warnings(self, objects: Iterable[Ref]) -> tuple[list[WarningEvent], str]:
        """The latest Warning events of each object, and why some are not known (or empty)."""
        found: list[WarningEvent] = []
        note = ""
        for ref in dict.fromkeys(objects):
            now = self._clock.monotonic()
            since, failure = self._failed.get(ref.namespace, (0.0, ""))
            if failure and now < since + AGAIN_S:
                note = failure
            elif self._left <= 0 or now >= self._until:
                note = note or "not all objects were asked for"
            else:
                self._left -= 1
                try:
                    found += self._of(ref)
                    self._failed.pop(ref.namespace, None)
                except SourceError as error:
                    note = error.message
                    self._failed[ref.namespace] = (now, note)
        return found, note

    def needed(self, spec: WatchSpec) -> Permission:
        """What a watch takes, by the scope that the server tells of."""
        now = self._clock.monotonic()
        since, known = self._needed.get(spec.name, (0.0, None))
        if known is None or now >= since + AGAIN_S:
            known, *_ = permissions(placed(self._api, [spec], TIMEOUTS))
            self._needed[spec.name] = (now, known)
        return known

    def access(self, permission: Permission) -> Optional[Access]:
        """What we are granted of it; None where the API does not say."""
        now = self._clock.monotonic()
        since, known = self._access.get(permission, (0.0, None))
        if permission not in self._access or now >= since + AGAIN_S:
            try:
                known = access(self._api, [permission], TIMEOUTS)
            except SourceError as error:
                log.debug("cannot review our own access: %s", error.message)
                known = None
            self._access[permission] = (now, known)
        return known

    def _of(self, ref: Ref) -> list[WarningEvent]:
        wanted = {
            "involvedObject.kind": ref.kind,
            "involvedObject.name": ref.name,
            "type": "Warning",
        }
        query = {
            "fieldSelector": ",".join(f"{field}={value}" for field, value in wanted.items()),
            "limit": str(PAGE),
        }
        path = f"/api/v1/namespaces/{ref.namespace or CLUSTER_WIDE}/events"
        with self._api.get(path, query, "application/json", TIMEOUTS) as response:
            if response.status != 200:
                raise refusal(response, "list", "events")[0]
            items = mappings(json_object(response.read_all(MAX_BYTES)), "items")
        found = [(_warned(ref, item), mapping(item, "involvedObject")) for item in items]
        found.sort(key=lambda one: one[0].last, reverse=True)
        return [one for one, _ in _of_the_last(found)][:SHOWN]


def _of_the_last(
    found: Iterable[tuple[WarningEvent, Mapping[str, Any]]],
) -> Iterator[tuple[WarningEvent, Mapping[str, Any]]]:
    """Without those of an earlier object of the same name, as of a pod of a StatefulSet."""
    last: dict[str, str] = {}
    for one, about in found:
        uid, uids = text(about, "uid"), one.about.uids
        # A kubelet knows its node by name alone, and says that.
        named = uid in ("", one.about.name, *uids)
        if named or (not uids and last.setdefault(text(about, "apiVersion"), uid) == uid):
            yield one, about


def _warned(ref: Ref, item: Mapping[str, Any]) -> WarningEvent:
    """From either generation of events: counted by ``count`` or in a ``series``."""
    series = mapping(item, "series")
    moments = (
        text(series, "lastObservedTime"),
        text(item, "lastTimestamp"),
        text(item, "eventTime"),
        text(mapping(item, "metadata"), "creationTimestamp"),
    )
    count = number(series, "count") or number(item, "count") or 1
    message = " ".join(text(item, "message").split())
    return WarningEvent(
        ref,
        text(item, "reason")[:MAX_TEXT],
        message if len(message) <= MAX_TEXT else message[: MAX_TEXT - 1] + "…",
        count,
        next((moment for moment in moments if moment), "")[:40],
    )
