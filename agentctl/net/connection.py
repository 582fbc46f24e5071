"""Connection: dialled, tunnelled and wrapped in TLS so that it can be freed.

http.client speaks HTTP; of urllib3 only TLS inside TLS is needed, for an https proxy,
and imported then: all of urllib3 costs a tenth of a one-shot's time.
"""

from __future__ import annotations

import errno
import http.client
import importlib
import io
import os
import select
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional

from agentctl.clock import Clock
from agentctl.errors import ConfigError
from agentctl.net.kill_switch import KillSwitch
from agentctl.net.proxies import Proxy

if TYPE_CHECKING:
    import ssl

KEEPALIVE_IDLE_S = 15
KEEPALIVE_INTERVAL_S = 5
KEEPALIVE_COUNT = 3
"""With the above: a peer that vanished is noticed within 30 s."""

CONNECT_SLICE_S = 0.25
"""How soon a kill is noticed where shutting down a connecting socket does not wake us (macOS)."""

MIN_ADDRESS_SHARE_S = 2.0
"""What each of several addresses gets of the connect timeout at least (Go's dialer does so)."""

READ_BUFFER = 1 << 16


@dataclass(frozen=True)
class Route:
    """How to get to the server: where to dial, and what to put around the socket."""

    host: str
    port: int
    tls: Optional[ssl.SSLContext] = None
    server_hostname: str = ""
    proxy: Optional[Proxy] = None
    proxy_tls: Optional[ssl.SSLContext] = None

    @property
    def tunnels(self) -> bool:
        """Whether the proxy is asked to CONNECT; plain http is forwarded instead."""
        return self.proxy is not None and not self.proxy.is_socks and self.tls is not None

    @property
    def forwards(self) -> bool:
        return self.proxy is not None and not self.proxy.is_socks and self.tls is None


def socks_module() -> Any:
    """PySocks, which most have no need of. Raises ConfigError if it is not installed."""
    try:
        return importlib.import_module("socks")
    except ImportError as error:
        raise ConfigError(
            "a socks5 proxy needs the package PySocks; install it or use an http proxy"
        ) from error


class TimedReader(io.RawIOBase):
    """A socket's bytes, with a deadline for all of them besides the socket's own timeout."""

    def __init__(self, sock: socket.socket, clock: Clock) -> None:
        super().__init__()
        self._sock = sock
        self._clock = clock
        self._raw: Any = sock.makefile("rb", buffering=0)
        self._timeout: Optional[float] = None
        self._deadline: Optional[float] = None
        self.ended = False
        """Whether the peer has closed its side."""

    def limit(self, timeout: Optional[float], deadline: Optional[float] = None) -> None:
        """At most ``timeout`` seconds for one read; none at all after ``deadline``."""
        self._timeout = timeout
        self._deadline = deadline
        self._sock.settimeout(timeout)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> Optional[int]:
        if self._deadline is not None:
            left = self._deadline - self._clock.monotonic()
            if left <= 0:
                raise socket.timeout("timed out")
            self._sock.settimeout(left if self._timeout is None else min(left, self._timeout))
        count: Optional[int] = self._raw.readinto(buffer)
        self.ended = count == 0
        return count

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


class _Readable:
    """What http.client needs of a socket: a file that is ours."""

    def __init__(self, reader: TimedReader) -> None:
        self._reader = reader

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(self._reader, READ_BUFFER)


