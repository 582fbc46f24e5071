"""Events as bytes: what WHATWG's event stream and NDJSON readers make of them."""

from __future__ import annotations

import io
from datetime import datetime, timezone

import pytest
from hypothesis import given

from agentctl.model import Delta, Event, Heartbeat, Item, Status
from agentctl.net.timed_stream import ChunkDecoder
from agentctl.renderers.ndjson import NdjsonRenderer
from agentctl.wire.sse_encode import (
    LAST_CHUNK,
    chunk,
    ndjson_chunk,
    ndjson_plain,
    retry,
    sse_chunk,
    sse_plain,
)
from tests.fakes import event_in
from tests.strategies import EVENTS

AT = datetime(2026, 1, 30, 18, 15, tzinfo=timezone.utc)


def printed(event: Event) -> str:
    out = io.StringIO(newline="")
    NdjsonRenderer(out).emit(event)
    return out.getvalue()


def test_an_event_is_its_type_its_cursor_and_one_line() -> None:
    assert sse_plain(Heartbeat(AT, "c1")) == (
        b"event: heartbeat\nid: c1\n"
        b'data: {"type":"heartbeat","generated_at":"2026-01-30T18:15:00Z","cursor":"c1"}\n\n'
    )


@given(EVENTS)
def test_the_json_is_what_ndjson_output_prints(event: Event) -> None:
    line = printed(event).encode("utf-8")
    assert ndjson_plain(event) == line
    assert sse_plain(event).endswith(b"\ndata: " + line + b"\n")
    assert event_in(line) == event


@given(EVENTS)
def test_framing_is_three_lines_and_a_blank_one_whatever_the_event_holds(event: Event) -> None:
    data = sse_plain(event)
    assert data.count(b"\n") == 4
    assert b"\r" not in data
    assert ndjson_plain(event).count(b"\n") == 1


@pytest.mark.parametrize("nasty", ["\n", "\r", "\r\n\r\n", "\u2028", "\u2029", "\u0085", "\0"])
def test_no_line_break_in_a_message_ends_a_line(nasty: str) -> None:
    event = Delta(AT, (Item(nasty, nasty, Status.ERROR, f"a{nasty}b", {nasty: nasty}),), (), "c")
    assert sse_plain(event).count(b"\n") == 4
    line = ndjson_plain(event)
    assert line.count(b"\n") == 1
    assert event_in(line) == event


def test_half_a_surrogate_pair_becomes_a_question_mark_as_on_the_command_line() -> None:
    event = Delta(AT, (Item("a", "b", Status.ERROR, "x\ud800y"),), (), "c")
    assert b'"x?y"' in ndjson_plain(event)


@given(EVENTS)
def test_chunks_carry_the_same_bytes(event: Event) -> None:
    decoder = ChunkDecoder()
    body = sse_chunk(event) + ndjson_chunk(event) + chunk(retry(1000)) + LAST_CHUNK
    assert decoder.feed(body) == sse_plain(event) + ndjson_plain(event) + retry(1000)
    assert decoder.ended
