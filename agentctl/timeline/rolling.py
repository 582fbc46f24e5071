"""Rolling timeline: what each component was for the last hours, while it is being watched.

Bounded in time by its window and in bytes whatever flaps: ``runs`` holds the states, the
oldest of them coarsened, ``last_messages`` what was last said. What nobody could see is told
apart:

- ``unseen``: the connection to the sources of its cluster and namespace was lost, or the host
  slept. A component that is told anew meanwhile is seen again from there;
- ``stale``: it turned ``unknown`` while its sources were lost, because the last state was too
  old to be believed; or the watch itself was stuck.

Times are milliseconds since 1970 by the wall clock as it was at the beginning, and grow with
the monotonic clock.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from itertools import islice
from typing import Optional

from agentctl.clock import Clock
from agentctl.lazy_namedtuple import NamedTuple
from agentctl.model import Delta, Item, ItemKey, Status
from agentctl.redact import redact
from agentctl.timeline.facts import Gap, SpanState
from agentctl.timeline.last_messages import LastMessages
from agentctl.timeline.runs import BYTES_A_PLACE, CODES, CompactRuns

RUN_BYTES = 34 << 20
"""Of the runs of all components together; a thousand have room for a day of minutes."""

MESSAGE_BYTES = 8 << 20
"""Of the messages of all together."""

MAX_ROOM, MIN_ROOM = 1_750, 40
"""Exact runs of one component; coarse ones come on top."""

MAX_COMPONENTS = 20_000
MAX_GAPS = 1_000

SWEPT_RUNS = 100_000
"""Looked at on one beat, where components have less room than they had: some 50 ms."""

BEAT_MS = 1_000
SILENT_MS = 5_000
"""The engine beats each second. After so long without, it did not look."""

SLEPT_MS = 10_000
"""How far the wall clock may be ahead of the monotonic one before it counts as sleep."""

Place = tuple[str, str]
"""A cluster and a namespace of it: what is seen or unseen together."""

ABSENT, UNKNOWN = CODES[SpanState.ABSENT], CODES[SpanState.UNKNOWN]
STALE, UNSEEN = CODES[SpanState.STALE], CODES[SpanState.UNSEEN]
_OF_STATUS = {status: CODES[SpanState.of(status)] for status in Status}


class LocalGap(NamedTuple):
    """A gap of one cluster and namespace; of all of them where the place is of empty names."""

    place: Place
    gap: Gap


class RollingRow:
    """One component's past. ``number`` is its place in the order in which they were told."""

    __slots__ = ("believed", "dark", "key", "message", "number", "runs", "said")

    def __init__(self, key: ItemKey, number: int) -> None:
        self.key = key
        self.number = number
        self.runs = CompactRuns()
        self.said = LastMessages()
        self.believed = ABSENT
        """The code that would be shown if it could be seen."""
        self.message = ""
        self.dark = False
        """Cannot be seen now."""


