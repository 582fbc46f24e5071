"""One server with its readers: started, fed with events, and asked how it went."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.process import Bench, Child

STARTED_S = 60.0


@dataclass(frozen=True)
class Pace:
    """What is emitted: events, seconds between them, characters of their messages."""

    events: int
    interval_s: float
    size: int = 100


WARM_UP = Pace(20, 0.005)


@dataclass(frozen=True)
class Outcome:
    """What one series of events was for the readers and cost the server."""

    readers: int
    events: int
    p50_ms: float
    p99_ms: float
    max_ms: float
    wrong: str
    """What did not come as it should; empty if every event came once to every reader."""
    cpu_s: float
    reader_busy: float
    """The share of the time in which the readers' process was at work."""
    disturbed: float
    """The share of the time in which something else had the server's core."""
    active: tuple[int, ...]
    """Streams that were open at each event."""
    stamps: tuple[float, ...]

    @property
    def cpu_ms(self) -> float:
        """Of the server, for an event."""
        return self.cpu_s * 1000 / self.events


class Fanout:
    """A server and a process of readers, as long as they are needed."""

    def __init__(self, server: Child, readers: Child) -> None:
        self._server = server
        self._readers = readers
        self._count = self._next = 0
        hello = json.loads(server.line(STARTED_S)[1])
        self._ports = {"sse": hello["http"], "grpc": hello["grpc"]}
        self._pid = int(hello["pid"])

    def open(self, kind: str, count: int, per_connection: int = 1) -> float:
        """Open streams; how long that took. Raises RuntimeError if one ended."""
        answer = self._ask(f"open {kind} {count} {self._ports[kind]} {per_connection}")
        if "error" in answer:
            raise RuntimeError(answer["error"])
        self._count += count
        return float(answer["seconds"])

    def stall(self, kind: str, count: int) -> None:
        """Open streams that nobody reads."""
        before = self.active()
        self._ask(f"stall {kind} {count} {self._ports[kind]}")
        deadline = time.monotonic() + 10
        while self.active() < before + count and time.monotonic() < deadline:
            time.sleep(0.05)

    def emit(self, pace: Pace) -> Outcome:
        """Emit events and wait until they have come."""
        first, self._next = self._next, self._next + pace.events
        self._ask(f"expect {first} {pace.events}")
        before, core, began = self._usage()["cpu_s"], self._core_s(), time.monotonic()
        words = f"emit {first} {pace.events} {pace.interval_s} {pace.size}"
        emitted = self._tell(self._server, words)
        report = self._ask(f"report {json.dumps(emitted['stamps'])}")
        cpu_s, core_s = self._usage()["cpu_s"] - before, self._core_s() - core
        named = ("missing", "doubled", "merged", "ended")
        return Outcome(
            readers=self._count,
            events=pace.events,
            p50_ms=report["p50"],
            p99_ms=report["p99"],
            max_ms=report["max"],
            wrong=", ".join(f"{report[name]} {name}" for name in named if report[name]),
            cpu_s=cpu_s,
            reader_busy=report["busy"],
            disturbed=max(0.0, core_s - cpu_s) / (time.monotonic() - began),
            active=tuple(emitted["active"]),
            stamps=tuple(emitted["stamps"]),
        )

    def active(self) -> int:
        """Streams that are open at the server."""
        return int(self._usage()["active"])

    def memory_mb(self, field: str) -> float:
        """``VmRSS`` or ``VmHWM`` of the process that serves, in MB."""
        status = Path(f"/proc/{self._pid}/status").read_text(encoding="ascii")
        found = next(line for line in status.splitlines() if line.startswith(f"{field}:"))
        return int(found.split()[1]) * 1024 / 1e6

    def _core_s(self) -> float:
        """Seconds in which the server's core has worked for anybody; 0 if it has several."""
        cores = os.sched_getaffinity(self._pid)
        if len(cores) != 1:
            return 0.0
        name = f"cpu{min(cores)} "
        stat = Path("/proc/stat").read_text(encoding="ascii")
        found = next(line for line in stat.splitlines() if line.startswith(name))
        user, nice, system, _, _, _, _, steal = map(int, found.split()[1:9])
        return (user + nice + system + steal) / os.sysconf("SC_CLK_TCK")

    def _usage(self) -> Any:
        return self._tell(self._server, "usage")

    def _ask(self, command: str) -> Any:
        return self._tell(self._readers, command)

    @staticmethod
    def _tell(child: Child, command: str) -> Any:
        child.tell(command)
        return json.loads(child.line()[1])


@contextmanager
def fanout(bench: Bench, kind: str, items: int = 10, streams: int = 0) -> Iterator[Fanout]:
    """A server of this kind, on the core of what is measured, and readers on the other."""
    argv = [sys.executable, "-m", "bench.fanout_server", kind, str(items), str(streams)]
    with bench.measured(argv) as server, bench.server("fanout_readers") as readers:
        yield Fanout(server, readers)


@dataclass(frozen=True)
class Series:
    """One or more runs with the same readers, and what memory these took."""

    outcomes: tuple[Outcome, ...]
    opened_s: float
    before_mb: float
    """Of the server, with no reader."""
    peak_mb: float

    @property
    def kb_each(self) -> float:
        return (self.peak_mb - self.before_mb) * 1000 / self.outcomes[0].readers


def series(
    bench: Bench, server: str, kind: str, readers: int, pace: Pace, items: int = 10, runs: int = 1
) -> Series:
    """A server of its own, warmed up without readers, then all of them."""
    with fanout(bench, server, items, readers) as run:
        run.emit(WARM_UP)
        before = run.memory_mb("VmRSS")
        opened_s = run.open(kind, readers)
        outcomes = tuple(run.emit(pace) for _ in range(runs))
        return Series(outcomes, opened_s, before, run.memory_mb("VmHWM"))
