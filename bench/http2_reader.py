"""Just enough of HTTP/2 to read gRPC streams cheaply: the client's side of RFC 9113, no I/O.

A gRPC client in Python needs a thread for each stream, and would be what is measured.
This one asks for its streams, takes their messages apart, answers SETTINGS and PING, and
grants windows as it reads. It decodes no headers: what it sends are HPACK literals, what
it gets is only looked at for being the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM = ACK = 0x1
END_HEADERS = 0x4
PADDED = 0x8

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
WINDOW = 65_535
"""What RFC 9113, section 6.9.2, gives each stream and the connection."""

_HEAD = Struct(">BHBBI")
_WORD = Struct(">I")
_PREFIX = Struct(">BI")


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """One frame."""
    size = len(payload)
    return _HEAD.pack(size >> 16, size & 0xFFFF, kind, flags, stream) + payload


def literals(headers: list[tuple[str, str]]) -> bytes:
    """A header block of literals that are not indexed (RFC 7541, section 6.2.2)."""
    block = bytearray()
    for pair in headers:
        block.append(0)
        for text in pair:
            data = text.encode("ascii")
            if len(data) >= 127:
                raise ValueError("a length that needs more than one byte")
            block += bytes([len(data)]) + data
    return bytes(block)


class GrpcStreams:
    """A connection with ``count`` calls of one method, none of which says anything.

    ``feed`` takes what the socket gave; ``outgoing`` is what has to be sent, to be taken
    and cleared by the caller. With ``grants`` off no window is ever opened again: the
    server may send 64 KB and then has to wait.
    """

    def __init__(
        self, path: str, count: int = 1, request: bytes = b"", grants: bool = True
    ) -> None:
        self.count = count
        self.ended: set[int] = set()
        """The calls that are over, by number."""
        self.outgoing = bytearray(PREFACE + frame(SETTINGS, 0, 0))
        self._grants = grants
        self._held = b""
        self._messages = [b""] * count
        self._read = [0] * count
        self._read_in_all = 0
        headers = literals(
            [
                (":method", "POST"),
                (":scheme", "http"),
                (":path", path),
                (":authority", "localhost"),
                ("content-type", "application/grpc"),
                ("te", "trailers"),
            ]
        )
        body = _PREFIX.pack(0, len(request)) + request
        for call in range(count):
            stream = 2 * call + 1
            self.outgoing += frame(HEADERS, END_HEADERS, stream, headers)
            self.outgoing += frame(DATA, END_STREAM, stream, body)

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """The messages that are whole now, each with the number of its call, from 0."""
        if self._held:
            data = self._held + data
        at, end = 0, len(data)
        while end - at >= 9:
            high, low, kind, flags, stream = _HEAD.unpack_from(data, at)
            after = at + 9 + (high << 16) + low
            if after > end:
                break
            if kind == DATA:
                yield from self._data(stream >> 1, data[at + 9 : after], flags)
            elif kind != WINDOW_UPDATE:
                self._control(kind, flags, stream >> 1, data[at + 9 : after])
            at = after
        self._held = data[at:]

    def _data(self, call: int, payload: bytes, flags: int) -> Iterator[tuple[int, bytes]]:
        self._consumed(call, len(payload))
        if flags & PADDED:
            payload = payload[1 : len(payload) - payload[0]]
        held = self._messages[call]
        if held:
            payload = held + payload
        at, end = 0, len(payload)
        while end - at >= 5:
            compressed, size = _PREFIX.unpack_from(payload, at)
            if compressed:
                raise ValueError("a compressed message, which was not asked for")
            if at + 5 + size > end:
                break
            yield call, payload[at + 5 : at + 5 + size]
            at += 5 + size
        self._messages[call] = payload[at:]
        if flags & END_STREAM:
            self.ended.add(call)

    def _consumed(self, call: int, size: int) -> None:
        """Open the windows again once half of them is used."""
        if not self._grants:
            return
        self._read[call] += size
        self._read_in_all += size
        if self._read[call] > WINDOW // 2:
            self.outgoing += frame(WINDOW_UPDATE, 0, 2 * call + 1, _WORD.pack(self._read[call]))
            self._read[call] = 0
        if self._read_in_all > WINDOW // 2:
            self.outgoing += frame(WINDOW_UPDATE, 0, 0, _WORD.pack(self._read_in_all))
            self._read_in_all = 0

    def _control(self, kind: int, flags: int, call: int, payload: bytes) -> None:
        if kind == SETTINGS and not flags & ACK:
            self.outgoing += frame(SETTINGS, ACK, 0)
        elif kind == PING and not flags & ACK:
            self.outgoing += frame(PING, ACK, 0, payload)
        elif kind == RST_STREAM or (kind == HEADERS and flags & END_STREAM):
            self.ended.add(call)
        elif kind == GOAWAY:
            # What it names has been or will be served, but a bench wants no such server.
            self.ended.update(range(self.count))
