"""The server's certificates: what is refused at the start, and what changes while it runs."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import ssl
import threading
from datetime import timedelta
from pathlib import Path
from typing import Optional

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from agentctl.clock import SystemClock
from agentctl.errors import ConfigError
from agentctl.net.der import validity
from agentctl.server.tls import ServerTls
from tests.fakes import FakeClock
from tests.net.certs import Authority, write


class Clock(FakeClock):
    """Begins now: certificates are valid then."""

    def __init__(self) -> None:
        super().__init__()
        self.wall = SystemClock().now()


class Files:
    """A server's three files."""

    def __init__(self, folder: Path, authority: Authority) -> None:
        self.certificate = str(folder / "tls.crt")
        self.key = str(folder / "tls.key")
        self.client_ca = str(folder / "ca.crt")
        self.renew(authority)
        write(Path(self.client_ca), authority.pem)

    def renew(self, authority: Authority, days: int = 30) -> None:
        certificate, key = authority.client_pair("127.0.0.1", days)
        write(Path(self.certificate), certificate)
        write(Path(self.key), key)

    def tls(self, clock: Clock, client_ca: bool = False) -> ServerTls:
        return ServerTls(self.certificate, self.key, self.client_ca if client_ca else None, clock)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def files(tmp_path: Path, authority: Authority) -> Files:
    return Files(tmp_path, authority)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def shake_hands(tls: ServerTls, client: ssl.SSLContext) -> tuple[str, str, Optional[str]]:
    """What one client sees: the certificate's serial number, TLS version, ALPN."""
    near, far = socket.socketpair()
    near.settimeout(5)
    far.settimeout(5)

    def serve() -> None:
        wrap = tls.context().wrap_socket
        with contextlib.suppress(OSError), far, wrap(far, server_side=True) as served:
            served.sendall(b"x")

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with near, client.wrap_socket(near, server_hostname="127.0.0.1") as connected:
            # A server refuses a client's certificate only after TLS 1.3's handshake.
            assert connected.recv(1) == b"x"
            certificate = connected.getpeercert() or {}
            serial = str(certificate.get("serialNumber"))
            return serial, connected.version() or "", connected.selected_alpn_protocol()
    finally:
        near.close()
        thread.join()


