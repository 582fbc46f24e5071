"""Response to a GET: its headers are there, its body is still to be read."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime

from agentctl.clock import Clock
from agentctl.errors import DisconnectedError, ServerError, SourceError
from agentctl.net.chunked import ChunkDecoder, ChunkError
from agentctl.net.failures import header
from agentctl.net.requests_adapter import READ_BYTES, RequestSocket
from agentctl.remote.http_failures import explained, refusal, wrong_type

ERROR_BYTES, ERROR_S = 64 * 1024, 2.0
"""What is read of an answer that is not what was asked for."""


class GetResponse:
    """The body can be read once.

    Not by urllib3: 1.26 has no ``read1``, and http.client, beneath it, reads the trailers
    of a chunked body without end.
    """

    def __init__(
        self, status: int, headers: Mapping[str, str], line: RequestSocket, where: str, clock: Clock
    ) -> None:
        self.status = status
        self.headers = headers
        self.where = where
        self._line = line
        self._clock = clock
        self._answer = line.answer
        self._chunks = ChunkDecoder() if line.answer.chunked else None

    @property
    def content_type(self) -> str:
        """In lower case, without parameters."""
        return header(self.headers, "Content-Type").partition(";")[0].strip().lower()

    @property
    def is_json(self) -> bool:
        return self.content_type == "application/json" or self.content_type.endswith("+json")

    def refuse_coding(self) -> None:
        """Raise ServerError for a body that is compressed."""
        coding = header(self.headers, "Content-Encoding").strip().lower()
        if coding not in ("", "identity"):
            raise ServerError(
                f"{self.where}: the answer is compressed ({coding[:20]}), which was not asked "
                "for; is a proxy in between?"
            )

    def refusal(self, now: datetime, *, streaming: bool) -> SourceError:
        """What a status that is not 200 means; takes the body for it."""
        body = self.read_some(ERROR_BYTES, ERROR_S)
        return refusal(self.where, self.status, self.headers, body, now, streaming=streaming)

    def wrong_type(self, expected: str) -> SourceError:
        """For a content type that is not ours; takes the body for it."""
        body = self.read_some(ERROR_BYTES, ERROR_S)
        return wrong_type(self.where, expected, self.content_type, body)

    def wait_until(self, deadline: float) -> None:
        """No read waits any longer (monotonic); one that does ends with ``socket.timeout``."""
        self._line.reader.limit(None, deadline)

    def read1(self) -> bytes:
        """What there is, as soon as there is anything; b"" at the end of the body.

        Raises socket.timeout after the deadline, DisconnectedError for all else.
        """
        try:
            data = self._read1()
        except socket.timeout:
            self._line.switch.check()
            raise
        except Exception as error:
            self._line.switch.check()
            raise explained(error, self.where) from error
        if not data:
            self._line.switch.check()
        return data

    def read_all(self, limit: int, seconds: float) -> bytes:
        """The whole body. Raises ServerError for one that is larger or takes longer."""
        self.wait_until(self._clock.monotonic() + seconds)
        pieces: list[bytes] = []
        size = 0
        try:
            while True:
                data = self.read1()
                if not data:
                    return b"".join(pieces)
                pieces.append(data)
                size += len(data)
                if size > limit:
                    raise ServerError(f"{self.where}: the answer is larger than {limit} bytes")
        except socket.timeout:
            text = f"{self.where}: the answer took longer than {seconds:g}s"
            raise ServerError(text) from None

    def read_some(self, limit: int, seconds: float) -> bytes:
        """The beginning of the body, for what an error says; whatever goes wrong."""
        self.wait_until(self._clock.monotonic() + seconds)
        found = bytearray()
        with suppress(DisconnectedError, socket.timeout):
            while len(found) < limit:
                data = self.read1()
                if not data:
                    break
                found += data
        return bytes(found[:limit])

    def _read1(self) -> bytes:
        if self._chunks is None:
            data: bytes = self._answer.read1(READ_BYTES)
            if not data and self._answer.length:
                raise http.client.IncompleteRead(b"")
            return data
        while not self._chunks.ended:
            piece: bytes = self._answer.fp.read1(READ_BYTES)
            if not piece:
                raise http.client.IncompleteRead(b"")
            try:
                data = self._chunks.feed(piece)
            except ChunkError as error:
                raise http.client.HTTPException(str(error)) from error
            if data:
                return data
        return b""
