"""Adapter for requests: it prepares requests and follows redirects, ``net`` does the rest.

Its public seam alone is used (``BaseAdapter``), and what it would do itself is set aside:
TLS, proxies and credentials are those of the ``HttpEndpoint``, a body is read from ``raw``.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any, Optional
from urllib.parse import urlsplit

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from agentctl.clock import Clock
from agentctl.errors import ServerError
from agentctl.net.endpoint import HttpEndpoint, Timeouts
from agentctl.net.kill_switch import KillSwitch
from agentctl.net.origin import Origin
from agentctl.net.response import Response
from agentctl.net.session import Session
from agentctl.redact import redact

MAX_REDIRECTS = 5
REDIRECTS = (301, 302, 303, 307, 308)
MAX_SHOWN = 200


class NetAdapter(BaseAdapter):
    """Sends one request and what it is redirected to, each over a connection of its own.

    ``endpoint`` is asked for each URL, and told whether it is of the server that was asked
    first: credentials, certificates and unix sockets are for that one alone.
    """

    def __init__(
        self,
        endpoint: Callable[[Origin, bool], HttpEndpoint],
        where: str,
        switch: KillSwitch,
        clock: Clock,
    ) -> None:
        super().__init__()
        self._endpoint = endpoint
        self._where = where
        self._switch = switch
        self._session = Session(clock)
        self._home: Optional[Origin] = None
        self._origin: Optional[Origin] = None
        self._last: Optional[Response] = None

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Optional[Mapping[str, str]] = None,
    ) -> requests.Response:
        """``timeout`` is a pair: to connect, and from there to the end of the headers.

        Raises our own errors, which requests lets pass.
        """
        self.close()
        url = urlsplit(request.url or "")
        try:
            origin = Origin.of(url.geturl())
        except ValueError as error:
            raise self.refusal(error) from error
        if self._origin is not None and self._origin.secure and not origin.secure:
            raise ServerError(
                f"{self._where}: redirects to {self._shown} without TLS, which is not followed"
            )
        self._home, self._origin = self._home or origin, origin
        endpoint = self._endpoint(origin, origin == self._home)
        self._where = endpoint.where
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        connect, answer = timeout
        sent = [*endpoint.headers, *((name, str(value)) for name, value in request.headers.items())]
        found = self._last = self._session.open(
            endpoint, target, sent, Timeouts(connect, answer, None), self._switch
        )
        return self._for_requests(found, request)

    def close(self) -> None:
        """End the connection, if there is one."""
        if self._last is not None:
            self._last.close()
        self._session.close()

    def refusal(self, error: Exception) -> ServerError:
        """For what requests raised itself: of a redirect, or of the first URL."""
        if isinstance(error, requests.TooManyRedirects):
            return ServerError(f"{self._where}: more than {MAX_REDIRECTS} redirects")
        if self._last is None:
            return ServerError(f"{self._where}: {redact(str(error), MAX_SHOWN)}")
        return ServerError(
            f"{self._where}: redirects to {self._shown or 'nowhere'}, which is not followed"
        )

    @property
    def _shown(self) -> str:
        """Where the last answer redirects to."""
        location = "" if self._last is None else self._last.headers.get("location", "")
        return redact(location, MAX_SHOWN)

    def _for_requests(
        self, found: Response, request: requests.PreparedRequest
    ) -> requests.Response:
        response = requests.Response()
        response.status_code = found.status
        response.url = request.url or ""
        response.request = request
        response.raw = found
        response.headers = CaseInsensitiveDict(found.headers)
        if found.status in REDIRECTS:
            # requests would read the body to its end, if it has any.
            found.close()
            response.raw = io.BytesIO()
            if not response.headers.get("Location"):
                raise self.refusal(ValueError("no Location"))
        return response