def client_of(authority: Authority, **pair: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.ca.configure_trust(context)
    context.set_alpn_protocols(["h2", "http/1.1"])
    if pair:
        context.load_cert_chain(pair["certificate"], pair["key"])
    return context


def test_a_client_that_trusts_the_authority_gets_in(
    files: Files, authority: Authority, clock: Clock
) -> None:
    _, version, alpn = shake_hands(files.tls(clock), client_of(authority))
    assert version in ("TLSv1.2", "TLSv1.3")
    assert alpn == "http/1.1"


def test_nothing_below_tls_1_2(files: Files, clock: Clock) -> None:
    assert files.tls(clock).context().minimum_version == ssl.TLSVersion.TLSv1_2


def test_a_renewed_certificate_is_presented_within_a_second(
    files: Files, authority: Authority, clock: Clock
) -> None:
    tls = files.tls(clock)
    first, pem = tls.context(), tls.pem()
    before, _, _ = shake_hands(tls, client_of(authority))
    files.renew(authority)
    assert tls.context() is first
    clock.advance(1)
    assert tls.context() is not first
    assert tls.pem() is not pem
    after, _, _ = shake_hands(tls, client_of(authority))
    assert after != before
    assert tls.pem() is tls.pem()
    assert tls.pem().certificate == Path(files.certificate).read_bytes()
    assert tls.pem().key == Path(files.key).read_bytes()
    assert tls.pem().client_ca is None


def test_a_bad_new_file_leaves_the_old_one_in_force_and_is_told_once(
    files: Files, authority: Authority, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    tls = files.tls(clock)
    first = tls.context()
    write(Path(files.certificate), "nonsense")
    for _ in range(3):
        clock.advance(1)
        assert tls.context() is first
    assert len(caplog.records) == 1
    assert f"--tls-cert {files.certificate}: holds no certificate" in caplog.text
    assert "nonsense" not in caplog.text
    files.renew(authority)
    clock.advance(1)
    assert tls.context() is not first


def test_a_pair_that_is_half_renewed_waits_for_the_other_half(
    files: Files, authority: Authority, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    tls = files.tls(clock)
    first = tls.context()
    certificate, key = authority.client_pair("127.0.0.1")
    write(Path(files.certificate), certificate)
    clock.advance(1)
    assert tls.context() is first
    assert "does not belong to" in caplog.text
    write(Path(files.key), key)
    clock.advance(1)
    assert tls.context() is not first


def test_client_certificates_are_demanded_and_must_be_of_the_authority(
    files: Files, authority: Authority, clock: Clock, tmp_path: Path
) -> None:
    tls = files.tls(clock, client_ca=True)
    assert tls.mutual
    assert tls.pem().client_ca == authority.pem.encode()
    with pytest.raises(OSError):  # noqa: PT011  an alert, or the end
        shake_hands(tls, client_of(authority))
    for issuer, good in ((authority, True), (Authority(), False)):
        certificate, key = issuer.client_pair()
        pair = {
            "certificate": write(tmp_path / "client.crt", certificate),
            "key": write(tmp_path / "client.key", key),
        }
        if good:
            shake_hands(tls, client_of(authority, **pair))
        else:
            with pytest.raises(OSError):  # noqa: PT011
                shake_hands(tls, client_of(authority, **pair))


def test_a_changed_client_ca_shuts_the_former_clients_out(
    files: Files, authority: Authority, clock: Clock, tmp_path: Path
) -> None:
    tls = files.tls(clock, client_ca=True)
    certificate, key = authority.client_pair()
    pair = {
        "certificate": write(tmp_path / "client.crt", certificate),
        "key": write(tmp_path / "client.key", key),
    }
    shake_hands(tls, client_of(authority, **pair))
    write(Path(files.client_ca), Authority().pem)
    clock.advance(1)
    with pytest.raises(OSError):  # noqa: PT011
        shake_hands(tls, client_of(authority, **pair))


def test_files_that_cannot_be_used_are_named_with_their_flag(
    files: Files, authority: Authority, clock: Clock
) -> None:
    def said(**content: Optional[str]) -> str:
        kept = {name: Path(getattr(files, name)).read_text() for name in content}
        try:
            for name, text in content.items():
                path = Path(getattr(files, name))
                path.unlink() if text is None else path.write_text(text)
            with pytest.raises(ConfigError) as caught:
                files.tls(clock, client_ca=True)
            return caught.value.message
        finally:
            for name, text in kept.items():
                Path(getattr(files, name)).write_text(text)

    certificate, key = authority.client_pair("127.0.0.1")
    encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"
    garbled = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    cert_file, key_file = f"--tls-cert {files.certificate}", f"--tls-key {files.key}"
    assert said(certificate=None) == f"{cert_file}: cannot be read: {os.strerror(errno.ENOENT)}"
    assert said(key=None) == f"{key_file}: cannot be read: {os.strerror(errno.ENOENT)}"
    assert said(certificate=key) == f"{cert_file}: holds no certificate in PEM form"
    assert said(key=certificate) == f"{key_file}: holds no private key in PEM form"
    assert said(key=encrypted) == f"{key_file}: is encrypted; give a key without a passphrase"
    assert said(key=key) == f"{key_file}: does not belong to {cert_file}"
    assert said(certificate=garbled).startswith(f"cannot use {cert_file} with {key_file}: ")
    ca_file = f"--client-ca {files.client_ca}"
    assert said(client_ca="") == f"{ca_file}: holds no certificate in PEM form"
    assert said(client_ca=garbled).startswith(f"{ca_file}: cannot be used: ")
    files.tls(clock, client_ca=True)  # all is as it was


def test_an_expired_certificate_is_used_with_a_warning(
    files: Files, authority: Authority, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    files.renew(authority, days=-1)
    files.tls(clock)
    assert "has expired at 2" in caplog.text
    caplog.clear()
    clock.wall -= timedelta(days=365)
    files.tls(clock)
    assert "is not valid before 2" in caplog.text


def test_validity_is_what_openssl_says(authority: Authority, tmp_path: Path) -> None:
    for days in (30, -5, 365 * 40):
        certificate, _ = authority.client_pair(days=days)
        decoded = ssl._ssl._test_decode_cert(  # type: ignore[attr-defined]
            write(tmp_path / "cert", certificate)
        )
        found = validity(certificate.encode())
        assert found is not None
        assert [one.timestamp() for one in found] == [
            ssl.cert_time_to_seconds(decoded[key]) for key in ("notBefore", "notAfter")
        ]


DER = ssl.PEM_cert_to_DER_cert(trustme.CA().cert_pem.bytes().decode())


@given(st.integers(0, len(DER)), st.binary(max_size=8))
def test_a_damaged_certificate_breaks_nothing(place: int, junk: bytes) -> None:
    damaged = DER[:place] + junk + DER[place + len(junk) :]
    validity(ssl.DER_cert_to_PEM_cert(damaged).encode())
    assert validity(ssl.DER_cert_to_PEM_cert(DER[: min(place, 100)]).encode()) is None


@given(st.binary())
def test_what_is_no_certificate_has_no_validity(data: bytes) -> None:
    text = b"-----BEGIN CERTIFICATE-----" + data + b"-----END CERTIFICATE-----"
    assert validity(data) is None
    assert validity(text) is None
