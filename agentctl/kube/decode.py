"""Decoding of what an API server sends: lines of a watch, the events in them, their JSON.

managedFields are left out of it before it is parsed. They are up to half of every object,
say who changed which field, and are of no use here; an API server cannot be asked to leave
them out. Parsing is most of what an event costs, so a busy watch is read half as fast again
without them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Optional

from agentctl.debug_log import DebugLog
from agentctl.engine.messages import Change
from agentctl.errors import ServerError, SourceError
from agentctl.kube.resources import Seen, WatchSpec
from agentctl.model import ErrorCode

log = DebugLog(__name__)

KINDS = frozenset(("ADDED", "MODIFIED", "DELETED", "BOOKMARK"))

_scan = json.JSONDecoder().scan_once  # type: ignore[attr-defined]

_BEGIN = b'"managedFields":['
_END = b']},"spec":'
_NOTHING = b'"managedFields":0'


class ExpiredError(ServerError):
    """The history after this resourceVersion is gone: only a new list can help."""

    code = ErrorCode.RESYNC


class WatchDecoder:
    """Lines in, changes out; keeps the resourceVersion to go on from.

    ``resource_version`` is where the watch was asked to start.
    """

    def __init__(self, spec: WatchSpec, resource_version: str) -> None:
        self._spec = spec
        self._noun = spec.resource.noun
        # Without a starting point the first ADDED events are a list in no order: their
        # resourceVersions say nothing about the stream. A bookmark's does.
        self._ordered = resource_version not in ("", "0")
        self.resource_version = resource_version

    def decode(self, lines: Iterable[bytes], seen: Seen) -> Optional[list[Change]]:
        """The changes that lines report, in order; None when they say nothing at all.

        Raises ExpiredError and ServerError for ERROR events, UnreadableError for a line
        that is no event.
        """
        changes: list[Change] = []
        moved = False
        for line in lines:
            if not line or line.isspace():
                continue
            kind, item = self._event(line)
            if kind not in KINDS:
                log.debug("%s: unknown event type %.40r ignored", self._noun, kind)
                continue
            if kind == "BOOKMARK":
                self._ordered = True
            elif kind == "DELETED":
                changes.append(self._spec.deletion(item))
            else:
                changes.append(self._spec.change(item, seen))
            moved = True
            version = item["metadata"].get("resourceVersion")
            if version and self._ordered:
                self.resource_version = str(version)
        return changes if moved else None

    def _event(self, line: bytes) -> tuple[str, Mapping[str, Any]]:
        try:
            event = parse(line)
            kind, item = event["type"], event["object"]
            if kind == "ERROR":
                raise status_error(item, self._noun)
            if isinstance(kind, str) and (kind not in KINDS or isinstance(item["metadata"], dict)):
                return kind, item
        except (ValueError, KeyError, TypeError, RecursionError):
            pass
        raise UnreadableError(
            f"watching {self._noun}: the server sent a line that is no watch event: {line[:60]!r}"
        )


def status_error(status: object, noun: str) -> SourceError:
    """What an ERROR event's Status means; the HTTP status was 200 and says nothing."""
    body = status if isinstance(status, dict) else {}
    message = str(body.get("message") or "no reason given")[:300]
    if body.get("code") == 410 or body.get("reason") in ("Expired", "Gone"):
        return ExpiredError(f"history of {noun} expired: {message}")
    details = body.get("details")
    wait = details.get("retryAfterSeconds") if isinstance(details, dict) else None
    asked = float(wait) if isinstance(wait, int) and 0 < wait <= 300 else None
    return ServerError(f"watching {noun}: {message}", asked, put_off=asked is not None)


class UnreadableError(ServerError):
    """A watch brought what cannot be read; the next one from there may bring it, too."""


class LineTooLong(ValueError):
    """A line passed the limit; its rest is not worth waiting for."""


class LineSplitter:
    """Cuts a byte stream at LF; what follows the last LF waits for the next piece.

    Linear in the bytes fed however they are split, because an unfinished line is
    kept in pieces and joined once. At most ``limit`` bytes are held.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._pieces: list[bytes] = []
        self._held = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that ``data`` completes, without their LF, in order.

        Raises LineTooLong when a line, finished or not, is longer than the limit.
        """
        lines = data.split(b"\n")
        self._held += len(lines[0])
        if self._held > self._limit or len(max(lines, key=len)) > self._limit:
            raise LineTooLong(f"a line of more than {self._limit} bytes")
        self._pieces.append(lines[0])
        if len(lines) == 1:
            return []
        lines[0] = b"".join(self._pieces)
        tail = lines.pop()
        self._pieces = [tail] if tail else []
        self._held = len(tail)
        return lines

    @property
    def pending(self) -> int:
        """How many bytes of an unfinished line are held."""
        return self._held


def parse(data: bytes) -> Any:
    """The JSON value, with ``metadata.managedFields`` 0 where they could be left out.

    What is nested too deeply to be read is null. Raises ValueError for what is no JSON in UTF-8,
    and may raise RecursionError for what is not even balanced.
    """
    if _BEGIN in data:
        try:
            return _value(without_managed_fields(data))
        except (ValueError, RecursionError):
            pass  # not as Kubernetes writes it: read it as it is
    try:
        return _value(data)
    except (RecursionError, ValueError) as error:
        if isinstance(error, (json.JSONDecodeError, UnicodeDecodeError)):
            raise
        from agentctl.kube.deep_json import parse_deep  # one object in a million

        return parse_deep(data)


def _value(data: bytes) -> Any:
    """What ``json.loads`` makes of it, in one function and not in four and two matches."""
    text = data.decode("utf-8").strip(" \t\n\r")
    try:
        value, end = _scan(text, 0)
    except StopIteration as error:
        raise json.JSONDecodeError("Expecting value", text, error.value) from None
    if end != len(text):
        raise json.JSONDecodeError("Extra data", text, end)
    return value


def without_managed_fields(data: bytes) -> bytes:
    """The same JSON without what lies between the marks, or something that is no JSON.

    Found is what Kubernetes writes: managedFields as the last of the metadata, the spec
    next, no bracket in between. Neither mark can lie inside a string, where its quotes
    would be escaped, so the first closing bracket, if the second mark begins with it,
    closes the list or one inside it; in the latter case one too many is left, and the
    rest is no JSON.
    """
    begin = data.find(_BEGIN)
    if begin < 0:
        return data
    parts = []
    start = 0
    while begin >= 0:
        end = data.find(b"]", begin)
        if data.startswith(_END, end):
            parts += [data[start:begin], _NOTHING]
            start = end + 1
        begin = data.find(_BEGIN, max(end, begin + 1))
    return b"".join([*parts, data[start:]]) if parts else data
