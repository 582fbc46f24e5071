"""What may stand in a gRPC client's way: TLS that does not fit, peers that are no server."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Callable, Optional

import grpc
import pytest
import trustme

from agentctl.clock import SystemClock
from agentctl.engine.messages import Ended, Received
from agentctl.errors import ConfigError, DisconnectedError
from agentctl.net.tls_settings import TlsSettings
from agentctl.remote import grpc_channel
from agentctl.remote.access import ServerAddress, client_tls
from agentctl.remote.grpc import GrpcSource
from tests.net.certs import bundles
from tests.remote.grpc_server_rig import (
    FREED_S,
    PATIENCE_S,
    SNAPSHOT,
    ScriptedServer,
    Watching,
    Wire,
    access_to,
    sending,
)

HERE = ("127.0.0.1", "localhost")


class Papers:
    """Two authorities, and what the first issues, as files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ours, self.other = trustme.CA(), trustme.CA()
        self.ca = self.file("ca.pem", self.ours.cert_pem)
        self.other_ca = self.file("other.pem", self.other.cert_pem)

    def file(self, name: str, blob: Any) -> str:
        path = self.folder / name
        path.write_bytes(blob if isinstance(blob, bytes) else blob.bytes())
        return str(path)

    def server(
        self, *names: str, days: tuple[int, int] = (-1, 30), mutual: bool = False
    ) -> grpc.ServerCredentials:
        now = datetime.now(timezone.utc)
        leaf = self.ours.issue_cert(
            *(names or HERE),
            not_before=now + timedelta(days=days[0]),
            not_after=now + timedelta(days=days[1]),
        )
        pair = leaf.private_key_pem.bytes(), leaf.cert_chain_pems[0].bytes()
        root = self.ours.cert_pem.bytes() if mutual else None
        return grpc.ssl_server_credentials([pair], root, mutual)

    def client(self, issuer: Optional[trustme.CA] = None) -> dict[str, str]:
        leaf = (issuer or self.ours).issue_cert("client.example")
        return {
            "certificate": self.file("client.pem", leaf.cert_chain_pems[0]),
            "key": self.file("client.key", leaf.private_key_pem),
        }


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    return Papers(tmp_path_factory.mktemp("papers"))


def met(
    server: Optional[grpc.ServerCredentials], tls: Optional[TlsSettings], host: str = "127.0.0.1"
) -> str:
    """What came of it: ``ok``, or the failure's words."""
    with ScriptedServer(sending(SNAPSHOT), tls=server) as scripted:
        access = access_to(0, address=ServerAddress(host, scripted.port), tls=tls)
        with Watching(access) as watching:
            message = watching.next()
    if isinstance(message, Received):
        return "ok"
    assert isinstance(message, Ended)
    failure = message.failure
    assert type(failure) is DisconnectedError
    prefix = f"{host}:{scripted.port}: "
    assert failure.message.startswith(prefix)
    return failure.message[len(prefix) :]


def test_tls(papers: Papers) -> None:
    assert met(papers.server(), client_tls(papers.ca)) == "ok"


@pytest.mark.parametrize("kind", ["intermediate", "leaf", "no certificate before it"])
def test_any_certificate_that_is_trusted_ends_the_chain(kind: str, papers: Papers) -> None:
    signer = papers.ours.create_child_ca()
    leaf = signer.issue_cert(*HERE)
    chain = [each.bytes() for each in leaf.cert_chain_pems]
    server = grpc.ssl_server_credentials([(leaf.private_key_pem.bytes(), b"".join(chain))])
    known = [papers.ours.cert_pem.bytes(), signer.cert_pem.bytes(), chain[0]]
    texts = bundles(*(each.decode() for each in known))
    assert met(server, client_tls(papers.file("bundle.pem", texts[kind]))) == "ok"


def test_tls_by_name(papers: Papers) -> None:
    assert met(papers.server("localhost"), client_tls(papers.ca), "localhost") == "ok"


def test_a_certificate_of_another_authority(papers: Papers) -> None:
    assert "--tls-ca" in met(papers.server(), client_tls(papers.other_ca))


def test_a_certificate_that_has_expired(papers: Papers) -> None:
    words = met(papers.server(days=(-10, -1)), client_tls(papers.ca))
    assert "expired" in words or "out of date" in words, words


def test_a_certificate_that_is_not_valid_yet(papers: Papers) -> None:
    words = met(papers.server(days=(1, 10)), client_tls(papers.ca))
    assert "not valid yet" in words or "out of date" in words, words


def test_a_certificate_for_another_name(papers: Papers) -> None:
    assert "--tls-server-name" in met(papers.server("other.example"), client_tls(papers.ca))


def test_another_name_that_was_expected(papers: Papers) -> None:
    tls = client_tls(papers.ca, server_name="other.example")
    assert met(papers.server("other.example"), tls) == "ok"


def test_plain_text_to_a_port_of_tls(papers: Papers) -> None:
    assert "--tls" in met(papers.server(), None)


def test_tls_to_a_port_of_plain_text(papers: Papers) -> None:
    assert "does not speak TLS" in met(None, client_tls(papers.ca))


