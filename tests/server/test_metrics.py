"""What Prometheus reads: names, types and numbers."""

from __future__ import annotations

import math
import re
import shutil
import subprocess
import threading
from dataclasses import replace

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from agentctl.clock import SystemClock
from agentctl.engine.policy import SourceVitals, Vitals
from agentctl.kube.probe_stats import Probed, ProbeStats
from agentctl.server.auth import TokenGate
from agentctl.server.component_series import ComponentSeries
from agentctl.server.exposition import render
from agentctl.server.limits import StreamCount, StreamLimits
from agentctl.server.metrics import BOUNDS_S, ERROR_KINDS, Metrics
from agentctl.server.services import ServerInfo, Services
from tests.server.replica import Replica, item


def services(replica: Replica) -> Services:
    now = replica.clock.monotonic()
    vitals = Vitals(
        now,
        True,
        (
            SourceVitals("deployments", True, False, now - 2.5, 3, ""),
            SourceVitals("pods", False, True, now - 100, 7, "gone"),
        ),
    )
    return Services(
        broadcaster=replica.broadcaster,
        vitals=lambda: vitals,
        gate=TokenGate(),
        count=StreamCount(StreamLimits()),
        metrics=Metrics(),
        clock=replica.clock,
        info=ServerInfo("1.2.3", 'a"b\\c'),
    )


def scraped(made: Services) -> dict[str, Metric]:
    page = render(made) + ComponentSeries(made).render()
    return {metric.name: metric for metric in text_string_to_metric_families(page.decode())}


def values(metric: Metric) -> dict[tuple[str, ...], float]:
    return {tuple(sample.labels.values()): sample.value for sample in metric.samples}


@pytest.fixture
def made() -> Services:
    return services(Replica().begin(item("grpc")))


def test_every_metric_is_there_with_its_type(made: Services) -> None:
    types = {name: metric.type for name, metric in scraped(made).items()}
    assert {name: kind for name, kind in types.items() if name.startswith("agentctl_")} == {
        "agentctl_build_info": "gauge",
        "agentctl_ready": "gauge",
        "agentctl_active_watches": "gauge",
        "agentctl_stream_errors": "counter",
        "agentctl_delta_handover_seconds": "histogram",
        "agentctl_events": "counter",
        "agentctl_resumes": "counter",
        "agentctl_source_attempts": "counter",
        "agentctl_source_silence_seconds": "gauge",
        "agentctl_source_up": "gauge",
        "agentctl_component_status": "gauge",
        "agentctl_component_last_change_timestamp_seconds": "gauge",
        "agentctl_component_last_verdict_timestamp_seconds": "gauge",
    }


def test_the_names_would_pass_promtool(made: Services) -> None:
    """The rules of prometheus/util/promlint, in the words of its findings."""
    for name, metric in scraped(made).items():
        assert metric.documentation.strip(), f"{name}: no help text"
        assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name), f"{name}: not in snake_case"
        words = set(name.split("_"))
        kinds = {"gauge", "counter", "summary", "histogram"}
        assert not words & kinds, f"{name}: has its type in its name"
        abbreviated = {"s", "ms", "us", "ns", "sec", "b", "kb", "mb", "gb", "m", "h", "d"}
        assert not words & abbreviated, f"{name}: has an abbreviated unit"
        unbased = {"milliseconds", "minutes", "hours", "kilobytes", "megabytes", "percent"}
        assert not words & unbased, f"{name}: not in base units"
        if metric.type == "counter":
            assert all(one.name.endswith("_total") for one in metric.samples), name
        else:
            assert not name.endswith(("_total", "_count", "_sum", "_bucket")), name
        for sample in metric.samples:
            labels = set(sample.labels)
            assert metric.type == "histogram" or not labels & {"le", "quantile"}, name
            assert not any(label.startswith("__") for label in labels), name


def test_what_happens_is_counted_from_0(made: Services) -> None:
    before = values(scraped(made)["agentctl_stream_errors"])
    assert before == {(kind,): 0 for kind in ERROR_KINDS}
    made.metrics.stream_error("slow_reader")
    made.metrics.stream_error("slow_reader")
    assert values(scraped(made)["agentctl_stream_errors"])["slow_reader",] == 2


def test_streams_are_told_by_transport(made: Services) -> None:
    made.count.enter("sse", "10.0.0.1")
    made.count.enter("grpc", "10.0.0.1")
    made.count.leave("grpc", "10.0.0.1")
    assert values(scraped(made)["agentctl_active_watches"]) == {
        ("grpc",): 0,
        ("ndjson",): 0,
        ("sse",): 1,
    }


