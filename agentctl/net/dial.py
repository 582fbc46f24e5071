"""Dialling: a socket to a server, by way of a proxy or not, with TLS or not.

Of urllib3 only TLS inside TLS is used, for an https proxy, and imported then: all of it
costs a tenth of a one-shot's time.
"""

from __future__ import annotations

import errno
import importlib
import os
import select
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Optional, Union

from agentctl.clock import Clock
from agentctl.errors import ConfigError
from agentctl.lazy_dataclass import dataclass
from agentctl.net.keepalive import keep_alive
from agentctl.net.kill_switch import Lifeline
from agentctl.net.origin import Origin, dns_name
from agentctl.net.proxies import Proxy
from agentctl.net.timed_stream import TimedStream
from agentctl.net.tls_settings import TlsSettings

if TYPE_CHECKING:
    import ssl

CONNECT_SLICE_S = 0.25
"""How soon a kill is noticed where shutting down a connecting socket does not wake us (macOS)."""

MIN_ADDRESS_SHARE_S = 2.0
"""What each of several addresses gets of the connect timeout at least (Go's dialer does so)."""


@dataclass(frozen=True)
class Route:
    """How to get to a server: where to dial, and what to put around the socket."""

    host: str
    port: int
    tls: Optional[ssl.SSLContext] = None
    server_hostname: str = ""
    proxy: Optional[Proxy] = None
    proxy_tls: Optional[ssl.SSLContext] = None
    path: str = ""
    """A unix socket's, which is dialled instead of host and port."""

    @classmethod
    def to(cls, origin: Origin, tls: TlsSettings, proxy_url: str, path: str) -> Route:
        """Reads the files of ``tls``. Raises ConfigError for what cannot be used."""
        proxy = Proxy.parse(proxy_url) if proxy_url and not path else None
        if proxy is not None and proxy.is_socks:
            socks_module()
        context = proxy_tls = None
        if origin.secure or (proxy is not None and proxy.scheme == "https"):
            from agentctl.net.tls import proxy_context, server_context

            context = server_context(tls) if origin.secure else None
            if proxy is not None and proxy.scheme == "https":
                proxy_tls = proxy_context(tls)
                _tls_inside_tls()  # imported now, not on the connect timeout's time
        name = _verified_name(tls) or origin.host.partition("%")[0]
        return cls(origin.host, origin.port, context, name.rstrip("."), proxy, proxy_tls, path)

    @property
    def forwards(self) -> bool:
        """Whether plain http is given to a proxy to forward; https asks it to CONNECT."""
        return self.proxy is not None and not self.proxy.is_socks and self.tls is None


def dial(
    route: Route,
    lifeline: Lifeline,
    clock: Clock,
    deadline: float,
    connected: Optional[Callable[[float], None]] = None,
) -> socket.socket:
    """A socket on which the server is to be spoken to, until ``deadline`` (monotonic).

    ``connected`` is told how long (seconds) the TCP connect took, before TLS begins. Raises
    OSError, and DisconnectedError where the lifeline's switch is pulled.
    """
    return _Dialler(route, lifeline, clock, deadline, connected).dial()


def _verified_name(tls: TlsSettings) -> str:
    """The name that the server's certificate is to be for, where one is given."""
    try:
        return dns_name(tls.tls_server_name)
    except ValueError as error:
        raise ConfigError(f"{tls.description}: tls-server-name: {error}") from None


def socks_module() -> Any:
    """PySocks, which most have no need of. Raises MissingPackageError."""
    from agentctl.requirements import require

    require("a socks5 proxy", ["socks"], "or use an http proxy")
    return importlib.import_module("socks")


