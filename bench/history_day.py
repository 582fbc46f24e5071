"""A simulated day of a server's history, in a process of its own.

    python -m bench.history_day calm|flapping COMPONENTS MINUTES

``calm`` components change once a minute. Of ``flapping`` ones every minute is full of changes,
and in the last five they change ten times a second. Prints one line of JSON: how many MB the
process grew by, microseconds of CPU for each change, and seconds of CPU for whole answers.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from datetime import datetime, timedelta, timezone
from typing import Callable

from agentctl.model import Delta, Item, Status
from agentctl.server.fanout.history import StatusHistory
from agentctl.server.http.timeline_answer import csv_pieces, json_pieces

DAY_S = 86_400.0
FULL_MINUTES = 5
TEN_A_SECOND = 600


class SimulatedClock:
    """Is where it was moved to."""

    def __init__(self) -> None:
        self._elapsed = 0.0
        self._began = datetime(2026, 1, 30, tzinfo=timezone.utc)

    def monotonic(self) -> float:
        return self._elapsed

    def now(self) -> datetime:
        return self._began + timedelta(seconds=self._elapsed)

    def advance(self, seconds: float) -> None:
        self._elapsed += seconds


class Day:
    """Feeds a history as the broadcaster does."""

    def __init__(self, components: int) -> None:
        self.clock = SimulatedClock()
        self.history = StatusHistory(self.clock, DAY_S, ["agents"])
        self.cpu_s = 0.0
        self.changes = 0
        names = [f"component-{number:05}" for number in range(components)]
        self._deltas = [self._delta(names, *told) for told in _told()]
        self.history.begin(self._deltas[0].changes)

    def _delta(self, names: list[str], status: Status, text: str) -> Delta:
        items = tuple(Item(name, "agents", status, text) for name in names)
        return Delta(self.clock.now(), items, (), "")

    def minute(self, changes: int) -> None:
        """So many changes of each, and a beat each second."""
        for number in range(changes):
            delta = self._deltas[(self.changes // len(self._deltas[0].changes)) % 8]
            began = time.thread_time()
            self.history.take(delta)
            self.cpu_s += time.thread_time() - began
            self.changes += len(delta.changes)
            for _ in range(60 * number // changes, 60 * (number + 1) // changes):
                self.clock.advance(1.0)
                self.history.beat({}, due=True)


def _told() -> list[tuple[Status, str]]:
    statuses = [Status.HEALTHY, Status.DEGRADED, Status.HEALTHY, Status.ERROR] * 2
    return [(one, f"{number} " + "why " * 40) for number, one in enumerate(statuses)]


def seconds_of(answer: Callable[[], object]) -> float:
    began = time.thread_time()
    answer()
    return time.thread_time() - began


def memory_mb() -> float:
    with open("/proc/self/status", encoding="ascii") as status:
        line = next(line for line in status if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def main() -> None:
    mix, components, minutes = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    gc.collect()
    before = memory_mb()
    day = Day(components)
    full = min(FULL_MINUTES, minutes) if mix == "flapping" else 0
    for _ in range(minutes - full):
        day.minute(3 if full else 1)
    for _ in range(full):
        day.minute(TEN_A_SECOND)
    gc.collect()
    found = {"memory_mb": memory_mb() - before, "change_us": day.cpu_s / day.changes * 1e6}
    whole, hour = day.history.window(None), day.history.window(timedelta(hours=1))
    assert whole is not None
    assert hour is not None
    found["json_s"] = seconds_of(lambda: sum(map(len, json_pieces(whole, 0))))
    found["csv_s"] = seconds_of(lambda: sum(map(len, csv_pieces(whole, 0))))
    found["columns_s"] = seconds_of(lambda: sum(map(len, json_pieces(hour, 60))))
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
