"""The page of /metrics: the server's counts and state as Prometheus metric families."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from agentctl.server.metrics import BOUNDS_S
from agentctl.server.services import Services

if TYPE_CHECKING:
    from prometheus_client import Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

TRANSPORTS = ("grpc", "ndjson", "sse")
RESUME_OUTCOMES = ("difference", "replayed", "snapshot", "unchanged")
EVENT_TYPES = ("delta", "error", "snapshot")


def render(services: Services) -> tuple[bytes, str]:
    """The page of /metrics, and its content type."""
    from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest

    registry = CollectorRegistry()
    registry.register(_Families(services))
    ProcessCollector(registry=registry)
    return generate_latest(registry), CONTENT_TYPE


class _Families:
    """One server's counts as prometheus_client's families (its ``Collector``)."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def describe(self) -> list[Metric]:
        """Nothing: to be registered is not yet to be asked."""
        return []

    def collect(self) -> Iterator[Metric]:
        from prometheus_client.core import GaugeMetricFamily

        services = self._services
        info = services.info
        build = GaugeMetricFamily(
            "agentctl_build_info",
            "What runs here: always 1.",
            labels=["version", "build_sha", "build_time"],
        )
        build.add_metric([info.version, info.build_sha, info.build_time], 1)
        yield build
        yield GaugeMetricFamily(
            "agentctl_ready",
            "1 when the first state is known, no source is lost and no shutdown has begun.",
            value=float(services.ready),
        )
        yield from self._streams()
        yield from self._broadcast()
        yield from self._sources()

    def _streams(self) -> Iterator[Metric]:
        from prometheus_client.core import (
            CounterMetricFamily,
            GaugeMetricFamily,
            HistogramMetricFamily,
        )

        counts = self._services.metrics.counts()
        watches = GaugeMetricFamily(
            "agentctl_active_watches", "Streams that are open now.", labels=["transport"]
        )
        open_now = {**dict.fromkeys(TRANSPORTS, 0), **self._services.count.active()}
        for transport, active in sorted(open_now.items()):
            watches.add_metric([transport], active)
        yield watches
        errors = CounterMetricFamily(
            "agentctl_stream_errors",
            "Streams and requests that were refused, cut or lost.",
            labels=["kind"],
        )
        for kind, count in sorted(counts.errors.items()):
            errors.add_metric([kind], count)
        yield errors
        total, buckets = 0, []
        for bound, count in zip([*map(str, BOUNDS_S), "+Inf"], counts.buckets):
            total += count
            buckets.append((bound, float(total)))
        yield HistogramMetricFamily(
            "agentctl_delta_handover_seconds",
            "From a delta's making until the kernel or grpc took its bytes for one reader.",
            buckets=buckets,
            sum_value=counts.sum_s,
        )

    def _broadcast(self) -> Iterator[Metric]:
        from prometheus_client.core import CounterMetricFamily

        made = Counter(dict.fromkeys(EVENT_TYPES, 0))
        resumed = Counter(dict.fromkeys(RESUME_OUTCOMES, 0))
        for channel in self._services.broadcaster:
            # Copies: the engine's thread and the transports' go on counting.
            made.update(channel.events.copy())
            resumed.update(channel.resumes.copy())
        events = CounterMetricFamily(
            "agentctl_events", "Events made for readers, of all namespaces.", labels=["type"]
        )
        for type_, count in sorted(made.items()):
            events.add_metric([type_], count)
        yield events
        resumes = CounterMetricFamily(
            "agentctl_resumes",
            "Readers that came with a cursor, by what they were given for it.",
            labels=["outcome"],
        )
        for outcome, count in sorted(resumed.items()):
            resumes.add_metric([outcome], count)
        yield resumes

    def _sources(self) -> Iterator[Metric]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        vitals = self._services.vitals()
        now = self._services.clock.monotonic()
        attempts = CounterMetricFamily(
            "agentctl_source_attempts",
            "Connections begun for what is watched: the first one and every restart.",
            labels=["source"],
        )
        silence = GaugeMetricFamily(
            "agentctl_source_silence_seconds",
            "Since a source last proved to be alive.",
            labels=["source"],
        )
        up = GaugeMetricFamily(
            "agentctl_source_up",
            "1 while what the source says can be relied on.",
            labels=["source"],
        )
        for source in vitals.sources:
            attempts.add_metric([source.name], source.attempts)
            silence.add_metric([source.name], max(0.0, now - source.last_alive))
            up.add_metric([source.name], float(source.up))
        yield attempts
        yield silence
        yield up
