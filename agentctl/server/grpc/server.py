"""gRPC listener: its port, its options, and how it begins and ends."""

from __future__ import annotations

import errno
import socket
from typing import Optional

import grpc

from agentctl.debug_log import DebugLog
from agentctl.server.address import Address
from agentctl.server.grpc.admission import NO_TOKEN, Admission
from agentctl.server.grpc.calls import CallTimeouts
from agentctl.server.grpc.ready_queue import Farewell
from agentctl.server.grpc.sender_pool import SenderPool, SenderPoolSize
from agentctl.server.grpc.standard_services import HealthService, add_reflection
from agentctl.server.grpc.status_service import ENDING, StatusService
from agentctl.server.services import Services
from agentctl.server.tls import ServerTls, TlsPem
from agentctl.threads import grpc_core_threads, require
from agentctl.wire.grpc_contract import SERVER_OPTIONS

log = DebugLog(__name__)

MAX_STREAMS_OF_CONNECTION = 20_000
"""Beyond this a client waits, silently: above any limit that is told."""

HANDSHAKE_S = 10.0
"""For a connection to become one of TLS and HTTP/2."""

IDLE_CONNECTION_S = 600.0
"""Without any call; a client's next one connects anew by itself."""

GRACE = 0.5
"""The share of the time for the end that streams have to end by themselves."""

QUICK_S = 0.2
"""Enough for what waits for nobody: short answers, threads that have been told."""

OPTIONS = (
    *SERVER_OPTIONS,
    # Two servers would otherwise share a port, and each get some of the readers.
    ("grpc.so_reuseport", 0),
    ("grpc.max_concurrent_streams", MAX_STREAMS_OF_CONNECTION),
    ("grpc.server_handshake_timeout_ms", int(HANDSHAKE_S * 1000)),
    ("grpc.max_connection_idle_ms", int(IDLE_CONNECTION_S * 1000)),
)


class GrpcServer:
    """Bound once it is made, use it once. Raises OSError where it cannot listen, and
    LimitError where the host gives too few threads to do so.

    To be started before the engine.
    """

    def __init__(
        self,
        services: Services,
        address: Address,
        tls: Optional[ServerTls] = None,
        size: Optional[SenderPoolSize] = None,
    ) -> None:
        self._services = services
        timeouts = CallTimeouts(services.clock, services.metrics)
        self._admission = Admission(services.gate, services.metrics, timeouts, services.held)
        certificate = _Certificate(tls) if tls is not None else None
        chores = [timeouts.look, self._look_at_tokens]
        if certificate is not None:
            chores.append(certificate.look)
        self.pool = SenderPool(services.clock, services.metrics, size, chores)
        StatusService(services, self.pool, self._admission)
        self._health = HealthService(services, self.pool, self._admission)
        add_reflection(self._admission)
        self._generation = services.gate.generation
        self._unsure = False
        self._started = False
        _try_to_bind(address)
        require(grpc_core_threads(), "gRPC", large=True)
        self._server: Optional[grpc.Server] = grpc.server(
            self._admission.refusals.pool, handlers=[self._admission], options=OPTIONS
        )
        try:
            if certificate is None:
                self.port = self._server.add_insecure_port(str(address))
            else:
                self.port = self._server.add_secure_port(str(address), certificate.credentials)
        except RuntimeError:
            self.port = 0
        if not self.port:
            self._server = None
            raise OSError(errno.EADDRINUSE, "grpc could not bind this address")

    @property
    def threads(self) -> int:
        """How many ``start`` starts; one is grpcio's."""
        return self._admission.threads + self.pool.threads + 1

    def start(self) -> None:
        assert self._server is not None
        self._started = True
        self._admission.start()
        self._services.broadcaster.on_news(self.pool.wake)
        self.pool.start()
        self._server.start()

    def drain(self) -> None:
        """Take no new streams and end those there are; never waits."""
        self._services.draining.set()
        self._health.changed()
        self.pool.dismiss(self.pool.readers(), Farewell(grpc.StatusCode.UNAVAILABLE, ENDING))

    def stop(self, deadline_s: float) -> None:
        """End; what has not ended by itself in half the time is cut."""
        server, self._server = self._server, None
        if server is None:
            return
        clock = self._services.clock
        ends_at = clock.monotonic() + deadline_s
        self.drain()
        if self._started:
            self.pool.wait_empty(deadline_s * GRACE)
            for reader in self.pool.readers():
                reader.cut()
            self.pool.wait_empty(deadline_s * GRACE / 2)
            # Connections that are no more than open would be waited for as well.
            server.stop(min(QUICK_S, deadline_s)).wait(max(0.0, ends_at - clock.monotonic()))
            self.pool.stop(max(QUICK_S, ends_at - clock.monotonic()))
        else:
            # grpc lets a port go only of a server that has been running.
            server.start()
            server.stop(None)
        self._admission.close()

    def _look_at_tokens(self, now: float) -> None:
        """End the streams whose token is not good any more."""
        gate = self._services.gate
        changed = gate.generation != self._generation
        self._generation = gate.generation
        # Twice: a stream may just have been let in by what was good before.
        if changed or self._unsure:
            gone = [one for one in self.pool.readers() if not gate.honours(one.ticket)]
            for _ in gone:
                self._services.metrics.stream_error("unauthorized")
            farewell = Farewell(grpc.StatusCode.UNAUTHENTICATED, NO_TOKEN, at_once=True)
            self.pool.dismiss(gone, farewell)
        self._unsure = changed


def _try_to_bind(address: Address) -> None:
    """Raise what is wrong: grpc says no more than that it could not, and takes a part."""
    found = socket.getaddrinfo(
        address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    for family, kind, protocol, _, where in found:
        with socket.socket(family, kind, protocol) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind(where)


class _Certificate:
    """What grpc shows at a handshake; the files are looked at by a thread of ours.

    grpc asks on threads of its own, which are none of Python's: they take what is there.
    """

    def __init__(self, tls: ServerTls) -> None:
        self._tls = tls
        self._pem = tls.pem()
        self._next: Optional[grpc.ServerCertificateConfiguration] = None
        self.credentials = grpc.dynamic_ssl_server_credentials(
            _configuration(self._pem),
            self._fetch,  # type: ignore[arg-type]  # None is "as before", which its stub forgot
            tls.mutual,
        )

    def look(self, now: float) -> None:
        pem = self._tls.pem()
        if pem is not self._pem:
            self._pem, self._next = pem, _configuration(pem)

    def _fetch(self) -> Optional[grpc.ServerCertificateConfiguration]:
        found, self._next = self._next, None
        return found


def _configuration(pem: TlsPem) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration(
        [(pem.key, pem.certificate)], root_certificates=pem.client_ca
    )
