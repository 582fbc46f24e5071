"""HTTP parser: requests out of bytes and answers into bytes, by h11. No I/O."""

from __future__ import annotations

from datetime import datetime
from email.utils import format_datetime
from http import HTTPStatus
from typing import Optional, Union

import h11

from agentctl.lazy_namedtuple import NamedTuple
from agentctl.server.http.answer import HttpAnswer
from agentctl.server.http.request import Refusal

MAX_HEAD = 16 * 1024
"""Of a request line with its headers."""

JOINED = 16 * 1024
"""Up to here a body is sent with its head; a longer one is not copied: many may share it."""

_AROUND = len(": \r\n")
"""What is written of a header beside its name and its value."""

_TOO_LARGE = Refusal(431, f"expected a request's head of at most {MAX_HEAD} bytes")

_NOT_READ_TO_THE_END = (h11.IDLE, h11.SEND_BODY, h11.ERROR)


class RequestHead(NamedTuple):
    """A request's head. No route takes a body: one that comes is never read."""

    method: str
    target: str
    version: str
    headers: tuple[tuple[bytes, bytes], ...]
    """Names in lower case."""
    has_body: bool

    def values(self, name: bytes) -> list[str]:
        """The values of a header, in order."""
        return [value.decode("latin-1") for key, value in self.headers if key == name]

    @property
    def chunks(self) -> bool:
        """Whether the client can be sent a body in chunks."""
        return self.version != "1.0"


class H11Parser:
    """One connection's requests, one after the other."""

    def __init__(self) -> None:
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD)
        self._is_head = False

    def feed(self, data: bytes) -> None:
        self._http.receive_data(data)

    @property
    def begun(self) -> bool:
        """Whether there are bytes of a request that is not complete, or not looked at."""
        return bool(self._http.trailing_data[0])

    def next(self) -> Union[RequestHead, Refusal, None]:
        """The next request; None if more bytes are needed; a refusal of what is none."""
        try:
            event = self._http.next_event()
            if not isinstance(event, h11.Request):
                return None
            fields = tuple((bytes(name), bytes(value)) for name, value in event.headers)
            request = RequestHead(
                event.method.decode("ascii"),
                event.target.decode("ascii"),
                event.http_version.decode("ascii"),
                fields,
                any(_announces_body(name, value) for name, value in fields),
            )
            self._is_head = request.method == "HEAD"
            if not request.has_body:
                self._http.next_event()  # the end of the message
        except h11.RemoteProtocolError as error:
            if error.error_status_hint == 431:
                return _TOO_LARGE
            return Refusal(400, f"not an HTTP/1.1 request: {_brief(error)}")
        # h11 looks at its buffer only where a head is not complete yet.
        sizes = (len(name) + len(value) + _AROUND for name, value in fields)
        if len(request.target) + sum(sizes) > MAX_HEAD:
            return _TOO_LARGE
        if not request.version.startswith("1."):
            return Refusal(400, f"expected HTTP/1.1, got HTTP/{request.version}")
        return request

    def answer(
        self, answer: HttpAnswer, now: datetime, last: bool
    ) -> tuple[bytes, Optional[bytes]]:
        """The bytes of the answer to what ``next`` gave, and a long body as it is, to follow
        them; ``last`` closes the connection.

        Those of its pieces are made by ``piece``.
        """
        headers = [
            ("Date", format_datetime(now, usegmt=True)),
            *([("Content-Type", answer.content_type)] if answer.content_type else []),
            ("Cache-Control", "no-cache"),
            *answer.headers,
        ]
        if answer.body is not None:
            headers.append(("Content-Length", str(len(answer.body))))
        if last or not self.clean:
            headers.append(("Connection", "close"))
        response = h11.Response(
            status_code=answer.status, reason=HTTPStatus(answer.status).phrase, headers=headers
        )
        data = self._http.send(response) or b""
        if self.goes_on(answer):
            return data, None
        body = answer.body
        if body and not self._is_head:
            sent = self._http.send(h11.Data(data=body)) or b""
            if len(body) > JOINED:
                self.end()  # of no bytes, after a length
                return data, body
            data += sent
        return data + self.end(), None

    def goes_on(self, answer: HttpAnswer) -> bool:
        """Whether the pieces of an answer are to follow its head."""
        return answer.pieces is not None and not self._is_head

    def piece(self, data: bytes) -> bytes:
        """The bytes of a piece of the body."""
        return self._http.send(h11.Data(data=data)) or b""

    def end(self) -> bytes:
        """The bytes of the body's end."""
        return self._http.send(h11.EndOfMessage()) or b""

    @property
    def clean(self) -> bool:
        """Whether there was a request and nothing of it is unread."""
        return self._http.their_state not in _NOT_READ_TO_THE_END

    def go_on(self) -> bool:
        """Turn to the next request, after an answer; False if there can be none."""
        going = self._http.our_state is h11.DONE and self._http.their_state is h11.DONE
        if going:
            self._http.start_next_cycle()
        return going


def _announces_body(name: bytes, value: bytes) -> bool:
    # h11 has seen to it that a length is one number.
    return name == b"transfer-encoding" or (name == b"content-length" and int(value) > 0)


def _brief(error: Exception) -> str:
    """What h11 says without what the client sent."""
    return str(error).partition(":")[0][:80]
