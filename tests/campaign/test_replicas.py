"""Two servers on one API behind one address, killed in turn, and readers that resume.

Whatever a reader has folded from its many connections must be the truth in the end; no
change may come twice in a row, and nothing may go back in time.
"""

from __future__ import annotations

import http.client
import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Optional

import pytest

from agentctl.demo import workloads as bodies
from agentctl.model import Delta, Event, ItemKey, Snapshot, fold
from tests.apidouble.faulty import FaultyDouble
from tests.campaign.balancer import Balancer
from tests.cli.program import PATIENCE_S, Program
from tests.fakes import event_in
from tests.ports import free_ports

READERS = 20
DESIRED = 1_000_000
NAMES = ("one", "two", "three")
CATALOG = "name: replicas\ncomponents:\n" + "".join(
    f"  - name: {name}\n    checks: [{{kind: workload, names: [{name}]}}]\n" for name in NAMES
)
STREAM = "/api/agents/control-plane/status/stream?namespace=agents&heartbeat=1s"
CREATED = "2026-01-30T18:15:00Z"


class Plane:
    """Deployments whose ready replicas only ever grow, so that going back would show."""

    def __init__(self, double: FaultyDouble) -> None:
        self._store = double.store
        self.ready = dict.fromkeys(NAMES, 0)
        for name in NAMES:
            app = {"name": "app", "image": "app:1"}
            self._store.create(
                bodies.deployment("agents", name, {"app": name}, app, DESIRED, CREATED)
            )
            self.grow(name)

    def grow(self, name: str) -> None:
        self.ready[name] += 1
        ready = self.ready[name]

        def change(found: dict[str, Any]) -> None:
            generation = found["metadata"]["generation"]
            found["status"] = bodies.deployment_status(
                name, generation, DESIRED, ready, CREATED, CREATED
            )

        self._store.update("deployments", "agents", name, change)


class StreamReader:
    """One client: reads SSE, folds, and resumes with Last-Event-ID until it is told to end."""

    def __init__(self, port: int, name: str) -> None:
        self._port = port
        self._cursor = ""
        self._over = threading.Event()
        self._socket: Optional[socket.socket] = None
        self.state: dict[ItemKey, Any] = {}
        self.connections = 0
        self.snapshots = 0
        self.wrong: list[str] = []
        self.thread = threading.Thread(target=self._run, name=name)
        self.thread.start()

    def stop(self) -> None:
        self._over.set()

    def ready(self) -> dict[str, int]:
        return {key.component: item.details["ready"] for key, item in self.state.items()}

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                self._connect()
            except (OSError, http.client.HTTPException, ValueError):
                self._over.wait(0.05)

    def _connect(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=3)
        try:
            headers = {"Last-Event-ID": self._cursor} if self._cursor else {}
            connection.request("GET", STREAM, headers=headers)
            response = connection.getresponse()
            if response.status != 200:
                raise OSError(f"status {response.status}")
            self.connections += 1
            while not self._over.is_set():
                line = response.readline()
                if not line:
                    return
                if line.startswith(b"data: "):
                    self._take(event_in(line[6:]))
        finally:
            connection.close()

    def _take(self, event: Event) -> None:
        if isinstance(event, Snapshot):
            self.snapshots += 1
        if isinstance(event, Delta):
            self.wrong += [
                f"told twice: {item}" for item in event.changes if self.state.get(item.key) == item
            ]
        if isinstance(event, (Snapshot, Delta)):
            before = self.ready()
            self.state = fold(self.state, event)
            for name, ready in self.ready().items():
                if ready < before.get(name, 0):
                    self.wrong.append(f"{name} went back from {before[name]} to {ready}")
        self._cursor = event.cursor


@contextmanager
def server(port: int, home: Path, kubeconfig: Path, catalog: Path) -> Iterator[Program]:
    arguments = ("--kubeconfig", str(kubeconfig), "--catalog", str(catalog), "--grpc", "off")
    with Program("serve", "--http", f"127.0.0.1:{port}", *arguments, home=home) as program:
        yield program


