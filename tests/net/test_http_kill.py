"""A KillSwitch frees whoever is blocked, in whatever phase, long before its time is up."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from typing import Callable

import pytest

from agentctl.errors import DisconnectedError
from agentctl.kube.access import ClusterAccess
from agentctl.net.kill_switch import KillSwitch
from tests.net.certs import Authority
from tests.net.tinyserver import (
    CHUNKED,
    OK,
    Script,
    Server,
    client_of,
    forever,
    get,
    nothing_leaks,
    serving,
    silent,
)

FREED_S = 10.0
"""It takes milliseconds where nothing else runs; by themselves they would last 20 s."""


@pytest.fixture(autouse=True)
def leaks() -> Iterator[None]:
    with nothing_leaks():
        yield


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def freed_after(switch: KillSwitch, block: Callable[[], object]) -> float:
    """Seconds from the kill to the end of ``block``, which must say that it was stopped."""
    killed_at = []

    def kill() -> None:
        time.sleep(0.2)
        killed_at.append(time.monotonic())
        switch.kill()

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        with pytest.raises(DisconnectedError, match=r"^stopped$"):
            block()
        return time.monotonic() - killed_at[0]
    finally:
        thread.join()


def test_while_connecting() -> None:
    # A backlog that is full: the SYN is never answered.
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        try:
            for filler in fillers:
                filler.setblocking(False)
                filler.connect_ex(address)
            time.sleep(0.1)
            switch = KillSwitch()
            access = ClusterAccess(server=f"http://127.0.0.1:{address[1]}")
            with client_of(access).session() as session:
                assert (
                    freed_after(switch, lambda: get(session, connect=20, switch=switch)) < FREED_S
                )
        finally:
            for filler in fillers:
                filler.close()


def test_while_shaking_hands(authority: Authority) -> None:
    with serving(silent) as server:
        switch = KillSwitch()
        access = ClusterAccess(server=f"https://127.0.0.1:{server.port}", ca_data=authority.pem)
        with client_of(access).session() as session:
            assert freed_after(switch, lambda: get(session, connect=20, switch=switch)) < FREED_S


def stalled_body(sock: socket.socket, server: Server) -> None:
    server.request(sock)
    sock.sendall(CHUNKED + b"1\r\nx\r\n")
    server.done.wait(20)


def stalled_headers(sock: socket.socket, server: Server) -> None:
    server.request(sock)
    sock.sendall(b"HTTP/1.1 200 OK\r\n")
    server.done.wait(20)


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("script", [silent, stalled_headers], ids=["no answer", "half an answer"])
def test_while_waiting_for_headers(script: Script, tls: bool, authority: Authority) -> None:
    with serving(script, authority.server_context() if tls else None) as server:
        switch = KillSwitch()
        access = ClusterAccess(server=server.url, ca_data=authority.pem)
        with client_of(access).session() as session:
            assert freed_after(switch, lambda: get(session, header=20, switch=switch)) < FREED_S


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_while_waiting_for_the_body(tls: bool, authority: Authority) -> None:
    with serving(stalled_body, authority.server_context() if tls else None) as server:
        switch = KillSwitch()
        access = ClusterAccess(server=server.url, ca_data=authority.pem)
        with client_of(access).session() as session, get(session, body=20, switch=switch) as reply:
            assert reply.read1() == b"x"
            assert freed_after(switch, reply.read1) < FREED_S


def test_a_body_that_ends_with_its_connection_does_not_look_whole() -> None:
    def script(sock: socket.socket, server: Server) -> None:
        server.request(sock)
        sock.sendall(b"HTTP/1.1 200 OK\r\n\r\nx")
        server.done.wait(20)

    with serving(script) as server:
        switch = KillSwitch()
        with client_of(ClusterAccess(server=server.url)).session() as session:  # noqa: SIM117
            with get(session, body=20, switch=switch) as reply:
                assert reply.read1() == b"x"
                assert freed_after(switch, reply.read1) < FREED_S


def test_after_the_kill_nothing_is_opened_any_more() -> None:
    with serving(forever(OK)) as server:
        switch = KillSwitch()
        with client_of(ClusterAccess(server=server.url)).session() as session:
            get(session, switch=switch).read_all(10)
            switch.kill()
            switch.kill()
            with pytest.raises(DisconnectedError, match=r"^stopped$"):
                get(session, switch=switch)
            assert len(server.requests) == 1


def test_a_kept_connection_obeys_the_switch_of_its_request() -> None:
    def script(sock: socket.socket, server: Server) -> None:
        server.request(sock)
        sock.sendall(OK)
        stalled_body(sock, server)

    with serving(script) as server:
        old, new = KillSwitch(), KillSwitch()
        with client_of(ClusterAccess(server=server.url)).session() as session:
            get(session, switch=old).read_all(10)
            with get(session, body=20, switch=new) as reply:
                old.kill()
                assert reply.read1() == b"x"
                assert freed_after(new, reply.read1) < FREED_S
        assert server.connections == 1


def test_many_threads_are_freed_at_once() -> None:
    with serving(stalled_body) as server:
        client = client_of(ClusterAccess(server=server.url))
        switch = KillSwitch()
        ended = []

        def read() -> None:
            with client.session() as session, get(session, body=20, switch=switch) as reply:
                try:
                    while reply.read1():
                        pass
                except DisconnectedError as error:
                    ended.append(error.message)

        threads = [threading.Thread(target=read) for _ in range(20)]
        for thread in threads:
            thread.start()
        while len(server.requests) < 20:
            time.sleep(0.01)
        started = time.monotonic()
        switch.kill()
        for thread in threads:
            thread.join(20)
        assert time.monotonic() - started < FREED_S
        assert ended == ["stopped"] * 20
