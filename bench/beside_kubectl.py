"""``agentctl status`` beside ``kubectl get`` of the same kinds, over https; --version, --help.

The server is the double behind TLS, or a real one with BENCH_KUBECONFIG=FILE and, where
it is not ``agents``, BENCH_NAMESPACE. Sides take turns, so that what else runs on the
machine meets all of them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from bench.figures import Figure
from bench.process import Bench, Usage, agentctl, kubectl
from bench.scale import Scale

KINDS = "ns,deploy,pods,leases,endpointslices,crd"
"""What the default catalog asks for."""

MEASURES: tuple[tuple[str, str, Callable[[Usage], float]], ...] = (
    ("wall", "ms", lambda one: one.wall_s * 1000),
    ("CPU", "ms", lambda one: one.cpu_s * 1000),
    ("peak", "MB", lambda one: one.peak_mb),
)
GOALS = {
    ("agentctl status", "wall"): "<=1.2x",
    ("agentctl status", "CPU"): "<=1.1x",
    ("agentctl status", "peak"): "<=0.5x",
    ("agentctl --version", "wall"): "<=0.4x",
}


def run(bench: Bench, scale: Scale) -> Iterator[Figure]:
    """Wall time, CPU and peak memory; each row with the ratio to kubectl's."""
    program = kubectl()
    if program is None:
        print("beside_kubectl: no kubectl: nothing to compare with")
        return
    with server(bench) as (kubeconfig, namespace):
        where = ["--kubeconfig", kubeconfig, "-n", namespace]
        sides = {
            "kubectl get": [program, *where, "get", KINDS, "-o", "json"],
            "agentctl status": agentctl("status", *where),
            "kubectl version --client": [program, "version", "--client"],
            "agentctl --version": agentctl("--version"),
            "kubectl --help": [program, "--help"],
            "agentctl --help": agentctl("--help"),
        }
        found = in_turn(bench, sides, scale.startup_runs, scale.warm_up)
    names = list(sides)
    for peer, name in zip(names[::2], names[1::2]):
        for what, unit, value in MEASURES:
            if what == "peak" and name != "agentctl status":
                continue  # a child's peak is never told as less than its parent's size
            theirs = tuple(map(value, found[peer]))
            other = Figure("beside_kubectl", f"{peer}, {what}", unit, theirs)
            yield other
            ours = tuple(map(value, found[name]))
            goal = GOALS.get((name, what), "")
            label = f"{name}, {what}"
            yield Figure("beside_kubectl", label, unit, ours, peer=other, goal=goal)


@contextmanager
def server(bench: Bench) -> Iterator[tuple[str, str]]:
    """A kubeconfig for a server with the control plane, and its namespace."""
    real = os.environ.get("BENCH_KUBECONFIG")
    if real:
        print("beside_kubectl: a real server")
        yield os.path.abspath(real), os.environ.get("BENCH_NAMESPACE", "agents")
        return
    with bench.server("demo_server", str(bench.directory), "--tls") as double:
        double.line()
        yield str(bench.directory / "kubeconfig"), "agents"


def in_turn(
    bench: Bench, sides: Mapping[str, Sequence[str]], runs: int, warm_up: bool
) -> dict[str, list[Usage]]:
    """What each took, in as many rounds; one before them fills the caches."""
    found: dict[str, list[Usage]] = {name: [] for name in sides}
    for index in range(runs + warm_up):
        for name, argv in sides.items():
            usage = bench.run(argv)
            if index >= warm_up:
                found[name].append(usage)
    return found
