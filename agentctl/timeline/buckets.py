"""Buckets: a row as columns of equal time, each with the worst status in it."""

from __future__ import annotations

from collections.abc import Sequence

from agentctl.lazy_namedtuple import NamedTuple
from agentctl.timeline.facts import Span, SpanState


class Run(NamedTuple):
    """Columns from ``first`` to before ``end`` that show the same."""

    first: int
    end: int
    state: SpanState
    spans: tuple[Span, ...]
    """What is in them, in the order of time; of what lies across an edge, only what shows."""


def columns(spans: Sequence[Span], whole: int, width: int) -> list[SpanState]:
    """The worst state in each of ``width`` columns over ``whole`` milliseconds."""
    shown = [SpanState.ABSENT] * width
    ranks = [SpanState.ABSENT.rank] * width
    for span in spans:
        first, last = _reach(span, whole, width)
        rank = span.state.rank
        for column in range(first, last + 1):
            if rank > ranks[column]:
                ranks[column], shown[column] = rank, span.state
    return shown


def runs(spans: Sequence[Span], whole: int, width: int) -> list[Run]:
    """The same, with neighbours that show the same as one, and what they are made of."""
    shown = columns(spans, whole, width)
    found: list[Run] = []
    first = at = 0
    for column in range(1, width + 1):
        if column < width and shown[column] is shown[first]:
            continue
        while at < len(spans) and _reach(spans[at], whole, width)[1] < first:
            at += 1
        inside, ahead = [], at
        while ahead < len(spans) and _reach(spans[ahead], whole, width)[0] < column:
            span = spans[ahead]
            reach = _reach(span, whole, width)
            if span.state is shown[first] or (first <= reach[0] and reach[1] < column):
                inside.append(span)
            ahead += 1
        found.append(Run(first, column, shown[first], tuple(inside)))
        first = column
    return found


def _reach(span: Span, whole: int, width: int) -> tuple[int, int]:
    """The first and the last column that a span touches; one of no time touches one."""
    if whole <= 0:
        return 0, width - 1
    first = min(span.start * width // whole, width - 1)
    last = min(max(-(-span.end * width // whole) - 1, first), width - 1)
    return first, last
