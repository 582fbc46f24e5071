"""Tables of one watch: its cut objects, what is worked out of them, and who has read what."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Any, Callable, Optional, Protocol

from agentctl.engine.messages import ObjectKey, Odd
from agentctl.kube.resources import Cut, WatchSpec
from agentctl.lazy_dataclass import dataclass, field

Table = dict[ObjectKey, Any]

RENEWED_WITHIN_S = 10.0
"""What could not be renewed for want of an API server is renewed by then: client-go's
leaders try each 2 s, and give up after 10."""

RENEWED_SOON_S = 3.0
"""How soon what has ended is renewed where nobody noticed a loss: what hung for want of storage
goes on as soon as it answers, and what a watch on a dead connection missed is read anew."""

READ_WITHIN_S = 2.0
"""Read again, the same end may be so much sooner or later: a server's clock tells seconds."""

KEPT_S = 60.0
"""How long it is remembered that something was to end."""

Place = Optional[tuple[object, ...]]
"""What may be read of a watch: ``(cut, name)`` one object of a table, ``(cut, None)`` all of
them, ``(cut, group_of, group)`` a group; None how the watch itself is."""

Read = tuple[str, Place]
"""A watch by its name, and what was read of it."""


class Reader(Protocol):
    """Who has read something, and is told once that is another."""

    def outdate(self, quietly: bool) -> None:
        """It is; ``quietly``: what follows from that has time until it is asked."""


class OddObjectError(Exception):
    """An object was asked for that cannot be read."""


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
    settled_at: float = inf
    """When all that had ended before it was back is told."""
    ends: dict[float, Optional[float]] = field(default_factory=dict)
    """What was seen to end at a time (monotonic), and when its storage had answered after it."""
    derived: dict[tuple[Cut, Callable[[Table], Any]], Any] = field(default_factory=dict)
    """What was worked out of the tables since they last changed."""
    folds: dict[Cut, TableFold] = field(default_factory=dict)
    groups: dict[tuple[Cut, Callable[[Any], object]], dict[object, Table]] = field(
        default_factory=dict
    )
    """Tables by what their values have in common, where somebody asks for that."""
    changes: dict[Cut, int] = field(default_factory=dict)
    """For each table how often what it says may have become another."""
    odd: dict[tuple[Cut, ObjectKey], str] = field(default_factory=dict)
    """The objects that stand in no table, as they cannot be read, and why."""
    readers: dict[Place, dict[Reader, None]] = field(default_factory=dict)
    """Who has read what. Whoever has read anything has read how the watch is."""

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

    def touch(self, quietly: bool = False) -> None:
        """What it says of all its objects may be another now."""
        for cut in self.changes:
            self.changes[cut] += 1
        self.outdate(None, quietly)

    def outdate(self, place: Place, quietly: bool = False) -> None:
        """Tell who has read it."""
        for reader in self.readers.get(place, ()):
            reader.outdate(quietly)

    def unfollow(self, reader: Reader, place: Place) -> None:
        """It does not care for what it has read there any more."""
        readers = self.readers[place]
        del readers[reader]
        if not readers:
            del self.readers[place]

    def put(self, cut: Cut, key: ObjectKey, value: Optional[Any]) -> bool:
        """One object's new value in a table, None for none; True if it is another."""
        if self.odd or value.__class__ is Odd:
            value = self._take_odd(cut, key, value)
        table = self.tables[cut]
        before = table.get(key)
        if before == value:
            return False
        if value is None:
            del table[key]
        else:
            table[key] = value
        if cut in self.folds:
            self.folds[cut].update(key, value, listed=False)
        self.changes[cut] += 1
        if self.groups:
            self._regroup(cut, key, before, value)
        self.outdate((cut, key.name))
        self.outdate((cut, None))
        return True

    def _take_odd(self, cut: Cut, key: ObjectKey, value: Any) -> Any:
        """The value for its table: an odd one is remembered apart."""
        why = value.why if isinstance(value, Odd) else ""
        if self.odd.get((cut, key), "") != why:
            self.odd.pop((cut, key), None)
            if why:
                self.odd[cut, key] = why
            self.outdate((cut, key.name))
        return None if why else value

    def refuse_odd(self, cut: Cut, key: ObjectKey) -> None:
        """Raises OddObjectError if this object cannot be read."""
        why = self.odd.get((cut, key))
        if why is not None:
            raise OddObjectError(f"{key.name} cannot be read: {why}")

    def group(self, cut: Cut, group_of: Callable[[Any], object], group: object) -> Table:
        """The objects of a table of which ``group_of`` makes this."""
        groups = self.groups.get((cut, group_of))
        if groups is None:
            groups = self.groups[cut, group_of] = {}
            for key, value in self.tables[cut].items():
                groups.setdefault(group_of(value), {})[key] = value
        return groups.get(group, {})

    def _regroup(self, cut: Cut, key: ObjectKey, before: Any, value: Any) -> None:
        for (of, group_of), groups in self.groups.items():
            if of is not cut:
                continue
            if before is not None:
                old = group_of(before)
                del groups[old][key]
                if not groups[old]:
                    del groups[old]
                self.outdate((cut, group_of, old))
            if value is not None:
                new = group_of(value)
                groups.setdefault(new, {})[key] = value
                self.outdate((cut, group_of, new))

    def expect(self, end: float, now: float) -> None:
        """Something on it is to end, unless it is renewed."""
        recent = {one: proven for one, proven in self.ends.items() if one > now - KEPT_S}
        self.ends = {**recent, end: None}

    def settle(self, now: float, asked: bool) -> None:
        """Storage answered now, and was ``asked`` before, or what had ended was told unasked."""
        if self.back_at is None:
            return
        renewed_at = self.back_at + RENEWED_WITHIN_S
        if now < renewed_at:
            self.settled_at = inf
        elif asked and self.settled_at == inf:
            self.settled_at = now + RENEWED_SOON_S

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
