"""The recording's format: whole lines in, the same events out, whatever happened to the file."""

from __future__ import annotations

import gzip
import io
import json
import unicodedata
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from agentctl.model import (
    Delta,
    ErrorCode,
    Event,
    Heartbeat,
    Item,
    ItemKey,
    Snapshot,
    Status,
    StreamError,
)
from agentctl.recording import (
    MAX_LINE,
    Damage,
    End,
    Entry,
    Header,
    Recorded,
    end_line,
    entries,
    event_line,
    header_line,
)
from agentctl.renderers import Style
from agentctl.renderers.ndjson import NdjsonRenderer
from agentctl.renderers.table import TableRenderer
from agentctl.sanitize import harmless
from tests.strategies import EVENTS

AT = datetime(2026, 1, 30, 18, 15, tzinfo=timezone.utc)
HEADER = Header(AT, "0.1.0", "kube", "agents", ("runtime:*",), 30.0)
SNAPSHOT = Snapshot(AT, (Item("namespace", "agents", Status.HEALTHY),), "c0")
DELTA = Delta(
    AT,
    (Item("grpc", "agents", Status.ERROR, "höchst \u2603 \U0001f4a5", {"ready": 1}),),
    (ItemKey("agents", "namespace"),),
    "c1",
)
SMALL = b"".join(
    (
        header_line(HEADER),
        event_line(0.5, SNAPSHOT),
        event_line(1.25, DELTA),
        event_line(31, Heartbeat(AT, "c1")),
        end_line(End(40, 0)),
    )
)
BIDI = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
OFFSETS = st.floats(0, 1e6)


