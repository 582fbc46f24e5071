"""HTTP server: an acceptor that answers, and a writer for the streams."""

from __future__ import annotations

from typing import Optional

from agentctl.server.address import Address
from agentctl.server.http.acceptor import Acceptor
from agentctl.server.http.listener import bind
from agentctl.server.http.router import Router
from agentctl.server.http.routes import Routes
from agentctl.server.http.stream_socket import StreamSocket
from agentctl.server.http.writer import StreamWriter
from agentctl.server.services import Services
from agentctl.server.tls import ServerTls

ANSWERS_S = 1.0
"""How long answers under way may take when the server ends; the rest is the streams'."""


class HttpServer:
    """Bound once made. Raises OSError where it cannot listen.

    ``probe`` makes it a kubelet's: /healthz and /readyz only, no token, no streams.
    """

    def __init__(
        self,
        services: Services,
        address: Address,
        tls: Optional[ServerTls] = None,
        probe: bool = False,
    ) -> None:
        listeners = bind(address)
        self.port: int = listeners[0].getsockname()[1]
        """The real one, where a free one was asked for."""
        self._clock = services.clock
        self._writer = None if probe else StreamWriter(services)
        anonymous = probe or (services.gate.open and not (tls is not None and tls.mutual))
        router = Router(services, Routes(services), services.hosts if anonymous else None)
        self._acceptor = Acceptor(
            "probe" if probe else "http",
            services,
            listeners,
            tls,
            router,
            router.probe if probe else router.main,
            self._begin,
        )

    @property
    def threads(self) -> int:
        """How many ``start`` starts."""
        return 1 if self._writer is None else 2

    def start(self) -> None:
        """Begin to answer."""
        if self._writer is not None:
            self._writer.start()
        self._acceptor.start()

    def wake(self) -> None:
        """Have both loops look at the clock: for tests, whose clock moves by leaps."""
        self._acceptor.wake()
        if self._writer is not None:
            self._writer.wake()

    def drain(self) -> None:
        """End the streams there are; never waits. That no new ones are taken is said by
        ``services.draining``; the rest is answered until ``stop``."""
        if self._writer is not None:
            self._writer.drain()

    def stop(self, deadline_s: float) -> None:
        """End, with what has not ended after ``deadline_s``. Also good before ``start``."""
        now = self._clock.monotonic()
        # First, so that nothing is handed to a writer that has ended.
        self._acceptor.stop(now + min(deadline_s, ANSWERS_S))
        if self._writer is not None:
            self._writer.stop(now + deadline_s)

    def _begin(self, reader: StreamSocket) -> None:
        assert self._writer is not None
        self._writer.take(reader)
