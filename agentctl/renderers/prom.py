"""Prometheus text output, for node_exporter's textfile collector.

Written at the end of a run whatever became of it: a file that stays as it was would go on
to look healthy. Where not all could be seen, ``agentctl_up`` is 0 and there is no series
of any component. The form is that of Prometheus' exposition formats, text version 0.0.4.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Optional

from agentctl.engine.policy import Outcome
from agentctl.engine.verdict import GOOD, decisive
from agentctl.errors import ExitCode
from agentctl.model import ErrorCode, Event, Item, Snapshot, Status, StreamError
from agentctl.renderers import Style, TextSink

HELP = "Prometheus text, for a textfile of node_exporter"
ONE_SHOT = True


class Sample(NamedTuple):
    """One line."""

    labels: Sequence[tuple[str, str]]
    value: float


class PromRenderer:
    """Keeps the snapshot and writes all at the end, when it is known how that was."""

    def __init__(self, out: TextSink, style: Style) -> None:
        self._out = out
        self._style = style
        self._items: Optional[Sequence[Item]] = None
        self._unseen: set[str] = set()
        """Clusters, of several, of which not all could be seen."""

    def emit(self, event: Event) -> None:
        if isinstance(event, Snapshot):
            self._items = event.items
        elif isinstance(event, StreamError) and event.code is not ErrorCode.RECOVERED:
            self._unseen.add(event.cluster)

    def conclude(self, outcome: Outcome) -> Outcome:
        """Write it; the outcome stays as it is."""
        seen = outcome.exit_code in (ExitCode.OK, ExitCode.VERDICT_BAD)
        clusters = dict.fromkeys(item.cluster for item in self._items or ())
        items = self._items if seen or any(clusters) else None
        if any(clusters):
            items = [item for item in items or () if item.cluster not in self._unseen]
        judged = decisive(items or ())
        healthy = bool(judged) and all(item.status in GOOD for item in judged)
        healthy = healthy and not any(one in self._unseen for one in clusters if one)
        here = [("namespace", self._style.namespace)]
        up = [Sample(here, items is not None)]
        if any(clusters):
            up = [Sample(_of(one, here), one not in self._unseen) for one in clusters]
        text = _gauge("agentctl_up", "Whether the last run could see the whole control plane.", up)
        text += _gauge(
            "agentctl_last_run_timestamp_seconds",
            "When that run ended.",
            [Sample(here, int(self._style.clock.now().timestamp()))],
        )
        text += _gauge(
            "agentctl_control_plane_healthy",
            "Whether all components were seen, and each is healthy or configured.",
            [Sample(here, healthy)],
        )
        text += _gauge(
            "agentctl_component_status",
            "1 for the status that a component has, 0 for the others.",
            [
                Sample(_labels(item, status), item.status is status)
                for item in items or ()
                for status in Status
            ],
        )
        self._out.write(text)
        return outcome


def _labels(item: Item, status: Status) -> list[tuple[str, str]]:
    return _of(
        item.cluster,
        [
            ("namespace", item.namespace),
            ("component", item.component),
            ("status", status.value),
        ],
    )


def _of(cluster: str, labels: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Not ``cluster``: Prometheus servers put that on whatever they scrape."""
    return [*([("member_cluster", cluster)] if cluster else []), *labels]


def _gauge(name: str, meaning: str, samples: Iterable[Sample]) -> str:
    lines = [f"{name}{{{_written(labels)}}} {value:d}\n" for labels, value in samples]
    return "".join([f"# HELP {name} {meaning}\n# TYPE {name} gauge\n", *lines]) if lines else ""


def _written(labels: Iterable[tuple[str, str]]) -> str:
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in labels)


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def create(out: TextSink, style: Style) -> PromRenderer:
    return PromRenderer(out, style)
