"""CSV of a timeline: a line for each span (RFC 4180)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from agentctl.timeline.facts import Row, Timeline

HEADINGS = ("cluster", "namespace", "component", "from", "to", "status", "share", "message")
"""``share`` is that of a span that stands for several, empty for others."""

_FORMULA = frozenset("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
"""A cell that begins with one of these is a formula to a spreadsheet, which may run it."""


def csv_text(timeline: Timeline) -> str:
    """All of it, with a line of headings."""
    return heading() + lines_of(timeline, timeline.rows)


def heading() -> str:
    return _text([HEADINGS])


def lines_of(timeline: Timeline, rows: Iterable[Row]) -> str:
    """Of some rows."""
    found: list[tuple[object, ...]] = []
    for row in rows:
        names = row.key.cluster, row.key.namespace, row.key.component
        named = tuple(map(_as_text, names))
        for span in row.spans:
            times = timeline.text_at(span.start), timeline.text_at(span.end)
            share = "" if span.rest is None else round(span.share, 4)
            found.append((*named, *times, span.state.value, share, _as_text(span.message)))
    return _text(found)


def _as_text(cell: str) -> str:
    """A cell that a spreadsheet takes for text: anybody who writes an object writes its message."""
    return f"'{cell}" if cell[:1] in _FORMULA else cell


def _text(rows: Iterable[tuple[object, ...]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return out.getvalue()
