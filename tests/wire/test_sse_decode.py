"""The decoder of event streams: the WHATWG's examples and rules, however a stream is split."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import NamedTuple, Optional

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agentctl.wire.sse_decode import (
    MAX_RETRY_MS,
    EventStreamDecoder,
    EventTooLarge,
    ServerEvent,
)


class Outcome(NamedTuple):
    events: list[ServerEvent]
    last_event_id: str
    retry_ms: Optional[int]


def decoded(*pieces: bytes) -> Outcome:
    decoder = EventStreamDecoder()
    events = [event for piece in pieces for event in decoder.feed(piece)]
    return Outcome(events, decoder.last_event_id, decoder.retry_ms)


def data_of(*pieces: bytes) -> list[str]:
    return [event.data for event in decoded(*pieces).events]


def bytewise(stream: bytes) -> list[bytes]:
    return [stream[at : at + 1] for at in range(len(stream))]


# The examples of the standard's section, in its order (9.2.1, 9.2.6).


def test_example_three_messages() -> None:
    stream = (
        b"data: This is the first message.\n\n"
        b"data: This is the second message, it\ndata: has two lines.\n\n"
        b"data: This is the third message.\n\n"
    )
    assert data_of(stream) == [
        "This is the first message.",
        "This is the second message, it\nhas two lines.",
        "This is the third message.",
    ]


def test_example_event_types() -> None:
    stream = (
        b"event: add\ndata: 73857293\n\nevent: remove\ndata: 2153\n\nevent: add\ndata: 113411\n\n"
    )
    assert decoded(stream).events == [
        ("add", "73857293", ""),
        ("remove", "2153", ""),
        ("add", "113411", ""),
    ]


def test_example_stock_in_three_lines_of_data() -> None:
    assert decoded(b"data: YHOO\ndata: +2\ndata: 10\n\n").events == [
        ("message", "YHOO\n+2\n10", "")
    ]


def test_example_four_blocks() -> None:
    """A comment; an event with an id; one that resets it; one that is never finished."""
    stream = (
        b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event"
    )
    assert decoded(stream).events == [
        ("message", "first event", "1"),
        ("message", "second event", ""),
    ]
    assert data_of(stream, b"\n\n")[2:] == [" third event"]


def test_example_data_alone() -> None:
    assert data_of(b"data\n\ndata\ndata\n\ndata:") == ["", "\n"]


def test_example_one_space_after_the_colon_is_dropped() -> None:
    first, second = data_of(b"data:test\n\ndata: test\n\n")
    assert first == second == "test"


# The byte order mark.


def test_one_byte_order_mark_is_dropped() -> None:
    assert data_of(b"\xef\xbb\xbfdata: a\n\n") == ["a"]


@pytest.mark.parametrize("cut", [1, 2])
def test_a_byte_order_mark_may_be_split(cut: int) -> None:
    stream = b"\xef\xbb\xbfdata: a\n\n"
    assert data_of(stream[:cut], stream[cut:]) == ["a"]
    assert data_of(*bytewise(stream)) == ["a"]


def test_a_second_byte_order_mark_belongs_to_the_field() -> None:
    assert data_of(b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\ndata: b\n\n") == ["b"]


def test_a_byte_order_mark_later_on_is_text() -> None:
    assert data_of(b"data: \xef\xbb\xbf\n\n") == ["\ufeff"]


@pytest.mark.parametrize("beginning", [b"\xef", b"\xef\xbb", b"\xef\xbb\xbe"])
def test_half_a_byte_order_mark_is_none(beginning: bytes) -> None:
    stream = beginning + b"data: a\n\ndata: b\n\n"
    assert data_of(stream) == data_of(*bytewise(stream)) == ["b"]


# Ends of lines.


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"], ids=["LF", "CR", "CRLF"])
def test_lines_end_with_any_of_three(end: bytes) -> None:
    stream = b"event: x" + end + b"data: a" + end + b"data: b" + end + end
    assert decoded(stream).events == [("x", "a\nb", "")]
    assert decoded(*bytewise(stream)).events == [("x", "a\nb", "")]


def test_ends_of_lines_may_be_mixed() -> None:
    assert data_of(b"data: a\rdata: b\r\ndata: c\n\r") == ["a\nb\nc"]


def test_an_event_that_ends_with_cr_does_not_wait_for_an_lf() -> None:
    decoder = EventStreamDecoder()
    assert [event.data for event in decoder.feed(b"data: a\r\r")] == ["a"]
    assert decoder.feed(b"\ndata: b\r\n") == []
    assert [event.data for event in decoder.feed(b"\r\n")] == ["b"]


def test_crlf_split_across_reads_is_one_end() -> None:
    assert data_of(b"data: a\r", b"\ndata: b\r", b"", b"\n\r", b"\n") == ["a\nb"]


def test_lf_then_cr_are_two_ends() -> None:
    assert data_of(b"data: a\n\rdata: b\n\r") == ["a", "b"]


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c"])
def test_nothing_else_ends_a_line(separator: str) -> None:
    assert data_of(f"data: a{separator}b\n\n".encode()) == [f"a{separator}b"]


# Comments and fields.


def test_comments_say_nothing() -> None:
    assert data_of(b": hello\n:\n::data: x\ndata: a\n: in between\ndata: b\n:\n\n") == ["a\nb"]


def test_a_comment_between_two_empty_lines_dispatches_nothing() -> None:
    assert decoded(b"id: 1\n\n: comment\n\n") == ([], "1", None)


def test_an_id_then_a_comment_gives_no_event() -> None:
    assert decoded(b"id: 7\n: comment\n\n") == ([], "7", None)


def test_the_first_colon_ends_the_name() -> None:
    assert data_of(b"data: a: b\n\ndata::c\n\n") == ["a: b", ":c"]


def test_only_one_space_is_dropped_and_no_tab() -> None:
    assert data_of(b"data:  a\n\ndata:\ta\n\ndata: a \n\n") == [" a", "\ta", "a "]


@pytest.mark.parametrize("name", [b"Data", b"DATA", b" data", b"data ", b"dat", b"datax", b"foo"])
def test_other_names_are_passed_over(name: bytes) -> None:
    assert data_of(name + b": a\n\ndata: b\n\n") == ["b"]


def test_an_event_without_data_is_none_and_its_type_is_forgotten() -> None:
    assert decoded(b"event: x\n\ndata: a\n\n").events == [("message", "a", "")]


def test_the_last_type_of_an_event_counts_and_an_empty_one_is_message() -> None:
    assert decoded(b"event: x\nevent: y\ndata: a\n\n").events == [("y", "a", "")]
    assert decoded(b"event: x\nevent\ndata: a\n\n").events == [("message", "a", "")]


def test_a_type_lasts_for_one_event() -> None:
    assert [event.type for event in decoded(b"event: x\ndata\n\ndata\n\n").events] == [
        "x",
        "message",
    ]


def test_empty_lines_alone_are_no_events() -> None:
    assert decoded(b"\n\n\r\r\r\n\r\n") == ([], "", None)


# Ids.


def test_an_id_lasts_until_the_next() -> None:
    events = decoded(b"id: 1\ndata: a\n\ndata: b\n\nid: 2\ndata: c\n\n").events
    assert [event.last_event_id for event in events] == ["1", "1", "2"]


@pytest.mark.parametrize("empty", [b"id\n", b"id:\n", b"id: \n"])
def test_an_empty_id_resets(empty: bytes) -> None:
    assert decoded(b"id: 1\ndata: a\n\n" + empty + b"data: b\n\n").last_event_id == ""


def test_an_id_with_nul_is_ignored() -> None:
    outcome = decoded(b"id: 1\ndata: a\n\nid: 2\x00\ndata: b\n\n")
    assert [event.last_event_id for event in outcome.events] == ["1", "1"]
    assert outcome.last_event_id == "1"


def test_an_id_without_data_moves_the_place_and_dispatches_nothing() -> None:
    assert decoded(b"id: 1\ndata: a\n\nid: 2\n\n") == ([("message", "a", "1")], "2", None)


def test_the_id_counts_only_at_the_empty_line() -> None:
    decoder = EventStreamDecoder()
    decoder.feed(b"id: 1\ndata: a\n")
    assert decoder.last_event_id == ""
    decoder.feed(b"\n")
    assert decoder.last_event_id == "1"


def test_an_unfinished_last_event_is_dropped_with_its_id() -> None:
    stream = b"id: 1\ndata: a\n\nid: 2\ndata: b\n"
    assert decoded(stream) == ([("message", "a", "1")], "1", None)


def test_an_unfinished_last_line_is_dropped() -> None:
    assert decoded(b"data: a\n\nid: 2\n\ndata: b\nret") == ([("message", "a", "")], "2", None)


# The reconnection time.


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"1000", 1000),
        (b"0", 0),
        (b"007", 7),
        (b"", None),
        (b"1s", None),
        (b"-1", None),
        (b"+1", None),
        (b"1.5", None),
        (b"1e3", None),
        (b" 1", None),
        (b"1 ", None),
        (b"0x10", None),
        ("\u0663".encode(), None),
        (b"9" * 100_000, MAX_RETRY_MS),
        (b"0" * 100_000 + b"5", 5),
    ],
)
def test_retry_is_of_digits_only(value: bytes, expected: Optional[int]) -> None:
    assert decoded(b"retry: " + value + b"\n").retry_ms == expected


def test_retry_counts_at_once_and_a_bad_one_changes_nothing() -> None:
    assert decoded(b"retry: 5\nretry: soon\nretry\n") == ([], "", 5)


def test_retry_within_an_event_leaves_the_event_alone() -> None:
    assert decoded(b"data: a\nretry: 5\ndata: b\n\n") == ([("message", "a\nb", "")], "", 5)


# UTF-8, whatever the charset says.


def test_characters_split_across_reads_are_whole() -> None:
    stream = "event: é\nid: 😀\ndata: aé€😀\n\n".encode()
    assert decoded(*bytewise(stream)).events == [("é", "aé€😀", "😀")]


@pytest.mark.parametrize(
    ("damaged", "seen"),
    [
        (b"\xff", "\ufffd"),
        (b"\xc3", "\ufffd"),
        (b"\xe2\x82", "\ufffd"),
        (b"\xf0\x9f\x98", "\ufffd"),
        (b"\xc0\xaf", "\ufffd\ufffd"),
        (b"\xed\xa0\x80", "\ufffd\ufffd\ufffd"),
        (b"\xf5\x80", "\ufffd\ufffd"),
        (b"\xe2\x82a", "\ufffda"),
    ],
)
def test_what_is_no_utf8_becomes_replacement_characters(damaged: bytes, seen: str) -> None:
    stream = b"data: " + damaged + b"\ndata: b\n\n"
    assert data_of(stream) == data_of(*bytewise(stream)) == [f"{seen}\nb"]


# Bounds.


def fed_until_it_fails(pieces: Iterable[bytes], limit: int = 1000) -> int:
    """How much is taken before the decoder says that it is too much."""
    decoder, taken = EventStreamDecoder(limit), 0
    for piece in pieces:
        taken += len(piece)
        try:
            decoder.feed(piece)
        except EventTooLarge:
            return taken
    pytest.fail("it was not too much")


def endlessly(piece: bytes) -> Iterator[bytes]:
    while True:
        yield piece


@pytest.mark.parametrize("piece", [b"x", b"data: ", b"\xef\xbb", b"x" * 5000])
def test_a_line_without_end_is_an_error(piece: bytes) -> None:
    assert fed_until_it_fails(endlessly(piece)) <= 1000 + len(piece)


@pytest.mark.parametrize("piece", [b"data: abc\n", b"data\n", b"data: ab\r"])
def test_an_event_without_end_is_an_error(piece: bytes) -> None:
    assert fed_until_it_fails(endlessly(piece)) <= 10_000


def test_a_line_over_the_limit_is_an_error_in_one_piece_too() -> None:
    assert fed_until_it_fails([b"x" * 1001 + b"\n\n"])
    assert fed_until_it_fails([b"\nx" + b"x" * 1001 + b"\n\n"])


def test_a_comment_without_end_is_passed_over_and_not_kept() -> None:
    decoder = EventStreamDecoder(1000)
    for _ in range(100):
        assert decoder.feed(b":" + b"x" * 100) == []
        assert decoder.pending == 0
    assert [event.data for event in decoder.feed(b"data: no\ndata: a\n\n")] == ["a"]


def test_a_long_comment_in_one_piece_is_no_error() -> None:
    assert EventStreamDecoder(10).feed(b":" + b"x" * 100 + b"\n") == []
    assert EventStreamDecoder(10).feed(b"\n:" + b"x" * 100 + b"\n") == []


def test_what_is_pending_is_known() -> None:
    decoder = EventStreamDecoder()
    decoder.feed(b"data: abc\nda")
    assert decoder.pending == 5
    decoder.feed(b"ta\n\n")
    assert decoder.pending == 0


HOSTILE = {
    "one-byte feeds of a line": lambda n: [b"x"] * n,
    "small feeds of data lines": lambda n: [b"data: abc\n"] * n,
    "small feeds of a comment": lambda n: [b":x"] * n,
    "comment lines": lambda n: [b": x\n" * n],
    "empty lines": lambda n: [b"\n" * n],
    "ends of lines": lambda n: [b"\r"] * n,
    "data alone": lambda n: [b"data\n" * n],
    "digits": lambda n: [b"retry: " + b"9" * n + b"\n"],
    "colons": lambda n: [b"x" + b":" * n + b"\n"],
}


@pytest.mark.parametrize("hostile", HOSTILE)
def test_time_is_linear_in_the_bytes(hostile: str) -> None:
    """Eight times the input in at most thirty times the time: a square would take 64."""

    def seconds(count: int) -> float:
        pieces = HOSTILE[hostile](count)
        best = float("inf")
        for _ in range(3):
            decoder = EventStreamDecoder()
            begun = time.process_time()
            for piece in pieces:
                decoder.feed(piece)
            best = min(best, time.process_time() - begun)
        return best

    assert seconds(40_000) <= 30 * max(seconds(5_000), 0.0005)


# Laws.


def lines_by_the_book(stream: bytes) -> list[str]:
    """The standard's 9.2.5, character by character."""
    text = stream.decode("utf-8", "replace")
    if text.startswith("\ufeff"):
        text = text[1:]
    lines, line, at = [], "", 0
    while at < len(text):
        if text[at] in "\r\n":
            lines.append(line)
            line = ""
            if text[at : at + 2] == "\r\n":
                at += 1
        else:
            line += text[at]
        at += 1
    return lines


