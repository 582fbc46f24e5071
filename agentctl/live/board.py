"""Board of the live table: each component with its age and last change, as lines. No I/O.

An age is the time in the present status. Where its beginning was not seen it is at least
that, written with a ``>``. While nobody can see how it is, the first line says that it is
not live, no status has its colour, and the last lines have the cause, whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Optional

from agentctl.engine.losses import Losses, cause
from agentctl.engine.verdict import GOOD
from agentctl.item_order import beside_its_kind
from agentctl.lazy_dataclass import dataclass, replace
from agentctl.lazy_namedtuple import NamedTuple
from agentctl.live.text import Piece, clean, cut, line, width, wrapped
from agentctl.model import (
    Delta,
    ErrorCode,
    Event,
    Heartbeat,
    Item,
    ItemKey,
    Snapshot,
    Status,
    StreamError,
    format_time,
)

COLUMNS = ("CLUSTER", "COMPONENT", "NAMESPACE", "STATUS", "AGE", "LAST CHANGE", "MESSAGE")
"""The first where several clusters are watched, and the last without a width of its own."""
DISPENSABLE = ("NAMESPACE", "LAST CHANGE")
"""What makes room for the message on a narrow terminal, in this order."""

MESSAGE_MIN = 24

SILENT_BEATS = 3
"""Who has not heard of the engine for so many heartbeats does not see what is."""

_BOLD = "\x1b[1m"
_DIM = "\x1b[2m"
_ALARM = "\x1b[1;31m"
_DRESSES = {
    Status.HEALTHY: "\x1b[32m",
    Status.CONFIGURED: "\x1b[36m",
    Status.UNKNOWN: "\x1b[35m",
    Status.DEGRADED: "\x1b[33m",
    Status.ERROR: "\x1b[31m",
}


class Size(NamedTuple):
    """Of a terminal."""

    columns: int
    lines: int


@dataclass(frozen=True)
class BoardRow:
    """One component; ``since`` is monotonic seconds."""

    item: Item
    since: float
    began: bool = False
    """The beginning of its status was seen."""
    changed_at: Optional[datetime] = None
    before: Optional[Status] = None
    """What it was before its last change, if that was another status."""

    def changed(self, item: Item, at: datetime, now: float) -> BoardRow:
        if item.status is self.item.status:
            return replace(self, item=item, changed_at=at, before=None)
        return BoardRow(item, now, True, at, self.item.status)


class Board:
    """Takes events, gives frames. ``now`` is monotonic seconds throughout.

    ``beat_s`` is how often something is heard at least, None where that may be never;
    ``hint`` stands in the last line, where nothing is amiss and there is room.
    """

    def __init__(
        self, title: str, color: bool, beat_s: Optional[float] = None, hint: str = ""
    ) -> None:
        self._title = title
        self._color = color
        self._beat_s = beat_s
        self._hint = hint
        self._rows: dict[ItemKey, BoardRow] = {}
        self._said: Optional[Event] = None
        self._said_at = 0.0
        self._heard_at: Optional[float] = None
        self._losses = Losses()
        self._lost_at = 0.0

    def take(self, event: Event, now: float) -> None:
        self._heard_at = now
        if not self._losses:
            self._lost_at = now
        self._losses.take(event)
        if isinstance(event, Snapshot):
            self._rows = {item.key: BoardRow(item, now) for item in event.items}
        elif isinstance(event, Delta):
            new = [item.key for item in event.changes if item.key not in self._rows]
            for item in event.changes:
                row = self._rows.get(item.key)
                self._rows[item.key] = (
                    row.changed(item, event.generated_at, now)
                    if row
                    else BoardRow(item, now, True, event.generated_at)
                )
            for key in event.removed:
                self._rows.pop(key, None)
            self._rows = beside_its_kind(self._rows, new)
        else:
            self._said, self._said_at = event, now

    def frame(self, now: float, wall: datetime, size: Size) -> list[str]:
        """Exactly ``size.lines`` lines, none wider than ``size.columns``."""
        if size.lines < 2:
            return self._last_lines(now, size.columns, size.lines)
        last = self._last_lines(now, size.columns, max(1, size.lines - 3))
        room = max(0, size.lines - 2 - len(last))
        shown, hidden = _that_fit(list(self._rows.values()), room)
        lines = self._table(shown, now, size.columns)
        if hidden:
            lines.append(cut(f"... and {len(hidden)} more: {_counts(hidden)}", size.columns))
        lines = [self._heading(now, wall, size.columns), *lines][: size.lines - len(last)]
        lines += [""] * (size.lines - len(last) - len(lines))
        return [*lines, *last]

    def summary(self, now: float, columns: int) -> list[str]:
        """What is left to read at the end: the table, and the errors if there are any."""
        if not self._rows:
            return []
        lines = self._table(list(self._rows.values()), now, columns)
        return lines + [cut(text, columns) for text in self._amiss(now, columns)]

    def _unseen_s(self, now: float) -> Optional[float]:
        """For how long nobody has seen how it is; None while that is seen."""
        if self._losses:
            return now - self._lost_at
        return self._silence_s(now)

    def _silence_s(self, now: float) -> Optional[float]:
        """How long nothing was heard, if that is longer than it can be."""
        if self._heard_at is None or self._beat_s is None:
            return None
        silence_s = now - self._heard_at
        return silence_s if silence_s > SILENT_BEATS * self._beat_s else None

    def _heading(self, now: float, wall: datetime, columns: int) -> str:
        counts, unseen_s = _counts(self._rows.values()), self._unseen_s(now)
        if unseen_s is not None:
            counts = f"NOT LIVE for {age(unseen_s)}" + (f", was {counts}" if counts else "")
        left = f"{self._title}: {counts}" if counts else self._title
        text = _apart(left, format_time(wall), columns)
        return line([self._dressed(text, _BOLD if unseen_s is None else _ALARM)], columns)

    def _last_lines(self, now: float, columns: int, room: int) -> list[str]:
        """At most ``room``; all that is amiss, or else one line."""
        texts, dress = self._amiss(now, columns), _ALARM
        if not texts:
            texts, dress = [_apart(self._well(now), self._hint, columns)], _DIM
        if len(texts) > room:
            texts = [*texts[: room - 1], " ".join(texts[room - 1 :])]
        return [line([self._dressed(text, dress)], columns) for text in texts]

    def _well(self, now: float) -> str:
        event, ago = self._said, age(now - self._said_at)
        if isinstance(event, Heartbeat):
            return f"HEARTBEAT {ago} ago, every source is alive"
        if isinstance(event, StreamError):
            return clean(f"RECOVERED {ago} ago  {event.message}")
        return "" if self._rows else "waiting for the first state"

    def _amiss(self, now: float, columns: int) -> list[str]:
        """A line of what is amiss, and below it the cause, whole; for each error."""
        told = [(error, self._lost_at) for error in self._losses.errors]
        said = self._said
        if isinstance(said, StreamError) and said.code is not ErrorCode.RECOVERED:
            told += [(said, self._said_at)] if said not in self._losses.errors else []
        lines = []
        for error, at in told:
            lines.append(f"ERROR {age(now - at)} ago  {clean(_whose(error))}{error.code.value}")
            lines += wrapped(clean(cause(error)), columns)
        silence_s = self._silence_s(now)
        if silence_s is not None:
            lines.append(f"ERROR nothing heard for {age(silence_s)}")
            lines += wrapped("agentctl was stopped for a while, or is stuck", columns)
        return lines

    def _table(self, rows: Sequence[BoardRow], now: float, columns: int) -> list[str]:
        several = any(row.item.cluster for row in rows)
        headings = COLUMNS if several else COLUMNS[1:]
        cells = [headings, *(_cells(row, now)[-len(headings) :] for row in rows)]
        last = len(headings) - 1
        widths = [max(width(texts[column]) for texts in cells) for column in range(last)]
        shown = _columns_that_fit(headings, widths, columns)
        seen = self._unseen_s(now) is None
        dresses = [_BOLD, *(_DRESSES[row.item.status] if seen else _DIM for row in rows)]
        return [
            line(self._pieces(headings, texts, widths, shown, dress), columns)
            for texts, dress in zip(cells, dresses)
        ]

    def _pieces(
        self,
        headings: Sequence[str],
        texts: Sequence[str],
        widths: Sequence[int],
        shown: Sequence[int],
        dress: str,
    ) -> Iterable[Piece]:
        for column in shown:
            text = texts[column]
            dressed = texts is headings or headings[column] == "STATUS"
            yield self._dressed(text, dress if dressed else "")
            if column < len(widths):
                yield " " * (widths[column] - width(text) + 2), ""

    def _dressed(self, text: str, dress: str) -> Piece:
        return text, dress if self._color else ""


def _columns_that_fit(headings: Sequence[str], widths: Sequence[int], columns: int) -> list[int]:
    shown = list(range(len(headings)))
    for heading in DISPENSABLE:
        if sum(widths[kept] + 2 for kept in shown[:-1]) + MESSAGE_MIN > columns:
            shown.remove(headings.index(heading))
    return shown


def age(seconds: float) -> str:
    """Whole, in at most two units: ``5s``, ``3m20s``, ``2h5m``, ``4d2h``."""
    total = max(0, int(seconds))
    for unit, size, smaller, part in (
        ("d", 86400, "h", 3600),
        ("h", 3600, "m", 60),
        ("m", 60, "s", 1),
    ):
        if total >= size:
            return f"{total // size}{unit}{total % size // part}{smaller}"
    return f"{total}s"


def _apart(left: str, right: str, columns: int) -> str:
    """One at each end of a line; the right one only where there is room."""
    gap = columns - width(left) - width(right)
    return f"{left}{' ' * gap}{right}" if right and gap >= 2 else left


def _whose(error: StreamError) -> str:
    """Whose error it is, before its code; empty where nobody is named."""
    names = error.sources or (error.source,)
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    whose = " ".join(part for part in (error.cluster, f"{names[0]}{more}") if part)
    return f"{whose}  " if whose else ""


def _cells(row: BoardRow, now: float) -> tuple[str, ...]:
    item = row.item
    changed = ""
    if row.changed_at is not None:
        changed = format_time(row.changed_at)[11:]
        if row.before is not None:
            changed += f" was {row.before.value}"
    return (
        clean(item.cluster),
        clean(item.component),
        clean(item.namespace),
        item.status.value,
        ("" if row.began else ">") + age(now - row.since),
        changed or "-",
        clean(item.message),
    )


def _that_fit(rows: Sequence[BoardRow], room: int) -> tuple[list[BoardRow], list[BoardRow]]:
    """All, or the worst of them and those for which a line must do."""
    if len(rows) <= room:
        return list(rows), []
    worst = sorted(rows, key=_how_good)
    kept = max(0, room - 1)
    return worst[:kept], worst[kept:]


def _how_good(row: BoardRow) -> int:
    return 0 if row.item.status in GOOD else -row.item.status.severity


def _counts(rows: Iterable[BoardRow]) -> str:
    found = Counter(row.item.status for row in rows)
    return ", ".join(f"{found[status]} {status.value}" for status in Status if found[status])