class _Dialler:
    """What one call of ``dial`` has at hand."""

    def __init__(
        self,
        route: Route,
        lifeline: Lifeline,
        clock: Clock,
        deadline: float,
        connected: Optional[Callable[[float], None]],
    ) -> None:
        self._connected_in = connected or (lambda seconds: None)
        self._route = route
        self._lifeline = lifeline
        self._clock = clock
        self._deadline = deadline

    def dial(self) -> socket.socket:
        route, proxy = self._route, self._route.proxy
        sock = self._open()
        try:
            sock.settimeout(self._left())
            if route.proxy_tls is not None and proxy is not None:
                sock = route.proxy_tls.wrap_socket(sock, server_hostname=_plain(proxy.host))
            if route.tls is None:
                return sock
            if proxy is not None and not proxy.is_socks:
                self._ask_for_tunnel(sock, proxy)
            sock.settimeout(self._left())
            if route.proxy_tls is None:
                name = _plain(route.server_hostname)
                return route.tls.wrap_socket(sock, server_hostname=name)
            inner: socket.socket = _tls_inside_tls()(
                sock, route.tls, server_hostname=route.server_hostname
            )
            return inner
        except BaseException:
            sock.close()
            raise

    def _open(self) -> socket.socket:
        route, proxy = self._route, self._route.proxy
        if route.path:
            return self._connected(socket.socket(socket.AF_UNIX), route.path, self._left())
        if proxy is not None and proxy.is_socks:
            return self._open_through_socks(proxy)
        peer = proxy or route
        infos = socket.getaddrinfo(_plain(peer.host), peer.port, 0, socket.SOCK_STREAM)
        failure: Optional[OSError] = None
        for index, (family, kind, proto, _, address) in enumerate(infos):
            left = self._left()
            share = max(left / (len(infos) - index), min(left, MIN_ADDRESS_SHARE_S))
            try:
                return self._connected(socket.socket(family, kind, proto), address, share)
            except OSError as error:
                failure = error
        raise failure or OSError("the name has no address")

    def _connected(self, sock: socket.socket, address: Any, seconds: float) -> socket.socket:
        try:
            self._prepare(sock)
            began = self._clock.monotonic()
            self._connect(sock, address, began + seconds)
            self._connected_in(self._clock.monotonic() - began)
        except BaseException:
            sock.close()
            raise
        return sock

    def _connect(self, sock: socket.socket, address: Any, deadline: float) -> None:
        sock.setblocking(False)
        code = sock.connect_ex(address)
        if code in (errno.EINPROGRESS, errno.EWOULDBLOCK):
            while not ready(sock, select.POLLOUT, min(CONNECT_SLICE_S, self._left(deadline))):
                self._lifeline.check()
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code))

    def _open_through_socks(self, proxy: Proxy) -> socket.socket:
        socks = socks_module()
        sock: Any = socks.socksocket()
        try:
            sock.set_proxy(
                socks.SOCKS5, proxy.host, proxy.port, True, proxy.username or None, proxy.password
            )
            self._prepare(sock)
            sock.settimeout(self._left())
            sock.connect((self._route.host, self._route.port))
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
        if sock.family != socket.AF_UNIX:
            keep_alive(sock)
        self._lifeline.hold(sock)

    def _ask_for_tunnel(self, sock: socket.socket, proxy: Proxy) -> None:
        """CONNECT (RFC 9110, 9.3.6). Raises OSError where the proxy refuses."""
        route = self._route
        target = Origin("", route.host, route.port).authority
        lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
        lines += [f"{name}: {value}" for name, value in proxy.headers.items()]
        stream = TimedStream(sock, self._clock)
        stream.limit(None, self._deadline)
        stream.send("\r\n".join([*lines, "", ""]).encode("ascii"))
        answer = stream.head(1)  # a byte at a time: what follows is the server's
        if not 200 <= answer.status < 300:
            raise OSError(f"the proxy refused to connect: {answer.status} {answer.reason}")

    def _left(self, deadline: Optional[float] = None) -> float:
        left = (self._deadline if deadline is None else deadline) - self._clock.monotonic()
        if left <= 0:
            raise socket.timeout("timed out")
        return left


def ready(sock: socket.socket, event: int, timeout: float) -> bool:
    """Whether the socket is ready for ``event`` (of select.poll), or has failed, in time."""
    poller = select.poll()
    poller.register(sock, event)
    return bool(poller.poll(timeout * 1000))


def _plain(host: str) -> Union[str, bytes]:
    """A name or address as it is sent, where it is so already: else the codec of IDNA is loaded,
    which takes 5 ms, and refuses what no name can be."""
    as_sent = host.isascii() and all(0 < len(label) < 64 for label in host.split("."))
    return host.encode("ascii") if as_sent else host


def _tls_inside_tls() -> Any:
    from agentctl.requirements import require

    require("an https proxy", ["urllib3"], "or use an http proxy")
    from urllib3.util.ssltransport import SSLTransport

    return SSLTransport
