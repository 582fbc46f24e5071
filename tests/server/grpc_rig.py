"""A gRPC server on a free port, fed by the test, and clients that wait for a bounded time."""

from __future__ import annotations

import gc
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Any, Optional

import grpc

from agentctl.clock import Clock
from agentctl.engine.policy import SourceVitals, Vitals
from agentctl.model import Event
from agentctl.rpc import agentctl_pb2 as pb
from agentctl.rpc.agentctl_pb2_grpc import AgentctlServiceStub
from agentctl.server.address import Address
from agentctl.server.auth import TokenGate
from agentctl.server.grpc.sender_pool import SenderPoolSize
from agentctl.server.grpc.server import GrpcServer
from agentctl.server.limits import StreamCount, StreamLimits
from agentctl.server.metrics import Metrics
from agentctl.server.services import ServerInfo, Services
from agentctl.server.tls import ServerTls
from agentctl.wire import events_pb
from agentctl.wire.grpc_contract import SERVICES
from agentctl.wire.statusjson import Namespaces
from bench.http2_reader import GrpcStreams
from tests.server.replica import Replica

PATIENCE_S = 20.0
"""Longer than anything takes here; what waits for it has failed."""

SERVICE, OLDER_SERVICE = SERVICES
WATCH = f"/{SERVICE}/WatchControlPlaneStatus"


class GrpcSite:
    """``with GrpcSite(...) as site``: a replica that is served."""

    def __init__(
        self,
        *namespaces: str,
        clock: Optional[Clock] = None,
        gate: Optional[TokenGate] = None,
        limits: StreamLimits = StreamLimits(),  # noqa: B008 (a value)
        tls: Optional[ServerTls] = None,
        size: Optional[SenderPoolSize] = None,
    ) -> None:
        self.replica = Replica(*namespaces, clock=clock)
        self.clock: Any = self.replica.clock
        self.sources: tuple[SourceVitals, ...] = ()
        self.services = Services(
            self.replica.broadcaster,
            lambda: Vitals(self.clock.monotonic(), self.replica.broadcaster.begun, self.sources),
            gate or TokenGate(),
            StreamCount(limits),
            Metrics(),
            self.clock,
            ServerInfo("1.2.3"),
        )
        self.server = GrpcServer(self.services, Address("127.0.0.1", 0), tls, size)
        self.address = f"127.0.0.1:{self.server.port}"

    def __enter__(self) -> GrpcSite:
        self.server.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.server.stop(PATIENCE_S)

    @contextmanager
    def channel(self, *options: tuple[str, int]) -> Iterator[grpc.Channel]:
        with grpc.insecure_channel(self.address, options=options) as channel:
            yield channel
        # Older clients keep a call that was cancelled, and its socket, in a cycle.
        gc.collect()

    @contextmanager
    def client(self) -> Iterator[Client]:
        with self.channel() as channel:
            yield Client(channel)

    def counted(self, kind: str) -> int:
        return self.services.metrics.counts().errors[kind]

    def streams(self) -> int:
        return sum(self.services.count.active().values())


class Client:
    """Calls over one channel; ``metadata`` goes with each."""

    def __init__(self, channel: grpc.Channel, *metadata: tuple[str, str]) -> None:
        self.stub = AgentctlServiceStub(channel)
        self.metadata = metadata

    def info(self) -> pb.GetServerInfoResponse:
        return self.stub.GetServerInfo(
            pb.GetServerInfoRequest(), timeout=PATIENCE_S, metadata=self.metadata
        )

    def status(self, namespace: str = "") -> pb.GetControlPlaneStatusResponse:
        return self.stub.GetControlPlaneStatus(
            pb.GetControlPlaneStatusRequest(namespace=namespace),
            timeout=PATIENCE_S,
            metadata=self.metadata,
        )

    def watch(self, **request: Any) -> Watch:
        return Watch(
            self.stub.WatchControlPlaneStatus(
                pb.WatchControlPlaneStatusRequest(**request),
                timeout=6 * PATIENCE_S,
                metadata=self.metadata,
            )
        )


class Watch:
    """One stream's events, as values."""

    def __init__(self, call: Any) -> None:
        self.call = call

    def next(self) -> Event:
        event = events_pb.from_message(
            next(self.call), datetime.now(timezone.utc), Namespaces()
        ).event
        assert event is not None
        return event

    def types(self, count: int) -> list[str]:
        return [self.next().type for _ in range(count)]

    def failure(self) -> tuple[grpc.StatusCode, str]:
        """How it ended; what still comes before that is thrown away."""
        return failure(lambda: [None for _ in self.call])


def failure(call: Callable[[], Any]) -> tuple[grpc.StatusCode, str]:
    """Code and message of a call that fails."""
    try:
        call()
    except grpc.RpcError as error:
        return error.code(), error.details()
    raise AssertionError("the call did not fail")


def eventually(condition: Callable[[], Any], what: str = "") -> None:
    """Wait for what other threads do."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, what or "it did not come"
        time.sleep(0.005)


class RawReader:
    """A client without a library: it reads only when it is told to."""

    def __init__(self, port: int, streams: int = 1, grants: bool = True, path: str = WATCH) -> None:
        self.socket = socket.socket()
        self.socket.settimeout(PATIENCE_S)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.connect(("127.0.0.1", port))
        self.streams = GrpcStreams(path, streams, b"", grants)
        self.socket.sendall(bytes(self.streams.outgoing))
        self.streams.outgoing.clear()

    def __enter__(self) -> RawReader:
        return self

    def __exit__(self, *exception: object) -> None:
        self.socket.close()
