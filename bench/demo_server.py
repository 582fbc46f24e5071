"""The demo control plane as a server under command.

    python -m bench.demo_server DIRECTORY [--tls] [--parts N]

Writes ``kubeconfig`` into the directory and prints ``ready``. The line ``change N
INTERVAL`` on stdin makes N changes, INTERVAL seconds apart, each of which makes one more replica
of ``OF`` ready, and prints by that number when each one began (CLOCK_MONOTONIC, right before the
write) as one JSON object. It ends with stdin. With ``--parts`` there are N Deployments more,
``part-00000`` and so on, and the first of them changes.
"""

from __future__ import annotations

import itertools
import json
import random
import ssl
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

from agentctl.apidouble.double import ApiDouble
from agentctl.demo import ControlPlane

TOKEN = "bench-token"
OF = 100_000
"""Replicas that are wanted: every client shows how many of them are ready."""


def main() -> None:
    directory = Path(sys.argv[1])
    ca_file: Optional[str] = None
    context: Optional[ssl.SSLContext] = None
    if "--tls" in sys.argv[2:]:
        ca_file = str(directory / "ca.pem")
        context = certified(ca_file)
    with ApiDouble(tls=context) as double:
        ControlPlane(double.store, lease_duration_s=24 * 3600).install()
        changing = "agents-controllers"
        if "--parts" in sys.argv[2:]:
            changing = add_parts(double, int(sys.argv[sys.argv.index("--parts") + 1]))
        double.kubeconfig(directory / "kubeconfig", token=TOKEN, ca_file=ca_file)
        print("ready", flush=True)
        ready = itertools.count(1)
        for line in sys.stdin:
            _, count, interval = line.split()
            numbers = list(itertools.islice(ready, int(count)))
            print(json.dumps(changes(double, changing, numbers, float(interval))), flush=True)


def certified(ca_file: str) -> ssl.SSLContext:
    """A context for 127.0.0.1, its CA written to ``ca_file``."""
    import trustme

    authority = trustme.CA()
    authority.cert_pem.write_to_path(ca_file)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


def add_parts(double: ApiDouble, count: int) -> str:
    """So many Deployments like ``agents-controllers``; the name of the first."""
    made = double.store.get("deployments.apps", "agents", "agents-controllers")
    for number in range(count):
        name = f"part-{number:05}"
        double.store.create({**made, "metadata": {"name": name, "namespace": "agents"}})
    return "part-00000"


def changes(
    double: ApiDouble, name: str, numbers: Sequence[int], interval: float
) -> dict[int, float]:
    """Have so many replicas of a Deployment ready, one number after the other."""
    rng = random.Random(len(numbers))
    moments = {}
    for number in numbers:

        def change(found: dict[str, Any], number: int = number) -> None:
            found["spec"]["replicas"] = OF
            found["status"].update(availableReplicas=number, readyReplicas=number)

        time.sleep(interval * rng.uniform(0.5, 1.5))
        moments[number] = time.monotonic()
        double.store.update("deployments.apps", "agents", name, change)
    return moments


if __name__ == "__main__":
    main()
