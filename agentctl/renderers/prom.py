"""Prometheus text output, for node_exporter's textfile collector.

Written at the end of a run whatever became of it: a file that stays as it was would go on
to look healthy. Where not all could be seen, ``agentctl_up`` is 0 and there is no series
of any component.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from agentctl import __version__
from agentctl.engine.policy import Outcome
from agentctl.engine.verdict import GOOD, decisive
from agentctl.errors import ExitCode
from agentctl.model import ErrorCode, Event, Item, Snapshot, StreamError, parse_time
from agentctl.renderers import Style, TextSink
from agentctl.wire.prom_text import (
    LAST_CHANGE,
    LAST_VERDICT,
    PROBE_LATENCY,
    STATIC,
    STATUS,
    GaugeName,
    Sample,
    component_labels,
    gauge,
    is_static,
    latency_s,
    of_cluster,
    status_lines,
)

HELP = "Prometheus text, for a textfile of node_exporter"
ONE_SHOT = True


UP = GaugeName("agentctl_up", "Whether the last run could see the whole control plane.")
LAST_RUN = GaugeName("agentctl_last_run_timestamp_seconds", "When that run ended.")
HEALTHY = GaugeName(
    "agentctl_control_plane_healthy",
    "Whether all components were seen, and each is healthy or configured.",
)
BUILD = GaugeName("agentctl_build_info", "What runs here: always 1.")


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
            up = [Sample(of_cluster(one, here), one not in self._unseen) for one in clusters]
        text = gauge(UP, up)
        text += gauge(LAST_RUN, [Sample(here, int(self._style.clock.now().timestamp()))])
        text += gauge(HEALTHY, [Sample(here, healthy)])
        text += self._components(items or ())
        text += gauge(BUILD, [Sample([*here, ("version", __version__)], 1)])
        self._out.write(text)
        return outcome

    def _components(self, items: Sequence[Item]) -> str:
        if not items:
            return ""
        now = self._style.clock.now().timestamp()
        changed = [(item, _seconds(item.since)) for item in items if item.since]
        text = STATUS.head() + "".join([status_lines(item.key, item.status) for item in items])
        text += gauge(
            LAST_CHANGE,
            [Sample(component_labels(item.key), at) for item, at in changed if at is not None],
        )
        text += gauge(
            LAST_VERDICT, [Sample(component_labels(item.key), int(now)) for item in items]
        )
        static = [one for one in items if is_static(one)]
        text += gauge(STATIC, [Sample(component_labels(one.key), 1) for one in static])
        return text + gauge(
            PROBE_LATENCY,
            [Sample(component_labels(one.key), latency_s(one)) for one in items if latency_s(one)],
        )


def _seconds(since: str) -> Optional[float]:
    try:
        return parse_time(since).timestamp()
    except ValueError:
        return None


def create(out: TextSink, style: Style) -> PromRenderer:
    return PromRenderer(out, style)
