"""Several demo control planes as servers under command, and one that accepts and never answers.

    python -m bench.clusters_server DIRECTORY COUNT

Writes ``kubeconfig`` with contexts ``c1`` and on, and ``silent``, and prints ``ready``. It
knows the command of ``demo_server``; what it changes is in the first cluster.
"""

from __future__ import annotations

import json
import socket
import sys
from contextlib import ExitStack
from itertools import count as count_up
from itertools import islice
from pathlib import Path

from agentctl.apidouble.double import ApiDouble
from agentctl.demo import ControlPlane
from bench.demo_server import changes


def main() -> None:
    directory, count = Path(sys.argv[1]), int(sys.argv[2])
    with ExitStack() as stack:
        silent = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        doubles = [stack.enter_context(ApiDouble()) for _ in range(count)]
        for double in doubles:
            ControlPlane(double.store, lease_duration_s=24 * 3600).install()
        urls = {f"c{at}": double.url for at, double in enumerate(doubles, 1)}
        urls["silent"] = f"http://127.0.0.1:{silent.getsockname()[1]}"
        config = {
            "clusters": [{"name": n, "cluster": {"server": url}} for n, url in urls.items()],
            "contexts": [{"name": n, "context": {"cluster": n, "user": "u"}} for n in urls],
            "users": [{"name": "u", "user": {}}],
        }
        (directory / "kubeconfig").write_text(json.dumps(config), encoding="utf-8")
        print("ready", flush=True)
        ready = count_up(1)
        for line in sys.stdin:
            _, number, interval = line.split()
            numbers = list(islice(ready, int(number)))
            moments = changes(doubles[0], "agents-controllers", numbers, float(interval))
            print(json.dumps(moments), flush=True)


if __name__ == "__main__":
    main()
