"""Client of an API server: the GETs of list and watch, and the POSTs of reviews.

Everything that can block can be freed by a KillSwitch, and everything that can fail
fails as one of our own errors.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Optional
from urllib.parse import quote, urlencode, urlsplit

from agentctl.clock import Clock
from agentctl.errors import ConfigError, ServerError, UnauthorizedError
from agentctl.kube.access import AccessProvider, ClusterAccess
from agentctl.net.endpoint import HttpEndpoint, Timeouts
from agentctl.net.kill_switch import KillSwitch
from agentctl.net.memory_budget import MemoryBudget
from agentctl.net.origin import Origin, is_loopback
from agentctl.net.proxies import basic
from agentctl.net.response import Response
from agentctl.net.session import Session

if TYPE_CHECKING:
    from agentctl.net.connection_pool import ConnectionPool

JSON = "application/json"
_WHO_ASKS = ("Authorization", "Impersonate-")


class ApiClient:
    """Shared by all threads: the credentials, and one TLS context for each generation."""

    def __init__(
        self,
        provider: AccessProvider,
        clock: Clock,
        allow_insecure_token: bool = False,
        request_timeout_s: Optional[float] = None,
    ) -> None:
        """Raises ConfigError for credentials that cannot be used at all.

        ``allow_insecure_token`` lets a token go over plain http to other hosts;
        ``request_timeout_s`` is the longest wait for an answer.
        """
        self.provider = provider
        self.request_timeout_s = request_timeout_s
        self._clock = clock
        self._allow_insecure_token = allow_insecure_token
        self._pool: Optional[ConnectionPool] = None
        self.budget = MemoryBudget()
        """For all that its sessions read at once."""
        self._lock = threading.Lock()
        self._endpoint = None if provider.waits else self._make_endpoint(*provider.current())

    @property
    def where(self) -> str:
        """The server's address; empty while the credentials that name it are waited for."""
        endpoint = self._endpoint
        return "" if endpoint is None else endpoint.where

    def session(self) -> ApiSession:
        """One thread's way in; keeps one connection alive between its requests, or shares some."""
        return ApiSession(self, self._clock, self._pool)

    def share_connections(self) -> None:
        """Have sessions share a few from now on: good for short reads, and not for watches.

        They are kept for as long as any session is entered.
        """
        from agentctl.net.connection_pool import ConnectionPool

        self._pool = ConnectionPool(self._clock)

    def endpoint(self) -> HttpEndpoint:
        """How to ask with the current credentials. Raises UnauthorizedError without good ones."""
        access, generation = self.provider.current()
        with self._lock:
            if self._endpoint is None or self._endpoint.generation != generation:
                try:
                    self._endpoint = self._make_endpoint(access, generation)
                except ConfigError as error:
                    raise UnauthorizedError(error.message) from error
            return self._endpoint

    def _make_endpoint(self, access: ClusterAccess, generation: int) -> HttpEndpoint:
        origin = Origin.of(access.server)
        headers = list(access.impersonation)
        if access.token:
            headers.append(("Authorization", f"Bearer {access.token}"))
        elif access.username:
            headers.append(("Authorization", basic(access.username, access.password)))
        sends_secret = bool(access.token or access.username)
        safe = origin.secure or is_loopback(origin.host) or self._allow_insecure_token
        if sends_secret and not safe:
            raise ConfigError(
                f"{access.description}: will not send credentials to {origin.host} over plain "
                "http; use an https:// server, or --insecure-plaintext-token if you must"
            )
        return HttpEndpoint.at(
            origin,
            access,
            tuple(headers),
            proxy_url=access.proxy_url,
            prefix=urlsplit(access.server).path.rstrip("/"),
            generation=generation,
        )


class ApiSession:
    """One thread's requests to an API server, over one connection while it lasts."""

    def __init__(
        self, client: ApiClient, clock: Clock, pool: Optional[ConnectionPool] = None
    ) -> None:
        self._client = client
        self._session = Session(clock, pool)
        self.close = self._session.close

    @property
    def connected_at(self) -> float:
        """When (monotonic) the connection in use was opened."""
        return self._session.connected_at

    def open(
        self,
        path: str,
        query: Mapping[str, str],
        accept: str,
        timeouts: Timeouts,
        switch: KillSwitch,
        body: Optional[bytes] = None,
        anonymous: bool = False,
    ) -> Response:
        """GET ``path``, or POST ``body`` (JSON) to it; returns when the headers are there.

        Whatever the status. A POST may be sent twice: it is for what changes nothing, as
        the reviews of access do. ``anonymous`` leaves out who asks, but for a client
        certificate. Raises DisconnectedError; ServerError for a redirect, which is not
        followed; UnauthorizedError where credentials that ended cannot be replaced.
        """
        switch.check()
        limit_s = self._client.request_timeout_s
        if limit_s is not None:
            timeouts = timeouts.within(limit_s, body="watch" not in query)
        endpoint = self._client.endpoint()
        target = quote(path, safe="/:@!$&'()*+,;=~%-._")
        if query:
            target += "?" + urlencode(query)
        headers = [*endpoint.headers, ("Accept", accept)]
        if anonymous:
            headers = [one for one in headers if not one[0].startswith(_WHO_ASKS)]
        if body is not None:
            headers += [("Content-Type", JSON), ("Content-Length", str(len(body)))]
        response = self._session.open(endpoint, target, headers, timeouts, switch, body)
        if 300 <= response.status < 400:
            # Credentials are not for whom it may point to.
            response.close()
            elsewhere = urlsplit(response.headers.get("location", "")).netloc.rpartition("@")[2]
            raise ServerError(
                f"{response.where}: answered with a redirect to {elsewhere or 'nowhere'}, which "
                "is not followed; is this an API server's address?"
            )
        return response

    def __enter__(self) -> ApiSession:
        self._session.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._session.__exit__()
