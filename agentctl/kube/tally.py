"""Tally of judged objects: how many are how, and the worst of them, kept up change by change.

What one change costs does not grow with the number of objects. An object that is progressing
is unknown for its grace and degraded after that; progress that is over within two seconds
counts as what was before it.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from heapq import heapify, heappop, heappush, nsmallest
from itertools import chain, count
from math import inf
from typing import Optional

from agentctl.duration import format_duration
from agentctl.engine.messages import ObjectKey
from agentctl.kube.cuts.resources import HEALTHY, Judged
from agentctl.kube.resources import NOT_SERVED
from agentctl.lazy_dataclass import dataclass, field
from agentctl.lazy_namedtuple import NamedTuple
from agentctl.model import Status, format_time

HOLD_S = 2.0
"""Progress that is over by then is not told."""

GRACE_S = 300.0

SLACK = 1000
"""How many moments that mean nothing any more are kept beside the others."""

ORDER = ("error", "degraded", "unknown", "progressing", "suspended", "configured", "healthy")
"""What objects are counted as, worst first."""

SHOWN_AS = {
    "error": Status.ERROR,
    "degraded": Status.DEGRADED,
    "unknown": Status.UNKNOWN,
    "progressing": Status.UNKNOWN,
    "suspended": Status.CONFIGURED,
    "configured": Status.CONFIGURED,
    "healthy": Status.HEALTHY,
}

Lapse = Callable[[float], float]
"""When (monotonic) what was to end at a time counts as ended."""


class Terms(NamedTuple):
    """What time makes of objects, in seconds."""

    grace_s: float = GRACE_S
    warn_s: float = 0.0
    """How long before it expires an object is degraded."""


class Standing(NamedTuple):
    """How one object counts now; None as ``kind`` for one that does not count yet."""

    kind: Optional[str]
    why: str = ""


NOTHING = Standing(None)
WELL = Standing("healthy")


@dataclass
class _Entry:
    """One object's part. Times are monotonic."""

    judged: Judged
    standing: Standing = NOTHING
    before: Standing = NOTHING
    """How it counted before its progress."""
    told_from: float = -inf
    """Until when its progress is held back."""
    first_seen: float = 0.0
    """Since when it is seen to be progressing."""
    not_before: float = -inf
    """When it was seen to begin; a transition before that is of something else."""
    due: float = inf
    """When time alone makes something else of it."""


_WELL = _Entry(HEALTHY, WELL)
"""That of all that are well and do not expire: most."""


_Due = tuple[float, int, ObjectKey, _Entry]
"""A moment, a number that no other has, and whose moment it is."""


