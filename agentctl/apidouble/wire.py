"""HTTP/1.1 from the server's side of one connection: requests in, answers out.

Hand-written, because the double must be able to do what no HTTP server does: stop in
the middle of a chunk, reset a connection, send a body byte by byte.
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Callable, Optional
from urllib.parse import parse_qsl, unquote, urlsplit

from agentctl.lazy_dataclass import dataclass, field

MAX_LINE = 64 * 1024
MAX_HEADERS = 200
MAX_BODY = 16 << 20
CHUNKED_FROM = 2048
"""Bodies of this size and more go out chunked, as Go's server does it."""

_GONE = select.POLLHUP | select.POLLERR | getattr(select, "POLLRDHUP", 0)

Headers = Sequence[tuple[str, str]]
Splitter = Callable[[bytes], Iterable[bytes]]


class BadRequest(Exception):
    """What came in is no HTTP."""


@dataclass(frozen=True)
class Request:
    """One request; header names are in lower case, the last of a repeated key wins."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes = field(default=b"", repr=False)
    keep_alive: bool = True


class AcceptedConnection:
    """One accepted connection. One thread reads and writes; any thread may ``shutdown``."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._reader = sock.makefile("rb")
        self.splitter: Optional[Splitter] = None
        """How to cut up what is sent; None to send it whole."""

    def read_request(self) -> Optional[Request]:
        """The next request; None when the client is done. Raises BadRequest, OSError."""
        line = self._line()
        while line == b"\r\n":
            line = self._line()
        if not line:
            return None
        parts = line.decode("latin-1").split()
        if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
            raise BadRequest(f"not a request line: {line[:80]!r}")
        headers: dict[str, str] = {}
        for _ in range(MAX_HEADERS):
            line = self._line()
            if line in {b"\r\n", b"\n"}:
                break
            name, colon, value = line.decode("latin-1").partition(":")
            if not colon:
                raise BadRequest(f"not a header: {line[:80]!r}")
            headers[name.strip().lower()] = value.strip()
        else:
            raise BadRequest("too many headers")
        if headers.get("expect", "").lower() == "100-continue":
            self._sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = self._body(headers)
        url = urlsplit(parts[1])
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        closes = headers.get("connection", "").lower() == "close" or parts[2] == "HTTP/1.0"
        # Its answer comes with a body here, which nobody will read.
        closes = closes or parts[0] == "HEAD"
        return Request(parts[0], unquote(url.path), query, headers, body, not closes)

    def respond(self, status: int, headers: Headers, body: bytes) -> None:
        """Send a whole answer."""
        if len(body) >= CHUNKED_FROM or (self.splitter and body):
            self.begin(status, headers)
            self.send([body])
            self.end()
            return
        length = [("Content-Length", str(len(body)))]
        self._sock.sendall(_head(status, (*headers, *length)) + body)

    def begin(self, status: int, headers: Headers) -> None:
        """Start a chunked answer."""
        self._sock.sendall(_head(status, (*headers, ("Transfer-Encoding", "chunked"))))

    def send(self, parts: Iterable[bytes]) -> None:
        """Send a chunk for each part, all at once unless there is a splitter."""
        if self.splitter is None:
            self._sock.sendall(b"".join(_chunk(part) for part in parts if part))
            return
        for part in parts:
            for piece in self.splitter(part):
                self._sock.sendall(_chunk(piece))

    def end(self) -> None:
        """End a chunked answer properly."""
        self._sock.sendall(b"0\r\n\r\n")

    def wait_gone(self, timeout: float) -> bool:
        """Wait up to ``timeout`` seconds for the client to go; True if it has.

        A client that waits for an answer sends nothing: what can be read is its end.
        """
        poll = select.poll()
        try:
            poll.register(self._sock, select.POLLIN | _GONE)
            events = poll.poll(timeout * 1000)
            if not events:
                return False
            if events[0][1] & _GONE:
                # Asked first: over TLS its farewell is data, and hides the end that follows.
                return True
            return not socket.socket.recv(self._sock, 1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except (OSError, ValueError):
            return True

    def shutdown(self) -> None:
        """Free a thread that is blocked in a read or a write here; for other threads."""
        with contextlib.suppress(OSError):
            # Not SSLSocket's own: it would change the TLS state under the reader's feet.
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)

    def reset(self) -> None:
        """Close with a RST: what was sent and not yet read may be lost."""
        with contextlib.suppress(OSError):
            linger = struct.pack("ii", 1, 0)
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.close()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._reader.close()
        self._sock.close()

    def _line(self) -> bytes:
        line = self._reader.readline(MAX_LINE + 1)
        if len(line) > MAX_LINE:
            raise BadRequest("line too long")
        return line

    def _body(self, headers: dict[str, str]) -> bytes:
        try:
            if headers.get("transfer-encoding", "").lower() == "chunked":
                chunks = bytearray()
                while size := int(self._line().split(b";")[0], 16):
                    if len(chunks) + size > MAX_BODY:
                        raise BadRequest("body too large")
                    chunks += self._reader.read(size)
                    self._line()
                while self._line() not in {b"\r\n", b""}:
                    pass
                return bytes(chunks)
            size = int(headers.get("content-length") or 0)
        except ValueError as error:
            raise BadRequest(f"bad body length: {error}") from error
        if size > MAX_BODY:
            raise BadRequest("body too large")
        return self._reader.read(size) if size else b""


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def _head(status: int, headers: Headers) -> bytes:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Unknown"
    lines = [f"HTTP/1.1 {status} {phrase}", *(f"{name}: {value}" for name, value in headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
