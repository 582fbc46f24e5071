"""python -m bench [NAME ...], of BENCHES: each beside a peer."""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import sys
from collections.abc import Sequence

from bench.builds import compile_all, kubectl_build, python_build
from bench.figures import Figure, table
from bench.process import kubectl, workbench
from bench.scale import QUICK, Scale

BENCHES = (
    "beside_kubectl",
    "connections",
    "startup",
    "throughput",
    "latency",
    "components",
    "transports",
    "memory",
    "resources",
    "auto",
    "clusters",
    "history",
    "fanout",
)


def main(argv: Sequence[str]) -> int:
    """Run the benchmarks named, all by default, and print one table."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("benches", nargs="*", metavar="|".join(BENCHES), help="default: all")
    parser.add_argument(
        "--quick", action="store_true", help="tiny counts: shows that it works, not how fast"
    )
    args = parser.parse_args(argv)
    for name in args.benches:
        if name not in BENCHES:
            parser.error(f"unknown benchmark {name!r}; there are {', '.join(BENCHES)}")
    figures: list[Figure] = []
    with workbench() as bench:
        where = "pinned to one core each" if bench.pinned else "not pinned"
        print(
            f"{python_build()} on {platform.machine()}, {os.cpu_count()} cores; "
            f"client and server {where}; {kubectl_build(kubectl())}"
        )
        compile_all()
        for name in args.benches or BENCHES:
            module = importlib.import_module(f"bench.{name}")
            figures += module.run(bench, QUICK if args.quick else Scale())
            sys.stdout.flush()
    print(table(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
