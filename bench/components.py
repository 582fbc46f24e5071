"""A catalog of many components of which one changes: what that costs, against a few of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Optional

from bench.figures import Figure
from bench.latency import latencies
from bench.process import Bench, agentctl
from bench.scale import Scale

_COMPONENT = "  - {{name: part-{0:05}, checks: [{{kind: workload, names: [part-{0:05}]}}]}}\n"


def run(bench: Bench, scale: Scale) -> Iterator[Figure]:
    """CPU time of ``agentctl status watch`` for a change, few and many in turn."""
    found: dict[int, list[float]] = {count: [] for count in scale.components}
    for _ in range(scale.components_runs):
        for count, values in found.items():
            values.append(_cpu_ms(bench, scale, count))
    few: Optional[Figure] = None
    for count, values in found.items():
        name = f"agentctl status watch, {count:,} components, a change"
        goal = "<=1.3x" if few else ""
        figure = Figure("components", name, "ms CPU", tuple(values), peer=few, goal=goal)
        few = few or figure
        yield figure


def _cpu_ms(bench: Bench, scale: Scale, count: int) -> float:
    parts = "".join(_COMPONENT.format(number) for number in range(count))
    catalog = bench.file(f"parts-{count}.yaml", f"name: bench\ncomponents:\n{parts}")
    kubeconfig = str(bench.directory / "kubeconfig")
    watch = ["status", "watch", "-o", "ndjson", "--kubeconfig", kubeconfig, "--catalog", catalog]
    with bench.server("demo_server", str(bench.directory), "--parts", str(count)) as server:
        server.line()
        with bench.measured(agentctl(*watch)) as client:
            client.line()
            latencies(server, client, 2, scale.settle_s)
            before = client.cpu_s()
            changes = scale.components_changes
            latencies(server, client, changes, scale.components_interval_s)
            return max(client.cpu_s() - before, 1e-3) * 1000 / changes