class RollingTimeline:
    """Fed by the engine's thread; not thread-safe. ``window_s`` is how much is kept.

    What is in none of ``namespaces`` is seen and unseen as the place of its cluster without a
    namespace.
    """

    def __init__(self, clock: Clock, window_s: float, namespaces: Collection[str]) -> None:
        self._clock = clock
        self._namespaces = frozenset(namespaces)
        self.window = round(window_s * 1000)
        self.rows: dict[ItemKey, RollingRow] = {}
        self.began = 0
        """When the first state was told; 0 while there is none."""
        self._left_out: set[int] = set()
        self._gaps: list[LocalGap] = []
        self._hidden: dict[Place, tuple[int, str]] = {}
        """Places that cannot be seen: since when, and why."""
        self._zero = 0.0
        self._ahead = 0
        self._skew = 0.0
        self._heard = 0
        self._absent = 0
        """Rows of components that are not there now."""
        self._numbered = 0
        self._swept = 0
        self._room = MAX_ROOM
        """Runs that each component may have, by how many there are."""

    # What the engine tells.

    def begin(self, items: Iterable[Item]) -> None:
        """The first state."""
        wall, self._zero = self._clock.now().timestamp(), self._clock.monotonic()
        self._skew = wall - self._zero
        self._ahead = self.began = self._heard = round(wall * 1000)
        for item in items:
            self._tell(item.key, _OF_STATUS[item.status], item.message, self.began)

    def take(self, delta: Delta) -> None:
        """What has changed."""
        now = self._look()
        for item in delta.changes:
            self._tell(item.key, _OF_STATUS[item.status], item.message, now)
        for key in delta.removed:
            if key in self.rows:
                self._tell(key, ABSENT, "", now)

    def beat(self, lost: Mapping[Place, str], due: bool) -> None:
        """Which places cannot be seen now, each with the reason, which may hold a secret.

        What can be seen again is shown on the next beat that is ``due``: until then the engine
        tells what has changed meanwhile.
        """
        if not self.began:
            return
        now = self._look()
        fresh = {place: redact(why) for place, why in lost.items() if place not in self._hidden}
        if fresh:
            self._hidden.update((place, (now, reason)) for place, reason in fresh.items())
            self._hide(now, fresh)
        if due:
            found = {place for place in self._hidden if place not in lost}
            if found:
                self._show(now, found)
            self._sweep(now)

    # What readers ask.

    def now(self) -> int:
        """This moment."""
        return self._ahead + round((self._clock.monotonic() - self._zero) * 1000)

    @property
    def left_out(self) -> int:
        """Components of which all or something is missing, because there were too many."""
        return len(self._left_out)

    def heard_until(self, now: int) -> int:
        """Up to when the engine is known to have looked."""
        return now if now - self._heard <= SILENT_MS else self._heard + BEAT_MS

    def gaps(self, now: int) -> list[LocalGap]:
        """Times in which not all could be seen, those that go on included."""
        going_on = [
            LocalGap(place, Gap(since, now, why)) for place, (since, why) in self._hidden.items()
        ]
        return [*self._gaps, *going_on]

    # Inside.

    def _look(self) -> int:
        """This moment; what nobody saw since the last one is hidden."""
        monotonic, wall = self._clock.monotonic(), self._clock.now().timestamp()
        now = self._ahead + round((monotonic - self._zero) * 1000)
        skew = wall - monotonic
        slept = round((skew - self._skew) * 1000)
        self._skew = skew
        if slept > SLEPT_MS:
            self._ahead += slept
            now += slept
            self._miss(now, UNSEEN, "the server's host slept, or its clock was set")
        elif now - self._heard > SILENT_MS:
            self._miss(now, STALE, "the server did not look at its sources")
        self._heard = now
        return now

    def _miss(self, now: int, code: int, why: str) -> None:
        """Nobody looked since a second after the last beat."""
        since = self._heard + BEAT_MS
        for row in self.rows.values():
            before = row.runs.code
            if before not in (ABSENT, UNSEEN, STALE):
                row.runs.record(since, code, self._own(row))
                row.runs.record(now, before, self._own(row))
        self._add_gap(("", ""), Gap(since, now, why))

    def _tell(self, key: ItemKey, code: int, message: str, now: int) -> None:
        row = self.rows.get(key)
        if row is None:
            row = self._add(key)
            if row is None:
                return
            if now > self.began:
                # Where one was dropped that is not known any more, it may have been this one.
                row.runs.record(self.began, UNSEEN if self._left_out else ABSENT, MAX_ROOM)
        hidden = bool(self._hidden) and self.place(key) in self._hidden
        shown = STALE if hidden and code == UNKNOWN else code
        row.dark = False
        told_before = row.message if code == row.believed else ""
        self._absent += (code == ABSENT) - (row.believed == ABSENT)
        row.believed, row.message = code, message
        if message and message != told_before:
            self._say(row, now, shown)
        row.runs.record(now, shown, self._own(row))

    def _say(self, row: RollingRow, now: int, code: int) -> None:
        row.said.add(now, code, row.message, MESSAGE_BYTES // max(1_000, len(self.rows)))

    def place(self, key: ItemKey) -> Place:
        """With what a component is seen and unseen."""
        return key.cluster, key.namespace if key.namespace in self._namespaces else ""

    def _own(self, row: RollingRow) -> int:
        """Room for one; a little less for some: they must not all run out of it at once."""
        return self._room - row.number * 37 % (self._room // 8)

    def _share(self) -> None:
        share = RUN_BYTES // (BYTES_A_PLACE * max(1, len(self.rows)))
        self._room = max(MIN_ROOM, min(MAX_ROOM, share))

    def _hide(self, now: int, places: Mapping[Place, str]) -> None:
        for key, row in self.rows.items():
            if row.believed != ABSENT and not row.dark and self.place(key) in places:
                row.dark = True
                row.runs.record(now, UNSEEN, self._own(row))

    def _show(self, now: int, places: set[Place]) -> None:
        for key, row in self.rows.items():
            if self.place(key) in places:
                row.dark = False
                if row.message and row.runs.code == STALE:
                    self._say(row, now, row.believed)
                row.runs.record(now, row.believed, self._own(row))
        for place in places:
            since, why = self._hidden.pop(place)
            self._add_gap(place, Gap(since, now, why))

    def _add_gap(self, place: Place, gap: Gap) -> None:
        self._gaps.append(LocalGap(place, gap))
        if len(self._gaps) > MAX_GAPS:
            del self._gaps[: MAX_GAPS // 10]

    def _add(self, key: ItemKey) -> Optional[RollingRow]:
        if len(self.rows) >= MAX_COMPONENTS and not self._make_room():
            self._leave_out(key)
            return None
        row = self.rows[key] = RollingRow(key, self._numbered)
        self._numbered += 1
        self._absent += 1
        self._share()
        return row

    def _make_room(self) -> bool:
        """Drop some of those that are not there any more, the longest gone first."""
        if not self._absent:
            return False
        gone = [row for row in self.rows.values() if row.believed == ABSENT]
        gone.sort(key=lambda row: row.runs.last_at)
        for row in gone[: MAX_COMPONENTS // 20]:
            self._leave_out(row.key)
            self._drop(row)
        return True

    def _leave_out(self, key: ItemKey) -> None:
        if len(self._left_out) < MAX_COMPONENTS:
            self._left_out.add(hash(key))

    def _drop(self, row: RollingRow) -> None:
        del self.rows[row.key]
        self._absent -= 1

    def _sweep(self, now: int) -> None:
        """Drop what is too old or too much, of some components at a time: all in a minute."""
        horizon, work = now - self.window, 0
        count = len(self.rows) // 60 + 1
        if self._swept >= len(self.rows):
            self._swept = 0
        for row in list(islice(self.rows.values(), self._swept, self._swept + count)):
            self._swept += 1
            row.runs.forget(horizon)
            row.said.forget(horizon)
            if len(row.runs) > 2 * self._room:  # there are many more components than there were
                work += len(row.runs)
                row.runs.thin(self._own(row))
            if row.runs.only == ABSENT and row.believed == ABSENT:
                self._drop(row)
                self._swept -= 1
            if work > SWEPT_RUNS:
                break
        self._share()
        while self._gaps and self._gaps[0].gap.end < horizon:
            del self._gaps[0]
