"""The server under measurement: the broadcaster and the transports, without an engine."""

from __future__ import annotations

import os
import time
from importlib.util import find_spec

from agentctl import __version__
from agentctl.clock import SystemClock
from agentctl.cursor import scope_of
from agentctl.engine.policy import Vitals
from agentctl.model import Item, Status
from agentctl.server.address import Address
from agentctl.server.app import Transport
from agentctl.server.auth import TokenGate
from agentctl.server.fanout.broadcaster import Broadcaster
from agentctl.server.fanout.channel import Channel
from agentctl.server.fanout.history import StatusHistory
from agentctl.server.http.server import HttpServer
from agentctl.server.limits import StreamCount, StreamLimits
from agentctl.server.metrics import Metrics
from agentctl.server.services import ServerInfo, Services
from bench.fanout_emitter import items_of, message

ANY_PORT = Address("127.0.0.1", 0)
NO_LIMIT = StreamLimits(streams=1_000_000, per_peer=1_000_000)


class Agentctl:
    """What ``agentctl serve`` puts together, with this object in the engine's place."""

    def __init__(self, items: int) -> None:
        clock = SystemClock()
        channel = Channel("agents", scope_of(["agents"], "bench", []), clock)
        self._broadcaster = Broadcaster({"agents": channel, "": channel})
        self._broadcaster.history = StatusHistory(clock, 86_400.0, ["agents"])
        self._count = StreamCount(NO_LIMIT)
        services = Services(
            broadcaster=self._broadcaster,
            vitals=lambda: Vitals(clock.monotonic(), True, ()),
            gate=TokenGate(),
            count=self._count,
            metrics=Metrics(),
            clock=clock,
            info=ServerInfo(__version__),
        )
        self.pid = os.getpid()
        http = HttpServer(services, ANY_PORT)
        self.http_port, self.grpc_port = http.port, 0
        self._transports: list[Transport] = [http]
        if find_spec("grpc") is not None:
            from agentctl.server.grpc.server import GrpcServer

            grpc = GrpcServer(services, ANY_PORT)
            self.grpc_port = grpc.port
            self._transports.append(grpc)
        for transport in self._transports:
            transport.start()
        self._items = items_of(items)
        self._versions = {"deployments.apps": "1000"}
        self._broadcaster.begin(self._items, self._versions)

    def emit(self, number: int, size: int) -> None:
        """Change one item of all."""
        items = list(self._items)
        index = number % len(items)
        changed = items[index].component
        items[index] = Item(changed, "agents", Status.DEGRADED, message(number, size))
        self._items = items
        self._versions = {"deployments.apps": str(1001 + number)}
        self._broadcaster.publish(items, self._versions)

    def beat(self) -> None:
        self._broadcaster.beat(())

    def active(self) -> int:
        return sum(self._count.active().values())

    def cpu_s(self) -> float:
        return time.process_time()

    def stop(self) -> None:
        for transport in self._transports:
            transport.stop(1.0)