def by_the_book(stream: bytes) -> Outcome:  # noqa: PLR0912 - as the standard has it
    """The standard's 9.2.6, step by step."""
    events: list[ServerEvent] = []
    data_buffer = type_buffer = id_buffer = last_event_id = ""
    retry: Optional[int] = None
    for line in lines_by_the_book(stream):
        if line == "":
            last_event_id = id_buffer
            if data_buffer == "":
                type_buffer = ""
                continue
            if data_buffer[-1] == "\n":
                data_buffer = data_buffer[:-1]
            events.append(ServerEvent(type_buffer or "message", data_buffer, last_event_id))
            data_buffer = type_buffer = ""
        elif line[0] == ":":
            continue
        else:
            if ":" in line:
                field, value = line.split(":", 1)
                if value[:1] == " ":
                    value = value[1:]
            else:
                field, value = line, ""
            if field == "event":
                type_buffer = value
            elif field == "data":
                data_buffer += value + "\n"
            elif field == "id":
                if "\x00" not in value:
                    id_buffer = value
            elif field == "retry" and value and all(c in "0123456789" for c in value):
                retry = min(int(value), MAX_RETRY_MS)
    return Outcome(events, last_event_id, retry)


FRAGMENTS = st.sampled_from(
    [
        *(b"data", b"event", b"id", b"retry", b":", b": ", b" ", b"1", b"20", b"x", b"\0"),
        *(b"\n", b"\n\n", b"\r", b"\r\n"),
        *(b"\xef\xbb\xbf", b"\xef", b"\xbb", b"\xbf", b"\xe2\x82\xac", b"\xe2", b"\x82", b"\xff"),
        *(b"data: a\n\n", b"id: 7\n", b": c\n", b"event: e\n", b"retry: 3\n"),
    ]
)
STREAMS = st.lists(st.one_of(FRAGMENTS, FRAGMENTS, st.binary(max_size=4)), max_size=40).map(
    b"".join
)


@given(STREAMS, st.lists(st.integers(0, 300), max_size=20))
@example(b"\xef\xbb\xbfdata: a\r\n\r\n", [1, 2, 11, 12, 13])
@example(b": c\r\ndata\r\r\n", [1, 4, 9, 10])
def test_any_split_of_any_stream_decodes_as_the_standard_says(
    stream: bytes, cuts: list[int]
) -> None:
    expected = by_the_book(stream)
    assert decoded(stream) == expected
    assert decoded(*bytewise(stream)) == expected
    ends = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    assert decoded(*(stream[a:b] for a, b in zip(ends, ends[1:]))) == expected
