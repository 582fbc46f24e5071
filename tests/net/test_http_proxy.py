"""Proxies: which one is taken, how it is asked, and what is said when it refuses."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from agentctl.errors import ConfigError, DisconnectedError, MissingPackageError
from agentctl.kube.access import ClusterAccess
from agentctl.net.kill_switch import KillSwitch
from agentctl.net.proxies import Proxy
from tests.net.certs import Authority
from tests.net.relay import relay
from tests.net.tinyserver import OK, Server, client_of, fetch, forever, get, nothing_leaks, serving


@pytest.fixture(autouse=True)
def leaks() -> Iterator[None]:
    with nothing_leaks():
        yield


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def connect_proxy(sock: socket.socket, server: Server) -> None:
    """CONNECT, then pass bytes both ways."""
    head = server.request(sock)
    host, _, port = head.split()[1].decode().rpartition(":")
    sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
    with socket.create_connection((host, int(port)), 5) as upstream:
        relay(sock, upstream)


@pytest.mark.parametrize("tls_proxy", [False, True], ids=["http proxy", "https proxy"])
def test_https_goes_through_a_tunnel(tls_proxy: bool, authority: Authority) -> None:
    context = authority.server_context()
    with serving(forever(OK), context) as server:  # noqa: SIM117
        with serving(connect_proxy, context if tls_proxy else None) as proxy:
            url = proxy.url.replace("//", "//us%40er:pass@")
            access = ClusterAccess(
                server=server.url, ca_data=authority.pem, token="t0p", proxy_url=url
            )
            with client_of(access).session() as session:
                for _ in range(2):
                    with get(session) as response:
                        assert response.read_all(10) == b"{}"
            assert proxy.connections == server.connections == 1
            asked = proxy.requests[0]
            assert asked.startswith(b"CONNECT 127.0.0.1:%d HTTP/1." % server.port)
            assert b"Proxy-Authorization: Basic dXNAZXI6cGFzcw==\r\n" in asked
            assert b"t0p" not in asked
            assert b"Proxy-Authorization" not in server.requests[0]


def test_plain_http_is_forwarded() -> None:
    with serving(forever(OK)) as proxy:
        assert fetch(ClusterAccess(server="http://api.example:81", proxy_url=proxy.url)) == b"{}"
        assert proxy.requests[0].startswith(b"GET http://api.example:81/api HTTP/1.1\r\n")
        assert b"\r\nHost: api.example:81\r\n" in proxy.requests[0]


def test_a_proxy_that_refuses_is_named_with_its_answer(authority: Authority) -> None:
    refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
    with serving(forever(refusal)) as proxy:
        access = ClusterAccess(server="https://api.example", proxy_url=proxy.url)
        with pytest.raises(
            DisconnectedError,
            match=rf"^api.example:443 \(through proxy 127.0.0.1:{proxy.port}\): .*407 Proxy Auth",
        ):
            fetch(access)


def test_a_proxy_that_stalls_is_freed_by_the_switch() -> None:
    def script(sock: socket.socket, server: Server) -> None:
        server.request(sock)
        server.done.wait(20)

    with serving(script) as proxy:
        switch = KillSwitch()
        access = ClusterAccess(server="https://api.example", proxy_url=proxy.url)
        timer = threading.Timer(0.2, switch.kill)
        timer.start()
        started = time.monotonic()
        with client_of(access).session() as session:  # noqa: SIM117
            with pytest.raises(DisconnectedError, match=r"^stopped$"):
                get(session, connect=20, switch=switch)
        timer.join()
        assert time.monotonic() - started < 10  # by itself it would last 20


def socks5(sock: socket.socket, server: Server) -> None:
    sock.recv(3)
    sock.sendall(b"\5\0")
    request = sock.recv(300)
    port = int.from_bytes(request[-2:], "big")
    server.requests.append(request)
    sock.sendall(b"\5\0\0\1\0\0\0\0\0\0")
    with socket.create_connection(("127.0.0.1", port), 5) as upstream:
        relay(sock, upstream)


def test_socks5_goes_through_pysocks(authority: Authority) -> None:
    pytest.importorskip("socks")
    with serving(forever(OK), authority.server_context()) as server, serving(socks5) as proxy:
        access = ClusterAccess(
            server=server.url, ca_data=authority.pem, proxy_url=f"socks5://127.0.0.1:{proxy.port}"
        )
        assert fetch(access) == b"{}"


def test_socks5_without_pysocks_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "socks", None)
    access = ClusterAccess(server="https://api.example", proxy_url="socks5://127.0.0.1:1080")
    with pytest.raises(MissingPackageError, match=r"the package PySocks, .*; or use an http"):
        client_of(access)


@pytest.mark.parametrize("url", ["ftp://proxy", "proxy:3128", "http://", "http://proxy:port"])
def test_what_is_no_proxy_url_is_a_configuration_error(url: str) -> None:
    with pytest.raises(ConfigError, match="proxy"):
        Proxy.parse(url)


def test_a_proxys_password_is_never_shown() -> None:
    assert "pa55" not in repr(Proxy.parse("http://user:pa55@proxy"))
    assert "pa55" not in repr(ClusterAccess(server="https://x", proxy_url="http://u:pa55@proxy"))
