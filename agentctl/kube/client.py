"""Client of an API server: the GETs of list and watch, and the POSTs of reviews.

Everything that can block can be freed by a KillSwitch, and everything that can fail
fails as one of our own errors.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Optional
from urllib.parse import quote, urlencode, urlsplit

from agentctl import __version__
from agentctl.clock import Clock
from agentctl.errors import ConfigError, UnauthorizedError
from agentctl.kube.access import AccessProvider, ClusterAccess
from agentctl.net.failures import explain, failure_of, retry_after
from agentctl.net.kill_switch import KillSwitch
from agentctl.net.memory_budget import MemoryBudget
from agentctl.net.proxies import Proxy, is_loopback
from agentctl.net.response import Response

if TYPE_CHECKING:
    from agentctl.net.connection import Connection, Route

__all__ = ["ApiClient", "KillSwitch", "Response", "Session", "failure_of", "retry_after"]

log = logging.getLogger(__name__)

JSON = "application/json"
_WHO_ASKS = ("Authorization", "Impersonate-")


@dataclass(frozen=True)
class _Way:
    """One generation's route and what every request of it carries."""

    generation: int
    route: Route
    where: str
    prefix: str
    headers: tuple[tuple[str, str], ...]


class ApiClient:
    """Shared by all threads: the credentials, and one TLS context for each generation."""

    def __init__(
        self, provider: AccessProvider, clock: Clock, allow_insecure_token: bool = False
    ) -> None:
        """Raises ConfigError for credentials that cannot be used at all.

        ``allow_insecure_token`` lets a token go over plain http to other hosts.
        """
        self.provider = provider
        self._clock = clock
        self._allow_insecure_token = allow_insecure_token
        self.budget = MemoryBudget()
        """For all that its sessions read at once."""
        self._lock = threading.Lock()
        self._way = self._make_way(*provider.current())

    def session(self) -> Session:
        """One thread's way in; keeps one connection alive between its requests."""
        return Session(self, self._clock)

    def way(self) -> _Way:
        """How to ask with the current credentials. Raises UnauthorizedError without good ones."""
        access, generation = self.provider.current()
        with self._lock:
            if self._way.generation != generation:
                try:
                    self._way = self._make_way(access, generation)
                except ConfigError as error:
                    raise UnauthorizedError(error.message) from error
            return self._way

    def _make_way(self, access: ClusterAccess, generation: int) -> _Way:
        url = urlsplit(access.server)
        host = url.hostname or ""
        secure = url.scheme == "https"
        port = url.port or (443 if secure else 80)
        shown = f"[{host}]" if ":" in host else host
        headers = [
            ("Host", shown if port == (443 if secure else 80) else f"{shown}:{port}"),
            ("User-Agent", f"agentctl/{__version__}"),
            ("Accept-Encoding", "identity"),
            *access.impersonation,
        ]
        if access.token:
            headers.append(("Authorization", f"Bearer {access.token}"))
        elif access.username:
            import base64

            pair = f"{access.username}:{access.password}".encode()
            headers.append(("Authorization", "Basic " + base64.b64encode(pair).decode("ascii")))
        sends_secret = bool(access.token or access.username)
        if sends_secret and not secure and not (is_loopback(host) or self._allow_insecure_token):
            raise ConfigError(
                f"{access.description}: will not send credentials to {host} over plain http; "
                "use an https:// server, or --insecure-plaintext-token if you must"
            )
        route = _route(access, host, port, secure)
        prefix = url.path.rstrip("/")
        if route.forwards:
            prefix = f"http://{shown}:{port}{prefix}"
            headers += route.proxy.headers.items() if route.proxy else ()
        where = f"{shown}:{port}"
        if route.proxy is not None:
            where += f" (through proxy {route.proxy.host}:{route.proxy.port})"
        return _Way(generation, route, where, prefix, tuple(headers))