def test_mutual_tls(papers: Papers) -> None:
    assert met(papers.server(mutual=True), client_tls(papers.ca, **papers.client())) == "ok"


def test_mutual_tls_without_our_certificate(papers: Papers) -> None:
    assert "--tls-cert" in met(papers.server(mutual=True), client_tls(papers.ca))


def test_mutual_tls_with_the_certificate_of_another_authority(papers: Papers) -> None:
    tls = client_tls(papers.ca, **papers.client(papers.other))
    assert "--tls-cert" in met(papers.server(mutual=True), tls)


def test_files_are_read_at_each_attempt(papers: Papers, tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_bytes(papers.other.cert_pem.bytes())
    with ScriptedServer(sending(SNAPSHOT), tls=papers.server()) as server:
        access = access_to(server.port, tls=client_tls(str(ca)))
        source = GrpcSource(access, SystemClock())
        with Watching(access, source=source) as watching:
            assert "--tls-ca" in watching.failure().message
        ca.unlink()
        with Watching(access, source=source) as watching:
            assert "cannot be read" in watching.failure().message
        ca.write_bytes(papers.ours.cert_pem.bytes())
        with Watching(access, source=source) as watching:
            assert watching.event() == SNAPSHOT


def test_the_token_goes_over_tls(papers: Papers) -> None:
    with ScriptedServer(sending(SNAPSHOT), tls=papers.server()) as server:
        access = access_to(server.port, tls=client_tls(papers.ca), token=lambda: "good")
        with Watching(access) as watching:
            watching.event()
    assert server.tokens == ["Bearer good"]


def _junk(papers: Papers) -> TlsSettings:
    return client_tls(papers.file("junk", b"junk"))


def _other_key(papers: Papers) -> TlsSettings:
    pair = papers.client()
    key = papers.file("other.key", papers.ours.issue_cert("x.example").private_key_pem)
    return client_tls(papers.ca, pair["certificate"], key)


def _junk_pair(papers: Papers) -> TlsSettings:
    junk = papers.file("junk", b"junk")
    return client_tls(papers.ca, junk, junk)


def _locked(papers: Papers) -> TlsSettings:
    from cryptography.hazmat.primitives import serialization

    pair = papers.client()
    key = serialization.load_pem_private_key(Path(pair["key"]).read_bytes(), None)
    locked = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    return client_tls(papers.ca, pair["certificate"], papers.file("locked.key", locked))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_junk, "--tls-ca.*junk: no certificate in PEM form"),
        (_other_key, "does not belong to the certificate"),
        (_junk_pair, "not in PEM form"),
        (_locked, "is encrypted"),
        (lambda papers: client_tls(str(papers.folder / "nothing")), "nothing: cannot be read"),
    ],
    ids=["ca", "other key", "pair", "encrypted", "missing"],
)
def test_files_that_cannot_be_used_are_told_before_anything_is_tried(
    papers: Papers, make: Callable[[Papers], TlsSettings], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        GrpcSource(access_to(1, tls=make(papers)), SystemClock())


def test_without_a_ca_the_systems_are_trusted(
    papers: Papers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", papers.ca)
    assert met(papers.server(), client_tls()) == "ok"


# Peers that are no server.


def failing(port: int, **access: Any) -> str:
    with Watching(access_to(port, **access)) as watching:
        failure = watching.failure()
    assert isinstance(failure, DisconnectedError)
    prefix = f"127.0.0.1:{port}: "
    assert failure.message.startswith(prefix)
    return failure.message[len(prefix) :]


def listening(connection: socket.socket) -> None:
    """A peer that never says anything."""
    while connection.recv(65536):
        pass


def answering(data: bytes) -> Callable[[socket.socket], None]:
    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(data)

    return serve


def test_a_port_where_nobody_listens(free_port: int) -> None:
    assert "connection refused" in failing(free_port)


def test_a_socket_that_is_not_there(tmp_path: Path) -> None:
    address = ServerAddress(path=str(tmp_path / "agentctl"))
    with Watching(access_to(0, address=address)) as watching:
        assert "there is no such socket" in watching.failure().message


HTML = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\n\r\n<html><h1>Bad Request</h1></html>"
)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (HTML, "HTTP/1.1"),
        (b"\x00\xff" * 500, "is not gRPC"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "is not gRPC"),
        (b"", "closed it without an answer; is a server behind it"),
    ],
    ids=["html", "garbage", "ssh", "nothing"],
)
def test_a_peer_that_speaks_something_else(answer: bytes, words: str) -> None:
    with Wire(answering(answer)) as wire:
        assert words in failing(wire.port)


def test_a_peer_that_floods() -> None:
    def serve(connection: socket.socket) -> None:
        while True:
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 65536)

    with Wire(serve) as wire:
        failing(wire.port)


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    head = len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big")
    return head + payload


SETTINGS = _frame(4, 0, 0, b"")
ACK = _frame(4, 1, 0, b"")


REQUEST = _frame(0, 1, 1, b"")[3:]
"""The head of the frame with the request, which is the end of what the client sends."""


