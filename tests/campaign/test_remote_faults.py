"""Seeded sequences of faults between a server and its client: the truth comes out, once."""

from __future__ import annotations

import importlib
import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Optional

import pytest

from agentctl.backoff import Backoff
from agentctl.clock import SystemClock
from agentctl.engine.engine import Engine
from agentctl.engine.policy import Notice, StreamPolicy
from agentctl.errors import ExitCode
from agentctl.model import ErrorCode, Item, ItemKey, Status
from agentctl.net.tls_settings import TlsSettings
from agentctl.remote.access import ServerAccess, ServerAddress, client_tls
from agentctl.remote.state import RelayStream, RemoteState
from agentctl.server.address import Address
from agentctl.server.auth import TokenGate
from agentctl.server.limits import StreamCount, StreamLimits
from agentctl.server.metrics import Metrics
from agentctl.server.services import ServerInfo, Services
from agentctl.server.tls import ServerTls
from tests.campaign.faultproxy import AT_ONCE, NORMAL, PER_CONNECTION, FaultProxy
from tests.campaign.test_fault_sequences import Follower
from tests.server.replica import Replica

TRANSPORTS = ("sse", "grpc")
BEAT_S = 0.2
"""A connection has to be made within two and a half of them, on a busy machine too."""
NAMES = ("a", "b", "c", "d", "e")
POLICY = StreamPolicy(
    heartbeat_s=0.05,
    backoff=Backoff(base=0.005, cap=0.02),
    max_staleness_s=1.0,
    refused_retry_s=0.03,
    stream_retry_s=0.1,
    fallback_poll=True,
    first_answer_s=0.5,
)
SOURCES = {
    "sse": ("agentctl.remote.sse", "SseSource"),
    "grpc": ("agentctl.remote.grpc", "GrpcSource"),
}
SERVERS = {
    "sse": ("agentctl.server.http.server", "HttpServer"),
    "grpc": ("agentctl.server.grpc.server", "GrpcServer"),
}


def load(table: dict[str, tuple[str, str]], transport: str) -> Any:
    module, name = table[transport]
    return getattr(importlib.import_module(module), name)


class Site:
    """A server on a replica that a thread keeps beating; it can be replaced by another."""

    def __init__(self, transport: str, tls: Optional[ServerTls] = None) -> None:
        self._transport = transport
        self._tls = tls
        self.clock = SystemClock()
        self.items: dict[str, Item] = {}
        self.version = 0
        self.missing: list[Notice] = []
        self.port = 0
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="beat")
        self.change("a", Status.HEALTHY, "")
        self._begin()
        self._thread.start()

    def close(self) -> None:
        self._over.set()
        self._thread.join()
        self._server.stop(1.0)

    def restart(self) -> None:
        """Another server in its place: it knows the state and nothing of the past."""
        with self._lock:
            self._server.stop(0.2)
            self._begin()

    def change(self, name: str, status: Status, message: str) -> None:
        with self._lock:
            self.version += 1
            self.items[name] = Item(name, "agents", status, message)
            self._publish()

    def remove(self, name: str) -> None:
        with self._lock:
            self.version += 1
            self.items.pop(name, None)
            self._publish()

    def tell(self) -> None:
        with self._lock:
            self._replica.broadcaster.tell(Notice("pods", ErrorCode.DISCONNECTED, "refused", 1.0))

    def truth(self) -> dict[ItemKey, Item]:
        return {item.key: item for item in self.items.values()}

    def _begin(self) -> None:
        self._replica = Replica("agents", clock=self.clock)
        broadcaster = self._replica.broadcaster
        services = Services(
            broadcaster,
            lambda: None,  # type: ignore[arg-type,return-value]
            TokenGate(),
            StreamCount(StreamLimits()),
            Metrics(),
            self.clock,
            ServerInfo("0"),
        )
        self._server = load(SERVERS, self._transport)(services, Address("127.0.0.1", 0), self._tls)
        self.port = self._server.port
        self._server.start()
        self._replica.begin(*self._sorted(), version=self.version)

    def _publish(self) -> None:
        if self.port:
            self._replica.publish(*self._sorted(), version=self.version)

    def _sorted(self) -> list[Item]:
        return [self.items[name] for name in sorted(self.items)]

    def _beat(self) -> None:
        while not self._over.wait(0.02):
            with self._lock:
                self._replica.broadcaster.beat(self.missing)


@pytest.fixture(autouse=True)
def no_leaks() -> Iterator[None]:
    """Of the client: the server lives on, and has new threads after each restart."""
    yield
    names = [thread.name for thread in threading.enumerate()]
    assert not [name for name in names if name.startswith(("engine", "source", "fault"))]


