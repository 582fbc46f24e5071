"""Playing a recording into a sink, at full speed or as it was timed."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Optional

from agentctl.cli.recording.read import Input, Reading
from agentctl.clock import Clock
from agentctl.engine.policy import Outcome
from agentctl.engine.stream import Sink
from agentctl.model import Event
from agentctl.recording import Header, Recorded

LONGEST_WAIT_S = 3600.0
"""Of one wait; the system's own limit is not far above what a file may ask for."""


class Pace:
    """When to play what: offsets in the recording as moments of a clock.

    A pause between two recordings in one file is left out: nothing was seen in it.
    """

    def __init__(self, clock: Clock, speed: float, wait: Callable[[float], bool]) -> None:
        """``wait`` waits for so many seconds, and returns True to have the wait ended."""
        self._clock = clock
        self._speed = speed
        self._wait = wait
        self._last: Optional[float] = None
        self._due = 0.0

    def restart(self) -> None:
        """Another recording begins: its first event comes at once."""
        self._last = None

    def keep(self, at_s: float) -> bool:
        """Wait until it is time for ``at_s``; False if the wait was ended."""
        if self._last is None or math.isinf(self._speed):
            self._due = self._clock.monotonic()
        else:
            self._due += max(0.0, at_s - self._last) / self._speed
        self._last = at_s if self._last is None else max(self._last, at_s)
        while (left := self._due - self._clock.monotonic()) > 0:
            if self._wait(min(left, LONGEST_WAIT_S)):
                return False
        return True


class Player:
    """What a Runner runs."""

    def __init__(
        self, source: Input, reading: Reading, sink: Sink, speed: float, clock: Clock
    ) -> None:
        self._source = source
        self._reading = reading
        self._sink = sink
        self._stopped = threading.Event()
        self._stop_code = 0
        self._pace = Pace(clock, speed, self._stopped.wait)

    def run(self) -> Outcome:
        for entry in self._reading.entries():
            if isinstance(entry, Header):
                self._pace.restart()
            elif isinstance(entry, Recorded) and self._pace.keep(_time(entry)):
                self._emit(entry.event)
            if self._stopped.is_set():
                break
        return Outcome(self._stop_code) if self._stopped.is_set() else self._reading.outcome()

    def stop(self, exit_code: int) -> None:
        self._stop_code = exit_code
        self._stopped.set()
        self._source.stop()

    def _emit(self, event: Event) -> None:
        if not self._stopped.is_set():
            self._sink.emit(event)


def _time(entry: Recorded) -> float:
    """In seconds; events that nobody recorded have their own times to go by."""
    if entry.offset_s is not None:
        return entry.offset_s
    return entry.event.generated_at.timestamp()
