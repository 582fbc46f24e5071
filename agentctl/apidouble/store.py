"""Object store: current objects, one growing resourceVersion, a bounded history.

What a Kubernetes API server keeps in etcd and its watch cache. Objects are plain JSON
values; what has been stored is never changed in place, so readers need no copies.
One lock guards everything; each resource has a condition on it that wakes its watchers.
"""

from __future__ import annotations

import copy
import itertools
import random
import threading
import uuid
from bisect import bisect_right
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Callable, Optional, Union

from agentctl.apidouble import failures
from agentctl.apidouble.kinds import BUILT_IN, CRDS, Kind, kinds_of_crd
from agentctl.apidouble.objects import (
    HistoryEntry,
    ObjectName,
    Stored,
    body_of,
    finalizers_of,
    normal,
)
from agentctl.clock import Clock, SystemClock
from agentctl.lazy_namedtuple import NamedTuple
from agentctl.model import JSONObject, format_time

HISTORY = 1000
"""Changes kept for each resource; more than any test makes, few enough to hold."""

_SUFFIX_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


class News(NamedTuple):
    """What ``Store.wait`` found: changes in order, and the version all of it is up to."""

    changes: tuple[HistoryEntry, ...]
    version: int

    def until(self, version: int) -> News:
        """The part of it that is no newer."""
        kept = tuple(change for change in self.changes if change.version <= version)
        return News(kept, min(self.version, version))


class _Shelf:
    """One resource's objects and history."""

    def __init__(self, lock: threading.RLock) -> None:
        self.objects: dict[ObjectName, Stored] = {}
        self.versions: list[int] = []
        self.changes: list[HistoryEntry] = []
        self.floor = 0
        """Versions below are refused."""
        self.dropped = 0
        """The version of the last change that fell out of the history."""
        self.news = threading.Condition(lock)


