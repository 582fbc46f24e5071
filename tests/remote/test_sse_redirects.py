"""Redirects over SSE: what is followed, with what, and what is left behind."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from agentctl.errors import DisconnectedError, ForbiddenError, ServerError
from agentctl.model import Snapshot
from agentctl.net.origin import Origin, is_loopback
from agentctl.remote.access import ServerAddress, client_tls
from tests.kube.rig import eventually
from tests.net.certs import Authority, write
from tests.net.tinyserver import Script, Server, nothing_leaks, serving
from tests.remote.sse_server_rig import (
    chunks,
    in_turn,
    reading,
    reply,
    snapshot,
    then_wait,
    until_refused,
)

GOOD = then_wait(chunks(snapshot()))


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def moved(location: str, status: str = "302 Found") -> Script:
    return then_wait(reply(status, b"x" * 100_000, Location=location))


@pytest.mark.parametrize("status", ["301 M", "302 F", "303 S", "307 T", "308 P"])
def test_a_redirect_on_the_same_host_is_followed_with_all_that_was_sent(status: str) -> None:
    script = in_turn(moved("/elsewhere?x=1", status), GOOD)
    with reading(script, token=lambda: "t0p") as bench:
        assert isinstance(bench.read(resume="c5").event(), Snapshot)
        sent = bench.headers()
        assert sent[""] == "GET /elsewhere?x=1 HTTP/1.1"
        assert sent["authorization"] == "Bearer t0p"
        assert sent["accept"] == "text/event-stream"
        assert sent["last-event-id"] == "c5"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "u:p@127.0.0.1"])
def test_a_redirect_to_another_host_or_port_carries_no_token(host: str) -> None:
    with serving(GOOD) as other:
        location = f"http://{host}:{other.port}/stream"
        with reading(moved(location), token=lambda: "t0p") as bench:
            assert isinstance(bench.read().event(), Snapshot)
            assert b"uthorization" not in other.requests[0]
            assert b"t0p" not in other.requests[0]
            other.done.set()


def test_another_hosts_refusal_names_that_host() -> None:
    with serving(then_wait(reply("403 Forbidden"))) as other:  # noqa: SIM117
        with reading(moved(f"http://localhost:{other.port}/x")) as bench:
            failure = bench.read().failure()
            assert type(failure) is ForbiddenError
            assert failure.message == f"localhost:{other.port}: forbidden"
            other.done.set()


def test_redirects_in_a_circle_end() -> None:
    with reading(moved("/around")) as bench:
        failure = bench.read().failure()
        assert type(failure) is ServerError
        assert "more than 5 redirects" in failure.message
        assert len(bench.server.requests) == 6


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("", "nowhere"),
        ("ftp://elsewhere.example/", "ftp://elsewhere.example/"),
        ("file:///etc/passwd", "file:///etc/passwd"),
        ("http://[::1", "http://[::1"),
        ("http://h:port/", "http://h:port/"),
    ],
)
def test_a_redirect_to_what_is_no_server_is_not_followed(location: str, shown: str) -> None:
    with reading(moved(location)) as bench:
        failure = bench.read().failure()
        assert type(failure) is ServerError
        assert f"redirects to {shown}, which is not followed" in failure.message


def test_a_redirect_from_tls_to_plain_text_is_not_followed(
    authority: Authority, tmp_path: Path
) -> None:
    tls = client_tls(ca=write(tmp_path / "ca.crt", authority.pem))
    with serving(GOOD) as plain:
        script = moved(f"http://127.0.0.1:{plain.port}/")
        with reading(script, authority.server_context(), tls=tls) as bench:
            failure = bench.read().failure()
            assert type(failure) is ServerError
            assert "without TLS, which is not followed" in failure.message
            assert plain.connections == 0


def test_a_redirect_to_another_host_gets_no_client_certificate(
    authority: Authority, tmp_path: Path
) -> None:
    certificate, key = authority.client_pair()
    tls = client_tls(
        ca=write(tmp_path / "ca.crt", authority.pem),
        certificate=write(tmp_path / "tls.crt", certificate),
        key=write(tmp_path / "tls.key", key),
    )
    wants = authority.server_context(client_ca=authority)
    with serving(GOOD, authority.server_context(client_ca=authority)) as other:  # noqa: SIM117
        with reading(moved(f"https://127.0.0.1:{other.port}/"), wants, tls=tls) as bench:
            failure = bench.read().failure()
            assert isinstance(failure, DisconnectedError)
            assert other.requests == []


def test_a_redirects_body_without_end_is_not_read() -> None:
    sent: list[int] = []

    def endless(sock: socket.socket, server: Server) -> None:
        server.request(sock)
        sock.sendall(b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\n\r\n")
        sent.append(until_refused(sock, lambda: b"x" * 65536, 64 << 20))

    with nothing_leaks(), reading(in_turn(endless, GOOD)) as bench:
        assert isinstance(bench.read().event(), Snapshot)
        eventually(lambda: sent)  # its thread may be told later than we are
        assert sent[0] < 16 << 20  # what the kernel holds, and no more


@pytest.mark.parametrize(
    ("location", "asked"),
    [
        ("/some where?a b", "/some%20where?a%20b"),
        ("/überall", "/%C3%BCberall"),
        ("/%C3%BC#part", "/%C3%BC"),
        ("//{authority}/x", "/x"),
        ("?x=1", "/api/agents/control-plane/status/stream?x=1"),
    ],
)
def test_a_location_that_is_no_url_as_it_should_be(location: str, asked: str) -> None:
    def script(sock: socket.socket, server: Server) -> None:
        where = location.format(authority=f"127.0.0.1:{server.port}")
        server.request(sock)
        sock.sendall(f"HTTP/1.1 302 Found\r\nLocation: {where}\r\n\r\n".encode())

    with reading(in_turn(script, GOOD), token=lambda: "t0p") as bench:
        assert isinstance(bench.read().event(), Snapshot)
        assert bench.headers()[""] == f"GET {asked} HTTP/1.1"
        assert bench.headers()["authorization"] == "Bearer t0p"


def test_a_location_beyond_any_alphabet_is_not_followed() -> None:
    with reading(then_wait(b"HTTP/1.1 302 Found\r\nLocation: /\xff\xfe\r\n\r\n")) as bench:
        failure = bench.read().failure()
        assert type(failure) is ServerError
        assert "which is not followed" in failure.message


@pytest.mark.parametrize("host", ["a%20b", "a%2Fb", "u@a%40b", "%00"])
def test_a_host_that_is_none_is_not_followed(host: str) -> None:
    """Not even by way of a proxy, which might know better."""

    def proxy(origin: Origin) -> str:
        return "" if is_loopback(origin.host) else "http://127.0.0.1:1"

    with reading(moved(f"http://{host}/x"), proxy=proxy) as bench:
        assert "which is not followed" in bench.read().failure().message


def test_of_two_locations_the_first_counts() -> None:
    twice = b"HTTP/1.1 302 Found\r\nLocation: /one\r\nLocation: http://two.invalid/\r\n\r\n"
    with reading(in_turn(then_wait(twice), GOOD)) as bench:
        assert isinstance(bench.read().event(), Snapshot)
        assert bench.headers()[""] == "GET /one HTTP/1.1"


@pytest.mark.parametrize(
    "location", ["/x", "http://bücher.example:81/x", "http://BÜCHER.example:81/x"]
)
def test_a_home_whose_name_is_not_ascii_keeps_its_token(location: str) -> None:
    answer = f"HTTP/1.1 302 Found\r\nLocation: {location}\r\n\r\n".encode()
    with serving(in_turn(then_wait(answer), GOOD)) as proxy:
        address = ServerAddress.parse("http://bücher.example:81", 80)
        fields: dict[str, Any] = {"token": lambda: "t0p", "proxy": lambda _: proxy.url}
        with reading(GOOD, address=address, **fields) as bench:
            assert isinstance(bench.read().event(), Snapshot)
            for request in proxy.requests:
                assert request.startswith(b"GET http://xn--bcher-kva.example:81/")
                assert b"\r\nHost: xn--bcher-kva.example:81\r\n" in request
                assert b"\r\nAuthorization: Bearer t0p\r\n" in request
            assert b":81/x HTTP" in proxy.requests[1]
            proxy.done.set()


def test_a_cookie_is_not_taken_along() -> None:
    sets = reply("302 Found", Location="/elsewhere", Set_Cookie="a=b; Path=/")
    with reading(in_turn(then_wait(sets), GOOD)) as bench:
        assert isinstance(bench.read().event(), Snapshot)
        assert "cookie" not in bench.headers()


@contextmanager
def on_ipv6(script: Script) -> Iterator[Server]:
    """A server at ``::1``."""
    server = Server(script, family=socket.AF_INET6)
    try:
        yield server
    finally:
        server.close()


@pytest.mark.parametrize("zone", ["%1", "%251"])
def test_a_zone_is_dialled_and_told_to_nobody(zone: str) -> None:
    with on_ipv6(GOOD) as server:
        address = ServerAddress.parse(f"http://[::1{zone}]:{server.port}", 80)
        with reading(GOOD, address=address) as bench:
            assert isinstance(bench.read().event(), Snapshot)
            assert b"\r\nHost: [::1]:%d\r\n" % server.port in server.requests[0]
            server.done.set()
