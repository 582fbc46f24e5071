"""Board of the live table: each component with its age and last change, as lines. No I/O.

An age is the time in the present status. Where its beginning was not seen it is at least
that, written with a ``>``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple, Optional

from agentctl.engine.verdict import GOOD
from agentctl.live.text import Piece, clean, cut, line, width
from agentctl.model import (
    Delta,
    Event,
    Heartbeat,
    Item,
    ItemKey,
    Snapshot,
    Status,
    StreamError,
    format_time,
)

COLUMNS = ("COMPONENT", "NAMESPACE", "STATUS", "AGE", "LAST CHANGE", "MESSAGE")
MESSAGE = COLUMNS.index("MESSAGE")
DISPENSABLE = (COLUMNS.index("NAMESPACE"), COLUMNS.index("LAST CHANGE"))
"""What makes room for the message on a narrow terminal, in this order."""

MESSAGE_MIN = 24
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
    """Takes events, gives frames. ``now`` is monotonic seconds throughout."""

    def __init__(self, title: str, color: bool) -> None:
        self._title = title
        self._color = color
        self._rows: dict[ItemKey, BoardRow] = {}
        self._said: Optional[Event] = None
        self._said_at = 0.0

    def take(self, event: Event, now: float) -> None:
        if isinstance(event, Snapshot):
            self._rows = {item.key: BoardRow(item, now) for item in event.items}
        elif isinstance(event, Delta):
            for item in event.changes:
                row = self._rows.get(item.key)
                self._rows[item.key] = (
                    row.changed(item, event.generated_at, now)
                    if row
                    else BoardRow(item, now, True, event.generated_at)
                )
            for key in event.removed:
                self._rows.pop(key, None)
        else:
            self._said, self._said_at = event, now

    def frame(self, now: float, wall: datetime, size: Size) -> list[str]:
        """Exactly ``size.lines`` lines, none wider than ``size.columns``."""
        if size.lines < 2:
            return [self._last_line(now, size.columns)][: size.lines]
        room = max(0, size.lines - 3)
        shown, hidden = _that_fit(list(self._rows.values()), room)
        lines = self._table(shown, now, size.columns)
        if hidden:
            lines.append(cut(f"... and {len(hidden)} more: {_counts(hidden)}", size.columns))
        lines = [self._heading(wall, size.columns), *lines][: size.lines - 1]
        lines += [""] * (size.lines - 1 - len(lines))
        return [*lines, self._last_line(now, size.columns)]

    def summary(self, now: float, columns: int) -> list[str]:
        """What is left to read at the end: the table, and the error if there is one."""
        if not self._rows:
            return []
        lines = self._table(list(self._rows.values()), now, columns)
        return lines + ([self._last_line(now, columns)] if self._is_amiss else [])

    @property
    def _is_amiss(self) -> bool:
        return isinstance(self._said, StreamError)

    def _heading(self, wall: datetime, columns: int) -> str:
        counts = _counts(self._rows.values())
        left = f"{self._title}: {counts}" if counts else self._title
        right = format_time(wall)
        gap = columns - width(left) - width(right)
        text = f"{left}{' ' * gap}{right}" if gap >= 2 else left
        return line([self._dressed(text, _BOLD)], columns)

    def _last_line(self, now: float, columns: int) -> str:
        event, ago = self._said, age(now - self._said_at)
        if isinstance(event, Heartbeat):
            return line(
                [self._dressed(f"HEARTBEAT {ago} ago, every source is alive", _DIM)], columns
            )
        if isinstance(event, StreamError):
            parts = [f"ERROR {ago} ago", event.source, event.code.value, event.message]
            text = "  ".join(clean(part) for part in parts if part)
            return line([self._dressed(text, _ALARM)], columns)
        text = "" if self._rows else "waiting for the first state"
        return line([self._dressed(text, _DIM)], columns)

    def _table(self, rows: Sequence[BoardRow], now: float, columns: int) -> list[str]:
        cells = [COLUMNS, *(_cells(row, now) for row in rows)]
        widths = [max(width(texts[column]) for texts in cells) for column in range(MESSAGE)]
        shown = _columns_that_fit(widths, columns)
        dresses = [_BOLD, *(_DRESSES[row.item.status] for row in rows)]
        return [
            line(self._pieces(texts, widths, shown, dress), columns)
            for texts, dress in zip(cells, dresses)
        ]

    def _pieces(
        self, texts: Sequence[str], widths: Sequence[int], shown: Sequence[int], dress: str
    ) -> Iterable[Piece]:
        for column in shown:
            text = texts[column]
            dressed = texts is COLUMNS or COLUMNS[column] == "STATUS"
            yield self._dressed(text, dress if dressed else "")
            if column != MESSAGE:
                yield " " * (widths[column] - width(text) + 2), ""

    def _dressed(self, text: str, dress: str) -> Piece:
        return text, dress if self._color else ""


def _columns_that_fit(widths: Sequence[int], columns: int) -> list[int]:
    shown = list(range(len(COLUMNS)))
    for column in DISPENSABLE:
        if sum(widths[kept] + 2 for kept in shown if kept != MESSAGE) + MESSAGE_MIN > columns:
            shown.remove(column)
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


def _cells(row: BoardRow, now: float) -> tuple[str, ...]:
    item = row.item
    changed = ""
    if row.changed_at is not None:
        changed = format_time(row.changed_at)[11:]
        if row.before is not None:
            changed += f" was {row.before.value}"
    return (
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
