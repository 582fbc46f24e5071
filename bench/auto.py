"""``--catalog auto`` on a namespace of many workloads, against kubectl on the same kinds."""

from __future__ import annotations

from collections.abc import Iterator

from bench.figures import Figure
from bench.process import Bench, agentctl, kubectl
from bench.recording import NAMESPACE
from bench.scale import Scale

KINDS = "deploy,sts,ds,jobs,cronjobs,svc,endpointslices,pvc,pods"


def run(bench: Bench, scale: Scale) -> Iterator[Figure]:
    """One shot each, in turn."""
    with bench.server("auto_server", str(bench.directory), str(scale.workloads)) as server:
        server.line()
        flags = ["--kubeconfig", str(bench.directory / "kubeconfig"), "-n", NAMESPACE]
        status = agentctl("status", "-o", "json", "--catalog", "auto", *flags)
        program = kubectl()
        peer = [program, *flags, "get", KINDS, "-o", "json"] if program else []
        for argv in filter(None, (status, peer)):
            bench.run(argv)  # compiles; kubectl keeps its discovery; the server, its answers
        ours, theirs = [], []
        for _ in range(scale.workload_runs):
            ours.append(bench.run(status))
            if peer:
                theirs.append(bench.run(peer))
        name = f"{scale.workloads} workloads"
        other = None
        if peer:
            walls = tuple(one.wall_s * 1000 for one in theirs)
            other = Figure("auto", f"{name}, kubectl get", "ms", walls)
            yield other
        walls = tuple(one.wall_s * 1000 for one in ours)
        yield Figure("auto", f"{name}, status", "ms", walls, peer=other, goal="<=2.0x")
        peaks = tuple(one.peak_mb for one in ours)
        yield Figure("auto", f"{name}, status, peak", "MB", peaks)
