"""How a server is reached over SSE: tokens, redirects, TLS, proxies, unix sockets."""

from __future__ import annotations

import errno
import logging
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Callable

import pytest

from agentctl.clock import SystemClock
from agentctl.errors import (
    ConfigError,
    DisconnectedError,
    UnauthorizedError,
)
from agentctl.model import Snapshot
from agentctl.net.origin import Origin
from agentctl.remote.access import ServerAccess, ServerAddress, client_tls, token_from_file
from agentctl.remote.sse import SseSource
from tests.net.certs import Authority, write
from tests.net.relay import relay
from tests.net.tinyserver import Script, Server, serving
from tests.remote.sse_server_rig import chunks, in_turn, reading, reply, snapshot, then_wait

GOOD = then_wait(chunks(snapshot()))
UNAUTHORIZED = then_wait(reply("401 Unauthorized", WWW_Authenticate="Bearer"))


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


# Tokens.


def test_a_token_goes_with_the_request() -> None:
    with reading(GOOD, token=lambda: "t0p") as bench:
        bench.read().event()
        assert bench.headers()["authorization"] == "Bearer t0p"


def test_a_token_that_is_refused_is_read_again_and_tried_at_once(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("old\n")

    def refuses_and_renews(sock: socket.socket, server: Server) -> None:
        server.request(sock)
        path.write_text("new\n")
        sock.sendall(reply("401 Unauthorized"))

    with reading(in_turn(refuses_and_renews, GOOD), token=token_from_file(str(path))) as bench:
        assert isinstance(bench.read().event(), Snapshot)
        assert [bench.headers(at)["authorization"] for at in (0, 1)] == ["Bearer old", "Bearer new"]


def test_a_token_that_is_refused_twice_is_told_and_not_shown(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    with reading(UNAUTHORIZED, token=lambda: "t0p-s3cret") as bench:
        failure = bench.read().failure()
        assert type(failure) is UnauthorizedError
        assert len(bench.server.requests) == 2
        assert "t0p-s3cret" not in failure.message + caplog.text


def test_without_a_token_one_refusal_is_enough() -> None:
    with reading(UNAUTHORIZED) as bench:
        assert type(bench.read().failure()) is UnauthorizedError
        assert len(bench.server.requests) == 1


def test_a_token_file_that_is_gone_is_a_matter_of_credentials(tmp_path: Path) -> None:
    with reading(GOOD, token=token_from_file(str(tmp_path / "gone"))) as bench:
        failure = bench.read().failure()
        assert type(failure) is UnauthorizedError
        assert "cannot be read" in failure.message
        assert bench.server.requests == []


def test_a_netrc_is_nobodys_business(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """requests would put its password in the token's place."""
    netrc = write(tmp_path / "netrc", "machine 127.0.0.1 login u password p\n")
    os.chmod(netrc, 0o600)
    monkeypatch.setenv("NETRC", netrc)
    with reading(GOOD, token=lambda: "t0p") as bench:
        bench.read().event()
        assert bench.headers()["authorization"] == "Bearer t0p"
    with reading(GOOD) as bench:
        bench.read().event()
        assert "authorization" not in bench.headers()


# TLS.


def test_tls_with_a_ca_of_ones_own(authority: Authority, tmp_path: Path) -> None:
    tls = client_tls(ca=write(tmp_path / "ca.crt", authority.pem))
    with reading(GOOD, authority.server_context(), tls=tls) as bench:
        assert isinstance(bench.read().event(), Snapshot)


def test_tls_with_an_intermediate_ca(authority: Authority, tmp_path: Path) -> None:
    signer = authority.intermediate()
    tls = client_tls(ca=write(tmp_path / "ca.crt", signer.pem))
    with reading(GOOD, signer.server_context(), tls=tls) as bench:
        assert isinstance(bench.read().event(), Snapshot)


def test_tls_with_a_client_certificate(authority: Authority, tmp_path: Path) -> None:
    certificate, key = authority.client_pair()
    ca = write(tmp_path / "ca.crt", authority.pem)
    pair = (write(tmp_path / "tls.crt", certificate), write(tmp_path / "tls.key", key))
    wants = authority.server_context(client_ca=authority)
    with reading(GOOD, wants, tls=client_tls(ca, *pair)) as bench:
        assert isinstance(bench.read().event(), Snapshot)
    with reading(GOOD, wants, tls=client_tls(ca)) as bench:
        assert "it wants a client certificate" in bench.read().failure().message


def test_tls_with_a_server_name(authority: Authority, tmp_path: Path) -> None:
    """Of the certificate and of what is sent as SNI."""
    ca = write(tmp_path / "ca.crt", authority.pem)
    context = authority.server_context("status.example")
    names: list[Any] = []
    context.sni_callback = lambda sock, name, _: names.append(name)
    with reading(GOOD, context, tls=client_tls(ca, server_name="status.example")) as bench:
        assert isinstance(bench.read().event(), Snapshot)
    assert names == ["status.example"]
    with reading(GOOD, context, tls=client_tls(ca)) as bench:
        failure = bench.read().failure()
        assert "give --tls-server-name" in failure.message
        assert bench.server.requests == []


def test_a_server_that_nobody_vouches_for_gets_no_request(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = client_tls(ca=write(tmp_path / "ca.crt", Authority().pem))
    # What requests would trust instead.
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", write(tmp_path / "env.crt", authority.pem))
    for tls in (stranger, client_tls()):
        with reading(GOOD, authority.server_context(), tls=tls, token=lambda: "t0p") as bench:
            failure = bench.read().failure()
            assert type(failure) is DisconnectedError
            assert "signed by unknown authority; give its CA with --tls-ca" in failure.message
            assert bench.server.requests == []


def test_an_expired_certificate_is_told_as_that(authority: Authority, tmp_path: Path) -> None:
    tls = client_tls(ca=write(tmp_path / "ca.crt", authority.pem))
    with reading(GOOD, authority.server_context(days=-1), tls=tls) as bench:
        assert "the server's certificate has expired" in bench.read().failure().message


def test_certificates_are_read_at_each_connection(authority: Authority, tmp_path: Path) -> None:
    path = tmp_path / "ca.crt"
    tls = client_tls(ca=write(path, Authority().pem))
    with reading(GOOD, authority.server_context(), tls=tls) as bench:
        assert "unknown authority" in bench.read().failure().message
        write(path, "half a certifi")
        failure = bench.read().failure()
        assert type(failure) is UnauthorizedError
        assert str(path) in failure.message
        write(path, authority.pem)
        assert isinstance(bench.read().event(), Snapshot)


def test_files_that_cannot_be_used_are_told_before_the_start(tmp_path: Path) -> None:
    tls = client_tls(ca=write(tmp_path / "ca.crt", "no certificate"))
    access = ServerAccess(ServerAddress("h", 1), "agents", 30.0, tls)
    with pytest.raises(ConfigError, match=r"ca\.crt"):
        SseSource(access, SystemClock())


def test_plain_text_and_tls_do_not_meet(authority: Authority, tmp_path: Path) -> None:
    tls = client_tls(ca=write(tmp_path / "ca.crt", authority.pem))

    def plain(sock: socket.socket, server: Server) -> None:
        sock.recv(10_000)
        sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with reading(plain, tls=tls) as bench:
        assert "it does not speak TLS" in bench.read().failure().message
    with reading(GOOD, authority.server_context()) as bench:
        assert isinstance(bench.read().failure(), DisconnectedError)


# Where it is.


def test_a_prefix_goes_before_the_path() -> None:
    with reading(GOOD) as plain:
        port = plain.server.port
        address = ServerAddress.parse(f"http://127.0.0.1:{port}/behind/a%20proxy/", 8080)
        with reading(GOOD, address=address) as bench:
            bench.read().event()
            target = plain.headers()[""].split()[1]
            assert target.startswith("/behind/a%20proxy/api/agents/control-plane/status/stream?")
            plain.server.done.set()


class UnixServer(Server):
    """The same on a path."""

    def __init__(self, script: Script, path: Path) -> None:
        super().__init__(script)
        self._tcp, self._path = self._listener, path
        self._unix = socket.socket(socket.AF_UNIX)
        self._unix.bind(str(path))
        self._unix.listen()
        self._listener = self._unix
        self._threads.append(threading.Thread(target=self._accept))
        self._threads[-1].start()

    def close(self) -> None:
        with suppress(OSError):
            self._tcp.shutdown(socket.SHUT_RDWR)
        self._tcp.close()
        super().close()


@pytest.fixture
def unix(tmp_path: Path) -> Iterator[Any]:
    servers: list[UnixServer] = []

    def serve(script: Script) -> tuple[UnixServer, ServerAddress]:
        path = tmp_path / "s"
        servers.append(UnixServer(script, path))
        return servers[-1], ServerAddress.parse(f"unix:{path}", 8080)

    yield serve
    for server in servers:
        server.close()


def test_a_unix_socket(unix: Any) -> None:
    server, address = unix(in_turn(then_wait(reply("302 Found", Location="/elsewhere")), GOOD))
    fields = {"token": lambda: "t0p", "proxy": by("http://127.0.0.1:1")}
    with reading(GOOD, address=address, **fields) as bench:
        read = bench.read()
        assert isinstance(read.event(), Snapshot)
        assert server.requests[1].startswith(b"GET /elsewhere HTTP/1.1\r\nHost: localhost\r\n")
        assert b"Bearer t0p" in server.requests[1]
        read.attempt.stop()
        assert read.attempt.join(10)


def test_a_unix_socket_where_nobody_listens(tmp_path: Path) -> None:
    address = ServerAddress(path=str(tmp_path / "none"))
    with reading(GOOD, address=address) as bench:
        failure = bench.read().failure()
        assert type(failure) is DisconnectedError
        assert failure.message == f"unix:{tmp_path}/none: {os.strerror(errno.ENOENT)}"


# Proxies; which one is taken is told in tests/net/test_proxy_rules.py.


def by(url: str) -> Callable[[Origin], str]:
    return lambda _: url


def tunnel_to(upstream: Server) -> Script:
    """CONNECT, wherever to."""

    def script(sock: socket.socket, server: Server) -> None:
        server.request(sock)
        sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with socket.create_connection(("127.0.0.1", upstream.port), 5) as behind:
            relay(sock, behind)

    return script


def test_plain_http_goes_through_the_environments_proxy() -> None:
    with serving(GOOD) as proxy:
        url = f"http://us:pw@127.0.0.1:{proxy.port}"
        with reading(GOOD, address=ServerAddress("status.example", 81), proxy=by(url)) as bench:
            assert isinstance(bench.read().event(), Snapshot)
            head = proxy.requests[0]
            assert head.startswith(b"GET http://status.example:81/api/agents/control-plane/")
            assert b"Proxy-Authorization: Basic dXM6cHc=\r\n" in head
            proxy.done.set()


def test_https_goes_through_a_tunnel_that_can_be_freed(
    authority: Authority, tmp_path: Path
) -> None:
    tls = client_tls(ca=write(tmp_path / "ca.crt", authority.pem))
    with serving(GOOD, authority.server_context("status.example")) as server:  # noqa: SIM117
        with serving(tunnel_to(server)) as proxy:
            fields = {"tls": tls, "token": lambda: "t0p", "proxy": by(proxy.url)}
            with reading(GOOD, address=ServerAddress("status.example", 443), **fields) as bench:
                read = bench.read()
                assert isinstance(read.event(), Snapshot)
                assert proxy.requests[0].startswith(b"CONNECT status.example:443 HTTP/1.")
                assert b"t0p" not in proxy.requests[0]
                assert b"Bearer t0p" in server.requests[0]
                read.attempt.stop()
                assert read.attempt.join(10)
            server.done.set()


def test_an_https_proxy(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TLS inside TLS. The proxy's certificate is for the system's CAs to vouch for."""
    ca = write(tmp_path / "ca.crt", authority.pem)
    monkeypatch.setenv("SSL_CERT_FILE", ca)
    with serving(GOOD, authority.server_context("status.example")) as server:  # noqa: SIM117
        with serving(tunnel_to(server), authority.server_context()) as proxy:
            fields = {"tls": client_tls(ca), "proxy": by(f"https://localhost:{proxy.port}")}
            with reading(GOOD, address=ServerAddress("status.example", 443), **fields) as bench:
                assert isinstance(bench.read().event(), Snapshot)
            server.done.set()


def test_a_proxy_that_refuses_is_told() -> None:
    with serving(then_wait(reply("407 Proxy Authentication Required"))) as proxy:
        fields = {"tls": client_tls(), "proxy": by(f"http://us:s3cret@127.0.0.1:{proxy.port}")}
        with reading(GOOD, address=ServerAddress("status.example", 443), **fields) as bench:
            message = bench.read().failure().message
            assert f"status.example:443 (through proxy 127.0.0.1:{proxy.port}): " in message
            assert "407" in message
            assert "s3cret" not in message
            proxy.done.set()


def test_a_proxy_that_is_not_there_is_told(free_port: int) -> None:
    proxy = by(f"http://127.0.0.1:{free_port}")
    with reading(GOOD, address=ServerAddress("status.example", 80), proxy=proxy) as bench:
        message = bench.read().failure().message
        assert (
            f"(through proxy 127.0.0.1:{free_port}): connection refused; is the proxy running"
            in message
        )


def test_a_socks_proxy_needs_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentctl.net.dial.socks_module", _no_socks)
    proxy = by("socks5://127.0.0.1:1")
    with reading(GOOD, address=ServerAddress("status.example", 80), proxy=proxy) as bench:
        assert bench.read().failure().message == "needs PySocks"


def _no_socks() -> Any:
    raise ConfigError("needs PySocks")
