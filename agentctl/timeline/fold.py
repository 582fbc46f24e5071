"""Fold of a recording into a timeline. What could not be seen is never healthy.

- An ``error`` event that says that a source is lost hides all components until a heartbeat
  says that all is well; one that is told anew in a delta is seen again at once.
- Between recordings in one file, during a silence longer than the heartbeat allows, and
  where the wall clock ran on while the host slept, nobody looked.
- After damage nothing is believed until it is told anew, or until a cursor says that no
  change was lost: the one after the damage is the one before it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Optional

from agentctl.model import OUTAGES, Delta, Event, ItemKey, Snapshot, StreamError
from agentctl.recording import Damage, End, Entry, Header
from agentctl.timeline.facts import Gap, SpanState, Timeline
from agentctl.timeline.row import GrowingRow

SILENT_BEATS = 3
SLEPT_MS = 60_000
"""How far the wall clock may be ahead of the monotonic one before it counts as sleep."""

DAMAGED = "the recording is damaged here"

MAX_ROWS = 5_000
MAX_SPANS = 500_000
"""Of all rows together."""
MAX_GAPS = 10_000


def timeline(entries: Iterable[Entry], globs: Collection[str] = ()) -> Optional[Timeline]:
    """The timeline of the components that fit a glob (of all, with none); None without events."""
    fold = Fold(globs)
    for entry in entries:
        fold.take(entry)
    return fold.done()


class Fold:
    """Takes entries in order; ``now`` is the last one's time in milliseconds."""

    def __init__(self, globs: Collection[str] = ()) -> None:
        self._globs = globs
        self._start: Optional[datetime] = None
        self._base = 0
        """Where offsets count from."""
        self._timed = False
        self.now = 0
        self._rows: dict[ItemKey, GrowingRow] = {}
        self._whole = False
        """A snapshot has said which components there are."""
        self._beat_ms = 0
        self._beats = False
        """Heartbeats are to be expected."""
        self._events = 0
        self._damaged = 0
        self._left_out: set[int] = set()
        self._gaps: list[Gap] = []
        self._gap: Optional[tuple[int, str]] = None
        self._cursor = ""
        self._unsure = False
        """A line was lost since the last event."""

    def take(self, entry: Entry) -> None:
        if isinstance(entry, Header):
            self._begin(entry)
        elif isinstance(entry, Damage):
            self._damaged += 1
            self._unsure = True
        elif isinstance(entry, End):
            if self._unsure:
                self._doubt_all(DAMAGED)
            if self._timed and self._events:
                self._move(self._base + round(entry.offset_s * 1000))
        else:
            self._event(entry.offset_s, entry.event)

    def done(self) -> Optional[Timeline]:
        if self._start is None or not self._events:
            return None
        self._close_gap()
        return Timeline(
            self._start,
            self.now,
            tuple(row.done(self.now) for row in self._rows.values()),
            tuple(self._gaps),
            self._damaged,
            len(self._left_out),
        )

    def _begin(self, header: Header) -> None:
        """A recording begins, the first of the file or one that was appended."""
        if not self._events:
            self._start = header.started_at
        else:
            self._doubt_all("not recorded")
            self.now = max(self.now, self._since_start(header.started_at))
        self._base, self._timed = self.now, True
        self._beat_ms = round((header.heartbeat_s or 0) * 1000)
        self._beats = self._beat_ms > 0
        self._whole, self._cursor, self._unsure = False, "", False

    def _event(self, offset_s: Optional[float], event: Event) -> None:
        if self._unsure:
            if isinstance(event, Delta) or not event.cursor or event.cursor != self._cursor:
                self._doubt_all(DAMAGED)
            self._unsure = False
        self._cursor = event.cursor
        offset = 0 if offset_s is None else round(offset_s * 1000)
        if not self._events:
            self._set_start(offset, event.generated_at)
        told = self._since_start(event.generated_at)
        moment = told
        if offset_s is not None and self._timed:
            moment = self._base + offset
            if told - moment > SLEPT_MS:
                self._base += told - moment
                self._hide_all("the recorder's host slept, or its clock was set", self.now)
                moment = told
        self._move(moment)
        self._events += 1
        self._apply(event)

    def _set_start(self, offset: int, generated_at: datetime) -> None:
        """A timeline begins with its first event."""
        if self._start is None or not self._timed:
            self._start = generated_at
        else:
            with suppress(OverflowError):
                self._start += timedelta(milliseconds=offset)
            self._base = -offset

    def _apply(self, event: Event) -> None:
        if isinstance(event, Snapshot):
            present = {item.key for item in event.items}
            for row in self._rows.values():
                if row.key not in present:
                    row.tell(SpanState.ABSENT, "", self.now)
            for item in event.items:
                self._tell(item.key, SpanState.of(item.status), item.message)
            self._whole = True
            self._close_gap()
        elif isinstance(event, Delta):
            for item in event.changes:
                self._tell(item.key, SpanState.of(item.status), item.message)
            for key in event.removed:
                self._tell(key, SpanState.ABSENT, "")
            if not self._beats:  # and none will ever come
                self._see_all()
        elif isinstance(event, StreamError):
            if event.code in OUTAGES:
                self._hide_all(f"{event.code.value}: {event.message}", self.now)
        else:
            self._beats = True
            self._see_all()

    def _tell(self, key: ItemKey, state: SpanState, message: str) -> None:
        row = self._rows.get(key)
        if row is None:
            if self._globs and not any(fnmatchcase(key.component, glob) for glob in self._globs):
                return
            if len(self._rows) >= MAX_ROWS:
                if len(self._left_out) < 20 * MAX_ROWS:
                    self._left_out.add(hash(key))
                return
            before = SpanState.ABSENT if self._whole else SpanState.UNSEEN
            room = MAX_SPANS // MAX_ROWS if len(self._rows) > 100 else MAX_SPANS // 200
            row = self._rows[key] = GrowingRow(key, room, before)
        row.tell(state, message, self.now)

    def _move(self, moment: int) -> None:
        """Go on to ``moment``; if that was long, nobody looked in between."""
        if self._beat_ms and moment - self.now > SILENT_BEATS * self._beat_ms:
            self._hide_all("nothing was recorded", self.now + self._beat_ms)
        self.now = max(self.now, moment)

    def _hide_all(self, reason: str, at: int) -> None:
        for row in self._rows.values():
            row.blind = True
            row.show(at, reason)
        self._open_gap(reason, at)

    def _see_all(self) -> None:
        for row in self._rows.values():
            row.blind = False
            row.show(self.now)
        if not any(row.doubtful for row in self._rows.values()):
            self._close_gap()

    def _doubt_all(self, reason: str) -> None:
        for row in self._rows.values():
            row.doubtful = True
            row.show(self.now, reason)
        self._open_gap(reason, self.now)

    def _open_gap(self, reason: str, at: int) -> None:
        if self._gap is None:
            self._gap = (at, reason)

    def _close_gap(self) -> None:
        if self._gap is not None and len(self._gaps) < MAX_GAPS and self.now > self._gap[0]:
            self._gaps.append(Gap(self._gap[0], self.now, self._gap[1]))
        self._gap = None

    def _since_start(self, moment: datetime) -> int:
        assert self._start is not None
        return round((moment - self._start) / timedelta(milliseconds=1))
