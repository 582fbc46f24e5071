"""GETs over one connection: what is sent, what comes back, how much and how fast."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from agentctl.clock import SystemClock
from agentctl.errors import ConfigError, DisconnectedError, ServerError
from agentctl.kube.access import ClusterAccess
from agentctl.net.dial import Route, dial
from agentctl.net.endpoint import Timeouts
from agentctl.net.kill_switch import KillSwitch, Lifeline
from tests.net.tinyserver import (
    CHUNKED,
    OK,
    Server,
    answer,
    asking,
    client_of,
    drain,
    fetch,
    forever,
    get,
    nothing_leaks,
    serving,
    silent,
)

SOON_S = 10.0
"""A crowded host may take so long over what takes no time; what is looked for lasts longer."""


@pytest.fixture(autouse=True)
def leaks() -> Iterator[None]:
    with nothing_leaks():
        yield


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def test_the_request_carries_path_query_accept_and_identity_encoding() -> None:
    with serving(answer(OK)) as server:
        access = ClusterAccess(server=server.url + "/k8s/clusters/c-1/", token="t0ken")
        with client_of(access).session() as session, session.open(
            "/api/v1/pods", {"limit": "500", "labelSelector": "a in (b,c)"}, "text/x", Timeouts(),
            KillSwitch(),
        ) as response:  # fmt: skip
            assert response.read_all(10) == b"{}"
    head, *lines = server.requests[0].decode().split("\r\n")
    path, _, query = head.partition("?")
    assert path == "GET /k8s/clusters/c-1/api/v1/pods"
    assert query == "limit=500&labelSelector=a+in+%28b%2Cc%29 HTTP/1.1"
    headers = dict(line.split(": ", 1) for line in lines if line)
    assert headers.pop("User-Agent").startswith("agentctl/")
    assert headers == {
        "Host": f"127.0.0.1:{server.port}",
        "Accept": "text/x",
        "Accept-Encoding": "identity",
        "Authorization": "Bearer t0ken",
    }


def test_a_password_goes_as_basic_and_impersonation_as_headers() -> None:
    with serving(answer(OK)) as server:
        fetch(
            ClusterAccess(
                server=server.url,
                username="me",
                password="pass",
                impersonation=(("Impersonate-Group", "a"), ("Impersonate-Group", "b")),
            )
        )
    assert b"Authorization: Basic bWU6cGFzcw==\r\n" in server.requests[0]
    assert b"Impersonate-Group: a\r\nImpersonate-Group: b\r\n" in server.requests[0]


def test_no_token_goes_over_plain_http_to_another_host() -> None:
    access = ClusterAccess(server="http://api.example.com", token="s3cret", description="here")
    with pytest.raises(ConfigError, match=r"^here: will not send credentials to api.example.com"):
        client_of(access)
    client_of(access, allow_insecure_token=True)
    client_of(ClusterAccess(server="http://[::1]:8001", token="s3cret"))


def test_one_connection_serves_list_pages_and_the_watch_after_them() -> None:
    with asking(answer(OK, OK, CHUNKED + chunk(b"x") + b"0\r\n\r\n", OK)) as (server, session):
        for expected in (b"{}", b"{}", b"x", b"{}"):
            with get(session) as response:
                assert response.read_all(10) == expected
        assert server.connections == 1


def test_a_kept_connection_that_was_closed_meanwhile_is_reopened_silently() -> None:
    with asking(answer(OK)) as (server, session):
        for _ in range(3):
            with get(session) as response:
                assert response.read_all(10) == b"{}"
            time.sleep(0.05)
        assert server.connections == 3


def test_a_kept_connection_that_closes_on_the_next_request_is_reopened_once() -> None:
    def script(sock: socket.socket, server: Server) -> None:
        if server.connections == 1:
            answer(OK)(sock, server)
        server.request(sock)  # and hang up without an answer

    with asking(script) as (server, session):
        get(session).read_all(10)
        with pytest.raises(DisconnectedError, match="closed the connection without an answer"):
            get(session)
        assert server.connections == 2


def test_a_body_left_unread_costs_the_connection() -> None:
    with asking(forever(OK)) as (server, session):
        get(session).close()
        get(session).close()
        assert server.connections == 2


def test_read1_returns_what_is_there_without_waiting_for_more() -> None:
    def script(sock: socket.socket, server: Server) -> None:
        server.request(sock)
        sock.sendall(CHUNKED + chunk(b"first\n"))
        server.done.wait(20)

    with asking(script) as (server, session):
        started = time.monotonic()
        with get(session) as response:
            assert response.read1() == b"first\n"
            assert time.monotonic() - started < SOON_S
        server.done.set()


def test_a_clean_end_is_empty_and_stays_empty() -> None:
    with asking(answer(CHUNKED + chunk(b"a") + b"0\r\n\r\n")) as (_server, session):  # noqa: SIM117
        with get(session) as response:
            assert [response.read1() for _ in range(3)] == [b"a", b"", b""]


@pytest.mark.parametrize(
    "body",
    [
        CHUNKED + chunk(b"whole"),
        CHUNKED + b"10\r\nhalf",
        CHUNKED + b"1",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nDate: ",
        b"HTTP/1.1 200 OK\r\n",
    ],
    ids=["between chunks", "in a chunk", "in a size", "in a length", "in a header", "in the head"],
)
def test_an_answer_cut_short_is_a_lost_connection(body: bytes) -> None:
    with asking(answer(body)) as (_server, session):  # noqa: SIM117
        with pytest.raises(DisconnectedError, match="lost in the middle of an answer"):
            drain(session)


def test_a_reset_is_a_lost_connection() -> None:
    def script(sock: socket.socket, server: Server) -> None:
        server.request(sock)
        sock.sendall(CHUNKED + chunk(b"x"))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    with asking(script) as (server, session):  # noqa: SIM117
        with pytest.raises(DisconnectedError, match=rf"127.0.0.1:{server.port}: connection re"):
            drain(session)


def test_an_endless_line_is_bounded_in_bytes() -> None:
    def script(sock: socket.socket, server: Server) -> None:
        server.request(sock)
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n")
        while not server.done.is_set():
            sock.sendall(b"x" * 65536)

    with asking(script) as (_server, session):  # noqa: SIM117
        with pytest.raises(ServerError, match="larger than 1000000 bytes"):
            get(session).read_all(1_000_000)


def test_a_trickle_is_bounded_in_time() -> None:
    def script(sock: socket.socket, server: Server) -> None:
        server.request(sock)
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n")
        while not server.done.wait(0.05):
            sock.sendall(b"x")

    with asking(script) as (_server, session):
        started = time.monotonic()
        with pytest.raises(ServerError, match=r"took longer than 300ms"):
            get(session).read_all(1000, timeout=0.3)
        assert time.monotonic() - started < SOON_S


def test_headers_that_trickle_are_bounded_in_time() -> None:
    def script(sock: socket.socket, server: Server) -> None:
        server.request(sock)
        sock.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while not server.done.wait(0.05):
            sock.sendall(b"x")

    with asking(script) as (_server, session):
        started = time.monotonic()
        with pytest.raises(DisconnectedError, match=r"timed out after 300ms waiting for an ans"):
            get(session, header=0.3)
        assert time.monotonic() - started < SOON_S


@pytest.mark.parametrize("timeout", [0.2])
def test_the_header_timeout_is_not_the_bodys(timeout: float) -> None:
    later = threading.Event()

    def script(sock: socket.socket, server: Server) -> None:
        server.request(sock)
        sock.sendall(CHUNKED)
        if later.wait(20):
            server.done.wait(2 * timeout)
            sock.sendall(chunk(b"late"))
            server.done.wait(20)

    with asking(script) as (server, session):
        while True:
            try:
                response = get(session, header=timeout, body=20)
                break
            except DisconnectedError:  # a crowded host did not come to it
                timeout *= 2
        with response:
            later.set()
            assert response.read1() == b"late"
        server.done.set()


def test_the_body_timeout_is_not_the_headers() -> None:
    def script(sock: socket.socket, server: Server) -> None:
        server.request(sock)
        sock.sendall(CHUNKED)
        server.done.wait(20)

    with asking(script) as (_server, session):
        response = get(session, body=0.2)
        with response, pytest.raises(DisconnectedError, match=r"after 200ms without data"):
            response.read1()


def test_a_server_that_accepts_and_never_answers_times_out() -> None:
    with asking(silent) as (_server, session):  # noqa: SIM117
        with pytest.raises(DisconnectedError, match=r"timed out after 200ms waiting"):
            get(session, header=0.2)


def test_a_redirect_is_not_followed_and_names_only_the_host() -> None:
    redirect = (
        b"HTTP/1.1 302 Found\r\nLocation: https://u:p@login.example.com/?secret=1\r\n"
        b"Content-Length: 0\r\n\r\n"
    )
    with serving(answer(redirect)) as server:  # noqa: SIM117
        with pytest.raises(ServerError, match=r"redirect to login\.example\.com, which"):
            fetch(ClusterAccess(server=server.url, token="t"))
    assert len(server.requests) == 1


def test_the_server_clock_is_read_from_the_date_header() -> None:
    dated = OK.replace(b"OK\r\n", b"OK\r\nDate: Fri, 30 Jan 2026 18:15:00 GMT\r\n")
    bad = OK.replace(b"OK\r\n", b"OK\r\nDate: someday\r\n")
    with asking(answer(dated, OK, bad)) as (_server, session):
        times = []
        for _ in range(3):
            with get(session) as response:
                times.append(response.server_time)
                assert response.headers["content-length"] == "2"
                response.read_all(10)
    assert times == [1769796900.0, None, None]


def test_refused_and_unknown_hosts_say_where_and_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(DisconnectedError, match=rf"^127.0.0.1:{port}: connection refused; is the"):
        fetch(ClusterAccess(server=f"http://127.0.0.1:{port}"))
    with pytest.raises(DisconnectedError, match=r"^no-such.invalid:443: cannot look up the name"):
        fetch(ClusterAccess(server="https://no-such.invalid"))


def test_what_is_no_http_is_said_to_be_none() -> None:
    with serving(answer(b"SSH-2.0-OpenSSH_9.6\r\n")) as server:  # noqa: SIM117
        with pytest.raises(DisconnectedError, match="what it answered is not HTTP"):
            fetch(ClusterAccess(server=server.url))


def test_keepalive_and_nodelay_are_on() -> None:
    clock = SystemClock()
    with serving(answer(OK)) as server:
        route = Route("127.0.0.1", server.port)
        sock = dial(route, Lifeline(), clock, clock.monotonic() + 5)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        if hasattr(socket, "TCP_KEEPIDLE"):
            options = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
            values = [sock.getsockopt(socket.IPPROTO_TCP, option) for option in options]
            assert values == [15, 5, 3]
        sock.close()


def test_the_next_address_is_tried_when_the_first_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(answer(OK)) as server:
        port = urlsplit(server.url).port

        def lookup(*_: object) -> list[tuple[int, int, int, str, tuple[str, int]]]:
            return [
                (socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port or 0))
                for host in ("127.0.0.2", "127.0.0.1")
            ]

        monkeypatch.setattr(socket, "getaddrinfo", lookup)
        assert fetch(ClusterAccess(server=server.url)) == b"{}"


def test_a_post_carries_its_body_and_is_sent_again_when_a_kept_connection_was_closed() -> None:
    with serving(answer(OK)) as server:
        access = ClusterAccess(server=server.url)
        with client_of(access).session() as session:
            for _ in range(2):
                with session.open(
                    "/apis/x", {}, "application/json", Timeouts(), KillSwitch(), b'{"a":1}'
                ) as response:
                    assert response.read_all(10) == b"{}"
    assert server.connections == 2
    for request in server.requests:
        head, *lines = request.decode().split("\r\n")
        assert head == "POST /apis/x HTTP/1.1"
        assert "Content-Type: application/json" in lines
        assert "Content-Length: 7" in lines
