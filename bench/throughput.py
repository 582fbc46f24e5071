"""A recorded stream of pods through the whole of ``agentctl status watch``.

From the first byte to the line that its last change causes, against the official
client's typed watch and ``kubectl get pods -w -o json`` on the same stream.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from bench import files
from bench.figures import Figure
from bench.process import Bench, Child, agentctl, kubectl, peer
from bench.recording import MARKER
from bench.scale import Scale


def run(bench: Bench, scale: Scale) -> Iterator[Figure]:
    """Objects a second, by the clock and by the client's CPU time."""
    counts = ["--pods", str(scale.stream_pods), "--changes", str(scale.stream_changes)]
    with bench.server("stream_server", *counts, "--mix", "mixed") as server:
        port = json.loads(server.line()[1])["port"]
        kubeconfig = files.kubeconfig(bench, port)
        sides: dict[str, _Side] = {"official watch": _official}
        if kubectl():
            sides["kubectl get pods -w -o json"] = _kubectl
        sides["agentctl status watch"] = _agentctl
        rates: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
        for _ in range(scale.stream_runs):
            for name, side in sides.items():
                rates[name].append(side(bench, scale, server, kubeconfig))
    ours = rates.pop("agentctl status watch")
    for index, unit in enumerate(("objects/s", "objects/CPU s")):
        values = tuple(rate[index] for rate in ours)
        for name, found in rates.items():
            peer_values = tuple(rate[index] for rate in found)
            slow = Figure("throughput", name, unit, peer_values, True)
            yield slow
            goal = "" if index else _GOALS[name]
            yield Figure("throughput", "agentctl status watch", unit, values, True, slow, goal)


_GOALS = {"official watch": ">=8x, >=15,000", "kubectl get pods -w -o json": ">=1.0x"}
_Side = Callable[[Bench, Scale, Child, str], tuple[float, float]]
_PRINTED = b'"kind": "Pod",'


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


def _kubectl(bench: Bench, scale: Scale, server: Child, kubeconfig: str) -> tuple[float, float]:
    get = ["get", "pods", "-n", "agents", "-w", "-o", "json"]
    program = kubectl()
    assert program is not None, "it was there a moment ago"
    with bench.measured([program, "--kubeconfig", kubeconfig, *get]) as client:
        client.times(_PRINTED, scale.stream_pods)
        server.until(b"watching")
        before = client.cpu_s()
        server.tell("go")
        ended = client.times(_PRINTED, scale.peer_changes)
        used = max(client.cpu_s() - before, 0.01)
    began = json.loads(server.line()[1])["began"]
    return scale.peer_changes / (ended - began), scale.peer_changes / used
