"""View of the cluster: the cut objects of every watch, and how old they are."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from math import inf
from typing import Any, Callable, Optional, TypeVar

from agentctl.engine.messages import Change, ObjectKey, Odd
from agentctl.kube.resources import Cut, Resource, WatchSpec
from agentctl.kube.source_view import RENEWED_WITHIN_S, Read, Reader, SourceView, Table

A = TypeVar("A")
T = TypeVar("T")

RENEWED_AT_FIRST_S = 8.0
"""The same of what was never seen before that: a one-shot has 10 s for all that it does."""


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
        self._related: dict[Hashable, tuple[list[int], Any]] = {}
        self.unproven: set[str] = set()
        """The watches on which something has ended, unless it is their storage that has."""
        self._unasked: set[str] = set()
        """Those on which something is to end, looked at while nobody asked the storage."""
        self._reading: Optional[set[Read]] = None

    def recorded(self, ask: Callable[[A], T], about: A) -> tuple[T, set[Read]]:
        """What it says, and what it has read for that."""
        outer, self._reading = self._reading, set()
        try:
            return ask(about), self._reading
        finally:
            self._reading = outer

    def follow(self, reader: Reader, before: set[Read], now: set[Read]) -> None:
        """Tell a reader of ``before`` from now on of what changes in what it has read ``now``."""
        for name, place in before - now:
            self.sources[name].unfollow(reader, place)
        for name, place in now - before:
            self.sources[name].readers.setdefault(place, {})[reader] = None

    def source_of(self, resource: Resource, namespace: str, *place: object) -> SourceView:
        """The watch of a resource, for who reads ``place`` of it; KeyError if there is none."""
        source = self._by_place[(resource, namespace if resource.namespaced else "")]
        if self._reading is not None:
            self._reading.add((source.spec.name, None))
            if place:
                self._reading.add((source.spec.name, place))
        return source

    def blind(self, resource: Resource, namespace: str) -> str:
        """Why nothing can be said of this resource; empty when it can."""
        return self.source_of(resource, namespace).blind

    def objects(self, resource: Resource, namespace: str, cut: Cut) -> Mapping[ObjectKey, Any]:
        """What one table holds, by key."""
        return self.source_of(resource, namespace, cut, None).tables[cut]

    def get(self, resource: Resource, namespace: str, cut: Cut, name: str) -> Optional[Any]:
        """One object of a table, None if it is not there.

        Raises OddObjectError if it is, and cannot be read.
        """
        key = ObjectKey(namespace if resource.namespaced else "", name)
        source = self.source_of(resource, namespace, cut, name)
        if source.odd:
            source.refuse_odd(cut, key)
        return source.tables[cut].get(key)

    def group(
        self,
        resource: Resource,
        namespace: str,
        cut: Cut,
        group_of: Callable[[Any], object],
        group: object,
    ) -> Mapping[ObjectKey, Any]:
        """The objects of a table of which ``group_of`` makes ``group``."""
        source = self.source_of(resource, namespace, cut, group_of, group)
        return source.group(cut, group_of, group)

    def fold(self, resource: Resource, namespace: str, cut: Cut, name: Optional[str] = None) -> Any:
        """What the cut's own ``fold`` has made of its table, for who reads one object of it
        alone by its name, or all."""
        return self.source_of(resource, namespace, cut, name).folds[cut]

    def derive(
        self, resource: Resource, namespace: str, cut: Cut, reduce: Callable[[Table], T]
    ) -> T:
        """What ``reduce`` makes of a table, worked out once for as long as it stays the same."""
        source = self.source_of(resource, namespace, cut, None)
        key = (cut, reduce)
        if key not in source.derived:
            source.derived[key] = reduce(source.tables[cut])
        value: T = source.derived[key]
        return value

    def relate(
        self,
        key: Hashable,
        tables: Sequence[tuple[Resource, str, Cut]],
        reduce: Callable[..., T],
    ) -> T:
        """The same of several tables together; ``key`` is what it is known by."""
        at = [(self.source_of(one, where, cut, None), cut) for one, where, cut in tables]
        seen = [source.changes[cut] for source, cut in at]
        known = self._related.get(key)
        if known is None or known[0] != seen:
            known = seen, reduce(*(source.tables[cut] for source, cut in at))
            self._related[key] = known
        value: T = known[1]
        return value

    def mark_blind(self, source: str, reason: str) -> bool:
        """Nothing can be said on this watch's objects until it sees again.

        They are kept, for a watch that resumes. True if that is news.
        """
        view = self.sources[source]
        differs = view.blind != reason
        if differs:
            view.blind = reason
            view.touch()
        return differs

    def mark_lost(self, source: str, since: float, now: Optional[float] = None) -> None:
        """The watch's connection is lost; ``since`` when, if that was only noticed now."""
        view = self.sources[source]
        if view.back_at is not None and since < view.settled_at:
            view.back_at = None  # back too shortly: the loss goes on
        elif view.lost_at is None or view.back_at is not None:
            view.lost_at, view.back_at = since, None
            view.noticed_at = since if now is None else now
        view.lost_at = since if view.lost_at is None else min(since, view.lost_at)
        view.touch(quietly=True)  # what follows is due once it is found, or at its time

    def mark_found(self, source: str, now: float) -> bool:
        """It is connected; True if it was lost before."""
        view = self.sources[source]
        if view.lost_at is None or view.back_at is not None:
            return False
        view.back_at = now
        view.settled_at = inf if self.proven_at is not None else now + RENEWED_WITHIN_S
        view.touch()
        return True

    def foreknown(self, resource: Resource, namespace: str) -> bool:
        """Whether something was known of it before the loss that it has come out of."""
        return self.source_of(resource, namespace).lost_at != -inf

    def lapses_at(self, resource: Resource, namespace: str, moment: float, now: float) -> float:
        """When (monotonic) what ends at ``moment`` without an event counts as ended.

        Not while it cannot be seen whether it was renewed, nor at once after that: nobody
        could renew it meanwhile. Infinite until it is known; a watch goes on in silence
        where storage is silent, so that the end itself is to be proven, and what may just
        have come back has its time too.
        """
        view = self.source_of(resource, namespace)
        told_at = view.told_at(moment)
        if told_at is not None and told_at <= view.noticed_at:
            return told_at
        if view.lost_at is not None and moment >= view.lost_at:
            if view.back_at is None:
                return inf
            known = view.lost_at > -inf
            within_s = RENEWED_WITHIN_S if known else RENEWED_AT_FIRST_S
            moment = max(moment, view.back_at + within_s)
        if self.proven_at is None:
            self._unasked.add(view.spec.name)
            return moment
        if now < moment:
            view.expect(moment, now)
            return moment
        if self.proven_at < moment:
            self.unproven.add(view.spec.name)
            return inf
        if view.confirm(moment, self.proven_at):
            self.unproven.add(view.spec.name)
        told_at = view.told_at(moment)
        return moment if told_at is None else told_at

    def prove(self, now: Optional[float]) -> set[str]:
        """The storage behind it answered now, or nobody asks it (None).

        Returns the watches on which something has ended that is not certain yet.
        """
        asked, self.proven_at = self.proven_at is not None, now
        if now is not None:
            for view in self.sources.values():
                view.settle(now, asked)
            unasked, self._unasked = self._unasked, set()
            for name in unasked:  # what is to end there is expected from now on
                self.sources[name].touch()
        waited, self.unproven = self.unproven, set()
        for name in waited:
            self.sources[name].touch()
            if now is not None:
                self.sources[name].confirm_all(now)
        return waited

    def mark_seeing(self, source: str) -> bool:
        """The watch's objects are current (again); True if that is news."""
        return self.mark_blind(source, "")

    def replace(self, source: str, changes: Iterable[Change]) -> bool:
        """Take a complete list in one step, which also ends blindness.

        True if any table differs afterwards, or was not to be seen before.
        """
        view = self.sources[source]
        fresh: dict[Cut, Table] = {cut: {} for cut in view.spec.tables}
        odd: dict[tuple[Cut, ObjectKey], str] = {}
        for change in changes:
            for cut, value in zip(view.spec.tables, change.values):
                if value.__class__ is Odd:
                    odd[cut, change.key] = value.why
                elif value is not None:
                    fresh[cut][change.key] = value
        differs = fresh != view.tables or odd != view.odd
        if differs:
            view.odd = odd
            view.refold(fresh)
            view.tables = fresh
            view.derived.clear()
            view.groups.clear()
            view.touch()
        return self.mark_seeing(source) or differs

    def apply(self, source: str, changes: Iterable[Change]) -> bool:
        """Take a watch's changes in order; True if any of them made a difference."""
        view = self.sources[source]
        changed: set[Cut] = set()
        for key, values in changes:
            for cut, value in zip(view.spec.tables, values):
                if view.put(cut, key, value):
                    changed.add(cut)
        if changed and view.derived:
            view.derived = {at: it for at, it in view.derived.items() if at[0] not in changed}
        return bool(changed)
