"""What Prometheus is told of each component, and that ten thousand of them are told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from agentctl.engine.policy import SourceVitals, Vitals
from agentctl.model import Item, Status
from agentctl.net.timed_stream import ChunkDecoder
from agentctl.server.component_series import PIECE, ComponentSeries
from agentctl.server.services import Services
from tests.server.http_rig import Site
from tests.server.replica import Replica, item
from tests.server.test_metrics import services

STATUS = "agentctl_component_status"
CHANGE = "agentctl_component_last_change_timestamp_seconds"
VERDICT = "agentctl_component_last_verdict_timestamp_seconds"
LATENCY = "agentctl_component_probe_latency_seconds"


def scraped(series: ComponentSeries) -> dict[str, dict[frozenset[Any], float]]:
    """Values by name, and by labels without their names."""
    return {
        metric.name: {frozenset(one.labels.values()): one.value for one in metric.samples}
        for metric in text_string_to_metric_families(series.render().decode())
    }


def made(replica: Replica) -> tuple[Services, ComponentSeries]:
    found = services(replica)
    return found, ComponentSeries(found)


def test_one_status_of_five_is_1() -> None:
    replica = Replica()
    _, series = made(replica)
    assert series.render() == b"", "nothing is known yet"
    replica.begin(item("a", "degraded", "1/2 ready; pod-x7f is not"), item("b", "unknown"))
    text = series.render().decode()
    found = scraped(series)[STATUS]
    assert len(found) == 2 * len(Status)
    assert {labels for labels, value in found.items() if value == 1} == {
        frozenset({"agents", "a", "degraded"}),
        frozenset({"agents", "b", "unknown"}),
    }
    assert "pod-x7f" not in text, "no message in a label"
    for metric in text_string_to_metric_families(text):
        for sample in metric.samples:
            assert set(sample.labels) - {"status"} == {"namespace", "component"}


def test_what_is_removed_has_no_series_any_more() -> None:
    replica = Replica().begin(item("a"), item("b"))
    _, series = made(replica)
    replica.publish(item("a"))
    assert all("b" not in labels for family in scraped(series).values() for labels in family)
    replica.publish()
    assert series.render() == b""


def test_a_change_of_the_status_is_one_and_a_message_is_none() -> None:
    replica = Replica()
    _, series = made(replica)
    began = replica.clock.now().timestamp()
    told = replace(item("b"), since="2026-01-29T00:00:00Z")
    replica.begin(item("a"), told)
    a, b = frozenset({"agents", "a"}), frozenset({"agents", "b"})
    assert scraped(series)[CHANGE] == {a: began, b: 1769644800.0}
    replica.clock.advance(10)
    replica.publish(item("a", "healthy", "another message"), told)
    assert scraped(series)[CHANGE][a] == began
    replica.publish(item("a", "error"), told, item("new"))
    found = scraped(series)[CHANGE]
    assert found == {a: began + 10, b: 1769644800.0, frozenset({"agents", "new"}): began + 10}


def test_a_verdict_is_as_old_as_the_oldest_that_it_rests_on() -> None:
    replica = Replica().begin(
        item("a"), item("b"), item("c"), item("static"), item("deployment/web")
    )
    found = services(replica)
    now, wall = replica.clock.monotonic(), replica.clock.now().timestamp()
    vitals = Vitals(
        now - 1,
        True,
        (
            SourceVitals("pods", True, False, now - 2.5, 1, ""),
            SourceVitals("leases", False, True, now - 100, 7, "gone"),
            SourceVitals("jobs", False, True, now, 1, "refused", heard=False),
        ),
    )
    a, b, c, *_ = (one.key for one in replica.broadcaster.items)
    kind = item("deployment").key
    rests_on = {a: [["pods"]], b: [["pods"], ["wide", "leases"]], c: [["pods"], ["jobs"]]}
    rests_on[kind] = rests_on[a]
    found = replace(found, vitals=lambda: vitals, rests_on=lambda: rests_on)
    assert scraped(ComponentSeries(found))[VERDICT] == {
        frozenset({"agents", "a"}): wall - 2.5,
        frozenset({"agents", "b"}): wall - 100,
        frozenset({"agents", "static"}): wall - 1,
        frozenset({"agents", "deployment/web"}): wall - 2.5,
    }


def test_the_latency_of_a_good_probe_alone() -> None:
    good = replace(item("db"), details={"latency_ms": 12.5})
    replica = Replica().begin(good, replace(item("other", "error"), details={"x": 1}))
    _, series = made(replica)
    assert scraped(series)[LATENCY] == {frozenset({"agents", "db"}): 0.0125}
    replica.publish(replace(good, details={"latency_ms": 20.0}))
    assert list(scraped(series)[LATENCY].values()) == [0.02], "though that is no event"
    replica.publish(item("db", "degraded"))
    assert LATENCY not in scraped(series)


def test_what_is_only_declared_says_so() -> None:
    replica = Replica().begin(item("a"), replace(item("custom"), details={"static": True}))
    _, series = made(replica)
    found = scraped(series)["agentctl_component_static"]
    assert found == {frozenset({"agents", "custom"}): 1}


def test_clusters_are_told_apart() -> None:
    replica = Replica().begin(replace(item("a"), cluster="east"), replace(item("a"), cluster="we"))
    _, series = made(replica)
    families = [*text_string_to_metric_families(series.render().decode())]
    assert {one.labels["member_cluster"] for one in families[0].samples} == {"east", "we"}
    assert len(families[0].samples) == 2 * len(Status)


@given(st.text(max_size=30), st.text(max_size=10), st.sampled_from(Status))
def test_any_name_can_be_read_back(component: str, namespace: str, status: Status) -> None:
    replica = Replica().begin(Item(component, namespace, status))
    _, series = made(replica)
    text = series.render().decode()
    (family, *_) = text_string_to_metric_families(text)
    found = {one.labels["status"]: one for one in family.samples}
    sent = component.encode("utf-8", "replace").decode(), namespace
    assert (found[status.value].labels["component"], found[status.value].labels["namespace"]) == (
        sent[0],
        sent[1].encode("utf-8", "replace").decode(),
    )
    assert sum(one.value for one in family.samples) == 1


def test_ten_thousand_are_made_from_what_is_kept() -> None:
    many = [item(f"component-{number}") for number in range(10_000)]
    replica = Replica().begin(*many)
    _, series = made(replica)
    first = series.render()
    assert first.count(b"\n") == 7 * len(many) + 6
    kept = dict(series._lines)
    replica.publish(*many[:-1], item("component-9999", "error"))
    series.render()
    assert sum(kept[key] is not line for key, line in series._lines.items()) == 1


def test_many_are_told_in_pieces_between_which_others_are_answered() -> None:
    many = [item(f"component-{number}") for number in range(2 * PIECE + 1)]
    site = Site()
    site.replica.begin(*many)
    pieces = [*ComponentSeries(site.services).pieces()]
    assert max(piece.count(b"\n") for piece in pieces) <= PIECE * len(Status)
    with site.serve():
        with site.client() as scraper:
            scraper.ask("/metrics")
            assert site.get("/livez").status == 200
            head = scraper.head()
            assert head.headers["transfer-encoding"] == "chunked"
            scraper._decoder = ChunkDecoder()
            text = scraper.finish().decode()
        with site.client() as scraper:
            scraper.ask("/metrics", version="1.0")
            assert "content-length" not in scraper.head().headers
            assert scraper.rest().count(b"agentctl_component_status{") == len(many) * len(Status)
    families = {one.name: one for one in text_string_to_metric_families(text)}
    assert len(families[STATUS].samples) == len(many) * len(Status)
    assert "agentctl_ready" in families
