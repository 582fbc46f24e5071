"""GET from a server over requests: redirects, proxies, TLS, and no token for anybody else.

Imported only by what is about to use it: requests takes a tenth of a second to import.
"""

from __future__ import annotations

import http.client
import logging
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import urljoin, urlsplit

import requests
from requests.utils import get_environ_proxies, select_proxy

from agentctl import __version__
from agentctl.clock import Clock
from agentctl.errors import ServerError
from agentctl.net.failures import header
from agentctl.net.kill_switch import KillSwitch
from agentctl.net.proxies import Proxy, is_loopback
from agentctl.net.requests_adapter import ANSWER_S, CONNECT_S, PORTS, LineAdapter, RequestSocket
from agentctl.net.tls import server_context
from agentctl.net.tls_settings import TlsSettings
from agentctl.redact import redact
from agentctl.remote.access import ClientTls, ServerAccess
from agentctl.remote.http_failures import explained
from agentctl.remote.response import GetResponse

log = logging.getLogger(__name__)

MAX_REDIRECTS = 5
REDIRECTS = (301, 302, 303, 307, 308)


class HttpGet:
    """Opens one connection for each request: certificates and proxies are those of now."""

    def __init__(self, access: ServerAccess, clock: Clock) -> None:
        address = access.address
        self._access = access
        self._clock = clock
        scheme = "http" if access.tls is None else "https"
        self._home = f"{scheme}://{'localhost' if address.path else address.authority}"
        self._prefix = address.prefix
        if access.tls is not None:
            _context(access.tls)

    @contextmanager
    def open(
        self, target: str, headers: Mapping[str, str], token: str, switch: KillSwitch
    ) -> Iterator[GetResponse]:
        """GET ``target`` (path and query) and what it redirects to; whatever the status.

        ``token`` goes to this server alone: not to another host, port or scheme. Raises
        DisconnectedError, ServerError, and ConfigError for certificates and proxies that
        cannot be used.
        """
        url = self._home + self._prefix + target
        for _ in range(MAX_REDIRECTS + 1):
            switch.check()
            with self._ask(url, headers, token, switch) as answer:
                if answer.status not in REDIRECTS:
                    yield answer
                    return
                location = header(answer.headers, "Location")
                url = _redirected(url, location, answer.where)
                log.debug("%s: redirected to %s", answer.where, _shown(url))
        raise ServerError(f"{self._access.address}: more than {MAX_REDIRECTS} redirects")

    @contextmanager
    def _ask(
        self, url: str, headers: Mapping[str, str], token: str, switch: KillSwitch
    ) -> Iterator[GetResponse]:
        at_home = _origin(url) == _origin(self._home)
        path = self._access.address.path if at_home else ""
        sent = {
            **headers,
            "User-Agent": f"agentctl/{__version__}",
            "Accept-Encoding": "identity",
            "Cache-Control": "no-cache",
        }
        if at_home and token:
            sent["Authorization"] = f"Bearer {token}"
        # A proxy cannot reach what is ours alone, and a token must not leave this host.
        local = bool(path) or is_loopback(urlsplit(url).hostname or "")
        proxies = {} if local else dict(get_environ_proxies(url, no_proxy=None))
        proxy = select_proxy(url, proxies)
        where = str(self._access.address) if at_home else urlsplit(url).netloc
        if proxy:
            where += f" (through proxy {_shown(proxy)})"
        socks = None
        if proxy and proxy.lower().startswith("socks"):
            socks, proxies = Proxy.parse(proxy), {}
        line = RequestSocket(switch, self._clock, path, socks)
        try:
            with self._adapter(line, url, at_home) as adapter:
                try:
                    response = adapter.send(
                        requests.Request("GET", url, headers=sent).prepare(),
                        stream=True,
                        timeout=(CONNECT_S, ANSWER_S),
                        verify=True,
                        proxies=proxies,
                    )
                except Exception as error:
                    switch.check()
                    raise explained(error, where, line.step) from error
                try:
                    if line.reader.ended:
                        # http.client takes a connection lost among the headers for their end.
                        raise explained(http.client.IncompleteRead(b""), where)
                    yield GetResponse(
                        response.status_code, response.headers, line, where, self._clock
                    )
                finally:
                    response.close()
        finally:
            line.end()

    def _adapter(self, line: RequestSocket, url: str, at_home: bool) -> LineAdapter:
        """Elsewhere the CA is trusted that was given, but who we are is nobody's business."""
        parts = urlsplit(url)
        if parts.scheme != "https":
            return LineAdapter(line, None, "")
        tls = self._access.tls or ClientTls()
        if not at_home:
            tls = ClientTls(ca=tls.ca)
        name = tls.server_name or (parts.hostname or "").rstrip(".")
        return LineAdapter(line, _context(tls), name)


def _context(tls: ClientTls) -> ssl.SSLContext:
    """Reads the files anew. Raises ConfigError, which names the file."""
    return server_context(
        TlsSettings(
            "--tls-ca, --tls-cert and --tls-key",
            ca_file=tls.ca,
            client_cert_file=tls.certificate,
            client_key_file=tls.key,
        )
    )


def _redirected(url: str, location: str, where: str) -> str:
    """Where to ask instead. Raises ServerError for what is not followed."""
    target = location
    try:
        target = urljoin(url, location) if location else ""
        parts, origin = urlsplit(target), _origin(target)
    except ValueError:
        parts, origin = urlsplit(""), ("", "", 0)
    shown = redact(target, 200)
    if parts.scheme not in PORTS or not parts.hostname:
        raise ServerError(f"{where}: redirects to {shown or 'nowhere'}, which is not followed")
    if url.startswith("https:") and parts.scheme == "http":
        raise ServerError(f"{where}: redirects to {shown} without TLS, which is not followed")
    host = f"[{origin[1]}]" if ":" in origin[1] else origin[1]
    netloc = host if parts.port is None else f"{host}:{parts.port}"
    return parts._replace(netloc=netloc, fragment="").geturl()


def _origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or PORTS.get(parts.scheme, 0)


def _shown(url: str) -> str:
    """Without user, password and query."""
    parts = urlsplit(url if "://" in url else f"//{url}")
    return parts.netloc.rpartition("@")[2] + parts.path
