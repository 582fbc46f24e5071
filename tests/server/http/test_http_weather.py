"""Clients that are slow, stuck, too many, or gone without a word."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from agentctl.clock import SystemClock
from agentctl.model import Item, Status
from agentctl.server.address import Address
from agentctl.server.http import acceptor
from agentctl.server.http.answer import HttpAnswer, text_answer
from agentctl.server.http.listener import PAUSE_S
from agentctl.server.http.server import HttpServer
from tests.server.http_rig import STATUS, STREAM, Client, Site, eventually
from tests.server.replica import item


@pytest.fixture
def site() -> Iterator[Site]:
    with Site().serve() as site:
        site.replica.begin(item("a"))
        yield site


def reset(client: Client) -> bool:
    """Whether what was not read yet is thrown away."""
    try:
        while client.sock.recv(1 << 20):
            pass
    except ConnectionResetError:
        return True
    return False


def test_a_request_that_never_ends_is_cut_after_ten_seconds(site: Site) -> None:
    with site.client() as client:
        assert client.get("/healthz").status == 200  # it is accepted
        for byte in b"GET /healthz HTTP/1.1\r\nX: ":
            client.send(bytes([byte]))
        site.advance(9.9)
        client.send(b"y")
        site.get("/healthz")  # answered later: what came before has been read
        site.advance(0.2)
        answer = client.response()
        assert answer.status == 408
        assert answer.headers["connection"] == "close"
        assert client.rest() == b""
    assert site.errors("timeout") == 1


@pytest.mark.parametrize("first", [True, False], ids=["new", "kept alive"])
def test_a_connection_without_a_request_is_closed_without_a_word(site: Site, first: bool) -> None:
    with site.client() as client, site.client() as other:
        if not first:
            client.get("/healthz")
        # Accepted in order: once the later one is answered, the earlier one is there.
        other.get("/healthz")
        site.advance(10.1)
        assert client.rest() == b""
    assert site.errors("timeout") == 0


def test_each_answer_gives_ten_seconds_more(site: Site) -> None:
    with site.client() as client:
        for _ in range(5):
            assert client.get("/healthz").status == 200
            site.clock.advance(9)
        site.advance(0)
        assert client.get("/healthz").status == 200


def test_a_reader_that_does_not_take_its_answer_is_cut(site: Site) -> None:
    site.replica.publish(
        *(
            Item(f"c{i}", "agents", Status.ERROR, "x" * 1000, {"y": "z" * 50_000})
            for i in range(40)
        ),
        version=2,
    )
    with site.client(receive_buffer=4096) as stuck:
        stuck.ask(STATUS)
        stuck.head()
        assert site.get("/healthz").status == 200, "others are answered"
        site.advance(10.1)
        assert reset(stuck)


def test_a_stuck_stream_is_cut_and_others_go_on(site: Site) -> None:
    with site.client(receive_buffer=4096) as stuck, site.client() as good:
        stuck.stream()
        good.stream()
        assert good.event().type == "snapshot"
        for number in range(2, 22):
            site.replica.publish(
                Item("a", "agents", Status.ERROR, str(number), {"x": "y" * 100_000}),
                version=number,
            )
            assert good.event().type == "delta"
        assert site.streams == 2
        site.advance(10.1)
        eventually(lambda: site.streams == 1)
        assert site.errors("slow_reader") == 1
        assert reset(stuck)


def test_a_reset_costs_nothing(site: Site) -> None:
    for ask in (b"", b"GET /hea", b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", None):
        with site.client() as client:
            if ask is None:
                client.stream()
            else:
                client.send(ask)
            linger = struct.pack("ii", 1, 0)
            client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    eventually(lambda: site.streams == 0)
    assert site.get("/healthz").status == 200


def accepted(client: Client) -> socket.socket:
    """The server's end of a connection: it is in this process."""
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            sock = socket.socket(fileno=os.dup(int(number)))
            if sock.getpeername() == client.sock.getsockname():
                return sock
            sock.close()
    raise AssertionError("no socket of this process is connected to the client")


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="no list of open files")
def test_sockets_find_readers_that_vanish(site: Site) -> None:
    with site.client() as client:
        client.stream()
        client.event()
        with accepted(client) as sock:
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) <= 128 * 1024
            if hasattr(socket, "TCP_USER_TIMEOUT"):
                assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000


