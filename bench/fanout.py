"""One event to thousands of readers: how late it comes, what they cost, and who is wronged."""

from __future__ import annotations

import select
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Optional

from bench import fanout_peers
from bench.fanout_run import Outcome, Pace, Series, fanout, series
from bench.figures import Figure
from bench.limits import most_readers, raise_open_files
from bench.process import Bench
from bench.scale import Scale

NAMES = {"sse": "SSE", "grpc": "gRPC"}


def run(bench: Bench, scale: Scale) -> Iterator[Figure]:
    """Each transport alone, with many, beside its peers, and with readers that never read."""
    if not hasattr(select, "epoll"):
        print("fanout: skipped, it needs epoll")
        return
    raise_open_files()
    yield from _Fanouts(bench, scale).figures()


class _Fanouts:
    def __init__(self, bench: Bench, scale: Scale) -> None:
        self._bench = bench
        self._scale = scale
        many, most = (self._possible(count) for count in scale.fanout_readers)
        self._many = many
        self._sse = tuple(dict.fromkeys((1, many, most)))

    def figures(self) -> Iterator[Figure]:
        grpc = find_spec("grpc") is not None
        if not grpc:
            print("fanout: no gRPC, grpcio is not installed")
        yield from self._sse_figures()
        if grpc:
            yield from self._grpc_figures()
        for kind in ("sse", "grpc") if grpc else ("sse",):
            yield from self._stalled(kind)

    def _sse_figures(self) -> Iterator[Figure]:
        scale = self._scale
        lone: Optional[Figure] = None
        before: Optional[Figure] = None
        for readers in self._sse:
            rivals = self._rivals("sse", readers) if readers > 1 else []
            yield from rivals
            runs = scale.fanout_runs if readers <= self._many else 1
            found = self._measure("agentctl", "sse", readers, scale.fanout_events, runs=runs)
            name = f"agentctl, {readers:,} SSE"
            p50, p99 = self._latencies(name, found, rivals)
            yield p50
            yield p99
            if readers > 1:
                yield Figure("fanout", f"{name}, memory each", "KB", (found.kb_each,), goal="<=12")
            before = self._cpu(name, found, before)
            yield before
            lone = lone or before
        items = scale.fanout_items
        found = self._measure("agentctl", "sse", 1, scale.fanout_events, items)
        yield self._cpu(f"agentctl, 1 SSE, {items:,} items", found, lone)

    def _grpc_figures(self) -> Iterator[Figure]:
        scale = self._scale
        before: Optional[Figure] = None
        for readers in dict.fromkeys((1, self._many)):
            rivals = self._rivals("grpc", readers) if readers > 1 else []
            yield from rivals
            runs = scale.fanout_runs if readers == 1 else 1
            found = self._measure("agentctl", "grpc", readers, scale.fanout_events, runs=runs)
            name = f"agentctl, {readers:,} gRPC"
            p50, p99 = self._latencies(name, found, rivals)
            yield p50
            yield p99
            if readers > 1:
                goal = "<150" if readers == 1000 else ""
                yield Figure("fanout", f"{name}, peak", "MB", (found.peak_mb,), goal=goal)
            before = self._cpu(name, found, before)
            yield before

    def _stalled(self, kind: str) -> Iterator[Figure]:
        """The same readers before and after some come that never read."""
        scale, name = self._scale, f"agentctl, {self._many:,} {NAMES[kind]}"
        interval_s = self._interval_s(kind, self._many)
        first = Pace(scale.fanout_events // 2, interval_s, scale.fanout_stall_size)
        then = Pace(int(scale.fanout_stall_s / interval_s), interval_s, scale.fanout_stall_size)
        stalled = scale.fanout_stalled
        with fanout(self._bench, "agentctl") as run:
            run.open(kind, self._many)
            alone = run.emit(first)
            before = run.memory_mb("VmHWM")
            run.stall(kind, stalled)
            beside = run.emit(then)
            after = run.memory_mb("VmHWM")
        name = f"{name} of {scale.fanout_stall_size:,} B"
        self._judge(name, first, alone)
        rival = Figure("fanout", f"{name}, p99", "ms", (alone.p99_ms,))
        yield rival
        name += f" and {stalled} that never read"
        self._judge(name, then, beside)
        yield Figure(
            "fanout", f"{name}, p99", "ms", (beside.p99_ms,), peer=rival, goal="<1.25x without"
        )
        each = (after - before) / stalled
        yield Figure("fanout", f"{name}, memory each", "MB", (max(0.0, each),), goal="<1")
        gone = [
            stamp for stamp, active in zip(beside.stamps, beside.active) if active <= beside.readers
        ]
        if gone:
            cut_s = gone[0] - beside.stamps[0]
            yield Figure("fanout", f"{name}, all cut", "s", (cut_s,), goal="10 of stuck write")
        else:
            print(f"fanout: {name}: not all were cut in {scale.fanout_stall_s:g} s")

    def _rivals(self, kind: str, readers: int) -> list[Figure]:
        """The p50 and the p99 of a thread for each stream; and nchan's, where there is one."""
        threads = "threads" if kind == "sse" else "grpc-threads"
        titles = {}
        # With 5,000 threads nothing is done in two minutes.
        if readers <= self._many:
            titles[threads] = f"a thread each, {readers:,} {NAMES[kind]}"
        if kind == "sse" and fanout_peers.nginx():
            titles["nchan"] = f"nginx with nchan, {readers:,} SSE"
        elif kind == "sse":
            print("fanout: no nchan, there is no nginx with its module")
        found = []
        for server, title in titles.items():
            try:
                measured = self._measure(server, kind, readers, self._scale.fanout_peer_events)
            except RuntimeError as error:
                print(f"fanout: {title}: it cannot: {error}")
                continue
            found += list(self._latencies(title, measured, []))
            each = measured.kb_each
            found.append(Figure("fanout", f"{title}, memory each", "KB", (each,)))
        return found

    def _measure(
        self, server: str, kind: str, readers: int, events: int, items: int = 10, runs: int = 1
    ) -> Series:
        pace = Pace(events, self._interval_s(kind, readers))
        found = series(self._bench, server, kind, readers, pace, items, runs)
        name = f"{server}, {readers:,} {NAMES[kind]}, {items:,} items"
        for outcome in found.outcomes:
            self._judge(f"{name}, opened in {found.opened_s:.1f} s", pace, outcome)
        return found

    def _interval_s(self, kind: str, readers: int) -> float:
        """So that a server that is good enough is idle half the time, and readers mostly."""
        each_s = 40e-6 if kind == "sse" else 150e-6
        return max(self._scale.fanout_interval_s, readers * each_s)

    def _latencies(self, name: str, found: Series, rivals: list[Figure]) -> tuple[Figure, Figure]:
        goals = _GOALS.get(name, ("", ""))
        p50 = tuple(outcome.p50_ms for outcome in found.outcomes)
        p99 = tuple(outcome.p99_ms for outcome in found.outcomes)
        made = []
        for label, values, goal in zip(("p50", "p99"), (p50, p99), goals):
            # nchan's where there is one: it is measured last.
            rival = next((one for one in reversed(rivals) if one.name.endswith(label)), None)
            made.append(Figure("fanout", f"{name}, {label}", "ms", values, peer=rival, goal=goal))
        return made[0], made[1]

    @staticmethod
    def _cpu(name: str, found: Series, rival: Optional[Figure]) -> Figure:
        values = tuple(outcome.cpu_ms for outcome in found.outcomes)
        return Figure("fanout", f"{name}, CPU for an event", "ms", values, peer=rival)

    @staticmethod
    def _judge(name: str, pace: Pace, outcome: Outcome) -> None:
        """Say what went wrong, and how far the figures can be trusted."""
        print(
            f"fanout: {name}: {pace.events} events {pace.interval_s * 1000:g} ms apart; readers' "
            f"process busy {outcome.reader_busy:.0%}, others on the server's core "
            f"{outcome.disturbed:.0%}",
            flush=True,
        )
        if outcome.wrong:
            print(f"fanout: FAILED: {name}: {outcome.wrong}")

    @staticmethod
    def _possible(count: int) -> int:
        possible = most_readers(count)
        if possible < count:
            print(f"fanout: {possible:,} readers instead of {count:,}: so few files may be open")
        return possible


_GOALS = {
    "agentctl, 1 SSE": ("<=1 ms", ""),
    "agentctl, 1,000 SSE": ("", "<=20 ms, 1.15x"),
    "agentctl, 5,000 SSE": ("", "<=100 ms"),
    "agentctl, 1 gRPC": ("<=1 ms", ""),
    "agentctl, 1,000 gRPC": ("", "<=100 ms"),
}
