"""Figures, each beside a peer's that runs in the same call: ``python -m bench --help``.

Everything happens on loopback, with servers in processes of their own, bounded in
count and in time. docs/benchmarks.md tells the method and the figures seen.
"""
