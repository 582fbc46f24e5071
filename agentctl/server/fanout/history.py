"""History of a server: the rolling timeline of all that it watches, and what readers see of it.

The engine's thread writes and the acceptor's reads, both under a lock that is held for one event,
for one component's row, or to see which rows there are: an answer of thousands of rows is made in
between, and what a reader's globs mean is worked out without it.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Optional, Union

from agentctl.clock import Clock
from agentctl.lazy_dataclass import dataclass
from agentctl.model import Delta, Item, ItemKey
from agentctl.server.fanout.selection import GlobSelection
from agentctl.timeline.facts import Gap, Row, SpanState, Timeline
from agentctl.timeline.rolling import ABSENT, Place, RollingRow, RollingTimeline
from agentctl.timeline.rolling_row import columns_of, row_of
from agentctl.timeline.runs import STATES

Since = Union[timedelta, datetime, None]
"""How far back from now, or a time; None for all that is kept."""

MAX_SPANS = 200_000
"""Of one answer, of all its components together; beyond that the oldest are coarsened."""

MIN_SPANS = 20


class FutureTime(ValueError):
    """The time that was asked for has not come yet."""


class StatusHistory:
    """``window_s`` is how much is kept; ``namespaces`` are those that are served."""

    def __init__(self, clock: Clock, window_s: float, namespaces: Collection[str]) -> None:
        self._clock = clock
        self._timeline = RollingTimeline(clock, window_s, namespaces)
        self._lock = threading.Lock()

    def begin(self, items: Sequence[Item]) -> None:
        with self._lock:
            self._timeline.begin(items)

    def take(self, delta: Delta) -> None:
        with self._lock:
            self._timeline.take(delta)

    def beat(self, lost: Mapping[Place, str], due: bool) -> None:
        with self._lock:
            self._timeline.beat(lost, due)

    def window(
        self, since: Since, namespace: str = "", globs: Collection[str] = ()
    ) -> Optional[HistoryWindow]:
        """What there is to see now; None before the first state. ``namespace`` "" for all.

        Raises FutureTime.
        """
        meant = self._meant(globs) if globs else None
        with self._lock:
            kept = self._timeline
            if not kept.began:
                return None
            now, wall = kept.now(), self._clock.now()
            start = _start(kept, since, now, wall)
            rows = [
                row
                for key, row in kept.rows.items()
                if (not namespace or key.namespace == namespace)
                and not (row.believed == ABSENT and row.runs.last_at < start)
                and (meant is None or key in meant)
            ]
            room = max(MIN_SPANS, MAX_SPANS // max(1, len(rows))) // 2
            frame = _frame(kept, rows, room, start, now, wall)
            return HistoryWindow(frame, rows, start, now, kept.heard_until(now), room, self._lock)

    def _meant(self, globs: Collection[str]) -> set[ItemKey]:
        """The components that a reader asks for, of those there are."""
        with self._lock:
            known = list(self._timeline.rows)
        selection = GlobSelection(globs)
        return {key for key in known if selection.means(key.component)}


def _start(kept: RollingTimeline, since: Since, now: int, wall: datetime) -> int:
    """Where a window begins. Raises FutureTime."""
    oldest = now - kept.window
    if since is None:
        return max(oldest, min(kept.began, now))
    back = wall - since if isinstance(since, datetime) else since
    if back < timedelta():
        raise FutureTime
    return max(oldest, now - round(back / timedelta(milliseconds=1)))


def _frame(
    kept: RollingTimeline,
    rows: Sequence[RollingRow],
    room: int,
    start: int,
    now: int,
    wall: datetime,
) -> Timeline:
    """All of a window but its rows."""
    complete = max([start, kept.began, *(row.runs.exact_from(room) for row in rows)])
    places = {kept.place(row.key) for row in rows}
    gaps = {
        Gap(max(gap.start, start) - start, gap.end - start, _reason(place, gap.reason))
        for place, gap in kept.gaps(now)
        if gap.end > start and (place in places or place == ("", ""))
    }

    def at(moment: int) -> datetime:
        return wall - timedelta(milliseconds=now - moment)

    return Timeline(
        at(start),
        now - start,
        (),
        tuple(sorted(gaps)),
        left_out=kept.left_out,
        complete_from=at(min(now, complete)),
        generated_at=wall,
    )


@dataclass(frozen=True)
class HistoryWindow:
    """A part of the history; its rows are read one by one."""

    frame: Timeline
    """All but the rows."""
    rows: Sequence[RollingRow]
    start: int
    end: int
    heard: int
    """Up to when the engine is known to have looked."""
    room: int
    """Half of the spans that a row may have."""
    lock: threading.Lock

    def beginning(self, row: RollingRow) -> tuple[datetime, bool]:
        """Since when one of ``rows`` has been what it is, and whether that was seen to begin;
        from before ``start`` as well."""
        with self.lock:
            at, seen = row.runs.lasting
        return self.frame.at(at - self.start), seen

    def row(self, row: RollingRow) -> Row:
        """Of one of ``rows``."""
        with self.lock:
            runs, said = row.runs.since(self.start), row.said.read()
        runs.thin(self.room)
        return row_of(row.key, runs, said, self.start, self.end, self.heard)

    def columns(self, row: RollingRow, width: int) -> tuple[Row, list[tuple[SpanState, int]]]:
        """The same in ``width`` equal parts: no spans, and the worst of each, with how many
        beside each other are alike."""
        with self.lock:
            runs = row.runs.since(self.start)
        found, worst = columns_of(row.key, runs, self.start, self.end, self.heard, width)
        return found, [(STATES[code], len(list(same))) for code, same in groupby(worst)]


def _reason(place: Place, reason: str) -> str:
    return f"{place[0]}: {reason}" if place[0] else reason
