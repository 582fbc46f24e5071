"""The same over TLS, and with client certificates."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from agentctl.model import Item, Status
from agentctl.server.tls import ServerTls
from tests.fakes import FakeClock
from tests.net.certs import Authority, write
from tests.server.http_rig import STATUS, Site, eventually
from tests.server.replica import item


class Certificates:
    def __init__(self, folder: Path, mutual: bool) -> None:
        self.authority = Authority()
        self.folder = folder
        issued = self.authority.ca.issue_cert("localhost")
        write(folder / "cert", issued.cert_chain_pems[0].bytes().decode())
        write(folder / "key", issued.private_key_pem.bytes().decode())
        client_ca = write(folder / "ca", self.authority.pem) if mutual else None
        self.tls = ServerTls(str(folder / "cert"), str(folder / "key"), client_ca, FakeClock())

    def client(self, signed_by: Authority | None = None) -> ssl.SSLContext:
        context = ssl.create_default_context(cadata=self.authority.pem)
        if signed_by is not None:
            certificate, key = signed_by.client_pair()
            write(self.folder / "client", certificate + key)
            context.load_cert_chain(self.folder / "client")
        return context


def test_requests_and_streams_over_tls(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path, mutual=False)
    with Site().serve(tls=certificates.tls) as site:
        site.replica.begin(item("a"))
        with site.client(tls=certificates.client()) as client:
            assert client.get("/healthz").body == b"ok\n"
            assert client.get(STATUS).status == 200
            client.stream()
            assert client.event().type == "snapshot"
            for number in range(2, 12):
                large = {"x": "y" * 100_000}
                site.replica.publish(
                    Item("a", "agents", Status.ERROR, str(number), large), version=number
                )
                assert client.event().type == "delta"
            site.http.drain()
            assert client.finish().startswith(b"retry: ")
            with pytest.raises(EOFError):  # by a farewell, not a cut: that would be an SSLError
                client.more()
        assert site.streams == 0


def test_many_requests_in_one_record_are_all_answered(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path, mutual=False)
    context = certificates.client()
    with Site().serve(tls=certificates.tls) as site, site.client(tls=context) as client:
        client.send(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n" * 200)
        assert {client.response().status for _ in range(200)} == {200}
        client.send(b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 16384 + b"\r\n\r\n")
        assert client.response().status == 431
        assert client.rest() == b""


def test_a_slow_reader_over_tls_is_cut_and_others_go_on(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path, mutual=False)
    with Site().serve(tls=certificates.tls) as site:
        site.replica.begin(item("a"))
        context = certificates.client()
        with site.client(tls=context, receive_buffer=4096) as stuck, site.client(tls=context) as ok:
            stuck.stream()
            ok.stream()
            assert ok.event().type == "snapshot"
            for number in range(2, 22):
                large = {"x": "y" * 100_000}
                site.replica.publish(
                    Item("a", "agents", Status.ERROR, str(number), large), version=number
                )
                assert ok.event().type == "delta"
            site.advance(10.1)
            eventually(lambda: site.streams == 1)
            assert site.errors("slow_reader") == 1


def test_a_handshake_that_never_ends_holds_nobody_up_and_is_cut(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path, mutual=False)
    with Site().serve(tls=certificates.tls) as site, site.client() as silent:
        silent.send(b"\x16\x03\x01")
        with site.client(tls=certificates.client()) as client:
            assert client.get("/healthz").status == 200
        site.advance(10.1)
        assert silent.rest() == b""


def test_plain_http_to_a_tls_port_is_told(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path, mutual=False)
    with Site().serve(tls=certificates.tls) as site, site.client() as client:
        client.ask("/healthz")
        answer = client.rest()
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert b"speaks TLS" in answer


def test_only_certificates_of_our_authority_are_let_in(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path, mutual=True)
    with Site().serve(tls=certificates.tls) as site:
        site.replica.begin(item("a"))
        with site.client(tls=certificates.client(certificates.authority)) as client:
            client.stream()
            assert client.event().type == "snapshot"
            for stranger in (None, Authority()):
                assert refused(site, certificates.client(stranger))
            site.replica.publish(item("a", "error"), version=2)
            assert client.event().type == "delta"


def refused(site: Site, context: ssl.SSLContext) -> bool:
    """Whether a client gets no answer: with TLS 1.3 it learns so after its handshake."""
    try:
        with site.client(tls=context) as client:
            client.get("/healthz")
    except (OSError, EOFError):
        return True
    return False
