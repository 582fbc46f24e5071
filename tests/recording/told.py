"""Recordings for tests, in few words."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Optional

from agentctl.model import (
    Delta,
    ErrorCode,
    Heartbeat,
    Item,
    ItemKey,
    Snapshot,
    Status,
    StreamError,
)
from agentctl.recording import End, Entry, Header, Recorded
from agentctl.timeline.facts import Row, Timeline
from agentctl.timeline.fold import timeline

START = datetime(2026, 1, 30, 18, 0, tzinfo=timezone.utc)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def items(states: str) -> tuple[Item, ...]:
    """From ``a=healthy b=error``."""
    pairs = (pair.split("=") for pair in states.split())
    return tuple(Item(name, "agents", Status(status)) for name, status in pairs)


def header(seconds: float = 0, beat: Optional[float] = 30) -> Header:
    return Header(at(seconds), "0.1.0", "kube", "agents", (), beat)


def snapshot(seconds: float, states: str, cursor: str = "c") -> Recorded:
    return Recorded(seconds, Snapshot(at(seconds), items(states), cursor))


def delta(seconds: float, states: str, removed: str = "", cursor: str = "d") -> Recorded:
    gone = tuple(ItemKey("agents", name) for name in removed.split())
    return Recorded(seconds, Delta(at(seconds), items(states), gone, cursor))


def beat(seconds: float, cursor: str = "c") -> Recorded:
    return Recorded(seconds, Heartbeat(at(seconds), cursor))


def error(seconds: float, code: str = "disconnected", cursor: str = "c") -> Recorded:
    return Recorded(seconds, StreamError(at(seconds), "why", ErrorCode(code), "pods", 1.0, cursor))


def end(seconds: float) -> End:
    return End(seconds, 0)


def folded(*entries: Entry) -> Timeline:
    found = timeline(entries)
    assert found is not None
    return found


def row(found: Timeline, name: str) -> Row:
    return next(one for one in found.rows if one.key.component == name)


def told(found: Timeline, name: str = "a") -> str:
    """Like ``healthy 0-10 unseen 10-20``, in seconds."""
    return " ".join(
        f"{span.state.value} {span.start / 1000:g}-{span.end / 1000:g}"
        for span in row(found, name).spans
    )
