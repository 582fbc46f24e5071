"""Recording file of ``--record``: NDJSON of the events, in a frame that can be torn.

A line is ``-o ndjson``'s own, with one key in front: ``offset_s``, seconds since the
recording began on a clock that only grows. Before them a line of type ``recording`` says
where they came from, and one of type ``end`` follows when the run ended in good order.
What was appended later begins with a line of type ``recording`` again.

Reading gives what is whole and names what is not, a line at a time: memory is bounded by
MAX_LINE, whatever the file holds.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Iterable, Iterator
from datetime import datetime, timezone
from typing import Any, Optional, Union

from agentctl.lazy_dataclass import dataclass
from agentctl.lazy_namedtuple import NamedTuple
from agentctl.model import Event, JSONObject, json_line, parse_time
from agentctl.redact import redact
from agentctl.sanitize import harmless, name
from agentctl.wire.statusjson import Namespaces, event_in, object_of

FORMAT = "agentctl-recording/1"

MAX_LINE = 16 << 20
"""Bytes; no event that a transport lets in is longer."""

MAX_OFFSET_S = 1e9
"""Thirty years."""

_PIECE = 1 << 16
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class Header:
    """Where a recording came from. Nothing in it is a secret; no argument is copied."""

    started_at: datetime
    agentctl: str
    transport: str
    namespace: str
    components: tuple[str, ...] = ()
    """The globs that were asked for; none for all."""
    heartbeat_s: Optional[float] = None
    """How long a silence can be when all is well; None: any."""

    def to_json(self) -> JSONObject:
        at = self.started_at.astimezone(timezone.utc).isoformat(timespec="milliseconds")
        return {
            "type": "recording",
            "format": FORMAT,
            "agentctl": self.agentctl,
            "started_at": at.replace("+00:00", "Z"),
            "transport": self.transport,
            "namespace": self.namespace,
            "components": list(self.components),
            "heartbeat_s": self.heartbeat_s,
        }

    @classmethod
    def from_json(cls, data: JSONObject) -> Header:
        """Raises KeyError, TypeError or ValueError for what is no header that is known."""
        if data["format"] != FORMAT:
            raise ValueError(f"format {redact(str(data['format']))!r}, and {FORMAT} is read here")
        beat = data.get("heartbeat_s")
        return cls(
            started_at=parse_time(data["started_at"]),
            agentctl=name(str(data.get("agentctl", ""))),
            transport=name(str(data.get("transport", ""))),
            namespace=name(str(data.get("namespace", ""))),
            components=tuple(name(str(glob)) for glob in data.get("components") or ()),
            heartbeat_s=None if beat is None else _seconds(beat),
        )


class Recorded(NamedTuple):
    """An event, harmless; ``offset_s`` is None in plain NDJSON that nobody recorded."""

    offset_s: Optional[float]
    event: Event


class End(NamedTuple):
    """The recording ended in good order; ``exit_code`` is None if the run ended by an error of
    the host, or went on in another file."""

    offset_s: float
    exit_code: Optional[int]


class Damage(NamedTuple):
    """A line (from 1) that cannot be read, and why."""

    line: int
    reason: str


Entry = Union[Header, Recorded, End, Damage]

_WRONG = (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError)
"""What reading an object raises that was written by somebody else."""


def header_line(header: Header) -> bytes:
    return _line(header.to_json())


def event_line(offset_s: float, event: Event) -> bytes:
    return _line({"offset_s": round(offset_s, 3), **event.to_json()})


def end_line(end: End) -> bytes:
    told = {"type": "end", "offset_s": round(end.offset_s, 3)}
    return _line(told if end.exit_code is None else {**told, "exit_code": end.exit_code})


def entries(chunks: Iterable[bytes]) -> Iterator[Entry]:
    """What a file holds, as it is read; gzip is known by its first bytes."""
    number = 0
    reader = _RecordingReader()
    try:
        for number, (line, fault) in enumerate(_lines(_unzipped(chunks)), 1):
            if line.strip():
                try:
                    yield from reader.entry(line, number)
                except _WRONG as error:
                    yield Damage(number, fault or _reason(error))
            elif fault:
                yield Damage(number, fault)
    except _BadZip as error:
        yield Damage(number + 1, str(error))


class _RecordingReader:
    """Lines, in their order: what one leaves out, those before it say."""

    def __init__(self) -> None:
        self._at = datetime(1970, 1, 1, tzinfo=timezone.utc)
        self._namespaces = Namespaces("")

    def entry(self, line: bytes, number: int) -> Iterator[Entry]:
        """What a line holds. Raises one of _WRONG."""
        data = object_of(line.decode("utf-8-sig"))
        kind = data.get("type")
        if kind == "recording":
            header = Header.from_json(data)
            self._at, self._namespaces = header.started_at, Namespaces(header.namespace)
            yield header
            return
        offset = data.get("offset_s")
        if kind == "end":
            code = data.get("exit_code")
            yield End(_seconds(offset), code if isinstance(code, int) else None)
            return
        read = event_in(data, self._at, self._namespaces)
        if read.event is None:
            raise ValueError(f"type {redact(str(kind))!r}, which is unknown here")
        recorded = Recorded(None if offset is None else _seconds(offset), harmless(read.event))
        self._at = read.event.generated_at
        for reason in read.passed_over:
            yield Damage(number, redact(reason))
        yield recorded


def _seconds(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"a number of seconds is {type(value).__name__}")
    if not (math.isfinite(value) and 0 <= value <= MAX_OFFSET_S):
        raise ValueError(f"a number of seconds is {value:g}")
    return float(value)


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    if isinstance(error, json.JSONDecodeError):
        return f"not JSON: {error.msg} at character {error.pos + 1}"
    if isinstance(error, KeyError):
        return f"without {redact(str(error))}"
    return redact(str(error)) or type(error).__name__


def _line(data: JSONObject) -> bytes:
    return json_line(data).encode("utf-8", "replace") + b"\n"


def _lines(chunks: Iterable[bytes]) -> Iterator[tuple[bytes, str]]:
    """Lines without their LF, each with "" or with what is wrong with it.

    The last may do without LF: a JSON object that was cut off is never a JSON object.
    """
    pieces: list[bytes] = []
    held = 0
    for chunk in chunks:
        head, *rest = chunk.split(b"\n")
        for part in rest:
            too_long = held + len(head) > MAX_LINE
            yield (b"", _TOO_LONG) if too_long else (b"".join([*pieces, head]), "")
            pieces, held, head = [], 0, part
        held += len(head)
        if held <= MAX_LINE:
            pieces.append(head)
        else:
            pieces.clear()
    if held:
        yield b"".join(pieces), f"cut off after {held} bytes"


_TOO_LONG = f"longer than {MAX_LINE >> 20} MiB"


class _BadZip(Exception):
    """What follows cannot be unpacked."""


def _unzipped(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same, or what gzip made it from. Raises _BadZip, after all that could be had."""
    source = iter(chunks)
    data = b""
    while len(data) < len(_GZIP):
        chunk = next(source, b"")
        if not chunk:
            break
        data += chunk
    if not data.startswith(_GZIP):
        yield data
        yield from source
        return
    inflate = zlib.decompressobj(wbits=31)
    while data:
        try:
            yield inflate.decompress(data, _PIECE)
        except zlib.error as error:
            raise _BadZip(f"not gzip from here on: {error}") from None
        data = inflate.unconsumed_tail
        if inflate.eof:
            data = inflate.unused_data or next(source, b"")
            if data:  # as after cat a.gz b.gz
                inflate = zlib.decompressobj(wbits=31)
        data = data or next(source, b"")
    if not inflate.eof:
        yield inflate.flush()
        raise _BadZip("the gzip file is cut off here")
