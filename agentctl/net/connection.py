"""Connection: one socket to a server, and one request after the other on it."""

from __future__ import annotations

import select
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Optional

from agentctl.clock import Clock
from agentctl.net.dial import Route, dial, ready
from agentctl.net.http1 import Head, request
from agentctl.net.kill_switch import KillSwitch, Lifeline
from agentctl.net.timed_stream import TimedStream


class Connection:
    """A connection whose socket a KillSwitch can shut down at any time.

    It is dialled once; when it is lost, make another.
    """

    stream: TimedStream

    def __init__(
        self,
        route: Route,
        clock: Clock,
        connected: Optional[Callable[[float], None]] = None,
        ended: Optional[Callable[[], None]] = None,
    ) -> None:
        """``connected`` is told how long (seconds) TCP's connect took, ``ended`` the end, once."""
        self._route = route
        self._clock = clock
        self._connected, self._ended = connected, ended
        self.opened_at = clock.monotonic()
        """When (monotonic) it was dialled."""
        self._lifeline = Lifeline()
        self._sock: Optional[socket.socket] = None

    def dial(self, timeout: float, switch: KillSwitch) -> None:
        """Connect, within ``timeout`` seconds for everything up to the TLS handshake's end."""
        self._lifeline.obey(switch)
        deadline = self._clock.monotonic() + timeout
        self._sock = dial(self._route, self._lifeline, self._clock, deadline, self._connected)
        self.opened_at = self._clock.monotonic()
        self.stream = TimedStream(self._sock, self._clock)

    def ask(
        self,
        target: str,
        headers: list[tuple[str, str]],
        timeout: float,
        switch: KillSwitch,
        body: Optional[bytes] = None,
    ) -> Head:
        """Send a GET, or a POST of ``body``, and read the head of its answer.

        Within ``timeout`` seconds.
        """
        self._lifeline.obey(switch)
        self.stream.limit(None, self._clock.monotonic() + timeout)
        # A server that refuses without listening has said why: that is worth reading.
        with suppress(BrokenPipeError, ConnectionResetError):
            self.stream.send(request(target, headers, body))
        return self.stream.head()

    def rest(self) -> None:
        """Between two requests no switch has a say."""
        self._lifeline.obey(None)

    @property
    def is_stale(self) -> bool:
        """Whether the server closed it (or sent what nobody asked for) while it rested."""
        return self._sock is None or ready(self._sock, select.POLLIN, 0.0)

    def end(self) -> None:
        self._lifeline.let_go()
        if self._sock is not None:
            self._sock.close()
        ended, self._ended = self._ended, None
        if ended is not None:
            ended()
