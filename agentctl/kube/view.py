"""View of the cluster: the cut objects of every watch, and how old they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any, Callable, Optional, TypeVar

from agentctl.engine.messages import Change, ObjectKey
from agentctl.kube.resources import Cut, Resource, WatchSpec

Table = dict[ObjectKey, Any]
T = TypeVar("T")

RENEWED_WITHIN_S = 10.0
"""What could not be renewed for want of an API server is renewed by then: client-go's
leaders try each 2 s, and give up after 10."""


@dataclass
class SourceView:
    """One watch's objects. ``blind`` says why nothing can be said on them, or is empty."""

    spec: WatchSpec
    tables: dict[Cut, Table] = field(default_factory=dict)
    blind: str = "no answer yet"
    lost_at: Optional[float] = None
    """When (monotonic) its connection was last lost; it may be back since."""
    back_at: Optional[float] = None
    derived: dict[tuple[Cut, Callable[[Table], Any]], Any] = field(default_factory=dict)
    """What was worked out of the tables since they last changed."""

    def __post_init__(self) -> None:
        for cut in self.spec.tables:
            self.tables[cut] = {}


class View:
    """All that checks may look at. Written by the engine's thread only."""

    def __init__(self, specs: Iterable[WatchSpec]) -> None:
        self.sources = {spec.name: SourceView(spec) for spec in specs}
        self._by_place = {
            (source.spec.resource, source.spec.namespace): source
            for source in self.sources.values()
        }
        self.proven_at: Optional[float] = None
        """When (monotonic) the storage behind it last answered; None where nobody asks it."""
        self.unproven: set[str] = set()
        """The watches on which something has ended, unless it is their storage that has."""

    def source_of(self, resource: Resource, namespace: str) -> SourceView:
        """The watch of a resource; KeyError if no check asked for it."""
        return self._by_place[(resource, namespace if resource.namespaced else "")]

    def blind(self, resource: Resource, namespace: str) -> str:
        """Why nothing can be said of this resource; empty when it can."""
        return self.source_of(resource, namespace).blind

    def objects(self, resource: Resource, namespace: str, cut: Cut) -> Mapping[ObjectKey, Any]:
        """What one table holds, by key."""
        return self.source_of(resource, namespace).tables[cut]

    def get(self, resource: Resource, namespace: str, cut: Cut, name: str) -> Optional[Any]:
        """One object of a table, None if it is not there."""
        where = namespace if resource.namespaced else ""
        return self.objects(resource, namespace, cut).get(ObjectKey(where, name))

    def derive(
        self, resource: Resource, namespace: str, cut: Cut, reduce: Callable[[Table], T]
    ) -> T:
        """What ``reduce`` makes of a table, worked out once for as long as it stays the same."""
        source = self.source_of(resource, namespace)
        key = (cut, reduce)
        if key not in source.derived:
            source.derived[key] = reduce(source.tables[cut])
        value: T = source.derived[key]
        return value

    def mark_blind(self, source: str, reason: str) -> bool:
        """Nothing can be said on this watch's objects until it sees again.

        They are kept, for a watch that resumes. True if that is news.
        """
        view = self.sources[source]
        differs = view.blind != reason
        view.blind = reason
        return differs

    def mark_lost(self, source: str, now: float) -> None:
        """The watch's connection is lost."""
        view = self.sources[source]
        if view.back_at is not None and now < view.back_at + RENEWED_WITHIN_S:
            view.back_at = None  # back too shortly: the loss goes on
        elif view.lost_at is None or view.back_at is not None:
            view.lost_at, view.back_at = now, None

    def mark_found(self, source: str, now: float) -> bool:
        """It is connected; True if it was lost before."""
        view = self.sources[source]
        if view.lost_at is None or view.back_at is not None:
            return False
        view.back_at = now
        return True

    def lapses_at(self, resource: Resource, namespace: str, moment: float, now: float) -> float:
        """When (monotonic) what ends at ``moment`` without an event counts as ended.

        Not while it cannot be seen whether it was renewed, nor at once after that: nobody
        could renew it meanwhile. Infinite until it is known; a watch goes on in silence
        where storage is silent, so that the end itself is to be proven.
        """
        view = self.source_of(resource, namespace)
        if view.lost_at is not None and moment >= view.lost_at:
            if view.back_at is None:
                return inf
            moment = max(moment, view.back_at + RENEWED_WITHIN_S)
        if self.proven_at is not None and self.proven_at < moment <= now:
            self.unproven.add(view.spec.name)
            return inf
        return moment

    def mark_seeing(self, source: str) -> bool:
        """The watch's objects are current (again); True if that is news."""
        return self.mark_blind(source, "")

    def replace(self, source: str, changes: Iterable[Change]) -> bool:
        """Take a complete list in one step, which also ends blindness.

        True if any table differs afterwards, or was not to be seen before.
        """
        view = self.sources[source]
        fresh: dict[Cut, Table] = {cut: {} for cut in view.spec.tables}
        for change in changes:
            for cut, value in zip(view.spec.tables, change.values):
                if value is not None:
                    fresh[cut][change.key] = value
        differs = fresh != view.tables
        if differs:
            view.tables = fresh
            view.derived.clear()
        return self.mark_seeing(source) or differs

    def apply(self, source: str, changes: Iterable[Change]) -> bool:
        """Take a watch's changes in order; True if any of them made a difference."""
        view = self.sources[source]
        differs = False
        for key, values in changes:
            for cut, value in zip(view.spec.tables, values):
                table = view.tables[cut]
                if value is None:
                    differs = table.pop(key, None) is not None or differs
                elif table.get(key) != value:
                    table[key] = value
                    differs = True
        if differs:
            view.derived.clear()
        return differs
