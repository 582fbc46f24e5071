"""Endpoint: a server as it is reached, with what each request to it carries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

from agentctl import __version__
from agentctl.lazy_dataclass import dataclass
from agentctl.lazy_namedtuple import NamedTuple
from agentctl.net.origin import Origin
from agentctl.net.tls_settings import TlsSettings

if TYPE_CHECKING:
    from agentctl.net.dial import Route

Headers = tuple[tuple[str, str], ...]


class Timeouts(NamedTuple):
    """Seconds: to connect, until the headers are there, and for each wait on the body.

    The last may be None: who reads says ``wait_until`` then.
    """

    connect: float = 10.0
    header: float = 30.0
    body: Optional[float] = 30.0

    def within(self, limit_s: float, body: bool) -> Timeouts:
        """None longer than that; that of the body only with ``body``."""
        connect, header = min(self.connect, limit_s), min(self.header, limit_s)
        if not body:
            return Timeouts(connect, header, self.body)
        return Timeouts(connect, header, limit_s if self.body is None else min(self.body, limit_s))


@dataclass(frozen=True)
class HttpEndpoint:
    """A server as it is reached with one state of its credentials."""

    where: str
    """For messages: host:port, and the proxy on the way."""
    route: Route
    prefix: str
    """Before the path of each request."""
    headers: Headers
    """With each request."""
    tls: TlsSettings
    generation: int = 0
    """Which state of the credentials this is."""

    @classmethod
    def at(
        cls,
        origin: Origin,
        tls: TlsSettings,
        headers: Headers,
        *,
        proxy_url: str = "",
        path: str = "",
        prefix: str = "",
        where: str = "",
        generation: int = 0,
    ) -> HttpEndpoint:
        """``path`` is a unix socket's. Reads files. Raises ConfigError for what is no good."""
        from agentctl.net.dial import Route

        route = Route.to(origin, tls, proxy_url, path)
        where = where or origin.authority
        sent = (
            ("Host", origin.host_header),
            ("User-Agent", f"agentctl/{__version__}"),
            ("Accept-Encoding", "identity"),
            *headers,
        )
        if route.proxy is not None:
            where += f" (through proxy {route.proxy.host}:{route.proxy.port})"
            if route.forwards:
                prefix = f"{origin.scheme}://{origin.authority}{prefix}"
                sent += tuple(route.proxy.headers.items())
        return cls(where, route, prefix, sent, tls, generation)
