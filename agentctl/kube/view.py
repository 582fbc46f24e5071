"""View of the cluster: the cut objects of every watch, and how old they are."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from math import inf
from typing import Any, Callable, Optional, Protocol, TypeVar

from agentctl.engine.messages import Change, ObjectKey
from agentctl.kube.resources import Cut, Resource, WatchSpec
from agentctl.lazy_dataclass import dataclass, field

Table = dict[ObjectKey, Any]
T = TypeVar("T")

RENEWED_WITHIN_S = 10.0
"""What could not be renewed for want of an API server is renewed by then: client-go's
leaders try each 2 s, and give up after 10."""

RENEWED_AT_FIRST_S = 8.0
"""The same of what was never seen before that: a one-shot has 10 s for all that it does."""

RENEWED_SOON_S = 3.0
"""The same where nobody noticed: what hung for want of storage goes on as soon as it answers,
and what a watch on a dead connection missed is read anew."""

READ_WITHIN_S = 2.0
"""Read again, the same end may be so much sooner or later: a server's clock tells seconds."""

KEPT_S = 60.0
"""How long it is remembered that something was to end."""


class TableFold(Protocol):
    """What is worked out of a table change by change. A cut with ``fold`` makes its own."""

    def update(self, key: ObjectKey, value: Any, listed: bool) -> None:
        """One object's new value, None for gone; ``listed``: of a list, not as it happened."""


@dataclass
class SourceView:
    """One watch's objects. ``blind`` says why nothing can be said on them, or is empty."""

    spec: WatchSpec
    tables: dict[Cut, Table] = field(default_factory=dict)
    blind: str = "no answer yet"
    lost_at: Optional[float] = None
    """When (monotonic) its connection was last lost; it may be back since."""
    noticed_at: float = inf
    """When that was noticed."""
    back_at: Optional[float] = None
    ends: dict[float, Optional[float]] = field(default_factory=dict)
    """What was seen to end at a time (monotonic), and when its storage had answered after it."""
    derived: dict[tuple[Cut, Callable[[Table], Any]], Any] = field(default_factory=dict)
    """What was worked out of the tables since they last changed."""
    folds: dict[Cut, TableFold] = field(default_factory=dict)
    changes: dict[Cut, int] = field(default_factory=dict)
    """For each table how often what it says may have become another."""

    def __post_init__(self) -> None:
        for cut in self.spec.tables:
            self.tables[cut] = {}
            self.changes[cut] = 0
            fold = getattr(cut, "fold", None)
            if fold is not None:
                self.folds[cut] = fold()

    def refold(self, fresh: Mapping[Cut, Table]) -> None:
        """Tell the folds what differs in a list that takes the tables' place."""
        for cut, fold in self.folds.items():
            old, new = self.tables[cut], fresh[cut]
            for key in old.keys() - new.keys():
                fold.update(key, None, listed=True)
            for key, value in new.items():
                if old.get(key) != value:
                    fold.update(key, value, listed=True)

    def touch(self) -> None:
        """What it says of all its objects may be another now."""
        for cut in self.changes:
            self.changes[cut] += 1

    def expect(self, end: float, now: float) -> None:
        """Something on it is to end, unless it is renewed."""
        recent = {one: proven for one, proven in self.ends.items() if one > now - KEPT_S}
        self.ends = {**recent, end: None}

    def confirm(self, end: float, proven_at: float) -> bool:
        """Storage answered after this end; True if that is news of one that was expected."""
        known = self._known(end)
        news = known is not None and self.ends[known] is None
        if known is not None and news:
            self.ends[known] = proven_at
        return news

    def confirm_all(self, now: float) -> None:
        """Storage answered now."""
        for end in self.ends:
            if end <= now:
                self.confirm(end, now)

    def told_at(self, end: float) -> Optional[float]:
        """When an expected end counts; None before it is confirmed."""
        known = self._known(end)
        proven_at = None if known is None else self.ends[known]
        return None if proven_at is None else proven_at + RENEWED_SOON_S

    def _known(self, end: float) -> Optional[float]:
        return next((one for one in self.ends if abs(one - end) < READ_WITHIN_S), None)


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

    def fold(self, resource: Resource, namespace: str, cut: Cut) -> Any:
        """What the cut's own ``fold`` has made of its table."""
        return self.source_of(resource, namespace).folds[cut]

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

    def relate(
        self,
        key: Hashable,
        tables: Sequence[tuple[Resource, str, Cut]],
        reduce: Callable[..., T],
    ) -> T:
        """The same of several tables together; ``key`` is what it is known by."""
        at = [(self.source_of(resource, where), cut) for resource, where, cut in tables]
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
        if view.back_at is not None and since < view.back_at + RENEWED_WITHIN_S:
            view.back_at = None  # back too shortly: the loss goes on
        elif view.lost_at is None or view.back_at is not None:
            view.lost_at, view.back_at = since, None
            view.noticed_at = since if now is None else now
        view.lost_at = since if view.lost_at is None else min(since, view.lost_at)
        view.touch()

    def mark_found(self, source: str, now: float) -> bool:
        """It is connected; True if it was lost before."""
        view = self.sources[source]
        if view.lost_at is None or view.back_at is not None:
            return False
        view.back_at = now
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
        self.proven_at = now
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
        for change in changes:
            for cut, value in zip(view.spec.tables, change.values):
                if value is not None:
                    fresh[cut][change.key] = value
        differs = fresh != view.tables
        if differs:
            view.refold(fresh)
            view.tables = fresh
            view.derived.clear()
            view.touch()
        return self.mark_seeing(source) or differs

    def apply(self, source: str, changes: Iterable[Change]) -> bool:
        """Take a watch's changes in order; True if any of them made a difference."""
        view = self.sources[source]
        changed: set[Cut] = set()
        for key, values in changes:
            for cut, value in zip(view.spec.tables, values):
                table = view.tables[cut]
                if value is None:
                    if table.pop(key, None) is None:
                        continue
                elif table.get(key) != value:
                    table[key] = value
                else:
                    continue
                changed.add(cut)
                if cut in view.folds:
                    view.folds[cut].update(key, value, listed=False)
        for cut in changed:
            view.changes[cut] += 1
        if changed:
            view.derived = {at: it for at, it in view.derived.items() if at[0] not in changed}
        return bool(changed)