def _route(access: ClusterAccess, host: str, port: int, secure: bool) -> Route:
    from agentctl.net.connection import Route, socks_module

    proxy = Proxy.parse(access.proxy_url) if access.proxy_url else None
    if proxy is not None and proxy.is_socks:
        socks_module()
    tls = proxy_tls = None
    if secure or (proxy is not None and proxy.scheme == "https"):
        from agentctl.net.tls import proxy_context, server_context

        tls = server_context(access.tls) if secure else None
        if proxy is not None and proxy.scheme == "https":
            proxy_tls = proxy_context(access.tls)
    return Route(host, port, tls, access.tls_server_name or host.rstrip("."), proxy, proxy_tls)


class Session:
    """One thread's requests, one after the other, over one connection while it lasts."""

    def __init__(self, client: ApiClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._kept: Optional[Connection] = None
        self._kept_generation = 0
        self.connected_at = clock.monotonic()
        """When (monotonic) the connection in use was opened."""

    def open(
        self,
        path: str,
        query: Mapping[str, str],
        accept: str,
        connect_timeout: float,
        header_timeout: float,
        body_timeout: float,
        switch: KillSwitch,
        body: Optional[bytes] = None,
        anonymous: bool = False,
    ) -> Response:
        """GET ``path``, or POST ``body`` (JSON) to it; returns when the headers are there.

        Whatever the status. A POST may be sent twice, where a kept connection turns out to
        be closed: it is for what changes nothing, as the reviews of access do.
        ``anonymous`` leaves out who asks, but for a client certificate.
        Timeouts in seconds: for the connection with its handshakes, from the request to
        the end of the headers, and for each wait on the body. Raises DisconnectedError;
        ServerError for a redirect, which is not followed; UnauthorizedError where
        credentials that ended cannot be replaced.
        """
        switch.check()
        way = self._client.way()
        target = way.prefix + quote(path, safe="/:@!$&'()*+,;=~%-._")
        if query:
            target += "?" + urlencode(query)
        headers = [*way.headers, ("Accept", accept)]
        if anonymous:
            headers = [one for one in headers if not one[0].startswith(_WHO_ASKS)]
        if body is not None:
            headers += [("Content-Type", JSON), ("Content-Length", str(len(body)))]
        while True:
            conn, fresh = self._connection(way)
            step = f"after {connect_timeout:g}s connecting"
            try:
                if fresh:
                    conn.dial(connect_timeout, switch)
                    self.connected_at = self._clock.monotonic()
                step = f"after {header_timeout:g}s waiting for an answer"
                answer = conn.ask(target, headers, header_timeout, switch, body)
            except Exception as error:
                conn.end()
                switch.check()
                if not fresh and _may_be_stale(error):
                    log.debug("%s: the kept connection was closed; opening another", way.where)
                    continue
                raise explain(error, way.where, step) from error
            except BaseException:
                conn.end()
                raise
            response = Response(
                conn,
                answer,
                where=way.where,
                generation=way.generation,
                body_timeout=body_timeout,
                switch=switch,
                clock=self._clock,
                keep=self.keep,
            )
            response.refuse_redirect()
            return response

    def close(self) -> None:
        """Drop the connection that is being kept."""
        kept, self._kept = self._kept, None
        if kept is not None:
            kept.end()

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.close()

    def keep(self, conn: Connection, generation: int) -> None:
        """Take back a connection whose answer was read to its end."""
        self.close()
        conn.rest()
        self._kept, self._kept_generation = conn, generation

    def _connection(self, way: _Way) -> tuple[Connection, bool]:
        kept, self._kept = self._kept, None
        if kept is not None:
            if self._kept_generation == way.generation and not kept.is_stale:
                return kept, False
            kept.end()
        from agentctl.net.connection import Connection

        return Connection(way.route, self._clock), True


def _may_be_stale(error: Exception) -> bool:
    """Whether a server that closed a kept connection meanwhile would explain ``error``."""
    import http.client

    if isinstance(error, socket.timeout):
        return False
    return isinstance(error, (OSError, http.client.RemoteDisconnected))
