"""HTTP/1.1 messages: the bytes of a request, and the head of an answer. No I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Optional

from agentctl.lazy_namedtuple import NamedTuple
from agentctl.lazy_regex import regex

MAX_HEAD = 256 * 1024
"""Of an answer's status line and headers."""

_STATUS = regex(rb"HTTP/1\.([01]) +([1-9]\d\d)(?: +(.*))?")
_FIELD = regex(rb"([\w!#$%&'*+.^`|~-]+):[ \t]*(.*)", re.ASCII)
_END = regex(rb"\r?\n\r?\n")
_SETTINGS = regex(rb"\0\0[\0-\xff]\x04\0\0\0\0\0")
"""RFC 9113, 4.1 and 6.5: length, type, no flags, stream 0."""
_NO_TARGET = regex(r"[^!-~]")
_NO_FIELD = regex(r"[\r\n\0]")


class NotHttp(Exception):
    """What is there is no HTTP/1.1."""


class SpeaksHttp2(NotHttp):
    """It begins with a frame of HTTP/2's settings, as servers of gRPC do whatever they are sent."""


class NoAnswer(Exception):
    """The connection ended before an answer began."""


class CutShort(Exception):
    """The connection ended in the middle of an answer."""


class Head(NamedTuple):
    """What is known of an answer before its body."""

    status: int
    reason: str
    headers: dict[str, str]
    """Names in lower case; the first of each counts."""
    chunked: bool
    length: Optional[int]
    """Of the body; None where its end is that of its chunks, or of the connection."""
    closes: bool
    """Whether no other request may follow."""


def request(target: str, headers: Iterable[tuple[str, str]], body: Optional[bytes]) -> bytes:
    """A GET, or a POST of ``body``; headers go in UTF-8.

    Raises ValueError for what would end a line early.
    """
    lines = [f"{name}: {value}" for name, value in headers]
    if _NO_TARGET.search(target) or any(_NO_FIELD.search(line) for line in lines):
        raise ValueError("the request has characters that no request can have")
    lines.insert(0, f"{'GET' if body is None else 'POST'} {target} HTTP/1.1")
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


def head_end(data: bytes, new: int) -> Optional[tuple[int, int]]:
    """Where a head ends and what follows it begins, once that is there.

    ``new`` is how many bytes were not looked at before. Raises NotHttp.
    """
    if not data.startswith(b"HTTP/"[: len(data)]):
        raise SpeaksHttp2 if _SETTINGS.match(data) else NotHttp
    found = _END.search(data, max(0, len(data) - new - 3))
    if found is None and len(data) > MAX_HEAD:
        raise NotHttp
    return None if found is None else found.span()


def parse_head(data: bytes) -> Head:
    """``data`` is without the empty line at its end. Raises NotHttp."""
    first, *lines = data.replace(b"\r\n", b"\n").split(b"\n")
    status = _STATUS.fullmatch(first)
    if status is None:
        raise NotHttp
    headers: dict[str, str] = {}
    for line in lines:
        field = _FIELD.fullmatch(line)
        if field is None:
            raise NotHttp
        name, value = field[1].decode("ascii").lower(), field[2].rstrip().decode("latin-1")
        if name == "content-length" and headers.get(name, value) != value:
            raise NotHttp
        headers.setdefault(name, value)
    code = int(status[2])
    chunked, length = _framing(code, headers)
    connection = headers.get("connection", "").lower()
    persists = "keep-alive" in connection if status[1] == b"0" else "close" not in connection
    closes = not persists or not (chunked or length is not None)
    reason = (status[3] or b"").strip().decode("latin-1")
    return Head(code, reason, headers, chunked, length, closes)


def _framing(status: int, headers: dict[str, str]) -> tuple[bool, Optional[int]]:
    """Whether the body comes in chunks, and its length where that is known."""
    if status < 200 or status in (204, 304):
        return False, 0
    coding = headers.get("transfer-encoding", "identity").lower()
    length = headers.get("content-length", "0")
    if coding not in ("identity", "chunked") or not (length.isascii() and length.isdigit()):
        raise NotHttp
    if coding == "chunked":
        return True, None
    return False, int(length) if "content-length" in headers else None