class Connection(http.client.HTTPConnection):
    """A connection whose socket a KillSwitch can shut down at any time.

    It is dialled once; when it is lost, make another.
    """

    auto_open = 0

    def __init__(self, route: Route, clock: Clock) -> None:
        peer = route.proxy or route
        super().__init__(peer.host, peer.port)
        self.route = route
        self._clock = clock
        self._lifeline: Optional[socket.socket] = None
        self._switch: Optional[KillSwitch] = None
        self._header_deadline: Optional[float] = None
        self.reader: Optional[TimedReader] = None
        self.response_class = self._read_response  # type: ignore[assignment]
        if route.proxy_tls is not None:
            _tls_inside_tls()  # imported now, not on the connect timeout's time
        if route.tunnels and route.proxy is not None:
            self.set_tunnel(route.host, route.port, headers=route.proxy.headers)

    def dial(self, timeout: float, switch: KillSwitch) -> None:
        """Connect, within ``timeout`` seconds for everything up to the TLS handshake's end."""
        self._switch = switch
        deadline = self._clock.monotonic() + timeout
        self._header_deadline = deadline
        route = self.route
        sock = self.sock = self._open(deadline)
        sock.settimeout(self._left(deadline))
        if route.proxy_tls is not None:
            sock = self.sock = route.proxy_tls.wrap_socket(sock, server_hostname=self.host)
        if route.tunnels:
            self._tunnel()  # type: ignore[attr-defined]
            self.sock.settimeout(self._left(deadline))
        if route.tls is None:
            return
        if route.proxy_tls is not None:
            self.sock = _tls_inside_tls()(sock, route.tls, server_hostname=route.server_hostname)
        else:
            self.sock = route.tls.wrap_socket(sock, server_hostname=route.server_hostname)

    def ask(
        self,
        target: str,
        headers: list[tuple[str, str]],
        timeout: float,
        switch: KillSwitch,
        body: Optional[bytes] = None,
    ) -> http.client.HTTPResponse:
        """Send a GET, or a POST of ``body``, and read the headers of its answer.

        Within ``timeout`` seconds.
        """
        if self._switch is not switch:
            self._follow(switch)
        self._header_deadline = self._clock.monotonic() + timeout
        self.sock.settimeout(timeout)
        method = "GET" if body is None else "POST"
        self.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in headers:
            self.putheader(name, value)
        # A server that refuses without listening has said why: that is worth reading.
        with suppress(BrokenPipeError, ConnectionResetError):
            self.endheaders(body)
        answer = self.getresponse()
        if self.reader is not None and self.reader.ended:
            # http.client takes a connection lost among the headers for their end.
            answer.close()
            raise http.client.IncompleteRead(b"")
        return answer

    def rest(self) -> None:
        """Between two requests no switch has a say."""
        if self._switch is not None and self._lifeline is not None:
            self._switch.detach(self._lifeline)
        self._switch = None

    @property
    def is_stale(self) -> bool:
        """Whether the server closed it (or sent what nobody asked for) while it rested."""
        return self.sock is None or _ready(self.sock, select.POLLIN, 0.0)

    def close(self) -> None:
        """Close the socket unless a response still reads from it; see ``end``."""
        super().close()

    def end(self) -> None:
        """Close everything."""
        lifeline, self._lifeline = self._lifeline, None
        if lifeline is not None:
            if self._switch is not None:
                self._switch.detach(lifeline)
            lifeline.close()
        self.close()
        if self.reader is not None:
            self.reader.close()

    def _open(self, deadline: float) -> socket.socket:
        if self.route.proxy is not None and self.route.proxy.is_socks:
            return self._open_through_socks(self.route.proxy, deadline)
        infos = socket.getaddrinfo(self.host, self.port, 0, socket.SOCK_STREAM)
        failure: Optional[OSError] = None
        for index, (family, kind, proto, _, address) in enumerate(infos):
            left = self._left(deadline)
            share = max(left / (len(infos) - index), min(left, MIN_ADDRESS_SHARE_S))
            sock = socket.socket(family, kind, proto)
            try:
                self._prepare(sock)
                self._connect(sock, address, self._clock.monotonic() + share)
                return sock
            except OSError as error:
                failure = error
                sock.close()
            except BaseException:
                sock.close()
                raise
        raise failure or OSError("the name has no address")

    def _open_through_socks(self, proxy: Proxy, deadline: float) -> socket.socket:
        socks = socks_module()
        sock: Any = socks.socksocket()
        try:
            sock.set_proxy(
                socks.SOCKS5, proxy.host, proxy.port, True, proxy.username or None, proxy.password
            )
            self._prepare(sock)
            sock.settimeout(self._left(deadline))
            sock.connect((self.route.host, self.route.port))
            connected: socket.socket = sock
        except socks.ProxyError as error:
            sock.close()
            raise OSError(f"socks5 proxy: {error}") from error
        except BaseException:
            sock.close()
            raise
        return connected

    def _prepare(self, sock: socket.socket) -> None:
        """Set the options, and give the switch its hold before anything can block."""
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in (
            ("TCP_KEEPALIVE" if sys.platform == "darwin" else "TCP_KEEPIDLE", KEEPALIVE_IDLE_S),
            ("TCP_KEEPINTVL", KEEPALIVE_INTERVAL_S),
            ("TCP_KEEPCNT", KEEPALIVE_COUNT),
        ):
            option = getattr(socket, name, None)
            if option is not None:
                sock.setsockopt(socket.IPPROTO_TCP, option, value)
        old, switch = self._lifeline, self._switch
        if old is not None:
            if switch is not None:
                switch.detach(old)
            old.close()
        # A descriptor of its own for the same connection: the switch can shut that
        # down while this thread opens, wraps or closes the other.
        self._lifeline = socket.socket(fileno=socket.dup(sock.fileno()))
        if switch is not None:
            switch.attach(self._lifeline)

    def _connect(self, sock: socket.socket, address: Any, deadline: float) -> None:
        sock.setblocking(False)
        code = sock.connect_ex(address)
        if code in (errno.EINPROGRESS, errno.EWOULDBLOCK):
            while not _ready(sock, select.POLLOUT, min(CONNECT_SLICE_S, self._left(deadline))):
                if self._switch is not None:
                    self._switch.check()
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code))

    def _follow(self, switch: KillSwitch) -> None:
        self.rest()
        self._switch = switch
        if self._lifeline is not None:
            switch.attach(self._lifeline)

    def _left(self, deadline: float) -> float:
        left = deadline - self._clock.monotonic()
        if left <= 0:
            raise socket.timeout("timed out")
        return left

    def _read_response(
        self, sock: socket.socket, *args: Any, **kwargs: Any
    ) -> http.client.HTTPResponse:
        self.reader = TimedReader(sock, self._clock)
        self.reader.limit(None, self._header_deadline)
        source: Any = _Readable(self.reader)
        return http.client.HTTPResponse(source, *args, **kwargs)


def _tls_inside_tls() -> Any:
    from urllib3.util.ssltransport import SSLTransport

    return SSLTransport


def _ready(sock: socket.socket, event: int, timeout: float) -> bool:
    """Whether the socket is ready for ``event`` (of select.poll), or has failed, in time."""
    poller = select.poll()
    poller.register(sock, event)
    return bool(poller.poll(timeout * 1000))
