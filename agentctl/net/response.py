"""Response whose headers are there and whose body is still to be read."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Optional

from agentctl.clock import Clock
from agentctl.errors import DisconnectedError, ServerError
from agentctl.net.chunked import ChunkDecoder, ChunkError
from agentctl.net.failures import TimedOut, explain, header, http_date
from agentctl.net.kill_switch import KillSwitch
from agentctl.net.memory_budget import Share

if TYPE_CHECKING:
    import http.client
    from email.message import Message

    from agentctl.net.connection import Connection
    from agentctl.net.endpoint import HttpEndpoint

READ_BYTES = 1 << 16

GRACE_S = 5.0
"""How much longer than one wait a streamed body may last: whoever reads it as lines ends
it in good order before that."""

READ_ALL_S = 60.0
"""Longest that a whole body may take: a page of 500 objects over a poor line fits."""


class Response:
    """The body can be read once; then or at ``close`` the connection is let go.

    ``keep`` takes the connection back when it can be used again.
    """

    def __init__(
        self,
        conn: Connection,
        answer: http.client.HTTPResponse,
        endpoint: HttpEndpoint,
        body_timeout: Optional[float],
        switch: KillSwitch,
        clock: Clock,
        keep: Callable[[Connection, HttpEndpoint], None],
    ) -> None:
        self.status: int = answer.status
        self.reason: str = answer.reason
        self.headers: Message = answer.headers
        self.where = endpoint.where
        self.endpoint = endpoint
        self._keep = keep
        self._conn: Optional[Connection] = conn
        self._answer = answer
        self._switch = switch
        self._clock = clock
        self._body_timeout = body_timeout
        self._step = "" if body_timeout is None else f"after {body_timeout:g}s without data"
        # http.client gives one chunk at a time: on a busy watch, one event.
        self._chunks = ChunkDecoder() if answer.chunked else None
        self._read1 = answer.read1 if self._chunks is None else self._read_chunks
        self._server_time: Optional[float] = None
        self._read_server_time = False
        if body_timeout is not None:
            # In all as well: bytes that are no data (trailers without end) come out of no read.
            self._limit(clock.monotonic() + body_timeout + GRACE_S)

    @property
    def content_type(self) -> str:
        """In lower case, without parameters."""
        return header(self.headers, "Content-Type").partition(";")[0].strip().lower()

    @property
    def server_time(self) -> Optional[float]:
        """The server's clock when it answered, in seconds since 1970; None if it did not say."""
        if not self._read_server_time:
            moment = http_date(header(self.headers, "Date"))
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
            data = self._read1(n)
        except Exception as error:
            raise self._failed(error) from error
        if not data:
            self._finish()
        return data

    def read_all(
        self, limit: int, timeout: float = READ_ALL_S, share: Optional[Share] = None
    ) -> bytes:
        """The whole body: at most ``limit`` bytes within ``timeout`` seconds.

        ``share`` is what its memory is taken from. Raises ServerError if it is larger or
        slower, DisconnectedError if it breaks off.
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
                    f"{self.where}: the answer took longer than {timeout:g}s"
                ) from error
            if not data:
                return b"".join(chunks)
            if share is not None:
                share.add(2 * len(data))  # in pieces, and put together
            chunks.append(data)
            size += len(data)
            if size > limit:
                self.close()
                raise ServerError(f"{self.where}: the answer is larger than {limit} bytes")

    def close(self) -> None:
        """Let go of the connection; it is kept only if the body was read to its end."""
        conn, self._conn = self._conn, None
        if conn is not None:
            self._answer.close()
            conn.end()

    def __enter__(self) -> Response:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.close()

    def _limit(self, deadline: float) -> None:
        if self._conn is not None and self._conn.reader is not None:
            self._conn.reader.limit(self._body_timeout, deadline)

    def _read_chunks(self, n: int) -> bytes:
        """What the next piece of a chunked body carries; b"" at its end."""
        import http.client

        chunks = self._chunks
        assert chunks is not None
        while not chunks.ended:
            piece = self._answer.fp.read1(n)
            if not piece:
                raise http.client.IncompleteRead(b"")
            try:
                data = chunks.feed(piece)
            except ChunkError as error:
                raise http.client.HTTPException(str(error)) from error
            if data:
                return data
        return b""

    def _finish(self) -> None:
        conn = self._conn
        if conn is None:
            return
        if self._switch.killed or self._answer.length:
            import http.client

            raise self._failed(http.client.IncompleteRead(b""))
        self._answer.close()
        if conn.sock is None or (self._chunks is not None and self._chunks.surplus):
            self.close()
            return
        self._conn = None
        self._keep(conn, self.endpoint)

    def _failed(self, error: Exception) -> Exception:
        self.close()
        if self._switch.killed:
            return DisconnectedError("stopped")
        return explain(error, self.where, self._step, self.endpoint.tls)
