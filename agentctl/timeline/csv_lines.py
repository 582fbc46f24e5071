"""CSV of a timeline: a line for each span (RFC 4180)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from itertools import groupby

from agentctl.timeline.buckets import columns
from agentctl.timeline.facts import Row, Timeline

HEADINGS = ("cluster", "namespace", "component", "from", "to", "status", "share", "message")
"""``share`` is that of a span that stands for several, empty for others."""


def csv_text(timeline: Timeline) -> str:
    """All of it, with a line of headings."""
    return heading() + lines_of(timeline, timeline.rows)


def heading() -> str:
    return _text([HEADINGS])


def lines_of(timeline: Timeline, rows: Iterable[Row], width: int = 0) -> str:
    """Of some rows; with ``width`` a line for as many of so many columns as show the same."""
    found: list[tuple[object, ...]] = []
    for row in rows:
        named = row.key.cluster, row.key.namespace, row.key.component
        for start, end, *told in _column_runs(timeline, row, width) if width else _spans(row):
            times = timeline.text_at(start), timeline.text_at(end)
            found.append((*named, *times, *told))
    return _text(found)


def _spans(row: Row) -> Iterable[tuple[int, int, str, object, str]]:
    for span in row.spans:
        share = "" if span.rest is None else round(span.share, 4)
        yield span.start, span.end, span.state.value, share, span.message


def _column_runs(
    timeline: Timeline, row: Row, width: int
) -> Iterable[tuple[int, int, str, object, str]]:
    at = 0
    for state, same in groupby(columns(row.spans, timeline.span, width)):
        end = at + len(list(same))
        yield timeline.span * at // width, timeline.span * end // width, state.value, "", ""
        at = end


def _text(rows: Iterable[tuple[object, ...]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return out.getvalue()
