"""The demo's timeline, played on a clock that only the test moves."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone

import pytest

from agentctl.apidouble.store import Store
from agentctl.demo import ControlPlane, Script
from agentctl.demo.crds import SIGNALS
from agentctl.demo.script import LAP_S, LEASE_DURATION_S, TIMELINE, ScriptPlayer
from agentctl.model import parse_time

LEASE = ("leases", "agents", "agents-controller-leader")


class FakeClock:
    """Moves only when it is waited on, and ends the play at ``until``."""

    def __init__(self, until):
        self.time = 0.0
        self.until = until
        self.each = lambda: None

    def monotonic(self):
        return 100.0 + self.time

    def now(self):
        return datetime(2026, 1, 30, 18, 15, tzinfo=timezone.utc) + timedelta(seconds=self.time)

    def wait(self, seconds):
        end = self.time + seconds
        while self.time < min(end, self.until):
            self.time = min(self.time + 0.5, end)
            self.each()
        return self.time >= self.until


def state(store):
    """What a watcher would find wrong."""
    wrong = set()
    slices = {s.key.name: s.obj for s in store.objects("endpointslices")[0]}
    if not all(e["conditions"]["ready"] for e in slices["temporal-frontend-8ddw6"]["endpoints"]):
        wrong.add("temporal")
    deployment = store.get("deployments", "agents", "agents-controllers")
    if deployment["status"]["availableReplicas"] < 2:
        wrong.add("controllers")
    if SIGNALS not in {s.key.name for s in store.objects("customresourcedefinitions")[0]}:
        wrong.add("crd")
    spec = store.get(*LEASE)["spec"]
    age = store.now() - parse_time(spec["renewTime"])
    if age.total_seconds() >= spec["leaseDurationSeconds"]:
        wrong.add("lease")
    return wrong


@pytest.fixture
def played():
    """(seconds, what is wrong) every half second of two laps."""
    clock = FakeClock(2 * LAP_S)
    store = Store(clock)
    plane = ControlPlane(store, lease_duration_s=LEASE_DURATION_S)
    plane.install()
    seen = [(0.0, state(store))]
    clock.each = lambda: seen.append((clock.time, state(store)))
    ScriptPlayer(plane).play(clock, clock.wait)
    return seen


def test_every_kind_of_event_happens_and_all_is_well_by_the_end_of_a_lap(played):
    first = [wrong for at, wrong in played if at <= LAP_S]
    assert set().union(*first) == {"temporal", "controllers", "crd", "lease"}
    assert first[0] == first[-1] == set()


def test_each_trouble_begins_and_ends_when_the_timeline_says(played):
    def span(what):
        times = [at for at, wrong in played if what in wrong and at < LAP_S]
        return times[0], times[-1]

    assert span("temporal") == (3.5, 6.0)
    assert span("controllers") == (8.5, 11.0)
    assert span("crd") == (15.5, 20.0)
    assert span("lease") == (18.0, 23.0)


def test_no_two_changes_fall_in_the_same_second(played):
    changes = [now for (_, before), (now, after) in zip(played, played[1:]) if before != after]
    assert all(later - earlier >= 1.0 for earlier, later in zip(changes, changes[1:]))


def test_any_thirty_seconds_hold_every_kind_of_event(played):
    for start in range(int(LAP_S)):
        window = [wrong for at, wrong in played if start <= at <= start + LAP_S]
        assert set().union(*window) == {"temporal", "controllers", "crd", "lease"}


def test_the_timeline_is_in_order_and_within_a_lap():
    times = [step.at_s for step in TIMELINE]
    assert times == sorted(set(times))
    assert times[-1] < LAP_S


def test_the_script_stops_at_once():
    store = Store()
    plane = ControlPlane(store)
    plane.install()
    script = Script(plane)
    script.start()
    script.stop()


def test_a_script_whose_objects_were_deleted_ends_quietly(caplog):
    store = Store()
    script = Script(ControlPlane(store))
    script.start()
    while "ended" not in caplog.text:  # not before it has begun: its thread may be late
        time.sleep(0.01)
    script.stop()


def test_what_happens_looks_as_it_would_in_a_cluster():
    store = Store()
    plane = ControlPlane(store)
    plane.install()
    plane.controller_crashes()
    pod = store.get("pods", "agents", plane.controller_pods[1])["status"]
    (container,) = pod["containerStatuses"]
    assert container["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    assert (container["ready"], container["restartCount"]) == (False, 1)
    assert {c["type"]: c["status"] for c in pod["conditions"]}["Ready"] == "False"
    status = store.get("deployments", "agents", "agents-controllers")["status"]
    assert (status["availableReplicas"], status["unavailableReplicas"]) == (1, 1)
    plane.controller_recovers()
    status = store.get("deployments", "agents", "agents-controllers")["status"]
    assert "unavailableReplicas" not in status
    plane.grpc_degrades()
    slice_ = store.get("endpointslices", "agents", "agents-grpc-8ddw6")
    assert [e["conditions"]["ready"] for e in slice_["endpoints"]] == [True, False]
    assert slice_["ports"] == [{"name": "grpc", "protocol": "TCP", "port": 50051}]


def test_the_install_holds_what_the_chart_makes():
    store = Store()
    ControlPlane(store).install()
    crds = store.objects("customresourcedefinitions")[0]
    assert len(crds) == 19
    assert all(len(str(stored.obj)) > 3000 for stored in crds)
    agents = store.get("deployments", "agents", "agents")
    (container,) = agents["spec"]["template"]["spec"]["containers"]
    env = {entry["name"]: entry.get("value") for entry in container["env"]}
    assert {"AGENTS_GRPC_ENABLED", "DATABASE_URL"} < set(env)
    assert env["AGENTS_CONTROLLER_ENABLED"] == "0"  # they run in agents-controllers
    lease = store.get(*LEASE)
    assert lease["spec"]["leaseDurationSeconds"] == 30
    assert lease["spec"]["holderIdentity"].startswith("agents-controllers-54b7cbbcd-k7v9p_")
