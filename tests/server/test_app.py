"""The server as a whole: how it begins, ends, and lives through its cluster's absence."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from typing import Any

import pytest

from agentctl import cursor as cursors
from agentctl.apidouble.double import ApiDouble
from agentctl.cli.run.kube import kube_engine
from agentctl.demo import ControlPlane
from agentctl.engine.policy import StreamPolicy
from agentctl.errors import ExitCode
from agentctl.model import Delta, ErrorCode, Snapshot, Status, StreamError
from agentctl.server.address import Address
from agentctl.server.http.server import HttpServer
from agentctl.server.services import Services
from tests.fakes import Recorder
from tests.ports import free_port
from tests.server.serving import PATIENCE_S, SETTINGS, WORLD, Serving, access_to


@pytest.fixture
def double() -> Iterator[ApiDouble]:
    with ApiDouble(free_port()) as double:
        ControlPlane(double.store, lease_duration_s=24 * 3600).install()
        yield double


class FakeTransport:
    """Writes down what it is told, and when."""

    def __init__(self, services: Services, name: str, log: list[str]) -> None:
        self._services = services
        self._name = name
        self._log = log
        self.given_s = 0.0

    def start(self) -> None:
        assert not self._services.draining.is_set()
        self._log.append(f"{self._name} start")

    def drain(self) -> None:
        assert self._services.draining.is_set()
        self._log.append(f"{self._name} drain")

    def stop(self, deadline_s: float) -> None:
        self.given_s = deadline_s
        self._log.append(f"{self._name} stop")


def test_all_transports_are_drained_before_any_is_stopped(double: ApiDouble) -> None:
    told: list[str] = []
    transports: list[FakeTransport] = []

    def both(services: Services) -> list[FakeTransport]:
        transports[:] = [FakeTransport(services, name, told) for name in ("http", "grpc")]
        return transports

    with Serving(double, transports=both) as serving:
        serving.until(lambda: serving.services.ready)
        assert told == ["http start", "grpc start"]
        serving.app.stop(ExitCode.TERMINATED)
        assert not serving.services.ready  # at once, whatever takes its time
    assert told[2:] == ["http drain", "grpc drain", "http stop", "grpc stop"]
    assert all(0 < one.given_s <= 4 for one in transports)
    assert serving.outcome is not None
    assert serving.outcome.exit_code == ExitCode.TERMINATED


def test_a_refusal_at_the_start_ends_the_server_with_its_exit_code(double: ApiDouble) -> None:
    double.tokens = ["another"]
    told: list[str] = []
    with Serving(double, transports=lambda s: [FakeTransport(s, "http", told)]) as serving:
        serving.until(lambda: serving.outcome)
        assert serving.outcome is not None
        assert serving.outcome.exit_code == ExitCode.REFUSED
        assert "401" in serving.outcome.message or "nauthorized" in serving.outcome.message
    assert told == ["http start", "http drain", "http stop"]


def test_a_transport_that_cannot_start_ends_the_others(double: ApiDouble) -> None:
    told: list[str] = []

    class Broken(FakeTransport):
        def start(self) -> None:
            raise OSError("no more threads")

    def both(services: Services) -> list[FakeTransport]:
        return [FakeTransport(services, "http", told), Broken(services, "grpc", told)]

    serving = Serving(double, transports=both)
    with pytest.raises(OSError, match="no more threads"):
        serving.app.run()
    assert told == ["http start", "http drain", "grpc drain", "http stop", "grpc stop"]


def test_readers_live_through_the_absence_of_kubernetes(double: ApiDouble) -> None:
    https: list[HttpServer] = []

    def listening(services: Services) -> list[HttpServer]:
        https.append(HttpServer(services, Address("127.0.0.1", 0)))
        return https

    def readyz() -> tuple[int, dict[str, Any]]:
        connection = HTTPConnection("127.0.0.1", https[0].port, timeout=PATIENCE_S)
        with closing(connection):
            connection.request("GET", "/readyz", headers={"Connection": "close"})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())

    with Serving(double, transports=listening, max_staleness_s=0.5) as serving:
        serving.until(lambda: serving.services.ready)
        assert readyz() == (200, {"ready": True})
        reader = serving.reader()
        first = reader.until(lambda event: isinstance(event, Snapshot))
        double.stop()
        # At once an error, and no longer ready; soon all that rests on it is unknown.
        lost = reader.until(lambda event: isinstance(event, StreamError))
        assert lost.code is ErrorCode.DISCONNECTED
        serving.until(lambda: not serving.services.ready)
        serving.until(lambda: "without deployments: " in " ".join(readyz()[1]["reasons"]))
        assert readyz()[0] == 503
        reader.until(lambda e: isinstance(e, StreamError) and e.code is ErrorCode.STALE)
        unknown = reader.until(
            lambda e: isinstance(e, Delta) and any("no data for" in i.message for i in e.changes)
        )
        assert {item.status for item in unknown.changes} == {Status.UNKNOWN}
        late = serving.reader()
        late.until(lambda event: isinstance(event, StreamError))  # a newcomer is told too
        double.start()
        serving.until(lambda: serving.services.ready)
        channel = serving.broadcaster.channel("")

        def healed() -> bool:
            status = channel.status(WORLD.clock.monotonic())
            return (
                status is not None and not status.errors and (status.snapshot.items == first.items)
            )

        serving.until(healed)
        assert readyz() == (200, {"ready": True})
        resumed = serving.reader(since=first.cursor)
        assert not any(isinstance(entry.event, Snapshot) for entry in resumed.take())


def test_kubernetes_that_comes_back_without_its_history(double: ApiDouble) -> None:
    with Serving(double) as serving:
        serving.until(lambda: serving.services.ready)
        reader = serving.reader()
        reader.until(lambda event: isinstance(event, Snapshot))
        double.stop()
        ControlPlane(double.store).temporal_degrades()
        double.restart(history=False)
        changed = reader.until(
            lambda e: isinstance(e, Delta) and any(i.status is Status.DEGRADED for i in e.changes)
        )
        assert [item.component for item in changed.changes] == ["runtime:temporal"]
        serving.until(lambda: serving.services.ready)


def cursor_of_kube_mode(double: ApiDouble) -> str:
    """What ``agentctl status -n agents`` prints."""
    recorder = Recorder()
    kube_engine(SETTINGS, StreamPolicy(once=True), recorder, WORLD, access_to(double)).run()
    return recorder.events[0].cursor


@pytest.mark.parametrize("namespaces", [["agents"], ["agents", "temporal"]])
def test_a_cursor_of_kube_mode_is_good_at_a_server(
    double: ApiDouble, namespaces: list[str]
) -> None:
    printed = cursor_of_kube_mode(double)
    with Serving(double, namespaces) as serving:
        serving.until(lambda: serving.services.ready)
        channel = serving.broadcaster.channel("agents")
        status = channel.status(WORLD.clock.monotonic())
        assert status is not None
        here, there = cursors.decode(status.snapshot.cursor), cursors.decode(printed)
        assert here is not None
        assert there is not None
        assert here.scope == there.scope
        assert set(here.versions) == set(there.versions)
        assert here.hashes == there.hashes
        assert serving.reader("agents", printed).take() == []
        assert channel.resumes == {"unchanged": 1}


def test_several_namespaces_are_narrowed_and_served_together(double: ApiDouble) -> None:
    with Serving(double, ["agents", "temporal"]) as serving:
        serving.until(lambda: serving.services.ready)
        seen = {
            name: {item.namespace for item in snapshot_of(serving, name).items}
            for name in ("agents", "temporal", "")
        }
    assert seen == {"agents": {"agents"}, "temporal": {"temporal"}, "": {"agents", "temporal"}}


def snapshot_of(serving: Serving, namespace: str) -> Snapshot:
    found = serving.reader(namespace).until(lambda event: isinstance(event, Snapshot))
    assert isinstance(found, Snapshot)
    return found


def test_one_namespace_is_one_channel(double: ApiDouble) -> None:
    with Serving(double) as serving:
        assert serving.broadcaster.channel("") is serving.broadcaster.channel("agents")
