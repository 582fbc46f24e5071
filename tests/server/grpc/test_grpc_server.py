"""The gRPC listener: its port, TLS, keepalive, and how it ends."""

from __future__ import annotations

import errno
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Optional

import grpc
import pytest

from agentctl.clock import SystemClock
from agentctl.server.address import Address
from agentctl.server.grpc.calls import peer_key
from agentctl.server.grpc.server import GrpcServer
from agentctl.server.grpc.status_service import ENDING
from agentctl.server.tls import ServerTls
from agentctl.wire import grpc_contract
from tests.fakes import FakeClock
from tests.net.certs import Authority, write
from tests.server.grpc_rig import (
    PATIENCE_S,
    Client,
    GrpcSite,
    RawReader,
    eventually,
    failure,
)
from tests.server.replica import item

A, B = item("a"), item("b")


class TestPort:
    def test_a_port_that_is_taken_is_told(self) -> None:
        with GrpcSite() as site:
            with pytest.raises(OSError, match=r".") as told:
                GrpcServer(site.services, Address("127.0.0.1", site.server.port))
            assert told.value.errno == errno.EADDRINUSE

    def test_an_address_that_is_not_of_this_host(self) -> None:
        with GrpcSite() as site, pytest.raises(OSError, match=r".") as told:
            GrpcServer(site.services, Address("192.0.2.1", 0))
        assert told.value.errno == errno.EADDRNOTAVAIL

    def test_a_name_that_is_none(self) -> None:
        with GrpcSite() as site, pytest.raises(socket.gaierror):
            GrpcServer(site.services, Address("no-such-host.invalid", 0))

    def test_it_is_free_again_after_the_end(self) -> None:
        with GrpcSite() as site:
            address = Address("127.0.0.1", site.server.port)
        again = GrpcServer(site.services, address)
        assert again.port == address.port
        again.stop(PATIENCE_S)

    def test_one_that_was_never_started_can_be_stopped(self) -> None:
        site = GrpcSite()
        site.server.stop(PATIENCE_S)
        site.server.stop(PATIENCE_S)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", site.server.port))


class TestEnd:
    def test_streams_end_with_what_to_do_next(self) -> None:
        with GrpcSite() as site, site.client() as client:
            site.replica.begin(A)
            watch = client.watch()
            watch.next()
            site.server.stop(PATIENCE_S)
            assert watch.failure() == (grpc.StatusCode.UNAVAILABLE, ENDING)

    def test_while_it_drains_nobody_new_is_let_in(self) -> None:
        with GrpcSite() as site, site.client() as client:
            site.replica.begin(A)
            site.server.drain()
            assert client.watch().failure() == (grpc.StatusCode.UNAVAILABLE, ENDING)
            assert failure(client.status) == (grpc.StatusCode.UNAVAILABLE, ENDING)
            assert client.info().version == "1.2.3"

    def test_many_streams_and_some_that_are_stuck_end_in_time(self) -> None:
        items = [item(f"c{number}", "degraded", "x" * 1000) for number in range(200)]
        with GrpcSite(clock=SystemClock()) as site, ExitStack() as stack:
            site.replica.begin(A)
            channels = [stack.enter_context(site.channel(("distinct", n))) for n in range(3)]
            watches = [Client(channels[n % 3]).watch() for n in range(150)]
            assert {watch.next().type for watch in watches} == {"snapshot"}
            site.replica.publish(*items)
            stack.enter_context(RawReader(site.server.port, 5, grants=False))
            eventually(lambda: site.streams() == 155)
            began = time.monotonic()
            site.server.stop(4.0)
            assert time.monotonic() - began < 10.0
            assert {watch.failure() for watch in watches} == {(grpc.StatusCode.UNAVAILABLE, ENDING)}
            assert site.streams() == 0

    def test_no_thread_is_left(self) -> None:
        before = set(threading.enumerate())
        with GrpcSite() as site, site.client() as client:
            site.replica.begin(A)
            client.watch().next()
        left = {thread.name for thread in set(threading.enumerate()) - before}
        assert not {name for name in left if name.startswith("grpc-")}

    def test_a_process_that_forgets_to_stop_it_ends_all_the_same(self) -> None:
        code = (
            "from tests.server.grpc_rig import *; from tests.server.replica import item\n"
            "site = GrpcSite(); site.__enter__(); site.replica.begin(item('a'))\n"
            "channel = grpc.insecure_channel(site.address)\n"
            "watch = Client(channel).watch(); print(watch.next().type)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False
        )
        assert (done.returncode, done.stdout) == (0, "snapshot\n"), done.stderr


