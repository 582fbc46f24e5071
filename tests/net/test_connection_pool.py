"""Connections that many threads share: how many, in which turn, and what holds nobody up."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agentctl.demo import ControlPlane
from agentctl.errors import DisconnectedError
from agentctl.kube.access import ClusterAccess
from agentctl.kube.client import ApiClient
from agentctl.kube.reader import ApiReader, reader
from agentctl.net import connection_pool
from agentctl.net.connection_pool import ConnectionPool
from agentctl.net.endpoint import Timeouts
from tests.apidouble.faulty import FaultyDouble
from tests.cli.inprocess import Done, call
from tests.net.tinyserver import OK, Server, client_of, forever, nothing_leaks, serving

PATIENCE_S = 20.0
ALL = 6


@pytest.fixture(autouse=True)
def leaks() -> Iterator[None]:
    with nothing_leaks():
        yield


@pytest.fixture
def near(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two connections are enough, however slow this machine is."""
    monkeypatch.setattr(connection_pool, "NEAR", ((PATIENCE_S, 2),))
    monkeypatch.setattr(connection_pool, "FAR_S", PATIENCE_S)
    monkeypatch.setattr(connection_pool, "STALL_S", PATIENCE_S)
    monkeypatch.setattr(connection_pool, "PATIENCE_S", PATIENCE_S)


@pytest.fixture
def far(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_pool, "NEAR", ((0.0, 2),))
    monkeypatch.setattr(connection_pool, "FAR_S", 0.001)
    monkeypatch.setattr(connection_pool, "STALL_S", PATIENCE_S)


def sharing(server: Server) -> ApiClient:
    client = client_of(ClusterAccess(server=server.url))
    client.share_connections()
    return client


def read(api: ApiReader, path: str = "/") -> bytes:
    with api.get(path, {}, "application/json", Timeouts(5.0, 10.0, 10.0)) as response:
        return response.read_all(1000)


def together(*calls: Callable[[], object]) -> list[object]:
    """Each in a thread of its own; what they return, or the errors they end with."""
    told: list[object] = [None] * len(calls)

    def run(index: int) -> None:
        try:
            told[index] = calls[index]()
        except DisconnectedError as error:
            told[index] = error

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
    return told


def one_read(client: ApiClient, path: str = "/") -> Callable[[], object]:
    def call() -> object:
        with reader(client) as api:
            return read(api, path)

    return call


@pytest.mark.usefixtures("near")
def test_near_servers_get_two_connections_for_all() -> None:
    with serving(forever(OK)) as server:
        client = sharing(server)
        with reader(client):  # somebody is there until the end
            assert together(*[one_read(client)] * ALL) == [b"{}"] * ALL
        assert server.connections <= 2
    assert len(server.requests) == ALL


@pytest.mark.usefixtures("far")
def test_far_servers_get_a_connection_for_each() -> None:
    asked = threading.Barrier(ALL)

    def all_at_once(sock: socket.socket, server: Server) -> None:
        if server.request(sock):
            asked.wait(PATIENCE_S)  # comes to an end only where nobody waits for another
            sock.sendall(OK)

    with serving(all_at_once) as server:
        assert together(*[one_read(sharing(server))] * ALL) == [b"{}"] * ALL
        assert server.connections == ALL


def test_answers_that_do_not_come_hold_nobody_up(
    near: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_pool, "STALL_S", 0.02)
    hung = threading.Semaphore(0)

    def some_hang(sock: socket.socket, server: Server) -> None:
        while request := server.request(sock):
            if b"/hangs" in request:
                hung.release()
                server.done.wait(PATIENCE_S)
                return
            sock.sendall(OK)

    with serving(some_hang) as server:
        client = sharing(server)
        with reader(client) as one, reader(client) as other:
            stuck = [
                threading.Thread(target=together, args=(lambda api=api: read(api, "/hangs"),))
                for api in (one, other)
            ]
            for thread in stuck:
                thread.start()
                assert hung.acquire(timeout=PATIENCE_S)
            assert together(*[one_read(client)] * 3) == [b"{}"] * 3
            one.kill()
            other.kill()
            for thread in stuck:
                thread.join(PATIENCE_S)
                assert not thread.is_alive()


