"""Row of a rolling timeline as facts: spans with messages, totals, changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Optional

from agentctl.model import ItemKey
from agentctl.timeline.column_tally import ColumnTally
from agentctl.timeline.facts import Row, Span
from agentctl.timeline.last_messages import PastMessage
from agentctl.timeline.rolling import ABSENT, STALE, UNSEEN
from agentctl.timeline.runs import STATES, CompactRuns, Stretch

_NOTHING_SEEN = (STALE, UNSEEN)


def row_of(
    key: ItemKey, runs: CompactRuns, said: Sequence[PastMessage], start: int, end: int, heard: int
) -> Row:
    """From ``start`` to ``end``, spans counted from ``start``; nobody looked after ``heard``."""
    spans: list[Span] = []
    totals = [0] * len(STATES)
    changes = 0
    told = _Messages(said)
    for one in _all(runs, start, end, heard):
        for code, part in one.parts:
            totals[code] += part
        changes += one.changes
        message = told.of(one)
        low, high, state = one.start - start, one.end - start, STATES[one.code]
        rest = None if one.rest is None else STATES[one.rest]
        spans.append(Span(low, high, state, message, one.share, rest))
    return Row(key, tuple(spans), dict(zip(STATES, totals)), changes)


def columns_of(
    key: ItemKey, runs: CompactRuns, start: int, end: int, heard: int, width: int
) -> tuple[Row, bytes]:
    """The same without spans, and the worst code in each of ``width`` equal parts."""
    tally = ColumnTally(start, end, width)
    before, seen, after = _parts(runs, start, end, heard)
    if seen.end > seen.start or not after:
        runs.tally(tally, seen.start, seen.end)
    for one in (*before, *after):
        tally.cover(one.start, one.end, one.code)
        tally.totals[one.code] += one.end - one.start
    return Row(key, (), dict(zip(STATES, tally.totals)), tally.changes), bytes(tally.worst)


def _all(runs: CompactRuns, start: int, end: int, heard: int) -> Iterator[Stretch]:
    """Without a hole."""
    before, seen, after = _parts(runs, start, end, heard)
    yield from before
    if seen.end > seen.start or not after:
        yield from runs.stretches(seen.start, seen.end)
    yield from after


def _parts(
    runs: CompactRuns, start: int, end: int, heard: int
) -> tuple[list[Stretch], Stretch, list[Stretch]]:
    """What was before the first run, what the runs say, and what was after the last beat."""
    began = min(max(runs.began, start), end)
    heard = max(began, min(heard, end))
    last = runs.code_at(heard)
    before = [Stretch(start, began, UNSEEN, 1.0, None, 0)] if began > start else []
    code = last if last in (ABSENT, UNSEEN) else STALE
    after = [Stretch(heard, end, code, 1.0, None, 0)] if end > heard else []
    return before, Stretch(began, heard, last, 1.0, None, 0), after


class _Messages:
    """Finds what was said of each stretch, in their order."""

    def __init__(self, said: Sequence[PastMessage]) -> None:
        self._said = said
        self._at = 0
        self._last: Optional[PastMessage] = None

    def of(self, one: Stretch) -> str:
        """The last that was said of it; of one that was hidden meanwhile, before that too."""
        said, own = self._said, None
        while self._at < len(said) and said[self._at].at < max(one.end, one.start + 1):
            found = said[self._at]
            self._at += 1
            if found.at < one.start:
                self._last = found
            elif found.code == one.code:
                own = found
        if own is not None:
            self._last = own
        elif one.code not in _NOTHING_SEEN and self._last and self._last.code != one.code:
            self._last = None
        last = self._last
        return last.text if last is not None and last.code == one.code else ""
