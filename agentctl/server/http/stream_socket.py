"""Stream socket: what one reader is to get, and what of it the kernel has not taken."""

from __future__ import annotations

import socket
import ssl
from selectors import EVENT_READ, EVENT_WRITE
from typing import Optional

from agentctl.lazy_namedtuple import NamedTuple
from agentctl.server.fanout.entry import Encode
from agentctl.server.fanout.narrowing import NarrowedChannel
from agentctl.server.fanout.subscription import Subscription
from agentctl.server.http.deadlines import NEVER
from agentctl.server.http.sockets import NOT_NOW
from agentctl.wire.sse_encode import COMMENT, LAST_CHUNK, chunk, retry

SURPLUS_MAX = 64 * 1024
"""A reader of a stream has nothing to say; what it says all the same is thrown away up to
here."""


class StreamFormat(NamedTuple):
    """How a stream is written. One for each format, shared by its readers."""

    transport: str
    """As metrics and limits name it."""
    encode: Encode
    chunked: bool
    frames: bool
    """It has lines beside the events: how long to wait before coming back, comments."""

    def hint(self, milliseconds: int) -> bytes:
        return self._line(retry(milliseconds))

    def comment(self) -> bytes:
        """Bytes that say nothing; none where there is no such thing."""
        return self._line(COMMENT)

    def farewell(self, milliseconds: int) -> bytes:
        """The last bytes of a stream that ends as it should."""
        return self.hint(milliseconds) + (LAST_CHUNK if self.chunked else b"")

    def _line(self, data: bytes) -> bytes:
        if not self.frames:
            return b""
        return chunk(data) if self.chunked else data


class StreamOpening(NamedTuple):
    """A stream that begins: its head's bytes, and what it is written from."""

    head: bytes
    subscription: Subscription
    form: StreamFormat
    ticket: bytes
    began_at: float
    narrowed: Optional[NarrowedChannel] = None
    """What its place in the count goes with."""


class Gone(Exception):
    """The peer has closed, or has said too much."""


class StreamSocket:
    """Used by the writer's thread alone."""

    __slots__ = (
        "began_at",
        "due",
        "ending",
        "farewell",
        "form",
        "holding",
        "interest",
        "made_at",
        "narrowed",
        "peer",
        "pending",
        "queued",
        "sent",
        "sock",
        "subscription",
        "surplus",
        "ticket",
        "written_at",
    )

    def __init__(self, sock: socket.socket, peer: str, opening: StreamOpening) -> None:
        self.sock = sock
        self.pending: Optional[bytes] = opening.head
        """What is being written, shared with other readers; nothing more is queued."""
        self.sent = 0
        """How much of that the kernel has taken."""
        self.holding: Optional[bytes] = None
        """What of it is counted as held."""
        self.farewell = b""
        """What goes out after it."""
        self.subscription = opening.subscription
        self.form = opening.form
        self.peer = peer
        self.ticket = opening.ticket
        self.began_at = opening.began_at
        self.narrowed = opening.narrowed
        self.ending = False
        """It gets no more events: what is pending is its last."""
        self.surplus = 0
        self.interest = EVENT_READ
        """What the selector watches for."""
        self.made_at = 0.0
        """When a live delta that is pending was made; 0 for anything else."""
        self.written_at = opening.began_at
        """When (monotonic) it was last sent anything."""
        self.due = self.queued = NEVER

    def flush(self) -> int:
        """Write what is pending: 0 if that is all out, else the event to wait for.

        Raises OSError where the connection is lost.
        """
        data = self.pending
        if data is None:
            return 0
        size = len(data)
        try:
            # The kernel takes what it has room for, TLS a record at a time.
            while self.sent < size:
                self.sent += self.sock.send(memoryview(data)[self.sent :])
        except ssl.SSLWantReadError:
            return EVENT_READ
        except NOT_NOW:
            return EVENT_WRITE
        self.pending = None
        self.sent = 0
        if self.farewell:
            self.pending, self.farewell = self.farewell, b""
            return self.flush()
        return 0

    def end(self, milliseconds: int) -> None:
        """Have its last words go out after what is pending; it should stay away for so long."""
        self.ending = True
        # Apart: thousands may share what is pending.
        self.farewell = self.form.farewell(milliseconds)
        if self.pending is None:
            self.pending, self.farewell = self.farewell, b""

    def listen(self) -> None:
        """Throw away what the peer says. Raises Gone or OSError at its end."""
        while True:
            try:
                data = self.sock.recv(4096)
            except NOT_NOW:
                return
            self.surplus += len(data)
            # A half-closed connection counts as closed: nobody who waits for a stream
            # closes his side first, and for most who vanish it is the only sign.
            if not data or self.surplus > SURPLUS_MAX:
                raise Gone
            if len(data) < 4096 and not isinstance(self.sock, ssl.SSLSocket):
                return
