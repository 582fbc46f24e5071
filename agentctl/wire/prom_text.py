"""Prometheus text: metric families as lines, and the series of components in them.

The form is that of Prometheus' exposition formats, text version 0.0.4. The server's /metrics and
the textfile of ``-o prom`` have the same names from here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from agentctl.lazy_namedtuple import NamedTuple
from agentctl.model import LATENCY, Item, ItemKey, Status

Labels = Sequence[tuple[str, str]]


class GaugeName(NamedTuple):
    """A gauge's name, and what it says."""

    name: str
    meaning: str

    def head(self) -> str:
        return f"# HELP {self.name} {self.meaning}\n# TYPE {self.name} gauge\n"


STATUS = GaugeName(
    "agentctl_component_status", "1 for the status that a component has, 0 for the others."
)
LAST_CHANGE = GaugeName(
    "agentctl_component_last_change_timestamp_seconds",
    "Since when a component has had its status.",
)
LAST_VERDICT = GaugeName(
    "agentctl_component_last_verdict_timestamp_seconds",
    "When what a component's verdict rests on was last known to be true.",
)
STATIC = GaugeName(
    "agentctl_component_static",
    "1 for a component that is as the catalog declares it, whatever happens.",
)
PROBE_LATENCY = GaugeName(
    "agentctl_component_probe_latency_seconds",
    "How long a component's dependency took for its last answer; none while it gives no good one.",
)


class Sample(NamedTuple):
    """One line."""

    labels: Labels
    value: float


def gauge(family: GaugeName, samples: Iterable[Sample]) -> str:
    """A family with its samples; nothing where there are none."""
    lines = [f"{family.name}{written(labels)} {number(value)}\n" for labels, value in samples]
    return "".join([family.head(), *lines]) if lines else ""


def written(labels: Labels) -> str:
    """Labels in their braces."""
    return f"{{{','.join([f'{name}={quoted(value)}' for name, value in labels])}}}"


def quoted(value: str) -> str:
    """A label's value."""
    escaped = value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
    return f'"{escaped}"'


def number(value: float) -> str:
    """A sample's value; a time to the millisecond."""
    return f"{value:.0f}" if value == int(value) else f"{value:.13g}"


def component_labels(key: ItemKey) -> Labels:
    """By which a component's series are told apart: never its message.

    Not ``cluster``: Prometheus servers put that on whatever they scrape.
    """
    return of_cluster(key.cluster, [("namespace", key.namespace), ("component", key.component)])


def of_cluster(cluster: str, labels: Labels) -> Labels:
    return [*([("member_cluster", cluster)] if cluster else []), *labels]


def status_lines(key: ItemKey, status: Status) -> str:
    """A component's lines of STATUS."""
    start = f"{STATUS.name}{written(component_labels(key))[:-1]},status="
    return "".join([f'{start}"{one.value}"}} {int(one is status)}\n' for one in Status])


def is_static(item: Item) -> bool:
    """Whether its status says nothing of the cluster: an alert should pass over it."""
    return item.details.get("static") is True


def latency_s(item: Item) -> float:
    """How long its dependency took for the last probe; 0 where that was no good one."""
    given = item.details.get(LATENCY)
    return float(given) / 1000 if isinstance(given, (int, float)) else 0.0
