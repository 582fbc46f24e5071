"""GET from a server over requests: redirects, proxies, TLS, and no token for anybody else.

Imported only by what is about to use it: requests takes a tenth of a second to import.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import requests

from agentctl.clock import Clock
from agentctl.net.endpoint import Headers, HttpEndpoint
from agentctl.net.kill_switch import KillSwitch
from agentctl.net.origin import Origin
from agentctl.net.requests_adapter import MAX_REDIRECTS, NetAdapter
from agentctl.net.response import Response
from agentctl.remote.access import ServerAccess, client_tls

CONNECT_S = 10.0
"""For everything up to the end of the TLS handshake."""

ANSWER_S = 30.0
"""From there to the end of an answer's headers."""


class HttpGet:
    """Opens one connection for each request: certificates and proxies are those of now."""

    def __init__(self, access: ServerAccess, clock: Clock) -> None:
        address = access.address
        self._access = access
        self._clock = clock
        scheme = "http" if access.tls is None else "https"
        authority = "localhost" if address.path else address.authority
        self._base = f"{scheme}://{authority}{address.prefix}"
        if access.tls is not None:
            from agentctl.net.tls import server_context

            server_context(access.tls)  # what cannot be used is told at once

    @contextmanager
    def open(
        self, target: str, headers: Mapping[str, str], token: str, switch: KillSwitch
    ) -> Iterator[Response]:
        """GET ``target`` (path and query) and what it redirects to; whatever the status.

        ``token`` goes to this server alone: not to another host, port or scheme. Raises
        DisconnectedError, ServerError, and ConfigError for certificates and proxies that
        cannot be used.
        """

        def endpoint(origin: Origin, at_home: bool) -> HttpEndpoint:
            return self._endpoint(origin, at_home, token)

        adapter = NetAdapter(endpoint, str(self._access.address), switch, self._clock)
        with requests.Session() as session:
            session.trust_env = False
            session.max_redirects = MAX_REDIRECTS
            for prefix in ("https://", "http://", ""):
                session.mount(prefix, adapter)
            try:
                url = self._base + target
                request = requests.Request("GET", url, headers=dict(headers)).prepare()
                found = session.send(request, stream=True, timeout=(CONNECT_S, ANSWER_S))
            except (requests.RequestException, ValueError) as error:
                raise adapter.refusal(error) from error
            response: Any = found.raw
            yield response

    def _endpoint(self, origin: Origin, at_home: bool, token: str) -> HttpEndpoint:
        """Elsewhere the CA is trusted that was given, but who we are is nobody's business."""
        access = self._access
        tls = access.tls or client_tls()
        headers: Headers = (("Cache-Control", "no-cache"),)
        if not at_home:
            proxy = access.proxy(origin)
            return HttpEndpoint.at(origin, client_tls(tls.ca_file), headers, proxy_url=proxy)
        if token:
            headers += (("Authorization", f"Bearer {token}"),)
        path = access.address.path
        return HttpEndpoint.at(
            origin,
            tls,
            headers,
            proxy_url="" if path else access.proxy(origin),
            path=path,
            where=str(access.address),
        )
