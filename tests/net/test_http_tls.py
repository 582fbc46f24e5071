"""TLS to an API server: whom it trusts, whom it shows, and what is said when it fails."""

from __future__ import annotations

import os
import socket
import ssl
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentctl.errors import ConfigError, DisconnectedError
from agentctl.kube.access import ClusterAccess
from tests.net.certs import Authority, bundles, write
from tests.net.tinyserver import (
    OK,
    Server,
    answer,
    client_of,
    fetch,
    get,
    nothing_leaks,
    serving,
    silent,
)


@pytest.fixture(autouse=True)
def leaks() -> Iterator[None]:
    with nothing_leaks():
        yield


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="module")
def stranger() -> Authority:
    return Authority()


def test_the_given_ca_is_trusted_as_data_and_as_file(authority: Authority, tmp_path: Path) -> None:
    ca_file = write(tmp_path / "ca.crt", authority.pem)
    with serving(answer(OK), authority.server_context()) as server:
        assert fetch(ClusterAccess(server=server.url, ca_data=authority.pem)) == b"{}"
        assert fetch(ClusterAccess(server=server.url, ca_file=ca_file)) == b"{}"


def test_any_certificate_that_is_trusted_ends_the_chain(
    authority: Authority, tmp_path: Path
) -> None:
    """Go's rule, and that a broken block hides no good one."""
    signer = authority.intermediate()
    with serving(answer(OK), signer.server_context()) as server:
        leaf = ssl.get_server_certificate(("127.0.0.1", server.port))
        for kind, text in bundles(authority.pem, signer.pem, leaf).items():
            (tmp_path / "ca.crt").write_bytes(text)
            access = ClusterAccess(server=server.url, ca_file=str(tmp_path / "ca.crt"))
            assert fetch(access) == b"{}", kind
        other = ClusterAccess(server=server.url, ca_data=leaf, tls_server_name="other.example")
        with pytest.raises(DisconnectedError, match="is for another name"):
            fetch(other)
        trust = signer.pem + leaf
    stranger = Authority().intermediate().server_context()
    refused = pytest.raises(DisconnectedError, match="signed by unknown authority")
    with serving(answer(OK), stranger) as elsewhere, refused:
        fetch(ClusterAccess(server=elsewhere.url, ca_data=trust))


def test_an_unknown_authority_is_refused(authority: Authority, stranger: Authority) -> None:
    with serving(answer(OK), authority.server_context()) as server:
        for access in (
            ClusterAccess(server=server.url, ca_data=stranger.pem, token="t"),
            ClusterAccess(server=server.url, token="t"),
        ):
            with pytest.raises(
                DisconnectedError,
                match=rf"^127.0.0.1:{server.port}: certificate signed by unknown authority; check",
            ):
                fetch(access)
        assert server.requests == []


def test_insecure_skip_tls_verify_takes_any_certificate(stranger: Authority) -> None:
    with serving(answer(OK), stranger.server_context("other.example")) as server:
        assert fetch(ClusterAccess(server=server.url, insecure_skip_tls_verify=True)) == b"{}"


def test_another_name_is_refused_unless_it_is_the_tls_server_name(authority: Authority) -> None:
    with serving(answer(OK), authority.server_context("api.example")) as server:
        access = ClusterAccess(server=server.url, ca_data=authority.pem)
        with pytest.raises(DisconnectedError, match=r"is for another name; check .* or set tls-"):
            fetch(access)
        named = ClusterAccess(
            server=server.url, ca_data=authority.pem, tls_server_name="api.example"
        )
        assert fetch(named) == b"{}"


def test_an_expired_server_certificate_is_named_as_such(authority: Authority) -> None:
    with serving(answer(OK), authority.server_context(days=-1)) as server:  # noqa: SIM117
        with pytest.raises(DisconnectedError, match="the server's certificate has expired; renew"):
            fetch(ClusterAccess(server=server.url, ca_data=authority.pem))


