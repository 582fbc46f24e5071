"""Runs of states in compact arrays: one component's past in bounded memory.

A run is a state and when it began: eight bytes. Where they are too many the oldest are
coarsened to minutes that keep the worst state and its share of the minute, in twelve bytes;
where even these are too many, to two, four, eight minutes and so on. Times are whole
milliseconds, and never go back.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator
from typing import Optional

from agentctl.lazy_namedtuple import NamedTuple
from agentctl.timeline.column_tally import ColumnTally
from agentctl.timeline.facts import SpanState

STATES = tuple(SpanState)
"""By code; the later one is the worse."""

CODES = {state: code for code, state in enumerate(STATES)}

MINUTE = 60_000

BYTES_A_PLACE = 19
"""What one of ``room`` may come to: a run that is exact, and most of one that is coarse."""

_STATE = 7
"""The bits of a run that say its state; the others are its beginning."""

_FULL = 4095
_PURE = _FULL << 19
_MOST = 0xFFFF
"""Changes of a coarse run that are counted."""

_HIDDEN = (CODES[SpanState.UNSEEN], CODES[SpanState.STALE])
_NEVER = -1


class Stretch(NamedTuple):
    """A run as it is read; ``rest`` is the code of what most of it was beside the worst."""

    start: int
    end: int
    code: int
    share: float
    rest: Optional[int]
    changes: int
    """How often the state was another than the last that was seen, its beginning included."""

    @property
    def parts(self) -> tuple[tuple[int, int], ...]:
        """Codes, each with its part of the time; they add up."""
        whole = self.end - self.start
        if self.rest is None:
            return ((self.code, whole),)
        worst = round(whole * self.share)
        return ((self.code, worst), (self.rest, whole - worst))


class CompactRuns:
    """One component's. The last run is what it is now, and is always exact."""

    __slots__ = ("_detail", "_known", "_runs", "coarse_until")

    def __init__(self) -> None:
        self._runs = array("Q")
        # Of the first ones, which are coarse: share of the worst, code of the rest, changes.
        self._detail = array("I")
        self._known = _NEVER  # the last state that was seen before the first exact run
        self.coarse_until = 0
        """Up to here runs stand for several."""

    def __len__(self) -> int:
        return len(self._runs)

    @property
    def began(self) -> int:
        return self._runs[0] >> 3

    @property
    def last_at(self) -> int:
        """When its last run began."""
        return self._runs[-1] >> 3

    @property
    def code(self) -> int:
        """What it is now."""
        return self._runs[-1] & _STATE

    @property
    def only(self) -> Optional[int]:
        """Its code, if it was never anything else."""
        return self._runs[0] & _STATE if len(self._runs) == 1 else None

    @property
    def lasting(self) -> tuple[int, bool]:
        """Since when it has been what it was seen to be last, and whether that beginning was seen.

        What was hidden in between counts as more of the same; what was hidden before it hides
        the beginning.
        """
        runs, found = self._runs, len(self._runs) - 1
        while found and runs[found] & _STATE in _HIDDEN:
            found -= 1
        code = runs[found] & _STATE
        for at in range(found - 1, -1, -1):
            if runs[at] & _STATE == code:
                found = at
            elif runs[at] & _STATE not in _HIDDEN:
                break
        return runs[found] >> 3, found > 0 and runs[found - 1] & _STATE not in _HIDDEN

    def record(self, at: int, code: int, room: int) -> None:
        """What the component is from ``at`` on; ``room`` bounds what is kept (``fit``)."""
        runs = self._runs
        if runs and runs[-1] & _STATE == code:
            return
        runs.append(at << 3 | code)
        if len(runs) - len(self._detail) > room:
            self.fit(room)

    def fit(self, room: int) -> None:
        """Keep ``room`` exact runs at most, three quarters of it at least, and fewer coarse."""
        runs, detail = self._runs, self._detail
        while len(runs) - len(detail) > room:
            self._coarsen()
        coarse = room - room // 8
        if len(detail) > coarse:
            grain = MINUTE
            while len(detail) > coarse - coarse // 8 and grain < 1 << 50:
                grain *= 2
                self._fold(0, len(detail) // 2, grain)

    def thin(self, room: int) -> None:
        """As ``fit``, but at once: of runs that are many times too many."""
        runs, coarse = self._runs, len(self._detail)
        exact = len(runs) - coarse
        if exact > room:
            last = len(runs) - (room - room // 4)
        elif coarse > room:
            last = coarse
        else:
            return
        lasted = (runs[last] >> 3) - (runs[0] >> 3)
        grain = MINUTE
        while grain * (room // 2 - 1) < lasted:
            grain *= 2
        self._fold(0, last, grain)

    def exact_from(self, room: int) -> int:
        """From when on nothing would be coarse, were it made to ``fit`` or to be ``thin``."""
        kept = room - room // 4
        if len(self._runs) - len(self._detail) <= room:
            return self.coarse_until
        return max(self.coarse_until, self._runs[-kept] >> 3)

    def forget(self, horizon: int) -> None:
        """Drop what was over before ``horizon``."""
        runs, coarse = self._runs, len(self._detail)
        if len(runs) < 2 or runs[1] >> 3 > horizon:
            return
        cut = self._first(horizon)
        self._known = self._known_before(cut)
        del runs[:cut]
        del self._detail[: min(cut, coarse)]

    def since(self, start: int) -> CompactRuns:
        """A copy of what was not over before ``start``."""
        found = CompactRuns()
        first = self._first(start)
        found._runs, found._detail = self._runs[first:], self._detail[first:]
        found._known = self._known_before(first)
        found.coarse_until = self.coarse_until
        return found

    def stretches(self, start: int, end: int) -> Iterator[Stretch]:
        """What lies between two times, cut off at both."""
        runs, detail, coarse = self._runs, self._detail, len(self._detail)
        first = self._first(start)
        known = self._known_before(first)
        for at in range(first, len(runs)):
            began, code = runs[at] >> 3, runs[at] & _STATE
            if began >= end:
                return
            over = runs[at + 1] >> 3 if at + 1 < len(runs) else end
            low, high = max(began, start), min(over, end)
            if at < coarse:
                share, rest, changes = _read(detail[at])
                if began < start or over > end:
                    changes = changes * (high - low) // max(1, over - began)
                yield Stretch(low, high, code, share, rest, changes)
                continue
            if at == coarse:
                known = self._known
            changed = began >= start and code not in _HIDDEN and known not in (_NEVER, code)
            if code not in _HIDDEN:
                known = code
            yield Stretch(low, high, code, 1.0, None, int(changed))

    def code_at(self, moment: int) -> int:
        """What it was at a time, or first, if it was not yet."""
        return self._runs[max(0, bisect_left(self._runs, (moment + 1) << 3) - 1)] & _STATE

    def tally(self, tally: ColumnTally, start: int, end: int) -> None:
        """Add what lies between two times, as ``stretches`` has it, without making any."""
        runs, coarse = self._runs, len(self._detail)
        first = self._first(start)
        chosen = runs[first : bisect_left(runs, end << 3)]
        if not chosen:
            return
        codes, edges = [run & _STATE for run in chosen], [run >> 3 for run in chosen]
        began, edges[0] = edges[0], max(edges[0], start)
        edges.append(end)
        totals, known = tally.totals, self._known_before(first)
        for place, code in enumerate(codes):
            lasted = edges[place + 1] - edges[place]
            tally.cover(edges[place], edges[place + 1], code)
            at = first + place
            if at >= coarse:
                if at == coarse:
                    known = self._known
                if code not in _HIDDEN:
                    if known not in (_NEVER, code) and (place or began >= start):
                        tally.changes += 1
                    known = code
                totals[code] += lasted
                continue
            share, rest, changes = _read(self._detail[at])
            over = runs[at + 1] >> 3
            if (place == 0 and began < start) or over > end:
                changes = changes * lasted // max(1, over - (began if place == 0 else edges[place]))
            tally.changes += changes
            part = lasted if rest is None else round(lasted * share)
            totals[code] += part
            if rest is not None:
                totals[rest] += lasted - part

    def _first(self, start: int) -> int:
        """The first run that was not over before ``start``; one may have lasted no time."""
        place = bisect_left(self._runs, start << 3)
        begins = place < len(self._runs) and self._runs[place] >> 3 == start
        return place if begins else max(0, place - 1)

    def _known_before(self, place: int) -> int:
        """The last state that was seen before an exact run."""
        for at in range(place - 1, len(self._detail) - 1, -1):
            if self._runs[at] & _STATE not in _HIDDEN:
                return self._runs[at] & _STATE
        return self._known

    def _coarsen(self) -> None:
        """Make the oldest quarter of the exact runs coarse: whole minutes, if there is one."""
        runs, coarse = self._runs, len(self._detail)
        last = coarse + max(1, (len(runs) - coarse) // 4)
        minute = (runs[last] >> 3) // MINUTE
        whole = bisect_left(runs, minute * MINUTE << 3, coarse, last)
        if whole > coarse:
            last = whole
        # What was cut off in the middle of a minute goes on.
        goes_on = coarse and (runs[coarse - 1] >> 3) // MINUTE == (runs[coarse] >> 3) // MINUTE
        self._fold(coarse - 1 if goes_on else coarse, last, MINUTE)

    def _fold(self, first: int, last: int, grain: int) -> None:
        """Make of those that begin in the same ``grain`` one, and all of them coarse."""
        runs, detail, coarse = self._runs, self._detail, len(self._detail)
        starts, details = array("Q"), array("I")
        at = first
        while at < last:
            cell_end = ((runs[at] >> 3) // grain + 1) * grain
            stop = bisect_left(runs, cell_end << 3, at + 1, last)
            if stop - at > 1:
                worst, told = self._merged(at, stop, cell_end)
                starts.append(worst)
                details.append(told)
                if told < _PURE:
                    self.coarse_until = max(self.coarse_until, min(cell_end, runs[stop] >> 3))
                if runs[stop] >> 3 > cell_end:  # its last one goes on
                    _append(starts, details, cell_end << 3 | runs[stop - 1] & _STATE, _PURE)
            elif at < coarse:
                _append(starts, details, runs[at], detail[at])
            else:
                _append(starts, details, runs[at], _PURE | self._change(runs[at] & _STATE))
            at = stop
        runs[first:last] = starts
        detail[first : min(last, coarse)] = details

    def _merged(self, first: int, stop: int, cell_end: int) -> tuple[int, int]:
        """One run and its detail in the place of several."""
        runs, detail, coarse = self._runs, self._detail, len(self._detail)
        codes = [run & _STATE for run in runs[first:stop]]
        edges = [run >> 3 for run in runs[first:stop]]
        edges.append(min(runs[stop] >> 3, cell_end))
        times = [0] * len(STATES)
        changes, known, worst = 0, self._known, max(codes)
        for place, code in enumerate(codes):
            lasted = edges[place + 1] - edges[place]
            if first + place >= coarse:
                if code not in _HIDDEN:
                    changes += known not in (_NEVER, code)
                    known = code
            else:
                share, rest, counted = _read(detail[first + place])
                changes += counted
                if rest is not None:
                    part = round(lasted * share)
                    times[rest] += lasted - part
                    lasted = part
            times[code] += lasted
        self._known = known
        changes = min(changes, _MOST)
        whole, most = sum(times), times[worst]
        if whole == most:
            return edges[0] << 3 | worst, _PURE | changes
        times[worst] = -1
        rest = times.index(max(times))
        share = min(max(1, round(most * _FULL / whole)), _FULL - 1)
        return edges[0] << 3 | worst, share << 19 | rest << 16 | changes

    def _change(self, code: int) -> int:
        """1 where an exact run that becomes coarse was a change."""
        if code in _HIDDEN:
            return 0
        before, self._known = self._known, code
        return int(before not in (_NEVER, code))


def _append(starts: array[int], details: array[int], run: int, detail: int) -> None:
    """Unless it only goes on."""
    same = starts and detail >= _PURE and details[-1] >= _PURE and (starts[-1] ^ run) & _STATE == 0
    if same:
        details[-1] = _PURE | min(_MOST, (details[-1] & _MOST) + (detail & _MOST))
    else:
        starts.append(run)
        details.append(detail)


def _read(detail: int) -> tuple[float, Optional[int], int]:
    """Share of the worst, code of the rest, and changes."""
    if detail >= _PURE:
        return 1.0, None, detail & _MOST
    return (detail >> 19) / _FULL, detail >> 16 & _STATE, detail & _MOST
