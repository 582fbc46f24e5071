"""Picture of a timeline as text: blocks and colour where there are both, ASCII elsewhere."""

from __future__ import annotations

from itertools import groupby

from agentctl.duration import format_duration
from agentctl.timeline.axis import period, ticks
from agentctl.timeline.buckets import columns
from agentctl.timeline.facts import SpanState, Timeline

BLOCKS = {
    SpanState.HEALTHY: "▂",
    SpanState.CONFIGURED: "▃",
    SpanState.UNKNOWN: "░",
    SpanState.STALE: "▒",
    SpanState.UNSEEN: "\u2571",
    SpanState.DEGRADED: "▅",
    SpanState.ERROR: "█",
    SpanState.ABSENT: " ",
}
"""The worse, the more ink: who sees no colours sees the same."""

LETTERS = {
    SpanState.HEALTHY: ".",
    SpanState.CONFIGURED: ":",
    SpanState.UNKNOWN: "?",
    SpanState.STALE: "~",
    SpanState.UNSEEN: "/",
    SpanState.DEGRADED: "o",
    SpanState.ERROR: "X",
    SpanState.ABSENT: " ",
}

_COLORS = {
    SpanState.HEALTHY: "\x1b[32m",
    SpanState.CONFIGURED: "\x1b[36m",
    SpanState.UNKNOWN: "\x1b[35m",
    SpanState.STALE: "\x1b[90m",
    SpanState.UNSEEN: "\x1b[2m",
    SpanState.DEGRADED: "\x1b[33m",
    SpanState.ERROR: "\x1b[31m",
}
_RESET = "\x1b[0m"

NUMBERS = ("AVAILABLE", "UNKNOWN", "UNSEEN", "CHANGES")
WITH_STALE = ("AVAILABLE", "UNKNOWN", "STALE", "UNSEEN", "CHANGES")
MIN_COLUMNS = 10
MAX_GAPS = 8
_BETWEEN_TICKS = 12


def draw(timeline: Timeline, width: int, *, color: bool, blocks: bool) -> list[str]:
    """The lines, at most ``width`` columns wide unless that leaves no room for anything."""
    ellipsis = "…" if blocks else "~"
    labels = [timeline.short_label(row, ellipsis) for row in timeline.rows]
    headings = WITH_STALE if timeline.stale else NUMBERS
    numbers = [row.numbers(timeline.stale) for row in timeline.rows]
    name_width = max(map(len, ("COMPONENT", *labels)))
    widths = [max(map(len, column)) for column in zip(headings, *numbers)]
    room = max(MIN_COLUMNS, width - name_width - 2 - sum(each + 2 for each in widths))

    def line(name: str, middle: str, rest: tuple[str, ...]) -> str:
        cells = [cell.rjust(each) for cell, each in zip(rest, widths)]
        return "  ".join([name.ljust(name_width), middle, *cells]).rstrip()

    out = [_title(timeline, room)]
    above, ruler = _axis(timeline, room, blocks)
    out += [line("", above, ()), line("COMPONENT", ruler, headings)]
    for label, row, cells in zip(labels, timeline.rows, numbers):
        shown = columns(row.spans, timeline.span, room)
        out.append(line(label, _paint(shown, color, blocks), cells))
    return [*out, "", *_legend(timeline, width, color, blocks), *_notes(timeline)]


def _title(timeline: Timeline, room: int) -> str:
    span = format_duration(round(timeline.span / 1000))
    column = format_duration(round(timeline.span / room / 1000, 1))
    return f"{period(timeline.start, timeline.at(timeline.span))}, {span}; a column is {column}"


def _axis(timeline: Timeline, room: int, blocks: bool) -> tuple[str, str]:
    """Labels, and the ruler under them."""
    line, mark = ("─", "┬") if blocks else ("-", "|")
    labels, ruler = [" "] * room, [line] * room
    free = 0
    for tick in ticks(timeline.start, timeline.span, max(1, room // _BETWEEN_TICKS)):
        column = min(tick.at * room // max(1, timeline.span), room - 1)
        ruler[column] = mark
        if column >= free and column + len(tick.label) <= room:
            labels[column : column + len(tick.label)] = tick.label
            free = column + len(tick.label) + 1
    return "".join(labels), "".join(ruler)


def _paint(shown: list[SpanState], color: bool, blocks: bool) -> str:
    glyphs = BLOCKS if blocks else LETTERS
    parts = []
    for state, same in groupby(shown):
        text = glyphs[state] * len(list(same))
        parts.append(f"{_COLORS[state]}{text}{_RESET}" if color and state in _COLORS else text)
    return "".join(parts)


def _legend(timeline: Timeline, width: int, color: bool, blocks: bool) -> list[str]:
    """What the glyphs mean, of those that are there."""
    there = {state for row in timeline.rows for state, total in row.totals.items() if total}
    there |= {span.state for row in timeline.rows for span in row.spans}
    lines = [""]
    used = 0
    absent, *others = SpanState
    for state in (*others, absent):
        if state not in there:
            continue
        glyph = "blank" if state is absent else _paint([state], color, blocks)
        length = len(state.value) + (6 if state is absent else 2)
        if used and used + 3 + length > width:
            lines, used = [*lines, ""], 0
        lines[-1] += ("   " if used else "") + f"{glyph} {state.value}"
        used += (3 if used else 0) + length
    return lines if used else []


def _notes(timeline: Timeline) -> list[str]:
    notes = []
    for gap in timeline.gaps[:MAX_GAPS]:
        times = period(timeline.at(gap.start), timeline.at(gap.end))
        lasted = format_duration(round((gap.end - gap.start) / 1000, 1))
        notes.append(f"unseen {times} ({lasted}): {gap.reason}")
    if len(timeline.gaps) > MAX_GAPS:
        notes.append(f"... and unseen {len(timeline.gaps) - MAX_GAPS} more times")
    complete = timeline.complete_from
    if complete is not None and complete > timeline.start:
        when = complete.strftime("%Y-%m-%d %H:%M:%S")
        notes.append(f"complete from {when} on; before, what was short is merged or unseen")
    if timeline.left_out:
        notes.append(f"{timeline.left_out} components were too many and are left out")
    if not timeline.rows:
        notes.append("no component is told of")
    return notes
