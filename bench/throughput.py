"""A recorded stream of pods through the whole of ``agentctl status watch``.

From the first byte to the line that its last change causes, against the official
client's typed watch on the same stream.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from bench import files
from bench.figures import Figure
from bench.process import Bench, Child, agentctl, peer
from bench.recording import MARKER
from bench.scale import Scale


def run(bench: Bench, scale: Scale) -> Iterator[Figure]:
    """Objects a second, by the clock and by the client's CPU time."""
    counts = ["--pods", str(scale.stream_pods), "--changes", str(scale.stream_changes)]
    with bench.server("stream_server", *counts, "--mix", "mixed") as server:
        port = json.loads(server.line()[1])["port"]
        kubeconfig = files.kubeconfig(bench, port)
        theirs = [_official(bench, scale, server, kubeconfig) for _ in range(scale.stream_runs)]
        ours = [_agentctl(bench, scale, server, kubeconfig) for _ in range(scale.stream_runs)]
    for index, unit in enumerate(("objects/s", "objects/CPU s")):
        slow = Figure(
            "throughput", "official watch", unit, tuple(rate[index] for rate in theirs), True
        )
        yield slow
        yield Figure(
            "throughput",
            "agentctl status watch",
            unit,
            tuple(rate[index] for rate in ours),
            True,
            slow,
            goal="" if index else ">=8x, >=15,000",
        )


def _agentctl(bench: Bench, scale: Scale, server: Child, kubeconfig: str) -> tuple[float, float]:
    catalog = files.catalog(bench)
    argv = ["status", "watch", "-o", "ndjson", "--kubeconfig", kubeconfig, "--catalog", catalog]
    with bench.measured(agentctl(*argv)) as client:
        client.until(b'"snapshot"')
        server.until(b"watching")
        before = client.cpu_s()
        server.tell("go")
        ended = client.until(MARKER.encode())
        used = client.cpu_s() - before
    began = json.loads(server.line()[1])["began"]
    return scale.stream_changes / (ended - began), scale.stream_changes / max(used, 0.01)


def _official(bench: Bench, scale: Scale, server: Child, kubeconfig: str) -> tuple[float, float]:
    with bench.measured(peer("watch_pods", kubeconfig, str(scale.peer_changes))) as client:
        server.until(b"watching")
        server.tell("go")
        found = json.loads(client.line()[1])
    began = json.loads(server.line()[1])["began"]
    used = max(found["cpu_s"], 0.01)
    return scale.peer_changes / (found["ended"] - began), scale.peer_changes / used
