"""From a write in the API to the line on stdout, change by change."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence

from bench.figures import Figure, percentile
from bench.process import Bench, Child, agentctl, kubectl
from bench.scale import Scale


def run(bench: Bench, scale: Scale) -> Iterator[Figure]:
    """The median and the 99th percentile; kubectl's watch on the same changes as the peer."""
    kubeconfig = str(bench.directory / "kubeconfig")
    ours = agentctl("status", "watch", "-o", "ndjson", "--kubeconfig", kubeconfig)
    with bench.server("demo_server", str(bench.directory)) as server:
        server.line()
        peers: Sequence[Figure] = ()
        if program := kubectl():
            get = ["get", "deploy", "agents-controllers", "-n", "agents", "-w", "--no-headers"]
            theirs = [program, "--kubeconfig", kubeconfig, *get]
            peers = list(_figures(bench, scale, server, "kubectl get -w", theirs))
            yield from peers
        yield from _figures(bench, scale, server, "agentctl status watch", ours, peers)


def _figures(
    bench: Bench,
    scale: Scale,
    server: Child,
    name: str,
    argv: Sequence[str],
    peers: Sequence[Figure] = (),
) -> Iterator[Figure]:
    runs = [_run(bench, scale, server, argv) for _ in range(scale.latency_runs)]
    kinds: tuple[tuple[str, float, str], ...] = (("p50", 0.5, "<=2 ms"), ("p99", 0.99, "<=10 ms"))
    for index, (label, share, goal) in enumerate(kinds):
        values = tuple(percentile(latencies, share) for latencies in runs)
        rival = peers[index] if peers else None
        mine = goal if name.startswith("agentctl") else ""
        yield Figure("latency", f"{name}, {label}", "ms", values, peer=rival, goal=mine)


def _run(bench: Bench, scale: Scale, server: Child, argv: Sequence[str]) -> list[float]:
    with bench.measured(argv) as client:
        client.line()
        # The snapshot may be out before the watches are open.
        _settle(client, server, scale.settle_s)
        arrived: list[float] = []
        reader = threading.Thread(target=_collect, args=(client, scale.latency_changes, arrived))
        reader.start()
        server.tell(f"change {scale.latency_changes} {scale.latency_interval_s}")
        written = json.loads(server.line()[1])
        reader.join()
    return [(there - here) * 1000 for here, there in zip(written, arrived)]


def _settle(client: Child, server: Child, interval_s: float) -> None:
    server.tell(f"change 2 {interval_s}")
    server.line()
    for _ in range(2):
        client.line(5.0)


def _collect(client: Child, count: int, arrived: list[float]) -> None:
    for _ in range(count):
        arrived.append(client.line(10.0)[0])