@pytest.mark.parametrize("in_memory", [True, False])
def test_the_client_certificate_is_shown_and_leaves_no_file(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_memory: bool
) -> None:
    if in_memory and not hasattr(os, "memfd_create"):
        pytest.skip("this system has no files in memory")
    if not in_memory:
        monkeypatch.delattr(os, "memfd_create", raising=False)
    cert, key = authority.client_pair()
    context = authority.server_context(client_ca=authority)
    # In memory no folder is needed, so that it may be read-only.
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none" if in_memory else tmp_path))
    access = {"ca_data": authority.pem, "client_cert_data": cert, "client_key_data": key}
    with serving(answer(OK), context) as server:
        assert fetch(ClusterAccess(server=server.url, **access)) == b"{}"  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_certificate_that_is_refused_says_why(
    version: ssl.TLSVersion, authority: Authority, stranger: Authority
) -> None:
    context = authority.server_context(client_ca=authority)
    context.minimum_version = context.maximum_version = version
    expired, expired_key = authority.client_pair(days=-1)
    foreign, foreign_key = stranger.client_pair()

    def script(sock: socket.socket, server: Server) -> None:
        raise AssertionError("the handshake must fail")

    with serving(script, context) as server:
        for cert, key, said in (
            (expired, expired_key, "our client certificate has expired; renew it"),
            (foreign, foreign_key, "does not know the authority that signed our client certif"),
            ("", "", "wants a client certificate|handshake failure"),
        ):
            access = ClusterAccess(
                server=server.url,
                ca_data=authority.pem,
                client_cert_data=cert,
                client_key_data=key,
            )
            with pytest.raises(DisconnectedError, match=said):
                fetch(access)


def test_tls_older_than_1_2_is_refused(authority: Authority) -> None:
    from agentctl.net.tls import server_context
    from agentctl.net.tls_settings import TlsSettings

    context = server_context(TlsSettings("", ca_data=authority.pem))
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_https_to_a_plain_http_port_is_recognised() -> None:
    def script(sock: socket.socket, server: Server) -> None:
        sock.recv(1000)
        sock.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    with serving(script) as server:  # noqa: SIM117
        with pytest.raises(DisconnectedError, match="answers plain HTTP: use http:"):
            fetch(ClusterAccess(server=f"https://127.0.0.1:{server.port}"))


def test_plain_http_to_a_tls_port_is_a_clear_failure(authority: Authority) -> None:
    with (
        serving(answer(OK), authority.server_context()) as server,
        pytest.raises(
            DisconnectedError,
            match=r"is not HTTP; is its URL meant|closed the conn|connection reset",
        ),
    ):
        fetch(ClusterAccess(server=f"http://127.0.0.1:{server.port}"))


def test_a_handshake_that_stalls_times_out() -> None:
    with serving(silent) as server:
        access = ClusterAccess(server=f"https://127.0.0.1:{server.port}")
        with client_of(access).session() as session:  # noqa: SIM117
            with pytest.raises(DisconnectedError, match=r"timed out after 200ms connecting"):
                get(session, connect=0.2)


def test_one_context_serves_all_sessions_of_a_generation(authority: Authority) -> None:
    client = client_of(ClusterAccess(server="https://x", ca_data=authority.pem))
    assert client.endpoint().route.tls is client.endpoint().route.tls


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"ca_data": "-----BEGIN CERTIFICATE-----\nAAAA\n"},
            "the CA in certificate-authority-data",
        ),
        ({"client_cert_data": "nonsense", "client_key_data": "nonsense"}, "is not in PEM form"),
        ({"client_key_data": "other"}, "the key does not belong to the certificate"),
        ({"client_key_data": "encrypted"}, "the key is encrypted; give one without a passphrase"),
    ],
)
def test_unusable_pem_is_a_configuration_error(
    change: dict[str, str], said: str, authority: Authority
) -> None:
    from cryptography.hazmat.primitives import serialization as form

    cert, key = authority.client_pair()
    fields = {"ca_data": authority.pem, "client_cert_data": cert, "client_key_data": key, **change}
    if change.get("client_key_data") == "other":
        fields["client_key_data"] = authority.client_pair()[1]
    if change.get("client_key_data") == "encrypted":
        loaded = form.load_pem_private_key(key.encode(), None)
        fields["client_key_data"] = loaded.private_bytes(
            form.Encoding.PEM, form.PrivateFormat.PKCS8, form.BestAvailableEncryption(b"pass")
        ).decode()
    access = ClusterAccess(server="https://x", description="here", **fields)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=f"^here: .*{said}"):
        client_of(access)