class Certificates:
    def __init__(self, folder: Path, mutual: bool) -> None:
        self.clock = FakeClock()
        self.folder = folder
        self.authority = Authority()
        self.renew(self.authority)
        client_ca = write(folder / "ca", self.authority.pem) if mutual else None
        self.tls = ServerTls(str(folder / "cert"), str(folder / "key"), client_ca, self.clock)

    def renew(self, authority: Authority) -> None:
        certificate, key = authority.client_pair("localhost")
        write(self.folder / "cert", certificate)
        write(self.folder / "key", key)

    @contextmanager
    def client(
        self, site: GrpcSite, trusts: Authority, shows: Optional[Authority] = None
    ) -> Iterator[Client]:
        certificate, key = shows.client_pair() if shows else (None, None)
        credentials = grpc.ssl_channel_credentials(
            trusts.pem.encode(),
            key.encode() if key else None,
            certificate.encode() if certificate else None,
        )
        # A pool of its own: channels to one address would share connections.
        options = [("grpc.use_local_subchannel_pool", 1)]
        address = f"localhost:{site.server.port}"
        with grpc.secure_channel(address, credentials, options) as channel:
            yield Client(channel)


class TestTls:
    def test_a_stream_over_tls(self, tmp_path: Path) -> None:
        certificates = Certificates(tmp_path, mutual=False)
        with GrpcSite(clock=certificates.clock, tls=certificates.tls) as site:
            site.replica.begin(A)
            with certificates.client(site, certificates.authority) as client:
                watch = client.watch()
                assert watch.next().type == "snapshot"
                site.replica.publish(B)
                assert watch.next().type == "delta"
            with certificates.client(site, Authority()) as stranger:
                assert failure(stranger.info)[0] is grpc.StatusCode.UNAVAILABLE
            with site.client() as plain:
                assert failure(plain.info)[0] is grpc.StatusCode.UNAVAILABLE

    def test_a_client_must_show_a_certificate_of_the_right_authority(self, tmp_path: Path) -> None:
        certificates = Certificates(tmp_path, mutual=True)
        ours = certificates.authority
        with GrpcSite(clock=certificates.clock, tls=certificates.tls) as site:
            with certificates.client(site, ours, shows=ours) as client:
                assert client.info().version == "1.2.3"
            with certificates.client(site, ours, shows=Authority()) as client:
                assert failure(client.info)[0] is grpc.StatusCode.UNAVAILABLE
            with certificates.client(site, ours) as client:
                assert failure(client.info)[0] is grpc.StatusCode.UNAVAILABLE

    def test_a_renewed_certificate_is_shown_to_new_connections(self, tmp_path: Path) -> None:
        certificates = Certificates(tmp_path, mutual=False)
        old, new = certificates.authority, Authority()
        with GrpcSite(clock=certificates.clock, tls=certificates.tls) as site:
            site.replica.begin(A)
            with certificates.client(site, old) as client:
                watch = client.watch()
                watch.next()
                certificates.renew(new)
                certificates.clock.advance(5.0)
                site.server.pool.look()
                with certificates.client(site, new) as later:
                    assert later.info().version == "1.2.3"
                with certificates.client(site, old) as later:
                    assert failure(later.info)[0] is grpc.StatusCode.UNAVAILABLE
                site.replica.publish(B)
                assert watch.next().type == "delta"


@pytest.mark.parametrize(
    ("peer", "key"),
    [
        ("ipv4:192.0.2.1:5678", "192.0.2.1"),
        ("ipv6:[2001:db8::1]:5678", "2001:db8::1"),
        ("ipv6:%5B2001:db8::1%5D:5678", "2001:db8::1"),
        ("ipv6:%5B::ffff:192.0.2.1%5D:5678", "192.0.2.1"),
        ("ipv6:%5Bfe80::1%25eth0%5D:5678", "fe80::1%eth0"),
        ("unix:/run/agentctl.sock", "unix:/run/agentctl.sock"),
        ("unix:", "unix:"),
    ],
)
def test_a_peer_is_its_address(peer: str, key: str) -> None:
    assert peer_key(peer) == key


def test_both_ends_agree_on_pings() -> None:
    server, client = dict(grpc_contract.SERVER_OPTIONS), dict(grpc_contract.CLIENT_OPTIONS)
    least = server["grpc.http2.min_ping_interval_without_data_ms"]
    assert client["grpc.keepalive_time_ms"] > least
    assert least < grpc_contract.MIN_CLIENT_PING_S * 1000
    assert min(map(grpc_contract.client_ping_s, (0.1, 1.0, 30.0, 300.0))) * 1000 > least
    for end in (server, client):
        assert end["grpc.keepalive_permit_without_calls"] == 1
        assert end["grpc.http2.max_pings_without_data"] == 0


def test_a_client_that_pings_as_often_as_it_may_is_not_sent_away() -> None:
    """Each ping that comes too soon is a strike, and the third ends the connection."""
    with GrpcSite() as site, RawReader(site.server.port) as reader:
        site.replica.begin(A)
        ping = b"\x00\x00\x08\x06\x00\x00\x00\x00\x00" + bytes(8)
        reader.socket.sendall(ping)
        seen = b""
        while b"\x00\x00\x08\x06\x01" not in seen:
            data = reader.socket.recv(65536)
            assert data
            seen += data
