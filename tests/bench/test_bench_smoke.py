"""The benchmarks run to their end and print figures; how good those are is no test's business."""

from __future__ import annotations

import math
import os
import select
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.timeout(330)
@pytest.mark.skipif(not hasattr(os, "wait4"), reason="needs the usage of a child")
@pytest.mark.parametrize(
    "name",
    [
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
    ],
)
def test_prints_finite_figures(name: str, pytestconfig: pytest.Config) -> None:
    if not pytestconfig.getoption("--benchmarks"):
        pytest.skip("--benchmarks runs them")
    pytest.importorskip("kubernetes", reason="the peer is the official client")
    pytest.importorskip("trustme")
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--quick", name],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    if name == "fanout" and not hasattr(select, "epoll"):
        assert "skipped" in done.stdout
        return
    # It says so where an event did not come, or came twice: that is no question of speed.
    assert "FAILED" not in done.stdout
    rows = [line.split() for line in done.stdout.splitlines() if line.startswith(f"{name} ")]
    assert rows
    for row in rows:
        numbers = [float(cell.replace(",", "")) for cell in row if _is_number(cell)]
        assert numbers, row
        assert all(math.isfinite(number) and number >= 0 for number in numbers), row


def test_an_unknown_benchmark_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench", "spped"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 2
    assert "unknown benchmark 'spped'" in done.stderr


def _is_number(cell: str) -> bool:
    try:
        float(cell.replace(",", ""))
    except ValueError:
        return False
    return True