def test_a_burst_of_connects_is_all_answered(site: Site) -> None:
    burst = [site.client() for _ in range(400)]
    try:
        for client in burst:
            client.ask(STREAM)
        for client in burst:
            assert client.head().status == 200
        eventually(lambda: site.streams == 400)
        site.http.stop(5.0)
        assert site.streams == 0
    finally:
        for client in burst:
            client.sock.close()


def test_who_asks_for_much_work_does_not_hold_up_others(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    def work(query: str) -> HttpAnswer:
        done.append(query)
        time.sleep(0.02)
        return text_answer("done")

    with Site(clock=SystemClock()).serve() as site, ExitStack() as stack:
        monkeypatch.setitem(site.http._acceptor._router._routes.main, "/work", work)
        greedy = [stack.enter_context(site.client()) for _ in range(60)]
        for one in greedy:
            one.ask("/healthz")
            one.response()
        monkeypatch.setattr(acceptor, "peer_of", lambda address: "192.0.2.1")
        other = stack.enter_context(site.client())
        other.get("/healthz")
        for number, one in enumerate(greedy):
            for more in range(20 if number == 0 else 1):
                one.ask(f"/work?{number}.{more}")
        eventually(lambda: bool(done))
        before = len(done)
        assert other.get("/healthz").status == 200
        assert len(done) - before < 10
        assert [one.response().status for one in greedy] == [200] * 60
        assert len(set(done)) < 75, "who asks for one thing does not wait for who asks for twenty"


def test_where_all_places_are_taken_the_one_whose_time_ends_first_gives_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(acceptor, "MAX_CONNECTIONS", 3)
    with Site().serve() as site:
        idle = []
        for _ in range(3):
            idle.append(site.client())
            assert idle[-1].get("/healthz").status == 200
            site.clock.advance(1)
        try:
            assert idle[0].get("/healthz").status == 200  # now it is the youngest
            assert site.get("/healthz").status == 200
            assert idle[1].rest() == b""
            assert idle[0].get("/healthz").status == 200
            assert site.errors("limit") == 1
        finally:
            for client in idle:
                client.sock.close()


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts descriptors in /proc")
def test_without_descriptors_clients_are_turned_away_until_there_are_some() -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    with Site(clock=SystemClock()).serve() as site:
        site.replica.begin(item("a"))
        waiting = [socket.socket() for _ in range(20)]
        spare: list[int] = []
        try:
            for sock in waiting:
                sock.settimeout(10)
            highest = max(int(name) for name in os.listdir("/proc/self/fd"))
            resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, limits[1]))
            with contextlib.suppress(OSError):
                while True:
                    spare.append(os.dup(0))
            begun = time.monotonic()  # before the first: who comes late sees less of the pauses
            for sock in waiting:
                sock.connect(("127.0.0.1", site.http.port))
            assert waiting[0].recv(1) == b"", "turned away"
            assert waiting[2].recv(1) == b""
            assert time.monotonic() - begun > 0.9 * PAUSE_S, "a loop that spins"
            while spare:
                os.close(spare.pop())
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
            assert site.get("/healthz").status == 200
            assert site.errors("limit") >= 1
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
            for fd in spare:
                os.close(fd)
            for sock in waiting:
                sock.close()


def test_a_port_that_is_taken_is_told() -> None:
    with Site().serve() as site, pytest.raises(OSError, match=r".") as told:
        HttpServer(site.services, Address("127.0.0.1", site.http.port))
    assert told.value.errno == errno.EADDRINUSE


def test_a_server_that_never_began_leaves_nothing() -> None:
    site = Site()
    HttpServer(site.services, Address("127.0.0.1", 0)).stop(0)


def test_ipv6_and_names() -> None:
    for host in ("::1", "localhost"):
        site = Site()
        try:
            server = HttpServer(site.services, Address(host, 0))
        except OSError:
            if host == "localhost":
                raise
            continue  # a machine without IPv6
        server.start()
        try:
            family = socket.AF_INET6 if host == "::1" else socket.AF_INET
            with socket.socket(family) as sock:
                sock.settimeout(10)
                sock.connect((host if host == "::1" else "127.0.0.1", server.port))
                sock.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
                assert sock.recv(100).startswith(b"HTTP/1.1 200")
        finally:
            server.stop(0)
