"""Response whose headers are there and whose body is still to be read."""

from __future__ import annotations

import socket
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Optional
from urllib.parse import urlsplit

from agentctl.clock import Clock
from agentctl.errors import DisconnectedError, ServerError
from agentctl.net.chunked import ChunkDecoder, ChunkError
from agentctl.net.failures import explain, header, http_date
from agentctl.net.kill_switch import KillSwitch
from agentctl.net.memory_budget import Share

if TYPE_CHECKING:
    import http.client
    from email.message import Message

    from agentctl.net.connection import Connection

GRACE_S = 5.0
"""How much longer than one wait a streamed body may last: whoever reads it as lines ends
it in good order before that."""

READ_ALL_S = 60.0
"""Longest that a whole body may take: a page of 500 objects over a poor line fits."""


class Response:
    """The body can be read once; then or at ``close`` the connection is let go.

    ``keep`` takes the connection back, with its generation, when it can be used again.
    """

    def __init__(
        self,
        conn: Connection,
        answer: http.client.HTTPResponse,
        *,
        where: str,
        generation: int,
        body_timeout: float,
        switch: KillSwitch,
        clock: Clock,
        keep: Callable[[Connection, int], None],
    ) -> None:
        self.status: int = answer.status
        self.headers: Message = answer.headers
        self.generation = generation
        """Whose credentials were used: what to give to ``AccessProvider.refresh`` on 401."""
        self._keep = keep
        self._conn: Optional[Connection] = conn
        self._answer = answer
        self._where = where
        self._switch = switch
        self._clock = clock
        self._body_timeout = body_timeout
        self._step = f"after {body_timeout:g}s without data"
        # http.client gives one chunk at a time: on a busy watch, one event.
        self._chunks = ChunkDecoder() if answer.chunked else None
        self._read1 = answer.read1 if self._chunks is None else self._read_chunks
        self._server_time: Optional[float] = None
        self._read_server_time = False
        if conn.reader is not None:
            # In all as well: bytes that are no data (trailers without end) come out of no read.
            conn.reader.limit(body_timeout, clock.monotonic() + body_timeout + GRACE_S)

    @property
    def server_time(self) -> Optional[float]:
        """The server's clock when it answered, in seconds since 1970; None if it did not say."""
        if not self._read_server_time:
            moment = http_date(header(self.headers, "Date"))
            self._server_time = None if moment is None else moment.timestamp()
            self._read_server_time = True
        return self._server_time

    def read1(self, n: int = 65536) -> bytes:
        """At most ``n`` bytes, as soon as there are any; b"" at the end of the body.

        Raises DisconnectedError, also if the body ended before its time.
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
        conn = self._conn
        if conn is None:
            return b""
        deadline = self._clock.monotonic() + timeout
        if conn.reader is not None:
            conn.reader.limit(self._body_timeout, deadline)
        chunks: list[bytes] = []
        size = 0
        try:
            while True:
                data = self.read1()
                if not data:
                    return b"".join(chunks)
                if share is not None:
                    share.add(2 * len(data))  # in pieces, and put together
                chunks.append(data)
                size += len(data)
                if size > limit:
                    raise ServerError(f"{self._where}: the answer is larger than {limit} bytes")
        except DisconnectedError as error:
            self.close()
            timed_out = isinstance(error.__cause__, socket.timeout)
            if timed_out and self._clock.monotonic() >= deadline:
                raise ServerError(
                    f"{self._where}: the answer took longer than {timeout:g}s"
                ) from error
            raise

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

    def refuse_redirect(self) -> None:
        """Raise ServerError for a 3xx: credentials are not for whom it may point to."""
        if 300 <= self.status < 400:
            self.close()
            target = urlsplit(header(self.headers, "Location")).netloc.rpartition("@")[2]
            raise ServerError(
                f"{self._where}: answered with a redirect to {target or 'nowhere'}, which is "
                "not followed; is this an API server's address?"
            )

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
        self._keep(conn, self.generation)

    def _failed(self, error: Exception) -> Exception:
        self.close()
        if self._switch.killed:
            return DisconnectedError("stopped")
        return explain(error, self._where, self._step)