class Kept:
    """A TextSink that keeps what it is given."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        self.text += text


def ndjson(events: list[Event]) -> str:
    out = Kept()
    for event in events:
        NdjsonRenderer(out).emit(event)
    return out.text


def drives_a_terminal(line: str) -> bool:
    """Whether it could move the cursor, set a mode, end the line or turn its direction."""
    return any(
        unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") or char in BIDI for char in line
    )


def events_in(data: bytes, piece: int = 1 << 16) -> list[Event]:
    return [entry.event for entry in read(data, piece) if isinstance(entry, Recorded)]


def read(data: bytes, piece: int = 1 << 16) -> list[Entry]:
    return list(entries(data[at : at + piece] for at in range(0, len(data), piece)))


@settings(max_examples=40)
@given(st.lists(st.tuples(OFFSETS, EVENTS.map(harmless)), max_size=3), st.integers(1, 200))
def test_what_is_replayed_is_what_was_printed(told: list[tuple[float, Event]], piece: int) -> None:
    data = b"".join(event_line(offset, event) for offset, event in told)
    found = read(data, piece)
    assert ndjson(events_in(data, piece)) == ndjson([event for _, event in told])
    assert [round(offset, 3) for offset, _ in told] == [
        entry.offset_s for entry in found if isinstance(entry, Recorded)
    ]
    assert len(found) == len(told)


@settings(max_examples=50)
@given(EVENTS)
def test_to_be_made_harmless_twice_is_the_same_as_once(event: Event) -> None:
    once = harmless(event)
    assert harmless(once) == once


@settings(max_examples=50)
@given(EVENTS)
def test_a_file_from_elsewhere_drives_no_terminal(event: Event) -> None:
    for replayed in events_in(event_line(0, event)):
        table = Kept()
        TableRenderer(table, Style()).emit(replayed)
        for line in [*table.text.split("\n"), *ndjson([replayed]).split("\n")]:
            assert not drives_a_terminal(line)


def test_an_escape_sequence_wherever_it_is_put() -> None:
    bad = "\x1b]0;owned\x07\u202e\x9b2J\n"
    item = Item(bad, bad, Status.ERROR, bad, {bad: [{bad: bad}]})
    for event in (
        Snapshot(AT, (item,), bad),
        Delta(AT, (item,), (ItemKey(bad, bad),), bad),
        StreamError(AT, bad, ErrorCode.DISCONNECTED, bad, None, bad),
    ):
        (entry,) = read(event_line(0, event))
        assert isinstance(entry, Recorded)
        assert not drives_a_terminal(ndjson([entry.event]).rstrip("\n"))


def test_a_file_cut_at_any_byte_replays_up_to_there() -> None:
    ends = [at for at, byte in enumerate(SMALL) if byte == ord("\n")]
    everything = read(SMALL)
    for cut in range(len(SMALL) + 1):
        whole = sum(end <= cut for end in ends)  # a line is whole without its line feed
        found = read(SMALL[:cut])
        assert found[:whole] == everything[:whole]
        torn = cut not in {0, *ends, *(end + 1 for end in ends)}
        assert [type(entry) for entry in found[whole:]] == [Damage] * torn
        assert [entry.line for entry in found if isinstance(entry, Damage)] == [whole + 1] * torn


@given(st.integers(0, len(SMALL) - 1), st.binary(max_size=30), st.integers(0, 30))
@example(0, b"\xff", 1)
def test_damage_costs_the_lines_it_is_in_and_no_other(at: int, junk: bytes, length: int) -> None:
    hurt = SMALL[:at] + junk + SMALL[at + length :]
    assume(not hurt.startswith(b"\x1f\x8b"))
    lines = SMALL.splitlines(keepends=True)
    before = SMALL[:at].count(b"\n")
    after = SMALL[at + length :].count(b"\n")
    assert read(hurt)[:before] == read(b"".join(lines[:before]))
    kept = max(0, after - 1)  # the line that the damage ends in may be hurt
    assert not kept or read(hurt)[-kept:] == read(b"".join(lines[-kept:]))


def test_the_header_says_where_it_came_from_and_comes_back() -> None:
    assert read(header_line(HEADER)) == [HEADER]
    assert json.loads(header_line(HEADER)) == {
        "type": "recording",
        "format": "agentctl-recording/1",
        "agentctl": "0.1.0",
        "started_at": "2026-01-30T18:15:00.000Z",
        "transport": "kube",
        "namespace": "agents",
        "components": ["runtime:*"],
        "heartbeat_s": 30.0,
    }


def test_a_line_is_the_event_with_one_key_in_front() -> None:
    line = event_line(1.23456, DELTA).decode()
    assert line == '{"offset_s":1.235,' + ndjson([DELTA])[1:]


def test_plain_ndjson_is_read_too() -> None:
    assert read(ndjson([SNAPSHOT, DELTA]).encode()) == [
        Recorded(None, SNAPSHOT),
        Recorded(None, DELTA),
    ]


def changed(line: bytes, **keys: Any) -> bytes:
    return json.dumps({**json.loads(line), **keys}).encode() + b"\n"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"hello\n", "not JSON: Expecting value at character 1"),
        (b"[1]\n", "expected a JSON object, got list"),
        (b"\xff\xfe{}\n", "not UTF-8"),
        (b"\0\0\0\0\n", "not JSON: Expecting value at character 1"),
        (b"[" * 100_000 + b"\n", "JSON that is nested too deeply"),
        (b'{"type":"sneeze"}\n', "type 'sneeze', which is unknown here"),
        (b'{"type":"snapshot"}\n', "without 'items'"),
        (b'{"type":"recording"}\n', "without 'format'"),
        (changed(event_line(1, DELTA), offset_s="1"), "a number of seconds is str"),
        (changed(event_line(1, DELTA), offset_s=-1), "a number of seconds is -1"),
        (changed(event_line(1, DELTA), offset_s=1e300), "a number of seconds is 1e+300"),
        (changed(event_line(1, DELTA), offset_s=True), "a number of seconds is bool"),
        (
            changed(header_line(HEADER), format="agentctl-recording/2"),
            "format 'agentctl-recording/2', and agentctl-recording/1 is read here",
        ),
        (b"x" * (MAX_LINE + 1) + b"\n", "longer than 16 MiB"),
        (b'{"type":"sn', "cut off after 11 bytes"),
    ],
    ids=lambda value: value[:24] if isinstance(value, str) else "",
)
def test_what_cannot_be_read_is_told_by_its_line(line: bytes, reason: str) -> None:
    rest = b"" if reason.startswith("cut off") else event_line(2, DELTA)
    found = read(header_line(HEADER) + line + rest)
    assert found[1] == Damage(2, reason)
    assert found[2:] == ([Recorded(2, DELTA)] if rest else [])


@pytest.mark.parametrize("key", ["started_at", "components", "heartbeat_s", "format", "type"])
@pytest.mark.parametrize("value", [None, 7, "x", [], ["y", 1], {}, True, "\x1b[2J"])
def test_a_header_may_hold_anything(key: str, value: Any) -> None:
    (found,) = read(changed(header_line(HEADER), **{key: value}))
    assert isinstance(found, (Header, Damage))
    assert not drives_a_terminal(str(found))


def test_details_that_never_end_are_damage() -> None:
    details: dict[str, Any] = {}
    for _ in range(200):
        details = {"a": details}
    event = Snapshot(AT, (Item("a", "b", Status.HEALTHY, "", details),), "")
    assert read(event_line(0, event)) == [Damage(1, "details that are nested too deeply")]


def test_a_number_without_end_stays_json() -> None:
    line = event_line(0, DELTA).replace(b'"ready":1', b'"ready":1e999')
    (entry,) = read(line)
    assert isinstance(entry, Recorded)
    assert json.loads(ndjson([entry.event]))["changes"][0]["details"] == {"ready": "inf"}


@given(st.integers(1, 100))
def test_gzip_is_read_as_it_is(piece: int) -> None:
    data = gzip.compress(SMALL[:200], 1) + gzip.compress(SMALL[200:], 9)
    assert read(data, piece) == read(SMALL)


def test_gzip_that_is_cut_off_gives_what_it_has() -> None:
    data = gzip.compress(SMALL)
    for cut in range(3, len(data)):
        found = read(data[:cut], 7)
        assert isinstance(found[-1], Damage)
        whole = [entry for entry in found if not isinstance(entry, Damage)]
        assert whole == read(SMALL)[: len(whole)]


def test_what_gzip_makes_large_is_never_held_at_once() -> None:
    bomb = io.BytesIO()
    with gzip.GzipFile(fileobj=bomb, mode="wb", compresslevel=9) as packed:
        packed.write(header_line(HEADER))
        for _ in range(40):
            packed.write(bytes(1 << 20))
        packed.write(b"\n" + event_line(3, DELTA))
    assert read(bomb.getvalue()) == [HEADER, Damage(2, "longer than 16 MiB"), Recorded(3, DELTA)]
