"""SVG of a timeline, standalone: no script, nothing from elsewhere, light and dark.

What colour says is said by the height of a bar as well (the worse, the higher) and by a
tooltip; hatched is what nobody saw, grey what was too old to be believed, and where there is no
bar there was no component.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from agentctl.duration import format_duration
from agentctl.model import format_time
from agentctl.timeline.axis import period, ticks
from agentctl.timeline.buckets import Run, runs
from agentctl.timeline.facts import Row, Span, SpanState, Timeline, percent

PLOT = 760
"""Pixels of time; a bar is at least one wide."""

LANE, BASE, TOP, SIDE = 26, 22, 84, 20
_HEIGHTS = {
    SpanState.HEALTHY: 8,
    SpanState.CONFIGURED: 8,
    SpanState.UNKNOWN: 12,
    SpanState.STALE: 12,
    SpanState.UNSEEN: 20,
    SpanState.DEGRADED: 15,
    SpanState.ERROR: 20,
}
_NUMBERS = (("available", 76), ("unknown", 72), ("unseen", 72), ("changes", 64))
_WITH_STALE = (*_NUMBERS[:2], ("stale", 72), *_NUMBERS[2:])
_TOLD = 6
"""Spans that one tooltip names."""

STYLE = """\
:root { color-scheme: light dark; }
svg { background: #ffffff; max-width: 100%; height: auto; }
text { font: 13px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; fill: #1f2328; }
.name, .number { font-variant-numeric: tabular-nums; }
.title { font-size: 16px; font-weight: 600; }
.quiet { fill: #59636e; font-size: 12px; }
.bad { fill: #b42318; font-weight: 600; }
.lane { fill: #f2f4f7; }
.grid { stroke: #d1d9e0; stroke-width: 1; }
.healthy { fill: #2da44e; }
.configured { fill: #2f8fb3; }
.unknown { fill: #8250df; }
.degraded { fill: #d4870b; }
.error { fill: #cf222e; }
.stale { fill: #818b98; }
.unseen { fill: url(#hatch); }
.absent { fill: none; stroke: #818b98; stroke-dasharray: 3 2; }
.hatch-back { fill: #e4e8ec; }
.hatch-line { stroke: #818b98; stroke-width: 2; }
@media (prefers-color-scheme: dark) {
  svg { background: #0d1117; }
  text { fill: #e6edf3; }
  .quiet { fill: #9198a1; }
  .bad { fill: #ff7b72; }
  .lane { fill: #161b22; }
  .grid { stroke: #30363d; }
  .healthy { fill: #3fb950; }
  .configured { fill: #58b4d6; }
  .unknown { fill: #a371f7; }
  .stale { fill: #6e7681; }
  .degraded { fill: #e3a02e; }
  .error { fill: #f85149; }
  .hatch-back { fill: #21262d; }
  .hatch-line { stroke: #6e7681; }
}"""


def draw(timeline: Timeline) -> str:
    """The whole document."""
    labels = [timeline.short_label(row) for row in timeline.rows]
    left = SIDE + max([80, *(7.6 * len(label) + 16 for label in labels)])
    left = round(left)
    width = left + PLOT + sum(each for _, each in _numbers(timeline)) + SIDE
    height = TOP + LANE * len(timeline.rows) + 76
    when = period(timeline.start, timeline.at(timeline.span))
    lasted = format_duration(round(timeline.span / 1000))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img" aria-labelledby="title desc">',
        '<title id="title">Status of the control plane over time</title>',
        f'<desc id="desc">{_text(_description(timeline, when, lasted))}</desc>',
        f"<style>\n{STYLE}\n</style>",
        '<defs><pattern id="hatch" width="7" height="7" patternUnits="userSpaceOnUse" '
        'patternTransform="rotate(45)"><rect class="hatch-back" width="7" height="7"/>'
        '<line class="hatch-line" x1="0" y1="0" x2="0" y2="7"/></pattern></defs>',
        f'<text class="title" x="{SIDE}" y="30">Status over time</text>',
        f'<text class="quiet" x="{SIDE}" y="50">{when}, {lasted}</text>',
        *_axis(timeline, left),
        *_head(timeline, left),
    ]
    for at, (label, row) in enumerate(zip(labels, timeline.rows)):
        parts += _row(timeline, row, label, left, TOP + LANE * at)
    parts += _legend(left, TOP + LANE * len(timeline.rows) + 40)
    return "\n".join([*parts, "</svg>", ""])


def _description(timeline: Timeline, when: str, lasted: str) -> str:
    told = [f"{when}, {lasted}, {len(timeline.rows)} components."]
    told += [
        f"{timeline.label(row)}: available {percent(row.availability)}, {row.transitions} changes."
        for row in timeline.rows[:100]
    ]
    if timeline.gaps:
        told.append(f"Gaps in which not all could be seen: {len(timeline.gaps)}.")
    return " ".join(told)


def _axis(timeline: Timeline, left: int) -> Iterator[str]:
    bottom = TOP + LANE * len(timeline.rows)
    for tick in ticks(timeline.start, timeline.span, PLOT // 80):
        x = left + round(tick.at * PLOT / max(1, timeline.span), 1)
        yield f'<line class="grid" x1="{x}" y1="{TOP - 6}" x2="{x}" y2="{bottom}"/>'
        anchor = "end" if x > left + PLOT - 20 else "middle" if x > left + 20 else "start"
        yield (
            f'<text class="quiet" x="{x}" y="{TOP - 12}" text-anchor="{anchor}">{tick.label}</text>'
        )


def _numbers(timeline: Timeline) -> tuple[tuple[str, int], ...]:
    """Headings of the numbers beside each lane, and their widths."""
    return _WITH_STALE if timeline.stale else _NUMBERS


def _head(timeline: Timeline, left: int) -> Iterator[str]:
    x = left + PLOT
    for name, each in _numbers(timeline):
        x += each
        yield f'<text class="quiet" x="{x}" y="{TOP - 12}" text-anchor="end">{name}</text>'


def _row(timeline: Timeline, row: Row, label: str, left: int, top: int) -> Iterator[str]:
    middle = top + LANE - 8
    name = _text(timeline.label(row))
    yield f'<g role="group" aria-label="{name}">'
    yield f'<text class="name" x="{SIDE}" y="{middle}">{_text(label)}<title>{name}</title></text>'
    yield f'<rect class="lane" x="{left}" y="{top + 2}" width="{PLOT}" height="{LANE - 4}"/>'
    for run in runs(row.spans, timeline.span, PLOT):
        if run.state is not SpanState.ABSENT:
            yield _bar(timeline, run, left, top)
    x = left + PLOT
    for (kind, each), text in zip(_numbers(timeline), row.numbers(timeline.stale)):
        x += each
        bad = kind == "available" and row.availability is not None and row.availability < 1
        look = "number bad" if bad else "number"
        if text:
            yield f'<text class="{look}" x="{x}" y="{middle}" text-anchor="end">{text}</text>'
    yield "</g>"


def _bar(timeline: Timeline, run: Run, left: int, top: int) -> str:
    high = _HEIGHTS[run.state]
    return (
        f'<rect class="{run.state.value}" x="{left + run.first}" y="{top + 3 + BASE - 2 - high}" '
        f'width="{run.end - run.first}" height="{high}">'
        f"<title>{_text(_tooltip(timeline, run))}</title></rect>"
    )


def _tooltip(timeline: Timeline, run: Run) -> str:
    told = [_sentence(timeline, span) for span in run.spans[:_TOLD]]
    if len(run.spans) > _TOLD:
        told.append(f"and {len(run.spans) - _TOLD} more changes")
    return "\n".join(told)


def _sentence(timeline: Timeline, span: Span) -> str:
    start, end = timeline.at(span.start), timeline.at(span.end)
    lasted = format_duration(round((span.end - span.start) / 1000, 1))
    times = f"{format_time(start)} to {format_time(end)}, {lasted}"
    state = span.state.value
    if span.rest is not None:
        state = f"{state} for {percent(span.share)} of it, else {span.rest.value}"
    return f"{state}: {times}" + (f": {span.message}" if span.message else "")


def _legend(left: int, y: int) -> Iterator[str]:
    x = left
    for state, high in _HEIGHTS.items():
        yield (
            f'<rect class="{state.value}" x="{x}" y="{y - high + 2}" width="18" height="{high}"/>'
        )
        yield f'<text class="quiet" x="{x + 25}" y="{y}">{state.value}</text>'
        x += 25 + 7 * len(state.value) + 26
    yield f'<rect class="absent" x="{x}" y="{y - 10}" width="18" height="12"/>'
    yield f'<text class="quiet" x="{x + 25}" y="{y}">absent</text>'


def _text(text: str) -> str:
    """Escaped, and without what XML does not allow in any form (XML 1.0, 2.2)."""
    good = (
        c
        if c in "\t\n" or " " <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c >= "\U00010000"
        else "\ufffd"
        for c in text
    )
    return escape("".join(good))
