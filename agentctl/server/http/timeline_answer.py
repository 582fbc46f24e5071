"""Timeline answer: the history of a server as JSON or CSV, made in pieces.

A day of a thousand components that flap is megabytes of JSON. Each piece takes the acceptor's
thread for some milliseconds, and is made when the client has taken the one before: others are
answered meanwhile, and memory is that of one piece.
"""

from __future__ import annotations

import json
import weakref
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from agentctl.model import format_time
from agentctl.server.fanout.history import FutureTime, HistoryWindow
from agentctl.server.http.answer import (
    JSON,
    HttpAnswer,
    refusal_answer,
    retry_after,
    warning,
)
from agentctl.server.http.request import Refusal, TimelineRequest
from agentctl.server.services import Services
from agentctl.timeline.buckets import columns
from agentctl.timeline.csv_lines import heading, lines_of
from agentctl.timeline.facts import Row

CSV = "text/csv; charset=utf-8"

MAX_AT_ONCE = 32
"""Answers that are being read; each has its piece in every turn of the acceptor."""

PIECE_WORK = 500
"""Spans and columns of a piece, give or take those of one component; some milliseconds."""

ROW_WORK = 20
"""What a component costs beside them."""


class TimelineAnswers:
    """Used by the acceptor's thread alone."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._under_way: weakref.WeakSet[_Pieces] = weakref.WeakSet()

    def answer(self, wanted: TimelineRequest) -> HttpAnswer:
        history = self._services.broadcaster.history
        if history is None:
            text = "no timeline is kept here: serve with --timeline 24h"
            return refusal_answer(Refusal(404, text))
        if len(self._under_way) >= MAX_AT_ONCE:
            text = f"{MAX_AT_ONCE} timelines are being read: try again in a moment"
            return refusal_answer(Refusal(429, text), retry_after(1))
        try:
            window = history.window(wanted.since, wanted.namespace, wanted.components)
        except FutureTime:
            return refusal_answer(Refusal(400, "since: this time has not come yet, by our clock"))
        if window is None:
            message = "the first state is not known yet; try again in a second"
            return refusal_answer(Refusal(503, message), retry_after(1))
        form = csv_pieces if wanted.format == "csv" else json_pieces
        pieces = _Pieces(form(window, wanted.columns))
        self._under_way.add(pieces)
        kind = CSV if wanted.format == "csv" else JSON
        complete = window.frame.complete_from
        headers = warning(wanted.ignored)
        if complete is not None:
            headers += (("Agentctl-Complete-From", format_time(complete)),)
        return HttpAnswer(200, kind, None, headers, pieces)


class _Pieces:
    """An iterator that can be seen to be gone."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self._pieces)


def json_pieces(window: HistoryWindow, width: int = 0) -> Iterator[bytes]:
    """The body in pieces; ``width`` is how many columns are wanted, 0 for spans."""
    frame = window.frame
    kept = {one.key: one for one in window.rows}

    def parts(row: Row) -> dict[str, Any]:
        if not width:
            return {**frame.numbers_json(row), **frame.spans_json(row)}
        shown = groupby(columns(row.spans, frame.span, width))
        runs = [[state.value, len(list(same))] for state, same in shown]
        since, seen = window.beginning(kept[row.key])
        begun = {"since": format_time(since), "since_seen": seen}
        return {**frame.numbers_json(row), **begun, "columns": runs}

    head, tail = _text(frame.head_json())[:-1], _text(frame.tail_json())[1:]
    yield f'{head},"components":['.encode()
    separator = ""
    for rows in _portions(window, width):
        texts = [_text(parts(row)) for row in rows]
        yield (separator + ",".join(texts)).encode("utf-8", "replace")
        separator = ","
    yield f"],{tail}\n".encode("utf-8", "replace")


def csv_pieces(window: HistoryWindow, width: int = 0) -> Iterator[bytes]:
    """The same as CSV."""
    yield heading().encode()
    for rows in _portions(window, width):
        yield lines_of(window.frame, rows, width).encode("utf-8", "replace")


def _portions(window: HistoryWindow, width: int) -> Iterator[list[Row]]:
    """Rows, as many at a time as a piece may be made of."""
    rows: list[Row] = []
    work = 0
    for one in window.rows:
        row = window.row(one, whole=bool(width))
        rows.append(row)
        work += len(row.spans) + len(one.runs) // 10 + width // 2 + ROW_WORK
        if work >= PIECE_WORK:
            yield rows
            rows, work = [], 0
    if rows:
        yield rows


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