def hurry(patch: pytest.MonkeyPatch) -> None:
    """Servers that may beat as often as they are asked to, and want nobody to wait a second
    before he is back: most faults would come meanwhile, and strike nothing."""
    for module in ("http.request", "grpc.status_service"):
        patch.setattr(f"agentctl.server.{module}.MIN_HEARTBEAT_S", 0.001)
    patch.setattr("agentctl.server.http.router.RETRY_MS", 10)


@pytest.fixture(scope="module", params=TRANSPORTS)
def site(request: pytest.FixtureRequest) -> Iterator[tuple[str, Site]]:
    patch = pytest.MonkeyPatch()
    hurry(patch)
    site = Site(request.param)
    yield request.param, site
    site.close()
    patch.undo()


Happens = Callable[[random.Random, FaultProxy, Site], None]


def eventually(what: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not what():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.002)
    return True


def run_sequence(
    transport: str,
    site: Site,
    seed: int,
    happens: Happens,
    tls: Optional[TlsSettings] = None,
) -> Follower:
    rng = random.Random(seed)
    follower = Follower()
    with FaultProxy(lambda: site.port, rng) as proxy:
        address = ServerAddress("127.0.0.1", proxy.port)
        access = ServerAccess(address, "agents", BEAT_S, tls, poll_interval_s=0.02)
        clock = SystemClock()
        engine = Engine(
            [load(SOURCES, transport)(access, clock)],
            RemoteState(),
            RelayStream(follower, clock, b""),
            POLICY,
            clock=clock,
            rng=random.Random(seed),
        )
        thread = threading.Thread(target=engine.run, name=f"engine-{seed}")
        thread.start()
        try:
            assert eventually(lambda: bool(follower.kinds), 20), "no snapshot"
            for _ in range(rng.randint(3, 10)):
                happens(rng, proxy, site)
                threading.Event().wait(rng.choice([0, 0, 0.002, 0.01, 0.03]))
            proxy.calm()
            settled = eventually(
                lambda: follower.state == site.truth() or engine.outcome is not None, 30
            )
            assert engine.outcome is None, f"the run ended: {engine.outcome}"
            assert settled, f"ended with {follower.state}, the truth is {site.truth()}"
        finally:
            engine.stop(ExitCode.TERMINATED)
            thread.join(20)
    assert not thread.is_alive()
    return follower


def _something_happens(rng: random.Random, proxy: FaultProxy, site: Site) -> None:
    dice = rng.random()
    if dice < 0.3:
        proxy.fault = rng.choice((NORMAL, *PER_CONNECTION))
        proxy.strike(rng.choice(AT_ONCE))
    elif dice < 0.4:
        proxy.strike(rng.choice(AT_ONCE))
    elif dice < 0.43:
        site.restart()
    elif dice < 0.5:
        site.missing = [] if site.missing else [Notice("pods", ErrorCode.DISCONNECTED, "x", 1.0)]
    elif dice < 0.55:
        site.tell()
    elif dice < 0.65:
        site.remove(rng.choice(NAMES[1:]))
    else:
        status = rng.choice(list(Status))
        site.change(rng.choice(NAMES), status, rng.choice(["", "1/2 ready", "x" * 500]))


def test_the_client_ends_with_the_truth(site: tuple[str, Site], remote_seed: int) -> None:
    follower = run_sequence(*site, remote_seed, _something_happens)
    assert follower.wrong == []
    assert follower.kinds[0] == "snapshot"


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_tls_records_that_are_reordered_or_spoiled_change_nothing(
    transport: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TLS sees it, the connection is lost, and another one tells what was missed."""
    hurry(monkeypatch)
    trustme = pytest.importorskip("trustme")
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    ca, certificate, key = (tmp_path / name for name in ("ca.pem", "cert.pem", "key.pem"))
    authority.cert_pem.write_to_path(str(ca))
    certificate.write_bytes(b"".join(part.bytes() for part in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(str(key))

    def happens(rng: random.Random, proxy: FaultProxy, site: Site) -> None:
        proxy.fault = rng.choice(["reorder", "garbage", "double", "truncate"])
        proxy.strike("cut")
        for _ in range(3):
            site.change(rng.choice(NAMES), rng.choice(list(Status)), str(rng.random()))
            threading.Event().wait(0.02)

    site = Site(transport, ServerTls(str(certificate), str(key), None, SystemClock()))
    try:
        for seed in range(3):
            follower = run_sequence(transport, site, seed, happens, client_tls(ca=str(ca)))
            assert follower.wrong == []
            assert "error" in follower.kinds
    finally:
        site.close()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "remote_seed" in metafunc.fixturenames:
        count = metafunc.config.getoption("--remote-fault-sequences")
        metafunc.parametrize("remote_seed", range(count))
