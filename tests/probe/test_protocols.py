"""What each protocol's first words make of what a dependency answers, over real sockets."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Callable, Optional

import pytest

from agentctl.clock import SystemClock
from agentctl.probe.address import HostPort
from agentctl.probe.answer import Answer, Cause, ProbeError
from agentctl.probe.prober import Prober
from agentctl.probe.target import Question, Target
from tests.net.certs import Authority
from tests.net.tinyserver import Script, Server, serving

CA = Authority()
PG_SSL = struct.pack(">ii", 8, 80877103)


def target(port: int, protocol: str, host: str = "127.0.0.1", **words: Any) -> Target:
    return Target(Question(protocol, **words), HostPort(host, port, named=host))


def asked(target: Target, timeout: float = 5.0, prober: Optional[Prober] = None) -> Answer:
    return (prober or Prober(SystemClock())).ask(target, timeout)


def failed(target: Target, timeout: float = 5.0) -> tuple[Cause, str]:
    with pytest.raises(ProbeError) as error:
        asked(target, timeout)
    return error.value.cause, error.value.message


def says(*answers: bytes, read: int = 1024) -> Script:
    """Reads something, then answers, for each answer; then waits for the other end."""

    def script(sock: socket.socket, server: Server) -> None:
        for answer in answers:
            server.requests.append(sock.recv(read))
            sock.sendall(answer)
        sock.recv(read)

    return script


def pg_error(state: str, message: str = "no") -> bytes:
    body = f"SFATAL\0VFATAL\0C{state}\0M{message}\0\0".encode()
    return b"E" + struct.pack(">i", len(body) + 4) + body


def silent(sock: socket.socket, server: Server) -> None:
    server.done.wait(10)


def flood(sock: socket.socket, server: Server) -> None:
    piece = b"x" * 65536
    while not server.done.is_set():
        sock.sendall(piece)


def drip(sock: socket.socket, server: Server) -> None:
    while not server.done.wait(0.02):
        sock.sendall(b"H")


def closes(sock: socket.socket, server: Server) -> None:
    sock.recv(1024)


PEERS: list[tuple[str, Script, Optional[Cause], str]] = [
    ("redis", says(b"+PONG\r\n"), None, ""),
    ("redis", says(b"-NOAUTH Authentication required.\r\n"), None, ""),
    ("redis", says(b"-LOADING Redis is loading\r\n"), Cause.STARTING, "LOADING Redis is loading"),
    ("redis", says(b"-ERR max number of clients reached\r\n"), Cause.FULL, "max number"),
    ("redis", says(b"-DENIED Redis is running in protected mode\r\n"), Cause.STATUS, "DENIED"),
    ("redis", says(b"HTTP/1.1 400 Bad Request\r\n\r\n"), Cause.PROTOCOL, "not Redis"),
    ("redis", closes, Cause.CUT, "closed the connection"),
    ("redis", flood, Cause.PROTOCOL, "not Redis"),
    ("redis", drip, Cause.TIMEOUT, "no answer in time"),
    ("postgres", says(b"N", b"R" + struct.pack(">ii", 8, 10)), None, ""),
    ("postgres", says(b"N", b"R" + b"\x7f\xff\xff\xff"), Cause.PROTOCOL, "not PostgreSQL"),
    ("postgres", says(b"N", pg_error("28P01")), None, ""),
    ("postgres", says(b"N", pg_error("28000", "no pg_hba.conf entry")), None, ""),
    ("postgres", says(b"N", pg_error("3D000", 'database "agentctl" does not exist')), None, ""),
    ("postgres", says(b"N", pg_error("57P03", "is starting up")), Cause.STARTING, "is starting up"),
    ("postgres", says(b"N", pg_error("53300", "too many clients")), Cause.FULL, "too many clients"),
    ("postgres", says(b"N", pg_error("XX000", "boom")), Cause.STATUS, "boom"),
    ("postgres", says(pg_error("57P03", "starting")), Cause.STARTING, "starting"),
    ("postgres", says(b"N", b"E" + b"\x7f\xff\xff\xff"), Cause.PROTOCOL, "not PostgreSQL"),
    ("postgres", says(b"HTTP/1.1 400\r\n"), Cause.PROTOCOL, "not PostgreSQL"),
    ("postgres", closes, Cause.CUT, "closed"),
    ("postgres", silent, Cause.TIMEOUT, "no answer in time"),
    ("http", says(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), None, ""),
    ("http", says(b"HTTP/1.0 204 No Content\r\n\r\n"), None, ""),
    ("http", says(b"HTTP/1.1 503 no\r\nContent-Length: 0\r\n\r\n"), Cause.STATUS, "HTTP 503"),
    (
        "http",
        says(b"HTTP/1.1 302 x\r\nLocation: http://a.example/\r\n\r\n"),
        Cause.STATUS,
        "another",
    ),
    ("http", says(b"HTTP/1.1 302 x\r\nLocation: http://[x/\r\n\r\n"), Cause.STATUS, "another"),
    ("http", says(b"HTTP/0.9 hello\r\n\r\n"), Cause.PROTOCOL, "not HTTP"),
    ("http", says(b"-ERR unknown command\r\n"), Cause.PROTOCOL, "not HTTP"),
    ("http", flood, Cause.PROTOCOL, "not HTTP"),
    ("http", drip, Cause.PROTOCOL, "not HTTP"),
    ("http", silent, Cause.TIMEOUT, "no answer in time"),
    ("tcp", silent, None, ""),
    ("tls", says(b"HTTP/1.1 400 Bad\r\n\r\n"), Cause.PROTOCOL, "does not speak TLS"),
    ("tls", silent, Cause.TIMEOUT, "no answer in time"),
    ("tls", closes, Cause.CUT, "closed the connection"),
    ("grpc", says(b"HTTP/1.1 400 Bad\r\n\r\n"), Cause.CUT, "closed"),
    ("grpc", silent, Cause.TIMEOUT, "no answer in time"),
]


@pytest.mark.parametrize(("protocol", "script", "cause", "words"), PEERS)
def test_what_a_peer_says(
    protocol: str, script: Script, cause: Optional[Cause], words: str
) -> None:
    with serving(script) as server:
        # Whoever is quiet is waited for; a grpc channel takes a second look before it gives up.
        one = target(server.port, protocol)
        patience = 0.5 if cause is Cause.TIMEOUT else 10.0
        if cause is None:
            answer = asked(one, patience)
            assert answer.latency_ms > 0
        else:
            assert (got := failed(one, patience))[0] is cause, got
            assert words in got[1]


def test_nobody_there_and_no_such_name() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert failed(target(port, "tcp")) == (Cause.REFUSED, "connection refused")
    assert failed(target(port, "grpc"))[0] is Cause.REFUSED
    cause, words = failed(target(1, "tcp", host="nobody.invalid"))
    assert cause is Cause.NAME
    assert "cannot look up nobody.invalid" in words


@pytest.mark.parametrize("protocol", ["tls", "http", "redis"])
def test_certificates(protocol: str) -> None:
    good, other = CA.pem, Authority().pem
    cases: list[tuple[str, int, tuple[str, ...], Optional[str]]] = [
        (good, 30, (), None),
        (other, 30, (), "unknown authority"),
        (good, -5, (), "expired"),
        (good, 30, ("db.example",), "another name"),
    ]
    for pem, days, names, words in cases:
        script = {
            "tls": says(),
            "redis": says(b"+PONG\r\n"),
            "http": says(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        }[protocol]
        context = CA.server_context(*names, days=days)
        with serving(script, context) as server, ca_file(pem) as path:
            one = target(server.port, protocol, tls=True, ca_file=path)
            if words is None:
                details = asked(one).details
                assert details == ({"days_left": 29} if protocol == "tls" else {})
                # The name it is for may be another than the one dialled.
                named = target(server.port, protocol, tls=True, ca_file=path, server_name="x.y")
                assert "another name" in failed(named)[1]
            else:
                cause, said = failed(one)
                assert cause is Cause.CERTIFICATE
                assert words in said
                if protocol == "tls" and days < 0:
                    unverified = target(server.port, "tls", tls=True, verify=False)
                    assert failed(unverified) == (cause, "the certificate has expired")


@contextmanager
def ca_file(pem: str) -> Iterator[str]:
    import tempfile

    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(pem)
        file.flush()
        yield file.name


def test_a_certificate_that_ends_soon_is_told() -> None:
    with serving(says(), CA.server_context(days=3)) as server, ca_file(CA.pem) as path:
        one = target(server.port, "tls", tls=True, ca_file=path)
        assert failed(one) == (Cause.CERTIFICATE, "the certificate expires in 2 days")
        assert asked(target(server.port, "tls", tls=True, ca_file=path, warn_s=86400.0))


def test_redirects_stay_on_the_host_and_end() -> None:
    def there(sock: socket.socket, server: Server) -> None:
        head = server.request(sock)
        if head.startswith(b"GET /b?x=1 "):
            sock.sendall(
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nwell\r\n0\r\n\r\n"
            )
        else:
            sock.sendall(b"HTTP/1.1 302 Found\r\nLocation: /b?x=1\r\n\r\n")

    with serving(there) as server:
        assert asked(target(server.port, "http", path="/a", contains="well"))
        cause, words = failed(target(server.port, "http", path="/a", contains="ill"))
        assert (cause, "lacks the text" in words) == (Cause.STATUS, True)
    with serving(says(b"HTTP/1.1 302 Found\r\nLocation: /again\r\n\r\n")) as server:
        assert failed(target(server.port, "http")) == (Cause.STATUS, "HTTP 302")
        assert server.connections == 4
        assert asked(target(server.port, "http", statuses=(302,)))


def test_a_startup_is_sent_once_a_minute_while_all_is_well() -> None:
    class Clock(SystemClock):
        ahead = 0.0

        def monotonic(self) -> float:
            return super().monotonic() + self.ahead

    said: list[bytes] = []

    def database(sock: socket.socket, server: Server) -> None:
        assert sock.recv(8) == PG_SSL
        sock.sendall(b"N")
        startup = sock.recv(1024)
        said.append(startup)
        if startup:
            sock.sendall(pg_error("28P01"))

    clock = Clock()
    prober = Prober(clock)
    with serving(database) as server:
        one = target(server.port, "postgres")
        for _ in range(3):
            prober.ask(one, 5)
        clock.ahead = 61.0
        prober.ask(one, 5)
    said_something = sorted(bool(startup) for startup in said)
    assert said_something == [False, False, True, True]
    full = [startup for startup in said if startup]
    assert struct.unpack(">ii", full[0][:8]) == (len(full[0]), 196608)
    assert b"user\0agentctl\0" in full[0]


@pytest.mark.parametrize("protocol", ["tcp", "http", "redis", "postgres", "grpc", "tls"])
def test_it_is_freed_at_once(protocol: str) -> None:
    with serving(silent) as server:
        prober = Prober(SystemClock())
        done = threading.Event()

        def ask() -> None:
            with suppress(ProbeError):
                prober.ask(target(server.port, protocol), 60.0)
            done.set()

        threading.Thread(target=ask, daemon=True).start()
        wait_for(lambda: server.connections > 0)
        prober.stop()
        assert done.wait(10)


def test_a_lookup_that_hangs_is_given_up_and_freed(monkeypatch: pytest.MonkeyPatch) -> None:
    release, begun = threading.Event(), threading.Event()

    def hangs(*_: Any) -> Any:
        begun.set()
        release.wait(30)
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", hangs)
    prober = Prober(SystemClock())
    one = target(1, "tcp", host="slow.example")
    for _ in range(2):
        with pytest.raises(ProbeError, match=r"looking up slow\.example takes too long"):
            prober.ask(one, 0.05)
    threads = [thread for thread in threading.enumerate() if thread.name == "probe-lookup"]
    assert len(threads) == 1

    def ask() -> None:
        with pytest.raises(ProbeError, match="stopped"):
            prober.ask(one, 60.0)

    waiting = threading.Thread(target=ask)
    waiting.start()
    prober.stop()
    waiting.join(10)
    assert not waiting.is_alive()
    release.set()
    threads[0].join(10)


def wait_for(holds: Callable[[], bool], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_certificates_of_grpc() -> None:
    import grpc

    def server(authority: Authority, *names: str, days: int = 30) -> tuple[Any, int]:
        leaf = authority._issue(names or ("127.0.0.1",), days)
        chain = b"".join(one.bytes() for one in leaf.cert_chain_pems)
        pair = (leaf.private_key_pem.bytes(), chain)
        from concurrent.futures import ThreadPoolExecutor

        one = grpc.server(ThreadPoolExecutor(1))
        port = one.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair]))
        one.start()
        return one, port

    for authority, names, days, words in (
        (CA, (), 30, None),
        (CA, (), -5, "has expired"),
        (Authority(), (), 30, "unknown authority"),
    ):
        running, port = server(authority, *names, days=days)
        with ca_file(CA.pem) as path:
            one = target(port, "grpc", tls=True, ca_file=path)
            if words is None:
                assert asked(one)  # it has no health service, and speaks gRPC
                assert "no health service" in failed(replace_service(one))[1]
            else:
                cause, said = failed(one)
                assert cause is Cause.CERTIFICATE
                assert words in said
        running.stop(0).wait()


def replace_service(one: Target) -> Target:
    from dataclasses import replace

    return replace(one, question=replace(one.question, service="x"))
