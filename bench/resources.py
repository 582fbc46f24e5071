"""A ``resource`` check over many large objects: what it holds, and what its work takes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

from bench import files
from bench.figures import Figure
from bench.process import Bench, agentctl, peer
from bench.recording import MARKER
from bench.resource_server import COLLECTION, GROUP, PLURAL
from bench.scale import Scale

SIZE = 10_000
SERVED_S = 600.0
"""How long the server may be there: a busy host takes minutes for all that is asked of it."""

CATALOG = """\
name: bench
components:
  - name: lamps
    checks: [{{kind: resource, of: {of}, rules: {rules}}}]
"""


def run(bench: Bench, scale: Scale) -> Iterator[Figure]:
    """With a short list of rules, and with the longest there is."""
    counts = ["--objects", str(scale.resources), "--size", str(SIZE)]
    counts += ["--changes", str(scale.resources)]
    with bench.server("resource_server", *counts, limit_s=SERVED_S) as server:
        port = json.loads(server.line()[1])["port"]
        name = f"{scale.resources:,} of {SIZE // 1000} KB"
        pages = peer("list_pages", str(port), COLLECTION)
        walls = [bench.run(pages).wall_s for _ in range(scale.resource_runs)]
        bare = Figure("resources", f"{name}, bare paged list", "s", tuple(walls))
        yield bare
        for rules in ("ready", "default"):
            of = f"{PLURAL}.{GROUP}"
            catalog = bench.file(f"{rules}.yaml", CATALOG.format(of=of, rules=rules))
            argv = ["--kubeconfig", files.kubeconfig(bench, port), "--catalog", catalog]
            walls = [
                bench.run(agentctl("status", "-o", "json", "--timeout", "60s", *argv)).wall_s
                for _ in range(scale.resource_runs)
            ]
            what = f"{name}, rules {rules}"
            yield Figure(
                "resources", f"{what}, status", "s", tuple(walls), peer=bare, goal="<=1.5x"
            )
            with bench.measured(agentctl("status", "watch", "-o", "ndjson", *argv)) as client:
                client.until(b'"snapshot"')
                server.until(b"watching")
                time.sleep(scale.settle_s)
                before = client.cpu_s()
                server.tell("go")
                client.until(MARKER.encode())
                spent = client.cpu_s() - before
                peak = client.memory_mb("VmHWM")
            each = spent / scale.resources * 1000
            yield Figure("resources", f"{what}, peak", "MB", (peak,), goal="<=90 MB")
            yield Figure("resources", f"{what}, a change", "ms CPU", (each,), goal="<1 ms")