@dataclass
class Tally:
    """The objects of one table. For the engine's thread only."""

    terms: Terms
    served: bool = True
    counts: dict[str, int] = field(default_factory=dict)
    _entries: dict[ObjectKey, _Entry] = field(default_factory=dict)
    _worst: dict[str, list[ObjectKey]] = field(default_factory=dict)
    _pending: dict[ObjectKey, None] = field(default_factory=dict)
    _due: list[_Due] = field(default_factory=list)
    _order: Iterator[int] = field(default_factory=count)

    @property
    def total(self) -> int:
        """How many objects count."""
        return sum(self.counts.values())

    def update(self, key: ObjectKey, judged: Optional[Judged], listed: bool) -> None:
        """Take one object's new verdict, None for one that is gone.

        ``listed``: it may be so for long, and is not held back.
        """
        if key == NOT_SERVED:
            self.served = judged is None
            return
        old = self._entries.get(key)
        standing = NOTHING if old is None else old.standing
        self._pending.pop(key, None)
        if judged is None or judged is HEALTHY:
            self._count(key, standing, NOTHING if judged is None else WELL)
            if judged is None:
                self._entries.pop(key, None)
            else:
                self._entries[key] = _WELL
            return
        entry = self._entries[key] = _Entry(judged, standing)
        if judged.status == "progressing":
            self._continue(entry, old, listed)
        self._pending[key] = None

    def _continue(self, entry: _Entry, old: Optional[_Entry], listed: bool) -> None:
        """Progress goes on where it was seen before, or begins."""
        if old is not None and old.judged.status == "progressing":
            entry.before, entry.told_from = old.before, old.told_from
            entry.first_seen, entry.not_before = old.first_seen, old.not_before
            return
        now = entry.judged.seen.monotonic
        entry.before = entry.standing
        entry.first_seen = now
        entry.not_before = -inf if old is None else now
        entry.told_from = -inf if listed else now + HOLD_S

    def settle(self, now: float, lapse: Lapse) -> Optional[float]:
        """Count what is new and what is due by ``now``; returns when to look again."""
        for key in self._pending:
            self._place(key, self._entries[key], now, lapse)
        self._pending.clear()
        due = []
        while self._due and self._due[0][0] <= now:
            moment, _, key, entry = heappop(self._due)
            if self._entries.get(key) is entry and entry.due == moment:
                due.append((key, entry))
        for key, entry in due:
            self._place(key, entry, now, lapse)
        if len(self._due) > 2 * len(self._entries) + SLACK:
            self._due = [one for one in self._due if self._is_current(one)]
            heapify(self._due)
        while self._due and not self._is_current(self._due[0]):
            heappop(self._due)
        # What has ended, and may yet be renewed, waits for a word of the view's.
        return next_after(self._due, now)

    def _is_current(self, due: _Due) -> bool:
        moment, _, key, entry = due
        return self._entries.get(key) is entry and entry.due == moment

    def _place(self, key: ObjectKey, entry: _Entry, now: float, lapse: Lapse) -> None:
        standing, entry.due = self._standing(entry, now, lapse)
        self._count(key, entry.standing, standing)
        entry.standing = standing
        if entry.due < inf:
            heappush(self._due, (entry.due, next(self._order), key, entry))

    def _standing(self, entry: _Entry, now: float, lapse: Lapse) -> tuple[Standing, float]:
        """How it counts, and until when."""
        judged = entry.judged
        if judged.status == "progressing":
            return self._progress(entry, now, lapse)
        if judged.expires is None or judged.status not in ("healthy", "configured"):
            return Standing(judged.status, judged.why), inf
        at = judged.monotonic(judged.expires)
        when = format_time(datetime.fromtimestamp(judged.expires, timezone.utc))
        if now >= at:
            return Standing("error", f"expired at {when}"), inf
        if now >= at - self.terms.warn_s:
            return Standing("degraded", f"expires at {when}"), at
        return Standing(judged.status, judged.why), at - self.terms.warn_s

    def _progress(self, entry: _Entry, now: float, lapse: Lapse) -> tuple[Standing, float]:
        if now < entry.told_from:
            return entry.before, entry.told_from
        judged = entry.judged
        began = entry.first_seen
        if judged.since is not None:  # and not in the future, of a clock that is ahead
            began = min(judged.monotonic(judged.since), judged.seen.monotonic)
            began = max(began, entry.not_before)
        over = began + self.terms.grace_s
        if now >= over:
            lapsed = lapse(over)
            over = over if lapsed == inf else lapsed
            if now < lapsed:
                return Standing("progressing", f"progressing: {judged.why}"), over
        if now < over:
            return Standing("progressing", f"progressing: {judged.why}"), over
        limit = format_duration(self.terms.grace_s)
        return Standing("degraded", f"progressing for more than {limit}: {judged.why}"), inf

    def _count(self, key: ObjectKey, old: Standing, new: Standing) -> None:
        if old.kind == new.kind:
            return
        if old.kind is not None:
            self.counts[old.kind] -= 1
            if not self.counts[old.kind]:
                del self.counts[old.kind]
            if old.kind in self._worst:
                keys = self._worst[old.kind]
                del keys[bisect_left(keys, key)]
        if new.kind is not None:
            self.counts[new.kind] = self.counts.get(new.kind, 0) + 1
            if new.kind not in ("healthy", "configured"):
                insort(self._worst.setdefault(new.kind, []), key)

    def named(self, most: int) -> list[tuple[ObjectKey, Standing]]:
        """The worst, by name."""
        found: list[tuple[ObjectKey, Standing]] = []
        for kind in ORDER:
            for key in self._worst.get(kind, ())[: most - len(found)]:
                found.append((key, self._entries[key].standing))
        return found

    def standing(self, key: ObjectKey) -> Standing:
        """How one object counts."""
        entry = self._entries.get(key)
        return NOTHING if entry is None else entry.standing


def next_after(due: list[_Due], now: float) -> Optional[float]:
    """The first of a heap's moments that is to come."""
    if not due or due[0][0] > now:
        return due[0][0] if due else None
    return min((one[0] for one in due if one[0] > now), default=None)


def worst_of(tallies: list[Tally], most: int) -> list[tuple[ObjectKey, Standing]]:
    """The worst of several tallies, worst first, then by name."""
    rank = {kind: place for place, kind in enumerate(ORDER)}
    every = chain.from_iterable(one.named(most) for one in tallies)
    return nsmallest(most, every, key=lambda pair: (rank[pair[1].kind or ORDER[-1]], pair[0]))
