"""Timeline answer: the history of a server as JSON or CSV, made in pieces.

A day of a thousand components that flap is megabytes of JSON. Each piece takes the acceptor's
thread for some milliseconds, and is made when the client has taken the one before: others are
answered meanwhile, and memory is that of one piece.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from typing import Any

from agentctl.lazy_dataclass import replace
from agentctl.model import format_time, json_line
from agentctl.server.fanout.history import FutureTime, HistoryWindow
from agentctl.server.http.answer import (
    JSON,
    PIECES_WEIGHT,
    HttpAnswer,
    refusal_answer,
    retry_after,
    warning,
)
from agentctl.server.http.request import Refusal, TimelineRequest
from agentctl.server.services import Services
from agentctl.timeline.csv_lines import heading, lines_of
from agentctl.timeline.facts import Row, Span
from agentctl.timeline.rolling import RollingRow

CSV = "text/csv; charset=utf-8"

PIECE_WORK = 500
"""Spans and columns of a piece, give or take those of one component; some milliseconds."""

ROW_WORK = 20
"""What a component costs beside them."""


class TimelineAnswers:
    """Used by the acceptor's thread alone."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def answer(self, wanted: TimelineRequest) -> HttpAnswer:
        history = self._services.broadcaster.history
        if history is None:
            text = "no timeline is kept here: serve with --timeline 24h"
            return refusal_answer(Refusal(404, text))
        try:
            window = history.window(wanted.since, wanted.namespace, wanted.components)
        except FutureTime:
            return refusal_answer(Refusal(400, "since: this time has not come yet, by our clock"))
        if window is None:
            message = "the first state is not known yet; try again in a second"
            return refusal_answer(Refusal(503, message), retry_after(1))
        form = csv_pieces if wanted.format == "csv" else json_pieces
        pieces = form(window, wanted.columns)
        kind = CSV if wanted.format == "csv" else JSON
        complete = window.frame.complete_from
        headers = warning(wanted.ignored, () if window.rows else wanted.components)
        if complete is not None:
            headers += (("Agentctl-Complete-From", format_time(complete)),)
        return HttpAnswer(200, kind, None, headers, pieces, PIECES_WEIGHT)


def json_pieces(window: HistoryWindow, width: int = 0) -> Iterator[bytes]:
    """The body in pieces; ``width`` is how many columns are wanted, 0 for spans."""
    frame = window.frame

    def component(one: RollingRow) -> dict[str, Any]:
        if not width:
            row = window.row(one)
            return {**frame.numbers_json(row), **frame.spans_json(row)}
        row, shown = window.columns(one, width)
        since, seen = window.beginning(one)
        begun = {"since": format_time(since), "since_seen": seen}
        runs = [[state.value, count] for state, count in shown]
        return {**frame.numbers_json(row), **begun, "columns": runs}

    head, tail = json_line(frame.head_json())[:-1], json_line(frame.tail_json())[1:]
    yield f'{head},"components":['.encode()
    separator = ""
    for rows in _portions(window, width):
        text = ",".join([json_line(component(one)) for one in rows])
        yield (separator + text).encode("utf-8", "replace")
        separator = ","
    yield f"],{tail}\n".encode("utf-8", "replace")


def csv_pieces(window: HistoryWindow, width: int = 0) -> Iterator[bytes]:
    """The same as CSV: a line for each span, or for columns beside each other that are alike."""
    frame = window.frame

    def told(one: RollingRow) -> Row:
        if not width:
            return window.row(one)
        row, shown = window.columns(one, width)
        ends = list(accumulate((count for _, count in shown), initial=0))
        times = [frame.span * column // width for column in ends]
        states = (state for state, _ in shown)
        return replace(row, spans=tuple(map(Span, times, times[1:], states)))

    yield heading().encode()
    for rows in _portions(window, width):
        yield lines_of(frame, map(told, rows)).encode("utf-8", "replace")


def _portions(window: HistoryWindow, width: int) -> Iterator[list[RollingRow]]:
    """As many rows at a time as a piece may be made of."""
    most = 2 * window.room
    rows: list[RollingRow] = []
    work = 0
    for one in window.rows:
        rows.append(one)
        runs = len(one.runs)
        work += ROW_WORK + (width // 2 + runs // 4 if width else min(runs, most) + runs // 10)
        if work >= PIECE_WORK:
            yield rows
            rows, work = [], 0
    if rows:
        yield rows
