"""What a server's history costs: memory after a simulated day, CPU of a change and of an answer."""

from __future__ import annotations

import json
from collections.abc import Iterator

from bench.figures import Figure
from bench.process import Bench
from bench.scale import Scale

LIMIT_S = 900.0
"""A day takes half a minute where nothing else runs."""

FIGURES = (
    ("memory_mb", "a day of them, memory", "MB", "<=64 MB"),
    ("change_us", "CPU of a change", "us", ""),
    ("json_s", "CPU of all as JSON", "s", ""),
    ("csv_s", "CPU of all as CSV", "s", ""),
    ("columns_s", "CPU of an hour in 60 columns", "s", ""),
)


def run(bench: Bench, scale: Scale) -> Iterator[Figure]:
    """Of components that change each minute, and of some that flap."""
    for mix in ("calm", "flapping"):
        counts = [str(scale.history_components), str(scale.history_minutes)]
        with bench.server("history_day", mix, *counts, limit_s=LIMIT_S) as day:
            found = json.loads(day.line(LIMIT_S)[1])
        for key, what, unit, goal in FIGURES:
            name = f"{scale.history_components:,} {mix}, {what}"
            yield Figure("history", name, unit, (found[key],), goal=goal)
