"""Response whose headers are there and whose body is still to be read."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Optional

from agentctl.clock import Clock
from agentctl.duration import format_duration
from agentctl.errors import DisconnectedError, ServerError
from agentctl.net.failures import TimedOut, explain, http_date
from agentctl.net.http1 import CutShort, Head
from agentctl.net.kill_switch import KillSwitch
from agentctl.net.memory_budget import Share
from agentctl.net.timed_stream import READ_BYTES, ChunkDecoder

if TYPE_CHECKING:
    from agentctl.net.connection import Connection
    from agentctl.net.endpoint import HttpEndpoint

GRACE_S = 5.0
"""How much longer than one wait a streamed body may last: whoever reads it as lines ends
it in good order before that."""

READ_ALL_S = 60.0
"""Longest that a whole body may take: a page of 500 objects over a poor line fits."""


class TooLargeAnswerError(ServerError):
    """An answer is longer than what may be read of it."""


class Response:
    """The body can be read once; then or at ``close`` the connection is let go.

    ``keep`` takes the connection back when it can be used again.
    """

    def __init__(
        self,
        conn: Connection,
        head: Head,
        endpoint: HttpEndpoint,
        body_timeout: Optional[float],
        switch: KillSwitch,
        clock: Clock,
        keep: Callable[[Connection, HttpEndpoint], None],
    ) -> None:
        self.status, self.headers = head.status, head.headers
        self.where = endpoint.where
        self.endpoint = endpoint
        self._keep = keep
        self._conn: Optional[Connection] = conn
        self._closes = head.closes
        self._left = head.length
        self._ended = False
        self._switch = switch
        self._clock = clock
        self._body_timeout = body_timeout
        # On a busy watch a read brings many chunks, an event each: they come out at once.
        self._chunks = ChunkDecoder() if head.chunked else None
        self._server_time: Optional[float] = None
        self._read_server_time = False
        if body_timeout is not None:
            # In all as well: bytes that are no data (trailers without end) come out of no read.
            self._limit(clock.monotonic() + body_timeout + GRACE_S)

    @property
    def content_type(self) -> str:
        """In lower case, without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def server_time(self) -> Optional[float]:
        """The server's clock when it answered, in seconds since 1970; None if it did not say."""
        if not self._read_server_time:
            moment = http_date(self.headers.get("date", ""))
            self._server_time = None if moment is None else moment.timestamp()
            self._read_server_time = True
        return self._server_time

    def wait_until(self, deadline: float) -> None:
        """No read waits any longer (monotonic); one that does raises TimedOut."""
        self._body_timeout = None
        self._limit(deadline)

    def read1(self, n: int = READ_BYTES) -> bytes:
        """At most ``n`` bytes, as soon as there are any; b"" at the end of the body.

        Raises DisconnectedError, also if the body ended before its time; it is a TimedOut
        where that was it.
        """
        try:
            data = b"" if self._ended else self._read1(n)
        except Exception as error:
            raise self._failed(error) from error
        if not data:
            self._finish()
        return data

    def read_all(
        self, limit: int, timeout: float = READ_ALL_S, share: Optional[Share] = None
    ) -> bytes:
        """The whole body: at most ``limit`` bytes within ``timeout`` seconds.

        ``share`` is what its memory is taken from. Raises TooLargeAnswerError if it is
        larger, ServerError if it is slower, DisconnectedError if it breaks off.
        """
        if self._conn is None:
            return b""
        deadline = self._clock.monotonic() + timeout
        self._limit(deadline)
        chunks: list[bytes] = []
        size = 0
        while True:
            try:
                data = self.read1()
            except TimedOut as error:
                if self._clock.monotonic() < deadline:
                    raise
                raise ServerError(
                    f"{self.where}: the answer took longer than {format_duration(timeout)}"
                ) from error
            if not data:
                return b"".join(chunks)
            if share is not None:
                share.add(2 * len(data))  # in pieces, and put together
            chunks.append(data)
            size += len(data)
            if size > limit:
                self.close()
                raise TooLargeAnswerError(f"{self.where}: the answer is larger than {limit} bytes")

    def close(self) -> None:
        """Let go of the connection; it is kept only if the body was read to its end."""
        conn, self._conn = self._conn, None
        if conn is not None:
            conn.end()

    def __enter__(self) -> Response:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _limit(self, deadline: float) -> None:
        if self._conn is not None:
            self._conn.stream.limit(self._body_timeout, deadline)

    def _read1(self, n: int) -> bytes:
        conn, chunks = self._conn, self._chunks
        if conn is None:
            raise CutShort
        if chunks is not None:
            while not chunks.ended:
                if not (piece := conn.stream.read(n)):
                    raise CutShort
                if data := chunks.feed(piece):
                    return data
            return b""
        if self._left is None:
            return conn.stream.read(n)
        data = conn.stream.read(min(n, self._left)) if self._left else b""
        if self._left and not data:
            raise CutShort
        self._left -= len(data)
        return data

    def _finish(self) -> None:
        conn = self._conn
        if conn is None:
            return
        if self._switch.killed:
            raise self._failed(CutShort())
        self._ended = True
        surplus = conn.stream.surplus or (self._chunks is not None and self._chunks.surplus)
        if self._closes or surplus:
            self.close()
            return
        self._conn = None
        self._keep(conn, self.endpoint)

    def _failed(self, error: Exception) -> Exception:
        self.close()
        if self._switch.killed:
            return DisconnectedError("stopped")
        limit_s = self._body_timeout
        step = "" if limit_s is None else f"after {format_duration(limit_s)} without data"
        return explain(error, self.where, step, self.endpoint.tls)
