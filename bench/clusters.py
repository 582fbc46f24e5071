"""Many clusters in one watch: its start, its memory, its idling, and what a silent one costs."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from bench.figures import Figure, percentile
from bench.latency import latencies
from bench.process import Bench, Child, agentctl
from bench.scale import Scale


def run(bench: Bench, scale: Scale) -> Iterator[Figure]:
    """One cluster is the peer of many; many without a silent one that of many with it."""
    count = scale.clusters
    flags = ["-o", "ndjson", "--kubeconfig", str(bench.directory / "kubeconfig")]
    with bench.server("clusters_server", str(bench.directory), str(count)) as server:
        server.line()
        starts = []
        for context in ("c1", "c*"):
            once = agentctl("status", *flags, "--context", context)
            starts.append(tuple(bench.run(once).wall_s for _ in range(scale.clusters_runs)))
        one = Figure("clusters", "one shot of one", "s", starts[0])
        yield one
        yield Figure("clusters", f"of {count}", "s", starts[1], peer=one, goal="<=4 times")

        watch = [*agentctl("status", "watch"), *flags, "--context", "c*"]
        with bench.measured(watch) as client:
            client.line()
            time.sleep(scale.settle_s)
            before = client.cpu_s()
            time.sleep(scale.clusters_idle_s)
            idle = (client.cpu_s() - before) / scale.clusters_idle_s
            rss = client.memory_mb("VmRSS")
        yield Figure("clusters", f"{count} watched, memory", "MB", (rss,), goal="<=90 MB")
        yield Figure("clusters", f"{count} watched, idle", "% of a core", (idle * 100,), goal="<=3")

        # In turns: what else the host does is to tell on both alike.
        runs: tuple[list[float], list[float]] = ([], [])
        for _ in range(scale.latency_runs):
            for found, more in zip(runs, ((), ("--context", "silent"))):
                found.append(percentile(_latencies(bench, scale, server, [*watch, *more]), 0.99))
        well = Figure("clusters", f"{count} watched, p99", "ms", tuple(runs[0]))
        yield well
        name = "and a silent one, p99 of the others"
        yield Figure("clusters", name, "ms", tuple(runs[1]), peer=well, goal="<=1.2 times")


def _latencies(bench: Bench, scale: Scale, server: Child, argv: Sequence[str]) -> list[float]:
    """Milliseconds from each change to the first line that shows it, or a later one."""
    with bench.measured(argv) as client:
        client.line()
        time.sleep(scale.settle_s + 2.0)  # the watches, and the silent one's first outage
        found = latencies(server, client, scale.latency_changes, scale.latency_interval_s)
    return [seconds * 1000 for seconds in found]