def _field(name: bytes, value: bytes) -> bytes:
    """A header as HPACK has it, without index or compression."""
    return b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value


OK = _frame(1, 4, 1, b"\x88" + _field(b"content-type", b"application/grpc"))


def talking(*frames: bytes) -> Callable[[socket.socket], None]:
    """A peer that speaks HTTP/2 and sends these, then waits for the other to go."""

    def serve(connection: socket.socket) -> None:
        connection.sendall(SETTINGS + ACK)
        seen = b""
        while REQUEST not in seen:
            seen += connection.recv(65536)
        for frame in frames:
            connection.sendall(frame)
        listening(connection)

    return serve


def test_half_a_message_and_then_the_end() -> None:
    half = _frame(0, 0, 1, b"\x00\x00\x00\x01\x00" + b"x" * 50)
    rst = _frame(3, 0, 1, (0).to_bytes(4, "big"))
    with Wire(talking(OK, half, rst)) as wire, Watching(access_to(wire.port)) as watching:
        assert isinstance(watching.failure(), DisconnectedError)


def test_half_a_message_and_then_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentctl.remote.receiver.FIRST_EVENT_S", 0.0)
    half = _frame(0, 0, 1, b"\x00\x00\x00\x01\x00" + b"x" * 50)
    with Wire(talking(OK, half)) as wire:
        access = access_to(wire.port, heartbeat_s=0.1)
        with Watching(access) as watching:
            assert "no snapshot from" in watching.failure().message


def test_a_message_that_claims_four_gigabytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentctl.remote.receiver.FIRST_EVENT_S", 0.0)
    claim = _frame(0, 0, 1, b"\x00\xff\xff\xff\xff" + b"x" * 50)
    with Wire(talking(OK, claim)) as wire:
        access = access_to(wire.port, heartbeat_s=0.4)
        with Watching(access) as watching:
            words = watching.failure().message
    # grpc 1.59 waits for it, takes no more than 4 MB, and hears nothing.
    assert "more than fits" in words or "no snapshot" in words


def test_goaway_in_mid_stream() -> None:
    goaway = _frame(7, 0, 0, (0).to_bytes(4, "big") + (2).to_bytes(4, "big") + b"go")
    with Wire(talking(OK, goaway)) as wire, Watching(access_to(wire.port)) as watching:
        failure = watching.failure()
    assert type(failure) is DisconnectedError
    assert "ended the connection" in failure.message


def test_a_proxy_in_the_way_answers_for_the_server() -> None:
    page = _frame(1, 4, 1, b"\x08\x03502" + _field(b"content-type", b"text/html"))
    body = _frame(0, 1, 1, b"<html>Bad Gateway</html>")
    with Wire(talking(page, body)) as wire:
        words = failing(wire.port)
    # grpc 1.59 sees no further than to a content type that is not its own.
    assert "answered HTTP 502" in words or "the connection was lost" in words


def test_a_peer_that_accepts_and_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grpc_channel, "CONNECT_S", 0.3)
    with Wire(listening) as wire:
        assert "timed out" in failing(wire.port)


def test_a_peer_that_says_nothing_is_left_within_a_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # grpc 1.59 keeps the socket for as long.
    monkeypatch.setattr(grpc_channel, "CONNECT_S", 1.5)
    accepted = threading.Event()

    def serve(connection: socket.socket) -> None:
        accepted.set()
        listening(connection)

    with Wire(serve) as wire, Watching(access_to(wire.port)) as watching:
        assert accepted.wait(PATIENCE_S)
        assert watching.stop_s() < FREED_S


def test_calls_that_are_refused_at_once_leave_nothing() -> None:
    """Of a hundred that grpc does not tell the last of, one kept its connection for ever."""
    with ScriptedServer() as server:
        for _ in range(150):
            with Watching(access_to(server.port)) as watching:
                watching.failure()


PROGRAM = """
import queue, sys
from agentctl.clock import SystemClock
from agentctl.engine.attempt import Attempt
from agentctl.remote.grpc import GrpcSource
from agentctl.engine.messages import Ended, Received
from agentctl.remote.access import ServerAccess, ServerAddress
access = ServerAccess(ServerAddress("127.0.0.1", int(sys.argv[1])), "agents", 30.0)
inbox = queue.Queue()
attempt = Attempt(GrpcSource(access, SystemClock()), 1, "", inbox)
attempt.start()
print(type(inbox.get(timeout=10).event).__name__, flush=True)
if sys.argv[2] == "stop":
    attempt.stop()
    assert attempt.join(10.0)
"""


@pytest.mark.parametrize("how", ["stop", "leave"])
def test_a_process_ends_at_once_with_a_stream_open_or_stopped(how: str) -> None:
    with ScriptedServer(sending(SNAPSHOT)) as server:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(server.port), how],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    assert (done.returncode, done.stdout) == (0, "Snapshot\n"), done.stderr


def test_only_what_is_needed_is_imported() -> None:
    probe = (
        "import agentctl.remote.grpc, sys\n"
        "print([m for m in ('requests', 'kubernetes', 'urllib3') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout == "[]\n"
