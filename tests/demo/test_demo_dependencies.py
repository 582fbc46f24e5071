"""The demo's dependencies speak the first words that probes ask for, go away and come back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agentctl.clock import SystemClock
from agentctl.demo.controlplane import ControlPlane
from agentctl.demo.dependencies import Dependencies
from agentctl.demo.script import TIMELINE, ScriptPlayer
from agentctl.probe.address import HostPort
from agentctl.probe.answer import Cause, ProbeError
from agentctl.probe.prober import Prober
from agentctl.probe.target import Question, Target
from tests.apidouble.faulty import FaultyDouble
from tests.cli.inprocess import call

PROTOCOLS = {"temporal": "grpc", "database": "postgres", "grpc": "grpc"}


def test_each_goes_and_comes_back() -> None:
    dependencies = Dependencies()
    dependencies.start()
    try:
        for name, protocol in PROTOCOLS.items():
            one = dependencies.named(name)
            target = Target(Question(protocol), HostPort("127.0.0.1", one.port, "127.0.0.1"))
            for _ in range(2):
                assert Prober(SystemClock()).ask(target, 10).latency_ms > 0
                one.down()
                with pytest.raises(ProbeError) as error:
                    Prober(SystemClock()).ask(target, 10)
                assert error.value.cause is Cause.REFUSED
                one.up()
    finally:
        dependencies.stop()


def test_the_script_plays_with_them() -> None:
    dependencies = Dependencies()
    plane = ControlPlane(FaultyDouble().store)
    plane.install()
    player = ScriptPlayer(plane, dependencies=dependencies)
    dependencies.start()
    try:
        ports = dependencies.addresses()
        for step in TIMELINE:
            step.action(player)
        assert dependencies.addresses() == ports
    finally:
        dependencies.stop()


def test_the_demo_asks_them(tmp_path: Path) -> None:
    names = ("runtime:temporal", "database", "grpc")
    chosen = [word for name in names for word in ("--component", name)]
    flags = ("--no-script", "--probe-dependencies", "-o", "ndjson", "--until", "healthy")
    done = call("demo", *flags, *chosen, "--timeout", "30s", home=tmp_path)
    assert done.code == 0, done.stderr
    state = {}
    for line in done.stdout.splitlines():
        event = json.loads(line)
        for item in (*event.get("items", ()), *event.get("changes", ())):
            state[item["component"]] = item
    assert [state[name]["status"] for name in names] == ["healthy"] * 3
    assert state["grpc"]["message"] == state["grpc"]["details"]["address"]
    assert state["grpc"]["message"].startswith("127.0.0.1:")
