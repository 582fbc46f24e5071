"""What a benchmark found, and the table it is printed as."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Optional


@dataclass(frozen=True)
class Figure:
    """One row: several runs' values of one thing.

    ``peer`` is the row to compare with; ``goal`` is said beside, never enforced.
    """

    bench: str
    name: str
    unit: str
    values: tuple[float, ...]
    more_is_better: bool = False
    peer: Optional[Figure] = None
    goal: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def best(self) -> float:
        return max(self.values) if self.more_is_better else min(self.values)

    @property
    def ratio(self) -> Optional[float]:
        """Median to the peer's median."""
        return None if self.peer is None else self.median / self.peer.median


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest-rank percentile, ``share`` between 0 and 1."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def shown(value: float) -> str:
    """Three digits that matter, or all of a whole number."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def table(figures: Iterable[Figure]) -> str:
    """The rows in columns, with a line of headings."""
    rows = [("BENCH", "FIGURE", "MEDIAN", "BEST", "UNIT", "RUNS", "RATIO", "GOAL")]
    for figure in figures:
        ratio = figure.ratio
        against = "-" if ratio is None or figure.peer is None else f"{ratio:.2f}x"
        rows.append(
            (
                figure.bench,
                figure.name,
                shown(figure.median),
                shown(figure.best),
                figure.unit,
                str(len(figure.values)),
                against if figure.peer is None else f"{against} of {figure.peer.name}",
                figure.goal or "-",
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)
