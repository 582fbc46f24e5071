"""What ``agentctl status watch`` holds of many pods, and of CRDs whose bodies are large."""

from __future__ import annotations

import json
from collections.abc import Iterator

from bench import files
from bench.figures import Figure
from bench.process import Bench, Child, agentctl
from bench.recording import MARKER
from bench.scale import Scale
from bench.stream_server import CRD_FILLER, CRDS


def run(bench: Bench, scale: Scale) -> Iterator[Figure]:
    """Peak and growth, with pods that are all well and pods that are all failing."""
    counts = ["--pods", str(scale.memory_pods), "--changes", str(scale.memory_changes)]
    for mix in ("healthy", "crashing"):
        more = ["--mix", mix, "--crds", str(scale.memory_crds)]
        with bench.server("stream_server", *counts, *more) as server:
            port = json.loads(server.line()[1])["port"]
            yield from _measure(bench, scale, server, mix, port)
            _check_crds(scale, server, mix)


def _measure(bench: Bench, scale: Scale, server: Child, mix: str, port: int) -> Iterator[Figure]:
    catalog = files.catalog(bench, scale.memory_crds)
    argv = ["status", "watch", "-o", "ndjson", "--kubeconfig", files.kubeconfig(bench, port)]
    with bench.measured(agentctl(*argv, "--catalog", catalog)) as client:
        client.until(b'"snapshot"')
        server.until(b"watching")
        before = client.memory_mb("VmRSS")
        server.tell("go")
        client.until(MARKER.encode())
        after = client.memory_mb("VmRSS")
        peak = client.memory_mb("VmHWM")
        usage = client.stop()
    server.line()
    name = f"{scale.memory_pods:,} pods {mix}"
    yield Figure("memory", f"{name}, peak", "MB", (peak or usage.peak_mb,), goal="<=80 MB")
    yield Figure("memory", f"{name}, listed", "MB", (before,))
    changes = f"{scale.memory_changes:,} changes later"
    yield Figure("memory", f"{name}, {changes}", "MB", (after,), goal="no growth")


def _check_crds(scale: Scale, server: Child, mix: str) -> None:
    """Say whether a CRD's body was ever fetched."""
    server.tell("report")
    answered = json.loads(server.line()[1])["answered"][CRDS]
    bodies = scale.memory_crds * CRD_FILLER / 1e6
    print(
        f"memory: {scale.memory_crds} CRDs hold {bodies:.1f} MB; with pods {mix} "
        f"{answered['bytes'] / 1000:.1f} KB of them were read, "
        f"{answered['whole']} requests asked for whole bodies"
    )