class Site:
    """The replicas; at most one is down at a time, mostly."""

    def __init__(self, ports: list[int], home: Path, kubeconfig: Path, catalog: Path) -> None:
        self._ports = ports
        self._start = lambda port: server(port, home, kubeconfig, catalog)
        self._running: dict[int, Any] = {}
        self.kills = 0

    def __enter__(self) -> Site:
        for port in self._ports:
            self._up(port)
        return self

    def __exit__(self, *exc: object) -> None:
        for port in list(self._running):
            self._down(port)

    def restart(self, port: int) -> None:
        """Kill it without a warning and start another in its place."""
        self.kills += 1
        self._down(port)
        self._up(port)

    def _up(self, port: int) -> None:
        self._running[port] = self._start(port)
        self._running[port].__enter__()
        self.wait_until_ready(port)

    def _down(self, port: int) -> None:
        self._running.pop(port).__exit__(None, None, None)

    @classmethod
    def wait_until_ready(cls, port: int, token: str = "") -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not cls._is_ready(port, token):
            assert time.monotonic() < deadline, f"the server on {port} does not get ready"
            time.sleep(0.05)

    @staticmethod
    def _is_ready(port: int, token: str) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        try:
            connection.request("GET", "/readyz", headers={"Authorization": f"Bearer {token}"})
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()


@pytest.mark.timeout(240)
def test_readers_of_two_replicas_that_are_killed_in_turn_end_with_the_truth(
    tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    seconds = pytestconfig.getoption("--replica-seconds")
    rng = random.Random(seconds)
    kubeconfig, catalog = tmp_path / "kubeconfig", tmp_path / "catalog.yaml"
    catalog.write_text(CATALOG)
    with FaultyDouble() as double:
        plane = Plane(double)
        kubeconfig.write_text(double.kubeconfig(namespace="agents"))
        ports = free_ports(2)
        with Site(ports, tmp_path, kubeconfig, catalog) as site, Balancer(ports, rng) as balancer:
            readers = [StreamReader(balancer.port, f"reader-{at}") for at in range(READERS)]
            try:
                _weather(site, plane, rng, ports, seconds, readers)
                deadline = time.monotonic() + PATIENCE_S
                while any(reader.ready() != plane.ready for reader in readers):
                    assert time.monotonic() < deadline, [reader.ready() for reader in readers]
                    time.sleep(0.05)
            finally:
                for reader in readers:
                    reader.stop()
                for reader in readers:
                    reader.thread.join(10)
    assert [wrong for reader in readers for wrong in reader.wrong] == []
    assert sum(reader.connections for reader in readers) > READERS, "nobody had to resume"
    # Every item's hash fits these cursors: nobody ever had to begin anew.
    assert [reader.snapshots for reader in readers] == [1] * READERS
    print(f"{site.kills} kills, {sum(one.connections for one in readers)} connections")


def _weather(
    site: Site,
    plane: Plane,
    rng: random.Random,
    ports: list[int],
    seconds: float,
    readers: list[StreamReader],
) -> None:
    """Changes all the time, from another thread, while one server after the other dies; for so
    long, and until a reader had to resume: on a busy host the first may be late."""
    over = threading.Event()

    def change() -> None:
        while not over.wait(rng.uniform(0.005, 0.05)):
            plane.grow(rng.choice(NAMES))

    changer = threading.Thread(target=change, name="changer")
    changer.start()
    try:
        begun = time.monotonic()
        while time.monotonic() < begun + seconds or (
            sum(reader.connections for reader in readers) <= READERS
            and time.monotonic() < begun + PATIENCE_S
        ):
            site.restart(rng.choice(ports))
            over.wait(rng.uniform(0.0, 1.0))
    finally:
        over.set()
        changer.join(10)
