"""Facts of a timeline, and their JSON form. Times are whole milliseconds from its start."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from enum import Enum
from functools import cached_property
from typing import Optional

from agentctl.lazy_dataclass import dataclass
from agentctl.lazy_namedtuple import NamedTuple
from agentctl.model import ItemKey, JSONObject, Status, format_time

MAX_LABEL = 32

_TEXTS = 10_000
"""Times whose text is kept: components change together."""


class SpanState(Enum):
    """What is known of a component at one moment; the later one wins where one must show."""

    rank: int
    __hash__ = object.__hash__  # Enum's own is a function of Python: it is asked for each span

    ABSENT = "absent"
    """There was no such component."""
    HEALTHY = "healthy"
    CONFIGURED = "configured"
    UNKNOWN = "unknown"
    STALE = "stale"
    """What was last known is too old to be believed; a rolling timeline's, no recording's."""
    UNSEEN = "unseen"
    """Nobody looked, or could: disconnected, not recording, or the record is damaged."""
    DEGRADED = "degraded"
    ERROR = "error"

    @classmethod
    def of(cls, status: Status) -> SpanState:
        return cls(status.value)


for _rank, _state in enumerate(SpanState):
    _state.rank = _rank

AVAILABLE = (SpanState.HEALTHY, SpanState.CONFIGURED)
UNAVAILABLE = (SpanState.DEGRADED, SpanState.ERROR)


class Span(NamedTuple):
    """One state, from ``start`` to before ``end``, with the last that was said of it.

    Where changes were too many to be kept it is the worst of them, that lasted for ``share``
    of the time; the rest was ``rest``, or for the most part.
    """

    start: int
    end: int
    state: SpanState
    message: str = ""
    share: float = 1.0
    rest: Optional[SpanState] = None


class Gap(NamedTuple):
    """A time in which not all could be seen, and why."""

    start: int
    end: int
    reason: str


@dataclass(frozen=True)
class Row:
    """One component: spans without a hole between them, over the whole timeline."""

    key: ItemKey
    spans: tuple[Span, ...]
    """What there is to draw; where changes are too many, the worst of each while."""
    totals: Mapping[SpanState, int]
    """Exact, however the spans were thinned out; adds up to the timeline's span."""
    transitions: int
    """How often the state was another than the last that was seen."""

    @property
    def availability(self) -> Optional[float]:
        """Of the time in which it was known to work or not to, the part in which it did.

        None if it never was. ``unknown`` and ``unseen`` count for neither.
        """
        good = sum(self.totals[state] for state in AVAILABLE)
        known = good + sum(self.totals[state] for state in UNAVAILABLE)
        return good / known if known else None

    def share(self, state: SpanState) -> float:
        """Of the whole time, the part in that state."""
        whole = sum(self.totals.values())
        return self.totals[state] / whole if whole else 0.0

    def numbers(self, stale: bool = False) -> tuple[str, ...]:
        """Availability, the parts in which it was unknown, ``stale`` and unseen, transitions."""
        parts = [SpanState.UNKNOWN, *([SpanState.STALE] if stale else []), SpanState.UNSEEN]
        shares = (self.share(state) for state in parts)
        told = (percent(share) if share else "" for share in shares)
        return (percent(self.availability), *told, str(self.transitions))


@dataclass(frozen=True)
class Timeline:
    """Rows in the order in which components were first told."""

    start: datetime
    span: int
    rows: tuple[Row, ...]
    gaps: tuple[Gap, ...]
    damaged: int = 0
    """Lines that could not be read."""
    left_out: int = 0
    """Components that were too many to follow."""
    complete_from: Optional[datetime] = None
    """From when on nothing is missing or coarsened; None for a recording."""
    generated_at: Optional[datetime] = None
    """When a server made it."""

    @cached_property
    def stale(self) -> bool:
        """Whether anything in it was."""
        return any(row.totals[SpanState.STALE] for row in self.rows)

    def at(self, moment: int) -> datetime:
        """The wall clock's time at so many milliseconds."""
        try:
            return self.start + timedelta(milliseconds=moment)
        except OverflowError:
            return datetime.max.replace(tzinfo=timezone.utc)

    def label(self, row: Row) -> str:
        """The component's name, with its cluster and its namespace where there are several."""
        where = [row.key.cluster, row.key.namespace if self._several else "", row.key.component]
        return "/".join(part for part in where if part)

    @cached_property
    def _several(self) -> bool:
        """Whether there is more than one namespace."""
        return len({one.key.namespace for one in self.rows}) > 1

    def short_label(self, row: Row, ellipsis: str = "…") -> str:
        """The same, no longer than a picture has room for."""
        label = self.label(row)
        return label if len(label) <= MAX_LABEL else label[: MAX_LABEL - 1] + ellipsis

    def to_json(self) -> JSONObject:
        rows = [{**self.numbers_json(row), **self.spans_json(row)} for row in self.rows]
        return {**self.head_json(), "components": rows, **self.tail_json()}

    def head_json(self) -> JSONObject:
        """What comes before the components."""
        told = {"complete_from": self.complete_from, "generated_at": self.generated_at}
        return {
            "from": format_time(self.start),
            "to": format_time(self.at(self.span)),
            "seconds": self.span / 1000,
            **{name: format_time(when) for name, when in told.items() if when is not None},
        }

    def tail_json(self) -> JSONObject:
        """What comes after them."""
        return {
            "gaps": [
                {**self._times(gap.start, gap.end), "reason": gap.reason} for gap in self.gaps
            ],
            "damaged_lines": self.damaged,
            "components_left_out": self.left_out,
        }

    def numbers_json(self, row: Row) -> JSONObject:
        """One component without its spans."""
        part = row.availability
        return {
            **row.key.to_json(),
            "availability_percent": None if part is None else round(part * 100, 4),
            "transitions": row.transitions,
            "seconds": {state.value: row.totals[state] / 1000 for state in SpanState},
        }

    def spans_json(self, row: Row) -> JSONObject:
        """Its spans."""
        return {
            "spans": [
                {
                    **self._times(span.start, span.end),
                    "status": span.state.value,
                    "message": span.message,
                    **_coarse(span),
                }
                for span in row.spans
            ]
        }

    def text_at(self, moment: int) -> str:
        """``at`` as text. Spans are many, and each has two."""
        found = self._texts.get(moment)
        if found is None:
            if len(self._texts) >= _TEXTS:
                self._texts.clear()
            found = self._texts[moment] = format_time(self.at(moment))
        return found

    @cached_property
    def _texts(self) -> dict[int, str]:
        return {}

    def _times(self, start: int, end: int) -> JSONObject:
        return {
            "from": self.text_at(start),
            "to": self.text_at(end),
            "from_s": start / 1000,
            "to_s": end / 1000,
        }


def _coarse(span: Span) -> JSONObject:
    """What is said of a span that stands for several."""
    if span.rest is None:
        return {}
    return {"share": round(span.share, 4), "rest": span.rest.value}


def percent(part: Optional[float]) -> str:
    """For people: never more than there is, so that 100% is all of it. ``-`` for None."""
    if part is None:
        return "-"
    if part in (0.0, 1.0):
        return f"{part:.0%}"
    hundredths = int(part * 10000)
    return f"{max(hundredths, 1) / 100:.2f}%"
