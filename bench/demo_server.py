"""The demo control plane as a server under command.

    python -m bench.demo_server DIRECTORY [--tls]

Writes ``kubeconfig`` into the directory and prints ``ready``. The line ``change N
INTERVAL`` on stdin makes N changes, INTERVAL seconds apart, and prints when each one
began (CLOCK_MONOTONIC, right before the write) as one JSON list. It ends with stdin.
"""

from __future__ import annotations

import json
import random
import ssl
import sys
import time
from pathlib import Path
from typing import Any, Optional

from agentctl.apidouble.double import ApiDouble
from agentctl.demo import ControlPlane

TOKEN = "bench-token"


def main() -> None:
    directory = Path(sys.argv[1])
    ca_file: Optional[str] = None
    context: Optional[ssl.SSLContext] = None
    if "--tls" in sys.argv[2:]:
        ca_file = str(directory / "ca.pem")
        context = certified(ca_file)
    with ApiDouble(tls=context) as double:
        ControlPlane(double.store, lease_duration_s=24 * 3600).install()
        double.kubeconfig(directory / "kubeconfig", token=TOKEN, ca_file=ca_file)
        print("ready", flush=True)
        for line in sys.stdin:
            _, count, interval = line.split()
            print(json.dumps(changes(double, int(count), float(interval))), flush=True)


def certified(ca_file: str) -> ssl.SSLContext:
    """A context for 127.0.0.1, its CA written to ``ca_file``."""
    import trustme

    authority = trustme.CA()
    authority.cert_pem.write_to_path(ca_file)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


def changes(double: ApiDouble, count: int, interval: float) -> list[float]:
    """Let the Deployment ``agents-controllers`` lose a replica and get it back, in turn."""
    rng = random.Random(count)
    moments = []
    for index in range(count):
        available = 1 + index % 2

        def change(found: dict[str, Any], available: int = available) -> None:
            found["status"].update(availableReplicas=available, readyReplicas=available)

        time.sleep(interval * rng.uniform(0.5, 1.5))
        moments.append(time.monotonic())
        double.store.update("deployments.apps", "agents", "agents-controllers", change)
    return moments


if __name__ == "__main__":
    main()
