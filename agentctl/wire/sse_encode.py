"""SSE and NDJSON encoder: events as bytes, with and without HTTP's chunks.

The JSON is what ``-o ndjson`` prints. It holds no line break (JSON escapes those), and
U+2028 is none to either form: the WHATWG's stream ends lines at CR and LF only.
"""

from __future__ import annotations

from agentctl.model import Event, json_line

LAST_CHUNK = b"0\r\n\r\n"
"""Ends a chunked body (RFC 9112, 7.1)."""


def sse_plain(event: Event) -> bytes:
    """One event as a server sends it: its type, its cursor as the id, one line of JSON."""
    return b"event: %s\nid: %s\ndata: %s\n\n" % (
        event.type.encode("ascii"),
        event.cursor.encode("utf-8", "replace"),
        _json(event),
    )


def ndjson_plain(event: Event) -> bytes:
    """One event, one line."""
    return _json(event) + b"\n"


def sse_chunk(event: Event) -> bytes:
    """``sse_plain`` as one chunk."""
    return chunk(sse_plain(event))


def ndjson_chunk(event: Event) -> bytes:
    """``ndjson_plain`` as one chunk."""
    return chunk(ndjson_plain(event))


COMMENT = b":\n"
"""A line that says nothing, for proxies that take silence for death.

Without an empty line after it, as ``retry`` has none: either is part of the next event's
block. Readers make an empty message of a block without data (httpx-sse), some of a comment
too once they have an id.
"""


def retry(milliseconds: int) -> bytes:
    """How long the reader is to wait before it comes back after the stream has ended.

    It counts from the end of its line on (WHATWG HTML, 9.2.6).
    """
    return b"retry: %d\n" % milliseconds


def chunk(data: bytes) -> bytes:
    """Some data (never none: that would end the body) in chunked transfer coding."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def _json(event: Event) -> bytes:
    return json_line(event.to_json()).encode("utf-8", "replace")