@pytest.mark.usefixtures("near")
def test_a_kill_frees_its_own_reader_and_no_other() -> None:
    with serving(forever(OK)) as server:
        client = sharing(server)
        with reader(client) as one, reader(client) as other:
            assert read(one) == b"{}"
            assert read(other) == b"{}"  # on the same connection
            one.kill()
            assert read(other) == b"{}"
            with pytest.raises(DisconnectedError):
                read(one)
        assert server.connections == 1


@pytest.mark.usefixtures("near")
def test_a_connection_that_was_closed_while_it_rested_is_made_anew() -> None:
    closed = threading.Event()

    def once(sock: socket.socket, server: Server) -> None:
        if server.request(sock):
            sock.sendall(OK)
            sock.shutdown(socket.SHUT_RDWR)
            closed.set()

    with serving(once) as server, reader(sharing(server)) as api:
        for count in range(1, 4):
            assert read(api) == b"{}"
            assert closed.wait(PATIENCE_S)
            closed.clear()
            assert server.connections == count


def test_whoever_waits_longest_is_next(near: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that reads page after page does not keep its connection from another."""
    monkeypatch.setattr(connection_pool, "NEAR", ((PATIENCE_S, 1),))
    first, second = threading.Event(), threading.Event()

    def pages(sock: socket.socket, server: Server) -> None:
        while request := server.request(sock):
            if b"/first" in request:
                first.set()
                assert second.wait(PATIENCE_S)
            sock.sendall(OK)

    with serving(pages) as server:
        client = sharing(server)
        pool = client._pool
        assert pool is not None

        def paging() -> object:
            with reader(client) as api:
                return read(api, "/first") + read(api, "/page2")

        def waiting() -> object:
            assert first.wait(PATIENCE_S)
            with reader(client) as api:
                threading.Timer(0.01, release).start()
                return read(api, "/other")

        def release() -> None:
            while not pool._turns:  # until it does wait
                time.sleep(0.001)
            second.set()

        assert together(paging, waiting) == [b"{}{}", b"{}"]
    order = [request.split()[1] for request in server.requests]
    assert order == [b"/first", b"/other", b"/page2"]


@pytest.mark.usefixtures("near")
def test_where_nobody_listens_each_is_told_so() -> None:
    with serving(forever(OK)) as server:
        client = sharing(server)
    told = together(*[one_read(client)] * 3)
    assert ["refused" in str(error) for error in told] == [True] * 3


class TestOneShot:
    """The program on the double."""

    @pytest.fixture
    def double(self, tmp_path: Path) -> Iterator[FaultyDouble]:
        double = FaultyDouble()
        ControlPlane(double.store, lease_duration_s=3600).install()
        with double:
            double.kubeconfig(str(tmp_path / "kubeconfig"))
            yield double

    def status(self, tmp_path: Path, *args: str) -> tuple[Done, dict[str, str]]:
        extra = {"KUBECONFIG": str(tmp_path / "kubeconfig")}
        done = call("status", "-o", "json", *args, home=tmp_path, extra=extra)
        return done, {one["component"]: one["status"] for one in json.loads(done.stdout)["items"]}

    def test_lists_share_two_connections(
        self, near: None, tmp_path: Path, double: FaultyDouble, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """At once: who comes when all others have gone, as on a crowded host, opens another."""
        take, at_once = ConnectionPool.take, []

        def counted(pool: ConnectionPool, *args: Any) -> Any:
            found = take(pool, *args)
            at_once.append(pool._open)
            return found

        monkeypatch.setattr(ConnectionPool, "take", counted)
        done, statuses = self.status(tmp_path)
        assert done.code == 0
        assert statuses["agents-controller"] == "healthy"
        assert 1 <= max(at_once) <= 2
        assert len(double.requests) > 2

    def test_lists_that_hang_leave_all_others_told(
        self, tmp_path: Path, double: FaultyDouble, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for plural in ("leases", "endpointslices"):
            double.faults.hang(plural)
        for timeout in ("2s", "10s"):  # the longer one where a busy machine was slow
            shared, statuses = self.status(tmp_path, "--timeout", timeout)
            with monkeypatch.context() as patch:
                patch.setattr(ApiClient, "share_connections", lambda self: None)
                alone, expected = self.status(tmp_path, "--timeout", timeout)
            if statuses == expected:
                break
        assert (shared.code, statuses) == (alone.code, expected)
        assert {"healthy", "unknown"} <= set(statuses.values())
