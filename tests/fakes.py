"""A clock that is set, a state that is told, sources that do nothing by themselves."""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta, timezone
from math import inf
from typing import Callable, Optional, Union

import pytest

from agentctl.engine.attempt import Attempt, Source
from agentctl.engine.messages import Changed, Replaced
from agentctl.engine.policy import Notice
from agentctl.errors import SourceError
from agentctl.model import Event, Item, Status
from agentctl.wire import statusjson
from agentctl.wire.statusjson import Namespaces


def event_in(line: Union[str, bytes]) -> Event:
    """The event in a line of JSON, all of which can be read."""
    text = line.decode() if isinstance(line, bytes) else line
    read = statusjson.event_of("message", text, datetime.max, Namespaces())
    assert not read.passed_over
    assert read.event is not None
    return read.event


class FakeClock:
    """Stands still until it is moved; the wall clock can be moved alone."""

    def __init__(self) -> None:
        self.elapsed = 1000.0
        self.wall = datetime(2026, 1, 30, 18, 15, tzinfo=timezone.utc)

    def monotonic(self) -> float:
        return self.elapsed

    def now(self) -> datetime:
        return self.wall

    def advance(self, seconds: float) -> None:
        self.elapsed += seconds
        self.wall += timedelta(seconds=seconds)


class FakeSource(Source):
    """Blocks until it is stopped; the test puts the messages."""

    def __init__(self, name: str, fallback: Optional[Source] = None) -> None:
        self.name = name
        self.noun = name
        self.attempts: list[Attempt] = []
        self._fallback = fallback

    def run(self, attempt: Attempt) -> None:
        self.attempts.append(attempt)
        attempt.wait(60)

    def fallback(self) -> Optional[Source]:
        return self._fallback


class FakeState:
    """One item for each source: healthy when it has news, unknown when blind."""

    def __init__(self, names: Sequence[str]) -> None:
        self.messages = dict.fromkeys(names, "no data yet")
        self.statuses = dict.fromkeys(names, Status.UNKNOWN)
        self.gone = ""
        self.lost_at: dict[str, float] = {}
        self.proven_at: Optional[float] = None
        self.silent: list[str] = []
        self.deadline: Optional[float] = None
        self.judge: Callable[[float], None] = lambda now: None

    def apply(self, message: Union[Replaced, Changed]) -> None:
        for change in message.changes:
            self.statuses[message.source] = change.values[0]
        self.messages[message.source] = ""

    def blind(self, source: str, reason: str) -> None:
        self.statuses[source] = Status.UNKNOWN
        self.messages[source] = reason

    def lost(self, source: str, since: float, now: float) -> None:
        self.lost_at[source] = since

    def found(self, source: str, now: float) -> None:
        self.lost_at.pop(source, None)

    def proven(self, now: Optional[float], cluster: str = "") -> Collection[str]:
        self.proven_at = now
        return self.silent

    def items(self, now: float) -> Sequence[Item]:
        self.judge(now)
        return [
            Item(name, "agents", status, self.messages[name])
            for name, status in self.statuses.items()
        ]

    def absent(self) -> str:
        return self.gone

    def amiss(self) -> Sequence[Notice]:
        return ()

    def next_deadline(self) -> float:
        return inf if self.deadline is None else self.deadline


class Recorder:
    """A sink that keeps what it is given."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def emit(self, event: Event) -> None:
        self.events.append(event)

    def take(self) -> list[Event]:
        taken, self.events = self.events, []
        return taken


class Fails(Source):
    """A source whose attempts end with the failures given, then wait."""

    def __init__(self, name: str, *failures: Optional[SourceError]) -> None:
        self.name = name
        self.noun = name
        self._failures = list(failures)

    def run(self, attempt: Attempt) -> None:
        if self._failures:
            failure = self._failures.pop(0)
            if failure is not None:
                raise failure
            return
        attempt.wait(60)


def refuse_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on the host gives no thread."""

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
