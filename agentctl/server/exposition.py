"""The page of /metrics: the server's counts and state as Prometheus metric families."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from agentctl.server.metrics import BOUNDS_S
from agentctl.server.services import Services

if TYPE_CHECKING:
    from prometheus_client import Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

TRANSPORTS = ("grpc", "ndjson", "sse")
RESUME_OUTCOMES = ("difference", "replayed", "snapshot", "unchanged")
EVENT_TYPES = ("delta", "error", "snapshot")


def render(services: Services) -> bytes:
    """The page of /metrics but for its components, which may be many."""
    from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest

    registry = CollectorRegistry()
    registry.register(_Families(services))
    ProcessCollector(registry=registry)
    return generate_latest(registry)


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
        yield from self._probes()

    def _streams(self) -> Iterator[Metric]:
        from prometheus_client.core import (
            CounterMetricFamily,
            GaugeMetricFamily,
            HistogramMetricFamily,
        )

        counts = self._services.metrics.counts()
        open_now = {**dict.fromkeys(TRANSPORTS, 0), **self._services.count.active()}
        watches = GaugeMetricFamily(
            "agentctl_active_watches", "Streams that are open now.", labels=["transport"]
        )
        yield _filled(watches, sorted(open_now.items()))
        errors = CounterMetricFamily(
            "agentctl_stream_errors",
            "Streams and requests that were refused, cut or lost.",
            labels=["kind"],
        )
        yield _filled(errors, sorted(counts.errors.items()))
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
        for total, counted in zip((made, resumed), self._services.broadcaster.counts()):
            total.update(counted)
        events = CounterMetricFamily(
            "agentctl_events", "Events made for readers, of all namespaces.", labels=["type"]
        )
        yield _filled(events, sorted(made.items()))
        resumes = CounterMetricFamily(
            "agentctl_resumes",
            "Readers that came with a cursor, by what they were given for it.",
            labels=["outcome"],
        )
        yield _filled(resumes, sorted(resumed.items()))

    def _sources(self) -> Iterator[Metric]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        vitals = self._services.vitals()
        now = self._services.clock.monotonic()
        several = any(one.cluster for one in vitals.sources)
        # Not ``cluster``: Prometheus servers put that on whatever they scrape.
        labels = ["member_cluster", "source"] if several else ["source"]
        attempts = CounterMetricFamily(
            "agentctl_source_attempts",
            "Connections begun for what is watched: the first one and every restart.",
            labels=labels,
        )
        silence = GaugeMetricFamily(
            "agentctl_source_silence_seconds",
            "Since a source last proved to be alive.",
            labels=labels,
        )
        up = GaugeMetricFamily(
            "agentctl_source_up",
            "1 while what the source says can be relied on.",
            labels=labels,
        )
        for one in vitals.sources:
            values = [one.cluster, one.label] if several else [one.name]
            attempts.add_metric(values, float(one.attempts))
            silence.add_metric(values, max(0.0, now - one.last_alive))
            up.add_metric(values, float(one.up))
        yield from (attempts, silence, up)

    def _probes(self) -> Iterator[Metric]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        labels = ["protocol", "address"]
        latency = GaugeMetricFamily(
            "agentctl_probe_latency_seconds",
            "How long a dependency took for its last answer; none while it gives no good one.",
            labels=labels,
        )
        good = GaugeMetricFamily(
            "agentctl_probe_last_success_timestamp_seconds",
            "When a dependency last gave a good answer.",
            labels=labels,
        )
        failures = CounterMetricFamily(
            "agentctl_probe_failures",
            "Times that a dependency gave no good answer, by cause.",
            labels=[*labels, "cause"],
        )
        # One that several clusters have in common is asked for each, and told once.
        records = {
            key: one for stats in self._services.probes() for key, one in stats.records().items()
        }
        for probed, one in records.items():
            if one.latency_s is not None:
                latency.add_metric(list(probed), one.latency_s)
            if one.good_at is not None:
                good.add_metric(list(probed), one.good_at)
            for cause, count in sorted(one.failures.items()):
                failures.add_metric([*probed, cause], float(count))
        if records:
            yield from (latency, good, failures)


def _filled(family: Any, values: Iterable[tuple[str, float]]) -> Any:
    """A family with a series for each value of its one label."""
    for value, count in values:
        family.add_metric([value], float(count))
    return family