class Store:
    """All objects of one cluster. Safe to use from any thread.

    Where a method takes a kind, it takes a plural as well: ``pods``,
    ``signals.signals.proompteng.ai``. Failures are those of the API (``ApiFailure``).
    """

    def __init__(
        self, clock: Optional[Clock] = None, seed: Optional[int] = None, history: int = HISTORY
    ) -> None:
        self.clock = clock or SystemClock()
        self._random = random.Random(seed)
        self._history = history
        self._lock = threading.RLock()
        self._version = 0
        self._shelves: dict[tuple[str, str], _Shelf] = {}
        self._kinds: tuple[Kind, ...] = BUILT_IN
        self._kinds_at = 0

    @property
    def version(self) -> int:
        """The resourceVersion of the last change."""
        return self._version

    def now(self) -> datetime:
        return self.clock.now()

    def kinds(self) -> tuple[Kind, ...]:
        """Everything served: what is built in, then what CRDs define, by group."""
        with self._lock:
            shelf = self._shelf(CRDS)
            latest = shelf.versions[-1] if shelf.versions else 0
            if latest != self._kinds_at:
                crds = [stored.obj for stored in shelf.objects.values()]
                custom = itertools.chain.from_iterable(kinds_of_crd(crd) for crd in crds)
                by_group = sorted(custom, key=lambda kind: (kind.group, kind.plural))
                self._kinds, self._kinds_at = BUILT_IN + tuple(by_group), latest
            return self._kinds

    def kind(self, name: Union[Kind, str]) -> Kind:
        """From a plural, alone or with its group. Raises KeyError for what is not served."""
        if isinstance(name, Kind):
            return name
        for kind in self.kinds():
            if name in {kind.plural, kind.qualified}:
                return kind
        raise KeyError(name)

    def get(self, kind: Union[Kind, str], namespace: str, name: str) -> JSONObject:
        """A copy, free to be changed."""
        return copy.deepcopy(self.stored(kind, namespace, name).obj)

    def stored(self, kind: Union[Kind, str], namespace: str, name: str) -> Stored:
        kind = self.kind(kind)
        with self._lock:
            found = self._shelf(kind).objects.get(ObjectName(namespace, name))
        if found is None:
            raise failures.not_found(kind, name)
        return found

    def objects(self, kind: Union[Kind, str], at: Optional[int] = None) -> tuple[list[Stored], int]:
        """All objects by namespace and name, and the version they are the state of.

        ``at``: as of that version; raises ApiFailure (410) if that was compacted.
        """
        with self._lock:
            shelf = self._shelf(self.kind(kind))
            objects = shelf.objects
            version = self._version
            if at is not None and at < version:
                if at < shelf.floor:
                    raise failures.expired_list()
                objects, version = dict(objects), at
                for change in reversed(shelf.changes[bisect_right(shelf.versions, at) :]):
                    objects.pop(change.stored.key, None)
                    if change.previous is not None:
                        objects[change.stored.key] = change.previous
            return sorted(objects.values(), key=lambda stored: stored.key), version

    def create(self, obj: Mapping[str, Any], kind: Union[Kind, str, None] = None) -> Stored:
        """Store a new object; uid, resourceVersion, generation and times are made here."""
        kind = self._kind_of(obj) if kind is None else self.kind(kind)
        new = copy.deepcopy(dict(obj))
        metadata = new["metadata"] = dict(new.get("metadata") or {})
        with self._lock:
            if not metadata.get("name") and metadata.get("generateName"):
                suffix = "".join(self._random.choices(_SUFFIX_ALPHABET, k=5))
                metadata["name"] = metadata["generateName"] + suffix
            metadata["uid"] = str(uuid.UUID(int=self._random.getrandbits(128), version=4))
            metadata.setdefault("creationTimestamp", format_time(self.now()))
            if kind.counts_generations:
                metadata["generation"] = 1
            shelf = self._shelf(kind)
            key = ObjectName(metadata.get("namespace", ""), metadata["name"])
            if key in shelf.objects:
                raise failures.already_exists(kind, key.name)
            return self._commit(kind, shelf, "ADDED", new, None)

    def update(
        self,
        kind: Union[Kind, str],
        namespace: str,
        name: str,
        change: Callable[[JSONObject], Optional[JSONObject]],
    ) -> Stored:
        """Change one object: ``change`` gets a copy to edit, or returns another in its place.

        An object that stays the same makes no event; the last finalizer's end deletes it.
        """
        kind = self.kind(kind)
        with self._lock:
            shelf = self._shelf(kind)
            old = self.stored(kind, namespace, name)
            draft = copy.deepcopy(old.obj)
            new = change(draft) or draft
            metadata = new["metadata"]
            asked = metadata.get("resourceVersion") or old.metadata["resourceVersion"]
            if asked != old.metadata["resourceVersion"]:
                raise failures.conflict(kind, name)
            for fixed in ("uid", "resourceVersion", "generation", "creationTimestamp"):
                if fixed in old.metadata:
                    metadata[fixed] = old.metadata[fixed]
            if new == old.obj:
                return old
            if kind.counts_generations and body_of(new) != body_of(old.obj):
                metadata["generation"] = old.metadata["generation"] + 1
            if "deletionTimestamp" in metadata and not finalizers_of(new):
                return self._commit(kind, shelf, "DELETED", copy.deepcopy(old.obj), old)
            return self._commit(kind, shelf, "MODIFIED", new, old)

    def delete(self, kind: Union[Kind, str], namespace: str, name: str) -> Stored:
        """Delete one object, or mark it as going while it has finalizers."""
        kind = self.kind(kind)
        with self._lock:
            shelf = self._shelf(kind)
            old = self.stored(kind, namespace, name)
            new = copy.deepcopy(old.obj)
            if not finalizers_of(new):
                return self._commit(kind, shelf, "DELETED", new, old)
            if "deletionTimestamp" in old.metadata:
                return old
            new["metadata"]["deletionTimestamp"] = format_time(self.now())
            return self._commit(kind, shelf, "MODIFIED", new, old)

    def compact(self, kind: Union[Kind, str, None] = None) -> None:
        """Expire every resourceVersion so far, for new watches and for further pages.

        Watches under way lose nothing, as in a real cluster.
        """
        with self._lock:
            # A version of its own, so that even the version of now is too old.
            self._version += 1
            shelves = self._shelves.values() if kind is None else [self._shelf(self.kind(kind))]
            for shelf in shelves:
                shelf.floor = self._version

    def check(self, kind: Kind, version: int) -> None:
        """Raise ApiFailure (410) if a watch can no longer begin at ``version``."""
        with self._lock:
            floor = self._shelf(kind).floor
        if version < floor:
            raise failures.expired_watch(version, floor)

    def wait(self, kind: Kind, after: int, timeout: float, over: Callable[[], bool]) -> News:
        """What changed since version ``after``; waits up to ``timeout`` seconds for something.

        Returns early with nothing when ``over`` says so (asked at each ``wake``). Raises
        ApiFailure (410) if changes since ``after`` have fallen out of the history.
        """
        with self._lock:
            shelf = self._shelf(kind)
            if (not shelf.versions or shelf.versions[-1] <= after) and not over():
                shelf.news.wait(timeout)
            if after < shelf.dropped:
                raise failures.expired_watch(after, shelf.dropped)
            fresh = shelf.changes[bisect_right(shelf.versions, after) :]
            return News(tuple(fresh), self._version)

    def idle(self, kind: Kind, timeout: float, over: Callable[[], bool]) -> None:
        """As ``wait``, but whatever changes is no reason to return."""
        with self._lock:
            if not over():
                self._shelf(kind).news.wait(timeout)

    def wake(self) -> None:
        """Make every ``wait`` ask again whether it is over."""
        with self._lock:
            for shelf in self._shelves.values():
                shelf.news.notify_all()

    def clear(self) -> None:
        """Start again from nothing, resourceVersions included."""
        with self._lock:
            self._version = self._kinds_at = 0
            self._shelves.clear()
            self._kinds = BUILT_IN

    def _shelf(self, kind: Kind) -> _Shelf:
        key = (kind.group, kind.plural)
        with self._lock:
            if key not in self._shelves:
                self._shelves[key] = _Shelf(self._lock)
            return self._shelves[key]

    def _kind_of(self, obj: Mapping[str, Any]) -> Kind:
        for kind in self.kinds():
            if (kind.api_version, kind.kind) == (obj.get("apiVersion"), obj.get("kind")):
                return kind
        raise KeyError(f"{obj.get('apiVersion')} {obj.get('kind')}")

    def _commit(
        self, kind: Kind, shelf: _Shelf, event: str, obj: JSONObject, previous: Optional[Stored]
    ) -> Stored:
        self._version += 1
        stored = Stored(normal(kind, obj, self._version), self._version)
        if event == "DELETED":
            del shelf.objects[stored.key]
        else:
            shelf.objects[stored.key] = stored
        shelf.versions.append(self._version)
        shelf.changes.append(HistoryEntry(self._version, event, stored, previous))
        if len(shelf.changes) > self._history:
            shelf.dropped = shelf.versions.pop(0)
            shelf.changes.pop(0)
            shelf.floor = max(shelf.floor, shelf.dropped)
        shelf.news.notify_all()
        return stored
