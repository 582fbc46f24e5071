"""Table output: the state as a table, then a line for each event, for people and grep."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from agentctl.diagnosis.text import reasons, sections
from agentctl.duration import format_duration
from agentctl.lazy_namedtuple import NamedTuple
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
from agentctl.renderers import Style, TextSink

HELP = "a table, then a line for each change (the default)"

_RESET = "\x1b[0m"
_COLORS = {
    Status.HEALTHY: "\x1b[32m",
    Status.CONFIGURED: "\x1b[36m",
    Status.UNKNOWN: "\x1b[35m",
    Status.DEGRADED: "\x1b[33m",
    Status.ERROR: "\x1b[31m",
}


class _Shown(NamedTuple):
    """All that is to be seen of an item."""

    status: Status
    message: str
    reasons: tuple[str, ...]


class TableRenderer:
    """A line for what can be seen to have changed, and one for components that say the same."""

    columns: tuple[str, ...] = ("COMPONENT", "NAMESPACE", "STATUS", "MESSAGE")
    """What is last is not filled up with spaces."""

    def __init__(self, out: TextSink, style: Style) -> None:
        self._out = out
        self._style = style
        self._shown: dict[ItemKey, _Shown] = {}

    def emit(self, event: Event) -> None:
        lines = self._lines(event)
        if lines:
            self._out.write("".join(line + "\n" for line in lines))

    def _lines(self, event: Event) -> list[str]:
        at = format_time(event.generated_at)
        if isinstance(event, Snapshot):
            self._shown = {item.key: _shown(item) for item in event.items}
            lines = self._table(event.items) + sections(event.items)
            return lines + (["---"] if self._style.stream else [])
        if isinstance(event, Delta):
            for key in event.removed:
                self._shown.pop(key, None)
            lines, said = [], dict[str, str]()
            for group in self._changed(event.changes):
                first = group[0]
                names = ",".join(item.component for item in group)
                lines.append(
                    f"UPDATE {at} {names}{self._where(first.key)} "
                    f"status={self._paint(first.status)} message={quoted(first.message)}"
                )
                lines += reasons(first, said)
            return lines + [
                f"REMOVED {at} {key.component}{self._where(key)}" for key in event.removed
            ]
        if isinstance(event, Heartbeat):
            return [f"HEARTBEAT {at}"]
        return [self._error(event, at)]

    def _where(self, key: ItemKey) -> str:
        """Where a component is, as words of a line; nothing where there is one place."""
        cluster = f" cluster={key.cluster}" if key.cluster else ""
        return cluster + (f" namespace={key.namespace}" if self._style.several else "")

    def _changed(self, changes: Iterable[Item]) -> list[list[Item]]:
        """Those that do not look as they did, in groups that look alike: one workload
        carries several components."""
        groups: dict[tuple[str, str, _Shown], list[Item]] = {}
        for item in changes:
            looks = _shown(item)
            if self._shown.get(item.key) != looks:
                self._shown[item.key] = looks
                groups.setdefault((item.cluster, item.namespace, looks), []).append(item)
        return list(groups.values())

    def _error(self, event: StreamError, at: str) -> str:
        if event.code is ErrorCode.RECOVERED:
            return self._recovered(event, at)
        parts = ["ERROR", at, *_sources(event)]
        parts.append(f"code={event.code.value}")
        if event.retry_in is not None:
            parts.append(f"retry_in={format_duration(round(event.retry_in, 1))}")
        parts.append(f"message={quoted(event.message)}")
        return " ".join(parts)

    @staticmethod
    def _recovered(event: StreamError, at: str) -> str:
        parts = ["RECOVERED", at, *_sources(event)]
        if event.lasted is not None:
            parts.append(f"lasted={format_duration(max(1, round(event.lasted)))}")
        return " ".join(parts)

    def _table(self, items: Sequence[Item]) -> list[str]:
        columns, rows = self.columns, [self._cells(item) for item in items]
        if any(item.cluster for item in items):
            columns = ("CLUSTER", *columns)
            rows = [(item.cluster, *row) for item, row in zip(items, rows)]
        headed = [columns, *rows] if self._style.headers else rows
        last, status = len(columns) - 1, columns.index("STATUS")
        widths = [max((len(row[at]) for row in headed), default=0) for at in range(last)]
        lines = [self._row(columns, widths)] if self._style.headers else []
        for item, row in zip(items, rows):
            line = self._row(row, widths)
            if self._style.color:
                start = sum(widths[:status]) + 2 * status
                end = start + len(row[status])
                line = line[:start] + self._paint(item.status) + line[end:]
            lines.append(line)
        return lines

    def _cells(self, item: Item) -> tuple[str, ...]:
        """One for each of the columns."""
        return (item.component, item.namespace, item.status.value, item.message)

    @staticmethod
    def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
        padded = [cell.ljust(width) for cell, width in zip(cells, widths)]
        return "  ".join([*padded, cells[-1]]).rstrip()

    def _paint(self, status: Status) -> str:
        if not self._style.color:
            return status.value
        return f"{_COLORS[status]}{status.value}{_RESET}"


def _shown(item: Item) -> _Shown:
    return _Shown(item.status, item.message, tuple(reasons(item, {})))


def _sources(event: StreamError) -> list[str]:
    """The first that is meant, and where there are several, all of them."""
    words = [f"cluster={event.cluster}"] if event.cluster else []
    words += [f"source={event.source}"] if event.source else []
    return [*words, f"sources={','.join(event.sources)}"] if len(event.sources) > 1 else words


def quoted(text: str) -> str:
    """In double quotes, with what would break the line or drive a terminal escaped."""
    return json.dumps(text, ensure_ascii=False)


def create(out: TextSink, style: Style) -> TableRenderer:
    return TableRenderer(out, style)
