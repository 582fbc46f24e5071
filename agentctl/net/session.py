"""Session: requests to servers, one after the other, over one connection while it lasts."""

from __future__ import annotations

import socket
from functools import partial
from typing import TYPE_CHECKING, Optional

from agentctl.clock import Clock
from agentctl.debug_log import DebugLog
from agentctl.duration import format_duration
from agentctl.net.endpoint import HttpEndpoint, Timeouts
from agentctl.net.failures import explain
from agentctl.net.http1 import NoAnswer
from agentctl.net.kill_switch import KillSwitch
from agentctl.net.response import Response

if TYPE_CHECKING:
    from agentctl.net.connection import Connection
    from agentctl.net.connection_pool import ConnectionPool

log = DebugLog(__name__)


class Session:
    """For one thread at a time."""

    def __init__(self, clock: Clock, pool: Optional[ConnectionPool] = None) -> None:
        """``pool`` has the connections where they are shared; used between enter and exit."""
        self._clock = clock
        self._pool = pool
        self._kept: Optional[Connection] = None
        self._kept_endpoint: Optional[HttpEndpoint] = None
        self.connected_at = clock.monotonic()
        """When (monotonic) the connection in use was opened."""

    def open(
        self,
        endpoint: HttpEndpoint,
        target: str,
        headers: list[tuple[str, str]],
        timeouts: Timeouts,
        switch: KillSwitch,
        body: Optional[bytes] = None,
    ) -> Response:
        """GET ``target`` (path and query), or POST ``body``; returns with the headers.

        Whatever the status. A POST may be sent twice, where a kept connection turns out to
        be closed: it is for what changes nothing. ``headers`` are all of them. Raises
        DisconnectedError.
        """
        switch.check()
        while True:
            conn, fresh = self._connection(endpoint)
            limit_s, doing = timeouts.connect, "connecting"
            try:
                if fresh:
                    conn.dial(timeouts.connect, switch)
                    if self._pool is not None:
                        self._pool.dialled()
                self.connected_at = conn.opened_at
                limit_s, doing = timeouts.header, "waiting for an answer"
                answer = conn.ask(endpoint.prefix + target, headers, timeouts.header, switch, body)
            except Exception as error:
                conn.end()
                switch.check()
                if not fresh and _may_be_stale(error):
                    log.debug("%s: the kept connection was closed", endpoint.where)
                    continue
                plain = endpoint.route.tls is None
                step = f"after {format_duration(limit_s)} {doing}"
                raise explain(error, endpoint.where, step, endpoint.tls, plain) from error
            except BaseException:
                conn.end()
                raise
            return Response(conn, answer, endpoint, timeouts.body, switch, self._clock, self._keep)

    def close(self) -> None:
        """Drop the connection that is being kept."""
        kept, self._kept = self._kept, None
        if kept is not None:
            kept.end()

    def __enter__(self) -> Session:
        if self._pool is not None:
            self._pool.enter()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        if self._pool is not None:
            self._pool.leave()

    def _keep(self, conn: Connection, endpoint: HttpEndpoint) -> None:
        """Take back a connection whose answer was read to its end."""
        self.close()
        conn.rest()
        if self._pool is not None:
            self._pool.put(conn, endpoint)
            return
        self._kept, self._kept_endpoint = conn, endpoint

    def _connection(self, endpoint: HttpEndpoint) -> tuple[Connection, bool]:
        """One to ``endpoint``, and whether it is still to be dialled."""
        from agentctl.net.connection import Connection

        pool = self._pool
        if pool is not None:
            made = partial(Connection, endpoint.route, self._clock, pool.connected, pool.gone)
            return pool.take(endpoint, made)
        kept, self._kept = self._kept, None
        if kept is not None:
            if self._kept_endpoint is endpoint and not kept.is_stale:
                return kept, False
            kept.end()
        return Connection(endpoint.route, self._clock), True


def _may_be_stale(error: Exception) -> bool:
    """Whether a server that closed a kept connection meanwhile would explain ``error``."""
    if isinstance(error, socket.timeout):
        return False
    return isinstance(error, (OSError, NoAnswer))
