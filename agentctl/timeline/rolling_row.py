"""Row of a rolling timeline as facts: spans with messages, totals, changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Optional

from agentctl.model import ItemKey
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


def _all(runs: CompactRuns, start: int, end: int, heard: int) -> Iterator[Stretch]:
    """Without a hole: also what was before the first run and after the last beat."""
    began = min(max(runs.began, start), end)
    if began > start:
        yield Stretch(start, began, UNSEEN, 1.0, None, 0)
    heard = max(began, min(heard, end))
    last = ABSENT
    for one in runs.stretches(began, heard):
        last = one.code
        yield one
    if end > heard:
        code = last if last in (ABSENT, UNSEEN) else STALE
        yield Stretch(heard, end, code, 1.0, None, 0)


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
