"""Connections of one shot: how many are best at which distance, and which it chooses.

The whole command through a proxy that delays; "as chosen" is what it does by itself, the others
are told how many to share.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator
from urllib.parse import urlsplit

from bench.figures import Figure
from bench.process import Bench
from bench.scale import Scale

SHARED = {"one": 1, "two": 2, "three": 3, "one each": 99, "as chosen": 0}

_PROGRAM = """
import sys, time
from agentctl.net import connection_pool as pool, dial
count, round_trip_s = int(sys.argv.pop(1)), float(sys.argv.pop(1))
if count:
    pool.NEAR, pool.FAR_S, pool.STALL_S, pool.PATIENCE_S = ((9.0, count),), 9.0, 9.0, 9.0
connect = dial._Dialler._connect
def far(self, *given):  # the kernel itself completes a connect to the proxy
    connect(self, *given)
    time.sleep(round_trip_s)
dial._Dialler._connect = far
from agentctl.cli.entry import entry
entry()
"""


def run(bench: Bench, scale: Scale) -> Iterator[Figure]:
    """Wall time at each distance, in turn; CPU where the server is near."""
    with bench.server("demo_server", str(bench.directory), "--tls") as server:
        server.line()
        text = (bench.directory / "kubeconfig").read_text(encoding="utf-8")
        address = next(line.split()[-1] for line in text.splitlines() if "server:" in line)
        there = urlsplit(address.strip("\"'"))
        for milliseconds in scale.round_trips_ms:
            seconds = milliseconds / 1000
            arguments = (str(there.hostname), str(there.port), str(seconds))
            with bench.server("delay_proxy", *arguments) as proxy:
                port = int(proxy.line()[1])
                near = text.replace(f":{there.port}", f":{port}")
                path = bench.file(f"far-{milliseconds}", near)
                yield from _distance(bench, scale, milliseconds, path)


def _distance(bench: Bench, scale: Scale, milliseconds: int, path: str) -> Iterator[Figure]:
    usages: dict[str, list[tuple[float, float]]] = {name: [] for name in SHARED}
    sides = deque(SHARED.items())
    for _ in range(scale.connection_runs):
        sides.rotate()  # none has always the same before it
        for name, count in sides:
            argv = [sys.executable, "-c", _PROGRAM, str(count), str(milliseconds / 1000)]
            usage = bench.run([*argv, "status", "--kubeconfig", path])
            usages[name].append((usage.wall_s * 1000, usage.cpu_s * 1000))
    for index, what in enumerate(("wall", "CPU")[: 1 + (milliseconds == 0)]):
        each: dict[str, Figure] = {}
        for name, found in usages.items():
            values = tuple(one[index] for one in found)
            label = f"{milliseconds} ms away, {name}, {what}"
            each[name] = Figure("connections", label, "ms", values, peer=each.get("one"))
            yield each[name]
