"""HTTP connection until its stream begins: handshake, requests, answers, farewell."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Callable, Iterator
from datetime import datetime
from selectors import EVENT_READ, EVENT_WRITE
from typing import Optional, Union

from agentctl.duration import format_duration
from agentctl.server.held_bytes import HeldBytes
from agentctl.server.http.answer import HttpAnswer
from agentctl.server.http.deadlines import NEVER
from agentctl.server.http.h11_parser import H11Parser, RequestHead
from agentctl.server.http.request import Refusal
from agentctl.server.http.router import Outcome
from agentctl.server.http.sockets import NOT_NOW
from agentctl.server.http.stream_socket import StreamOpening

READ_SIZE = 16 * 1024

REQUEST_S = 10.0
"""From the connect, or the end of the answer before, until a request is complete."""

ANSWER_S = 10.0
"""Until the client has taken an answer; of one in pieces, each of them."""

LONG_ANSWER_S = 120.0
"""Until it has taken all the pieces of one."""

LINGER_S = 2.0
LINGER_BYTES = 64 * 1024
"""What a client still sends after a refusal is thrown away up to here: a socket that is
closed with bytes unread resets, and the refusal may be lost."""

AGAIN = 0
"""There may be more to do at once."""

_NOT_TLS = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n"
    b"this port speaks TLS: use https\n"
)


class ConnectionEnded(Exception):
    """The connection is to be closed."""


class HttpConnection:
    """Used by the acceptor's thread alone. ``advance`` does what can be done without waiting."""

    __slots__ = (
        "_body",
        "_closing",
        "_drained",
        "_held",
        "_holding",
        "_out",
        "_parser",
        "_pieces",
        "_pieces_by",
        "_refuse",
        "_respond",
        "_sent",
        "_shaken",
        "due",
        "expires",
        "interest",
        "lingering",
        "peer",
        "queued",
        "sock",
    )

    def __init__(
        self,
        sock: socket.socket,
        peer: str,
        now: float,
        respond: Callable[[RequestHead, str], Outcome],
        refuse: Callable[[Refusal], HttpAnswer],
        held: HeldBytes,
    ) -> None:
        self.sock = sock
        self.peer = peer
        self.expires = now + REQUEST_S
        """When (monotonic) the client has had its time."""
        self.interest = EVENT_READ
        self.lingering = False
        """All is said; what still comes is thrown away."""
        self.due = self.queued = NEVER
        self._respond = respond
        self._refuse = refuse
        self._shaken = not isinstance(sock, ssl.SSLSocket)
        # Made for its first bytes: thousands may connect and wait.
        self._parser: Optional[H11Parser] = None
        self._out: Optional[bytes] = None
        self._body: Optional[bytes] = None
        """What follows it, shared with others."""
        self._held = held
        self._holding: object = None
        self._sent = 0
        self._pieces: Optional[Iterator[bytes]] = None
        self._pieces_by = 0.0
        self._closing = False
        self._drained = 0

    @property
    def answering(self) -> bool:
        return self._out is not None

    def advance(self, now: float, today: datetime) -> Union[int, StreamOpening]:
        """Go on as far as it goes: the event to wait for, AGAIN, or a stream's beginning.

        One request at most, so that others have their turn. Raises ConnectionEnded or OSError.
        """
        wants = self._shake()
        if wants:
            return wants
        if self._out is not None:
            return self._write(now)
        if self.lingering:
            return self._drain()
        return self._look_for_a_request(now, today)

    def release(self) -> None:
        """Hold nothing for the client any more."""
        self._held.drop(self.peer, self._holding)
        self._holding = self._body = None

    def expire(self, now: float, today: datetime) -> int:
        """The client has had its time: tell it, if it is in the middle of a request.

        The event to wait for. Raises ConnectionEnded or OSError.
        """
        parser = self._parser
        if self.lingering or self.answering or parser is None or not parser.begun:
            raise ConnectionEnded
        refusal = Refusal(408, f"expected a whole request within {format_duration(REQUEST_S)}")
        self._say(self._refuse(refusal), now, today, last=True)
        return self._write(now)

    def _look_for_a_request(self, now: float, today: datetime) -> Union[int, StreamOpening]:
        found = self._parser.next() if self._parser is not None else None
        if found is None:
            wants = self._read()
            if wants:
                return wants
            found = self._parser.next() if self._parser is not None else None
        if found is None:
            return AGAIN if self._has_unread() else EVENT_READ
        if isinstance(found, Refusal):
            self._say(self._refuse(found), now, today, last=True)
            return self._write(now)
        reply = self._respond(found, self.peer)
        if isinstance(reply, StreamOpening):
            return reply
        self._say(reply, now, today, last=False)
        return self._write(now)

    def _shake(self) -> int:
        """The TLS handshake: the event to wait for, 0 when it is over."""
        if self._shaken:
            return 0
        assert isinstance(self.sock, ssl.SSLSocket)
        try:
            self.sock.do_handshake()
        except ssl.SSLWantReadError:
            return EVENT_READ
        except ssl.SSLWantWriteError:
            return EVENT_WRITE
        except ssl.SSLError as error:
            if error.reason == "HTTP_REQUEST":
                socket.socket.send(self.sock, _NOT_TLS)
            raise
        self._shaken = True
        return 0

    def _read(self) -> int:
        """Take what is there: the event to wait for, 0 if there was something."""
        try:
            data = self.sock.recv(READ_SIZE)
        except ssl.SSLWantWriteError:
            return EVENT_WRITE
        except NOT_NOW:
            return EVENT_READ
        if not data:
            raise ConnectionEnded
        if self._parser is None:
            self._parser = H11Parser()
        self._parser.feed(data)
        return 0

    def _has_unread(self) -> bool:
        """Bytes that the selector does not know of."""
        return isinstance(self.sock, ssl.SSLSocket) and self.sock.pending() > 0

    def _say(self, answer: HttpAnswer, now: float, today: datetime, last: bool) -> None:
        assert self._parser is not None
        self._closing = last or not self._parser.clean
        self._out, self._body = self._parser.answer(answer, today, last)
        self._sent = 0
        self._holding, size = answer.held
        self._held.hold(self.peer, self._holding, size)
        self._pieces = answer.pieces if self._parser.goes_on(answer) else None
        self._pieces_by = now + LONG_ANSWER_S
        self.expires = now + ANSWER_S

    def _write(self, now: float) -> int:
        assert self._out is not None
        assert self._parser is not None
        try:
            while self._sent < len(self._out) or self._body is not None:
                if self._sent == len(self._out) and self._body is not None:
                    self._out, self._body, self._sent = self._body, None, 0
                self._sent += self.sock.send(memoryview(self._out)[self._sent :])
        except ssl.SSLWantReadError:
            return EVENT_READ
        except NOT_NOW:
            return EVENT_WRITE
        if self._pieces is not None:
            self._take_piece(self._pieces)
            self.expires = min(now + ANSWER_S, self._pieces_by)
            return AGAIN
        self._out = None
        self.release()
        if self._closing:
            return self._linger(now)
        if not self._parser.go_on():
            raise ConnectionEnded
        self.expires = now + REQUEST_S
        return AGAIN if self._parser.begun or self._has_unread() else EVENT_READ

    def _take_piece(self, pieces: Iterator[bytes]) -> None:
        """Have the next piece of the answer to be written, or its end."""
        assert self._parser is not None
        piece = next(pieces, b"")
        self._sent = 0
        if piece:
            self._out = self._parser.piece(piece)
        else:
            self._out, self._pieces = self._parser.end(), None

    def _linger(self, now: float) -> int:
        self.lingering = True
        self.expires = now + LINGER_S
        with contextlib.suppress(OSError, ValueError):
            if isinstance(self.sock, ssl.SSLSocket):
                self.sock.unwrap()
        # From here on the bytes below TLS will do: nobody reads them.
        socket.socket.shutdown(self.sock, socket.SHUT_WR)
        return self._drain()

    def _drain(self) -> int:
        while True:
            try:
                data = socket.socket.recv(self.sock, READ_SIZE)
            except NOT_NOW:
                return EVENT_READ
            self._drained += len(data)
            if not data or self._drained > LINGER_BYTES:
                raise ConnectionEnded
