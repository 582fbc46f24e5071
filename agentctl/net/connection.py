"""Connection: one socket to a server, and one request after the other on it.

http.client speaks HTTP; the socket is dialled and read here, so that any thread can free
who waits for it.
"""

from __future__ import annotations

import http.client
import select
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Optional

from agentctl.clock import Clock
from agentctl.net.dial import Route, SocketFile, TimedReader, dial, ready
from agentctl.net.kill_switch import KillSwitch, Lifeline

if TYPE_CHECKING:
    import socket

READ_BUFFER = 1 << 16


class Connection(http.client.HTTPConnection):
    """A connection whose socket a KillSwitch can shut down at any time.

    It is dialled once; when it is lost, make another.
    """

    auto_open = 0

    def __init__(self, route: Route, clock: Clock) -> None:
        super().__init__("")
        self._route = route
        self._clock = clock
        self._lifeline = Lifeline()
        self._header_deadline: Optional[float] = None
        self.reader: Optional[TimedReader] = None
        self.response_class = self._read_response  # type: ignore[assignment]

    def dial(self, timeout: float, switch: KillSwitch) -> None:
        """Connect, within ``timeout`` seconds for everything up to the TLS handshake's end."""
        self._lifeline.obey(switch)
        deadline = self._clock.monotonic() + timeout
        self.sock = dial(self._route, self._lifeline, self._clock, deadline)

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
        self._lifeline.obey(switch)
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
        self._lifeline.obey(None)

    @property
    def is_stale(self) -> bool:
        """Whether the server closed it (or sent what nobody asked for) while it rested."""
        return self.sock is None or ready(self.sock, select.POLLIN, 0.0)

    def end(self) -> None:
        """Close everything; ``close`` leaves a response that still reads."""
        self._lifeline.let_go()
        self.close()
        if self.reader is not None:
            self.reader.close()

    def _read_response(
        self, sock: socket.socket, *args: Any, **kwargs: Any
    ) -> http.client.HTTPResponse:
        self.reader = TimedReader(sock, self._clock)
        self.reader.limit(None, self._header_deadline)
        source: Any = SocketFile(self.reader, READ_BUFFER)
        return http.client.HTTPResponse(source, *args, **kwargs)
