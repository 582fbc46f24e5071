"""Prometheus text: prometheus_client's own parser takes it, and finds in it what was said."""

from __future__ import annotations

import shutil
import subprocess
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from agentctl import __version__
from agentctl.engine.policy import Outcome
from agentctl.errors import ExitCode
from agentctl.model import Item, Snapshot, Status
from agentctl.renderers import Style, prom
from agentctl.server.component_series import ComponentSeries
from tests.fakes import FakeClock
from tests.server.replica import Replica
from tests.server.test_metrics import services

AT = datetime(2026, 1, 30, tzinfo=timezone.utc)
WELL = Outcome(ExitCode.OK)
LOST = Outcome(ExitCode.DISCONNECTED, "pods: connection refused")

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


class Text:
    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        self.text += text


def written(*items: Item, outcome: Outcome = WELL, namespace: str = "agents") -> str:
    out = Text()
    renderer = prom.create(out, Style(stream=False, namespace=namespace, clock=FakeClock()))
    renderer.emit(Snapshot(AT, items, ""))
    assert out.text == ""
    assert renderer.conclude(outcome) is outcome
    return out.text


def samples(text: str) -> Samples:
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        assert family.type == "gauge"
        assert family.documentation
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found
            found[key] = sample.value
    return found


def value(found: Samples, name: str, **labels: str) -> float:
    return found[name, frozenset(labels.items())]


def test_the_state_as_a_set() -> None:
    found = samples(written(Item("grpc", "agents", Status.DEGRADED, "1/2 ready")))
    for status in Status:
        assert value(
            found,
            "agentctl_component_status",
            namespace="agents",
            component="grpc",
            status=status.value,
        ) == (status is Status.DEGRADED)
    assert value(found, "agentctl_up", namespace="agents") == 1
    assert value(found, "agentctl_control_plane_healthy", namespace="agents") == 0
    assert (
        value(found, "agentctl_last_run_timestamp_seconds", namespace="agents")
        == FakeClock().now().timestamp()
    )


def test_healthy_means_seen_and_good() -> None:
    good = Item("a", "agents", Status.HEALTHY)
    fixed = Item("c", "agents", Status.UNKNOWN, "as configured", {"static": True})
    for items, outcome, healthy in (
        ((good, Item("b", "agents", Status.CONFIGURED), fixed), WELL, 1),
        ((good, Item("b", "agents", Status.UNKNOWN)), WELL, 0),
        ((good,), LOST, 0),
        ((), WELL, 0),
    ):
        found = samples(written(*items, outcome=outcome))
        assert value(found, "agentctl_control_plane_healthy", namespace="agents") == healthy


def test_a_run_that_failed_shows_no_component() -> None:
    found = samples(written(Item("a", "agents", Status.HEALTHY), outcome=LOST))
    assert value(found, "agentctl_up", namespace="agents") == 0
    assert {name for name, _ in found} == {
        "agentctl_up",
        "agentctl_last_run_timestamp_seconds",
        "agentctl_control_plane_healthy",
        "agentctl_build_info",
    }


def test_what_the_server_says_of_a_component_has_the_same_names_here() -> None:
    probed = {"latency_ms": 12.5}
    since = "2026-01-29T00:00:00Z"
    told = Item("db", "agents", Status.HEALTHY, "asked", probed, since=since)
    items = (told, Item("a", "agents", Status.UNKNOWN))
    at = {"namespace": "agents", "component": "db"}
    found = samples(written(*items))
    now = FakeClock().now().timestamp()
    assert value(found, "agentctl_component_last_change_timestamp_seconds", **at) == 1769644800
    assert value(found, "agentctl_component_last_verdict_timestamp_seconds", **at) == now
    assert value(found, "agentctl_component_probe_latency_seconds", **at) == 0.0125
    replica = Replica().begin(*items)
    server = ComponentSeries(services(replica)).render().decode()
    names = {metric.name for metric in text_string_to_metric_families(server)}
    assert names == {name for name, _ in found if name.startswith("agentctl_component_")}
    build = [dict(labels) for name, labels in found if name == "agentctl_build_info"]
    # Several files may be on one host's page, each of another namespace.
    assert build == [{"namespace": "agents", "version": __version__}]


# What a name of Kubernetes cannot hold, a server or a user's catalog can.
names = st.text(st.characters(exclude_categories=("Cs", "Cc"))).filter(
    lambda name: name == name.strip()
)
odd = st.sampled_from(['a"b', "a\\b", "a\nb", "\\", '\\"', "\\n", "é"])


@given(st.lists(st.one_of(names, odd), unique=True, max_size=5))
def test_every_name_comes_through(components: list[str]) -> None:
    items = [Item(name, "agents", Status.HEALTHY) for name in components]
    found = samples(written(*items))
    assert {dict(labels)["component"] for name, labels in found if "component" in name} == set(
        components
    )


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not on PATH")
def test_promtool_has_nothing_to_say_against_it() -> None:
    text = written(Item("grpc", "agents", Status.DEGRADED, 'it said "\\ü"\n'))
    done = subprocess.run(
        ["promtool", "check", "metrics"],
        input=text.encode(),
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")
