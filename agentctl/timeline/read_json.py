"""Timeline read from the JSON that a server tells: leniently, and cleaned of what may harm."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Optional

from agentctl.lenient_json import mappings, text
from agentctl.model import ItemKey, JSONObject, parse_time
from agentctl.redact import redact
from agentctl.sanitize import name
from agentctl.timeline.facts import Gap, Row, Span, SpanState, Timeline

MAX_COMPONENTS = 100_000
MAX_SPANS = 1_000_000
MAX_GAPS = 10_000

_MAX_S = 1e9
"""Thirty years."""

_STATES = {state.value: state for state in SpanState}


class _TimelineReader:
    def __init__(self) -> None:
        self._spans = 0
        self._clean: dict[str, str] = {}

    def read(self, data: JSONObject) -> Timeline:
        span = _milliseconds(data.get("seconds"))
        components = data.get("components")
        if not isinstance(components, list):
            raise ValueError("without 'components'")
        if len(components) > MAX_COMPONENTS:
            raise ValueError(f"{len(components)} components, and at most {MAX_COMPONENTS} are read")
        rows = tuple(self._row(one, span) for one in mappings(data, "components"))
        gaps = (self._gap(one, span) for one in mappings(data, "gaps")[:MAX_GAPS])
        return Timeline(
            _time(data, "from"),
            span,
            rows,
            tuple(gaps),
            left_out=_count(data.get("components_left_out")),
            complete_from=_time(data, "complete_from") if "complete_from" in data else None,
            generated_at=_time(data, "generated_at") if "generated_at" in data else None,
        )

    def _row(self, data: Mapping[str, Any], whole: int) -> Row:
        key = ItemKey(*(name(text(data, part)) for part in ("namespace", "component", "cluster")))
        told = mappings(data, "spans")
        self._spans += len(told)
        if self._spans > MAX_SPANS:
            raise ValueError(f"more than {MAX_SPANS} spans")
        spans: list[Span] = []
        for one in told:
            found = self._span(one, spans[-1].end if spans else 0, whole)
            spans.append(found)
        seconds = data.get("seconds")
        totals = dict.fromkeys(SpanState, 0)
        for word, value in seconds.items() if isinstance(seconds, dict) else ():
            totals[_STATES.get(word, SpanState.UNKNOWN)] += _milliseconds(value)
        return Row(key, tuple(spans), totals, _count(data.get("transitions")))

    def _span(self, data: Mapping[str, Any], after: int, whole: int) -> Span:
        start = min(max(after, _milliseconds(data.get("from_s"))), whole)
        end = min(max(start, _milliseconds(data.get("to_s"))), whole)
        state = _STATES.get(text(data, "status"), SpanState.UNKNOWN)
        share, rest = data.get("share"), _STATES.get(text(data, "rest"))
        told = self._cleaned(text(data, "message"))
        if rest is None or not isinstance(share, (int, float)):
            return Span(start, end, state, told)
        return Span(start, end, state, told, min(max(0.0, float(share)), 1.0), rest)

    def _gap(self, data: Mapping[str, Any], whole: int) -> Gap:
        start = min(_milliseconds(data.get("from_s")), whole)
        end = min(max(start, _milliseconds(data.get("to_s"))), whole)
        return Gap(start, end, self._cleaned(text(data, "reason")))

    def _cleaned(self, said: str) -> str:
        """Most messages are said again and again."""
        found = self._clean.get(said)
        if found is None:
            found = self._clean[said] = redact(said)
        return found


def timeline_in(data: JSONObject) -> Timeline:
    """The timeline that an object is. Raises ValueError for what is none."""
    return _TimelineReader().read(data)


def _time(data: JSONObject, key: str) -> datetime:
    try:
        return parse_time(text(data, key))
    except (ValueError, OverflowError):
        raise ValueError(f"{key}: expected a time") from None


def _milliseconds(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= _MAX_S:
        raise ValueError("expected a number of seconds")
    return round(value * 1000)


def _count(value: Any) -> int:
    found: Optional[int] = value if isinstance(value, int) and not isinstance(value, bool) else None
    return max(0, found or 0)
