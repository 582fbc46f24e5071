"""Hundreds of seeded sequences of changes and faults; in each the stream ends with the truth.

A sequence runs the real sources and engine against the API double over real sockets.
Afterwards what a reader of the stream has folded together must equal what the checks
make of the objects themselves, and no event on the way may have said nothing.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from agentctl.backoff import Backoff
from agentctl.catalog.loader import load
from agentctl.clock import SystemClock
from agentctl.cursor import scope_of
from agentctl.demo import ControlPlane
from agentctl.engine.engine import Engine
from agentctl.engine.policy import StreamPolicy
from agentctl.engine.stream import EventStream
from agentctl.errors import ExitCode
from agentctl.kube.access import AccessProvider, ClusterAccess
from agentctl.kube.client import ApiClient
from agentctl.kube.context import KubeContext
from agentctl.kube.evaluate import Evaluator
from agentctl.kube.listwatch import WatchSettings
from agentctl.kube.sources import cluster_sources
from agentctl.kube.state import KubeState
from agentctl.redact import redact
from tests.apidouble.faults import GARBAGE_LINE, UNKNOWN_LINE, Then
from tests.apidouble.faulty import FaultyDouble
from tests.campaign.truth import Follower, truth
from tests.kube.rig import eventually

CATALOG = b"""
name: campaign
components:
  - name: controllers
    checks:
      - {kind: workload, names: [agents-controllers]}
      - {kind: crds, names: [signals.signals.proompteng.ai]}
  - name: follower
    checks: [{kind: component, name: controllers}]
  - name: temporal
    checks: [{kind: endpoints, service: temporal-frontend, namespace: temporal, port: 7233}]
  - name: grpc
    checks: [{kind: endpoints, service: agents-grpc, port: 50051, show_address: true}]
"""

SETTINGS = WatchSettings(
    page_limit=2,
    term_s=(1, 1),
    read_margin_s=0.2,
    connect_timeout_s=1.0,
    list_timeout_s=0.3,
    watch_header_timeout_s=0.3,
    short_watch_s=0.0,
)
POLICY = StreamPolicy(
    heartbeat_s=0.05,
    backoff=Backoff(base=0.005, cap=0.02),
    max_staleness_s=0.15,
    refused_retry_s=0.03,
    stream_retry_s=0.1,
    fallback_poll=True,
    first_answer_s=0.5,
)

PLURALS = ("deployments", "pods", "endpointslices", "customresourcedefinitions", "apis", "")


def faults_of(double: FaultyDouble, rng: random.Random) -> Sequence[Callable[[], Any]]:
    """Everything that can go wrong, for one resource picked at random."""
    faults = double.faults
    plural = rng.choice(PLURALS)
    times = rng.randint(1, 3)
    return (
        lambda: faults.cut(plural),
        lambda: faults.cut(plural, reset=True),
        lambda: faults.cut(plural, mid_line=True),
        lambda: faults.interrupt(then=Then.END, plural=plural),
        lambda: faults.interrupt(GARBAGE_LINE, plural=plural),
        lambda: faults.interrupt(UNKNOWN_LINE, plural=plural),
        lambda: faults.freeze(plural),
        lambda: faults.status(rng.choice([500, 502, 503, 429]), plural, times=times),
        lambda: faults.status(rng.choice([401, 403, 404]), plural, times=times),
        lambda: faults.status(403, plural, ["watch"], times=times),
        lambda: faults.hang(plural, times=times),
        lambda: faults.html(plural, times=times),
        lambda: faults.truncate(rng.randint(0, 300), Then.CLOSE, plural, times=times),
        lambda: faults.expire_watches(plural, times=times, http=rng.random() < 0.5),
        lambda: faults.expire_lists(plural, times=times),
        lambda: faults.expire_pages(plural, times=times),
        lambda: faults.close_at_once(plural, times=times),
        lambda: faults.split(rng.randint(1, 7), plural),
        double.store.compact,
        lambda: (faults.accept(), double.restart(history=rng.random() < 0.5)),
        lambda: faults.refuse(reset=rng.random() < 0.5),
        faults.clear,
    )


def mutations_of(plane: ControlPlane, rng: random.Random) -> Sequence[Callable[[], Any]]:
    return (
        plane.temporal_degrades,
        plane.temporal_recovers,
        plane.controller_crashes,
        plane.controller_recovers,
        lambda: plane.grpc_degrades(rng.randint(1, 2)),
        plane.grpc_recovers,
        plane.renew_lease,
    )


def run_sequence(seed: int) -> Follower:
    """One sequence; the follower when the dust has settled."""
    rng = random.Random(seed)
    catalog = load(CATALOG, "campaign.yaml")
    double = FaultyDouble()
    plane = ControlPlane(double.store)
    plane.install()
    follower = Follower()
    with double:
        clock = SystemClock()
        provider = AccessProvider(lambda: ClusterAccess(server=double.url), clock)
        context = KubeContext(
            ApiClient(provider, clock), clock, SETTINGS, random.Random(seed), poll_interval_s=0.02
        )
        evaluator = Evaluator(catalog.components, ["agents"], "agents", redact=redact)
        engine = Engine(
            cluster_sources(evaluator.specs, context, max_staleness_s=POLICY.max_staleness_s),
            KubeState(evaluator),
            EventStream(follower, clock, scope_of(["agents"], catalog.hash, [])),
            POLICY,
            clock=clock,
            rng=random.Random(seed),
        )
        thread = threading.Thread(target=engine.run, name=f"engine-{seed}")
        thread.start()
        try:
            # Refusals at the very start end a run, and rightly so: begin in fair weather.
            assert eventually(lambda: follower.kinds, 20), "no snapshot"
            crd_there = True
            for _ in range(rng.randint(3, 10)):
                if rng.random() < 0.5:
                    rng.choice(faults_of(double, rng))()
                elif rng.random() < 0.8:
                    rng.choice(mutations_of(plane, rng))()
                elif crd_there:
                    plane.crd_vanishes()
                    crd_there = False
                else:
                    plane.crd_returns()
                    crd_there = True
                threading.Event().wait(rng.choice([0, 0, 0.002, 0.01, 0.03]))
            double.faults.clear()
            expected = truth(double.store, catalog)
            settled = eventually(
                lambda: follower.state == expected or engine.outcome is not None, 30
            )
            assert engine.outcome is None, f"the run ended: {engine.outcome}"
            assert settled, f"ended with {follower.state}, the truth is {expected}"
        finally:
            engine.stop(ExitCode.TERMINATED)
            thread.join(20)
    assert not thread.is_alive()
    return follower


def test_the_stream_ends_with_the_truth(fault_seed: int) -> None:
    follower = run_sequence(fault_seed)
    assert follower.wrong == []
    assert follower.kinds[0] == "snapshot"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "fault_seed" in metafunc.fixturenames:
        count = metafunc.config.getoption("--fault-sequences")
        metafunc.parametrize("fault_seed", range(count))