def test_events_and_resumes_of_all_channels_are_counted_once() -> None:
    replica = Replica("a", "b").begin(item("grpc", ns="a"), item("grpc", ns="b"))
    made = services(replica)
    replica.publish(item("grpc", "error", ns="a"), item("grpc", ns="b"))
    replica.reader(since="damaged").subscription.take(replica.clock.monotonic())
    found = scraped(made)
    assert values(found["agentctl_events"]) == {("delta",): 2, ("error",): 0, ("snapshot",): 3}
    assert values(found["agentctl_resumes"])["snapshot",] == 1


def test_one_namespace_is_not_counted_twice(made: Services) -> None:
    assert values(scraped(made)["agentctl_events"])["snapshot",] == 1


def test_sources_are_told_by_name(made: Services) -> None:
    found = scraped(made)
    assert values(found["agentctl_source_attempts"]) == {("deployments",): 3, ("pods",): 7}
    assert values(found["agentctl_source_silence_seconds"]) == {
        ("deployments",): 2.5,
        ("pods",): 100,
    }
    assert values(found["agentctl_source_up"]) == {("deployments",): 1, ("pods",): 0}
    assert values(found["agentctl_ready"]) == {(): 0}


def test_a_label_may_hold_anything(made: Services) -> None:
    (build,) = scraped(made)["agentctl_build_info"].samples
    assert build.labels == {"version": "1.2.3", "build_sha": 'a"b\\c', "build_time": ""}
    assert build.value == 1


def test_handovers_fall_into_the_buckets_that_hold_them(made: Services) -> None:
    given = [0.0, 0.001, 0.0011, 0.02, 0.5, 9.0, 10.0, 11.0, 1e6]
    made.metrics.handed_over(given[4:])
    made.metrics.handed_over(iter(given[:4]))
    made.metrics.handed_over([])
    samples = scraped(made)["agentctl_delta_handover_seconds"].samples
    buckets = {
        float(one.labels["le"]): one.value for one in samples if one.name.endswith("_bucket")
    }
    assert buckets == {
        bound: sum(value <= bound for value in given) for bound in (*BOUNDS_S, math.inf)
    }
    rest = {one.name.rpartition("_")[2]: one.value for one in samples if "le" not in one.labels}
    assert rest == {"count": len(given), "sum": pytest.approx(sum(given))}


def test_nothing_is_lost_between_threads() -> None:
    metrics = Metrics()

    def count() -> None:
        for _ in range(500):
            metrics.handed_over([0.003, 0.002])
            metrics.stream_error("limit")

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts = metrics.counts()
    assert sum(counts.buckets) == 4000
    assert counts.errors["limit"] == 2000


def test_a_pass_over_5000_readers_takes_well_under_10_ms() -> None:
    metrics = Metrics()
    clock = SystemClock()
    lags = [0.001 + place * 1e-5 for place in range(5000)]
    best = math.inf
    for _ in range(5):
        started = clock.monotonic()
        metrics.handed_over(lags)
        best = min(best, clock.monotonic() - started)
    assert best < 0.01


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not on PATH")
def test_promtool_has_nothing_to_say_against_it(made: Services) -> None:
    page = render(made) + ComponentSeries(made).render()
    ours = b"".join(line + b"\n" for line in page.splitlines() if b"agentctl_" in line)
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=ours, capture_output=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


def test_probes_by_whom_was_asked(made: Services) -> None:
    stats = ProbeStats()
    stats.good(Probed("redis", "cache:6379"), 0.012, 1_790_000_000.5)
    stats.failed(Probed("postgres", "db:5432"), "refused")
    stats.failed(Probed("postgres", "db:5432"), "refused")
    families = scraped(replace(made, probes=lambda: [stats, ProbeStats()]))
    assert values(families["agentctl_probe_latency_seconds"]) == {("cache:6379", "redis"): 0.012}
    assert list(values(families["agentctl_probe_last_success_timestamp_seconds"])) == [
        ("cache:6379", "redis")
    ]
    failures = families["agentctl_probe_failures"]
    assert values(failures) == {("db:5432", "refused", "postgres"): 2.0}
    stats.failed(Probed("redis", "cache:6379"), "timeout")
    families = scraped(replace(made, probes=lambda: [stats]))
    assert values(families["agentctl_probe_latency_seconds"]) == {}
