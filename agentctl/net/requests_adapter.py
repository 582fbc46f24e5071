"""Adapter for requests: its sockets are dialled here, so that a stop can free any wait.

A stop must be able to shut down a socket that is still connecting, which urllib3 keeps to
itself. Only ``_new_conn`` and ``connect`` are replaced, which 1.26 and 2 have alike.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
from typing import Any, Callable, Optional

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from agentctl.clock import Clock
from agentctl.net.connection import Connection, Route, TimedReader
from agentctl.net.kill_switch import KillSwitch
from agentctl.net.proxies import Proxy

CONNECT_S = 10.0
"""For everything up to the end of the TLS handshake."""

ANSWER_S = 30.0
"""From there to the end of an answer's headers."""

READ_BYTES = 1 << 16

PORTS = {"http": 80, "https": 443}


class RequestSocket:
    """The socket of one request: how it is dialled, and how it is read."""

    def __init__(
        self, switch: KillSwitch, clock: Clock, path: str = "", socks: Optional[Proxy] = None
    ) -> None:
        """``path`` is a unix socket's; ``socks`` a proxy that knows nothing of HTTP."""
        self.switch = switch
        self.step = f"after {CONNECT_S:g}s connecting"
        """What takes too long if it times out now."""
        self.reader: TimedReader
        self.answer: Any
        """http.client's own, once there is one."""
        self._clock = clock
        self._path = path
        self._socks = socks
        self._ends: list[Callable[[], object]] = []

    def dial(self, host: str, port: int) -> socket.socket:
        """Raises OSError and DisconnectedError."""
        if self._path:
            return self._dial_unix()
        line = Connection(Route(host, port, proxy=self._socks), self._clock)
        self._ends.append(line.end)
        line.dial(CONNECT_S, self.switch)
        connected: socket.socket = line.sock
        line.sock = None  # another's to use; the switch keeps its hold
        self._ends.append(connected.close)  # urllib3 1.26 forgets it if TLS fails
        return connected

    def respond(self, sock: socket.socket, *args: Any, **kwargs: Any) -> Any:
        """In the place of http.client's class: an answer that is read with a deadline."""
        self.step = f"after {ANSWER_S:g}s waiting for an answer"
        self.reader = TimedReader(sock, self._clock)
        self.reader.limit(None, self._clock.monotonic() + ANSWER_S)
        self._ends.append(self.reader.close)
        source: Any = _SocketFile(self.reader)
        self.answer = http.client.HTTPResponse(source, *args, **kwargs)
        return self.answer

    def end(self) -> None:
        for end in self._ends:
            end()

    def _dial_unix(self) -> socket.socket:
        sock = socket.socket(socket.AF_UNIX)
        try:
            # A descriptor of its own for the switch to shut down, as in net.connection.
            hold = socket.socket(fileno=socket.dup(sock.fileno()))
            self._ends += [lambda: self.switch.detach(hold), hold.close]
            self.switch.attach(hold)
            sock.settimeout(CONNECT_S)
            sock.connect(self._path)
        except BaseException:
            sock.close()
            raise
        return sock


class _SocketFile:
    """What http.client needs of a socket: a file that is ours."""

    def __init__(self, reader: TimedReader) -> None:
        self._reader = reader

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(self._reader, READ_BYTES)


class LineAdapter(HTTPAdapter):
    """Sends requests over a line, with TLS as ``context`` has it.

    What requests would put in the context's place (its own bundle of CAs) is set aside.
    ``server_name`` is what the certificate must be for.
    """

    def __init__(
        self, line: RequestSocket, context: Optional[ssl.SSLContext], server_name: str
    ) -> None:
        super().__init__()

        class PlainConnection(HTTPConnection):
            response_class = staticmethod(line.respond)  # type: ignore[assignment]

            def _new_conn(self) -> socket.socket:
                return line.dial(self.host, self.port or PORTS["http"])

        class Secure(HTTPSConnection):
            response_class = staticmethod(line.respond)  # type: ignore[assignment]

            def _new_conn(self) -> socket.socket:
                return line.dial(self.host, self.port or PORTS["https"])

            def connect(self) -> None:
                self.ssl_context = context and _for_peer(context, server_name)
                self.cert_reqs = ssl.CERT_REQUIRED
                self.ca_certs = self.ca_cert_dir = self.ca_cert_data = None
                self.server_hostname = server_name
                super().connect()

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = PlainConnection

        class SecurePool(HTTPSConnectionPool):
            ConnectionCls = Secure

        self._pools = {"http": PlainPool, "https": SecurePool}
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager: Any = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = self._pools
        return manager

    def __enter__(self) -> LineAdapter:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _for_peer(context: ssl.SSLContext, name: str) -> ssl.SSLContext:
    """Have OpenSSL check the name, also where urllib3 1.26 gives it none: of an IP address."""
    wrap, wrap_bio = context.wrap_socket, context.wrap_bio

    def wrap_socket(*args: Any, **kwargs: Any) -> ssl.SSLSocket:
        return wrap(*args, **{**kwargs, "server_hostname": name})

    def wrap_bio_(*args: Any, **kwargs: Any) -> ssl.SSLObject:
        return wrap_bio(*args, **{**kwargs, "server_hostname": name})

    context.wrap_socket = wrap_socket  # type: ignore[method-assign]
    context.wrap_bio = wrap_bio_  # type: ignore[method-assign]
    return context
