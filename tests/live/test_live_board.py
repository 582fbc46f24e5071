"""What the live table shows: ages, last changes, the last line; and that it always fits."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentctl.live.board import Board, Size, age
from agentctl.live.text import clean, cut, line, width, wrapped
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

AT = datetime(2026, 1, 30, 18, 15, tzinfo=timezone.utc)
WIDE = Size(120, 10)
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def item(name: str, status: Status = Status.HEALTHY, message: str = "") -> Item:
    return Item(name, "agents", status, message)


def delta(*changes: Item, removed: tuple[ItemKey, ...] = (), at: datetime = AT) -> Delta:
    return Delta(at, changes, removed, "")


def error(message: str, source: str = "pods") -> StreamError:
    return StreamError(AT, message, ErrorCode.DISCONNECTED, source, 2.0, "")


def board(*events: tuple[float, Event], color: bool = False) -> Board:
    made = Board("agents", color)
    for now, event in events:
        made.take(event, now)
    return made


def lines(made: Board, now: float, size: Size = WIDE) -> list[str]:
    return made.frame(now, AT, size)


def test_a_frame() -> None:
    made = board(
        (0, Snapshot(AT, (item("a"), item("b-long")), "")),
        (30, delta(item("a", Status.DEGRADED, "1/2 ready"))),
        (95, Heartbeat(AT, "")),
    )
    assert lines(made, 100, Size(90, 7)) == [
        "agents: 1 healthy, 1 degraded" + " " * 41 + "2026-01-30T18:15:00Z",
        "COMPONENT  NAMESPACE  STATUS    AGE     LAST CHANGE            MESSAGE",
        "a          agents     degraded  1m10s   18:15:00Z was healthy  1/2 ready",
        "b-long     agents     healthy   >1m40s  -",
        "",
        "",
        "HEARTBEAT 5s ago, every source is alive",
    ]


def test_a_hint_stands_where_there_is_room() -> None:
    made = Board("agents", False, hint="q quits")
    made.take(Heartbeat(AT, ""), 0)
    assert lines(made, 0, Size(48, 3))[-1] == "HEARTBEAT 0s ago, every source is alive  q quits"
    assert lines(made, 0, Size(47, 3))[-1] == "HEARTBEAT 0s ago, every source is alive"


def test_before_the_first_state() -> None:
    assert lines(board(), 0, Size(40, 4))[-1] == "waiting for the first state"
    assert board().summary(0, 80) == []


def test_an_age_is_that_of_the_status_and_not_of_the_message() -> None:
    made = board(
        (0, Snapshot(AT, (item("a"),), "")),
        (10, delta(item("a", Status.ERROR, "0/2"))),
        (20, delta(item("a", Status.ERROR, "0/2; CrashLoopBackOff"))),
    )
    row = lines(made, 25)[2].split()
    assert row[:5] == ["a", "agents", "error", "15s", "18:15:00Z"]
    assert "was" not in row


def test_what_comes_and_goes() -> None:
    made = board(
        (0, Snapshot(AT, (item("a"), item("b")), "")),
        (5, delta(item("new"), removed=(ItemKey("agents", "a"),))),
    )
    names = [row.split()[0] for row in lines(made, 6)[2:4]]
    assert names == ["b", "new"]
    assert "  1s " in lines(made, 6)[3]


def test_an_error_stays_until_all_is_well_again() -> None:
    made = board((0, Snapshot(AT, (item("a"),), "")), (1, error("connection refused")))
    made.take(delta(item("a", Status.UNKNOWN)), 2)
    assert lines(made, 4)[-2:] == ["ERROR 3s ago  pods  disconnected", "connection refused"]
    assert made.summary(4, 80)[-2].startswith("ERROR 3s ago")
    made.take(Heartbeat(AT, ""), 5)
    assert lines(made, 5)[-1].startswith("HEARTBEAT 0s ago")
    assert len(made.summary(5, 80)) == 2


CAUSE = (
    "api.eu-west-1.example.com:6443: no answer within 10s from any of its 3 addresses; is there "
    "a route to it, does a firewall or a proxy drop what is sent?"
)


@pytest.mark.parametrize("columns", [80, 60, 40])
def test_the_cause_of_an_outage_is_whole(columns: int) -> None:
    made = board((0, Snapshot(AT, (item("a"), item("b", Status.DEGRADED)), "")))
    names = ("namespaces", "deployments", "pods", "leases")
    lost = replace(error(CAUSE, "namespaces"), sources=names)
    made.take(lost, 1)
    again = f"still without {', '.join(names)}: {CAUSE}"
    made.take(replace(lost, message=again), 31)  # on the beat
    for shown in (lines(made, 33, Size(columns, 20)), made.summary(33, columns)):
        begin = next(row for row, text in enumerate(shown) if text.startswith("ERROR"))
        assert shown[begin] == cut("ERROR 32s ago  namespaces and 3 more  disconnected", columns)
        assert " ".join(shown[begin + 1 :]) == CAUSE
    assert lines(made, 33, Size(columns, 20))[2].startswith("a ")


def test_it_says_that_it_is_not_live_while_it_is_not() -> None:
    made = board((0, Snapshot(AT, (item("a"),), "")), color=True)
    assert "\x1b[32mhealthy" in lines(made, 1)[2]
    made.take(error("connection refused"), 1)
    made.take(delta(item("b", Status.UNKNOWN)), 2)
    heading, _, row, *_ = lines(made, 4)
    assert heading.startswith("\x1b[1;31magents: NOT LIVE for 3s, was 1 healthy, 1 unknown ")
    assert "\x1b[2mhealthy" in row
    assert made.summary(4, 80)[-1] == "connection refused"
    made.take(StreamError(AT, "pods: back after 5s", ErrorCode.RECOVERED, "pods", None, ""), 6)
    heading, _, row, *_, last = lines(made, 8)
    assert "NOT LIVE" not in heading
    assert "\x1b[32mhealthy" in row
    assert "RECOVERED 2s ago  pods: back after 5s" in last
    assert len(made.summary(8, 80)) == 3


def test_what_is_forbidden_is_an_error_and_hides_nothing() -> None:
    made = board((0, Snapshot(AT, (item("a"),), "")))
    made.take(StreamError(AT, "cannot watch pods", ErrorCode.FORBIDDEN, "pods", None, ""), 1)
    assert lines(made, 2)[0].startswith("agents: 1 healthy")
    assert lines(made, 2)[-2:] == ["ERROR 1s ago  pods  forbidden", "cannot watch pods"]
    # A server that is lost meanwhile names both on the beat, and comes back with one.
    made.take(error("refused", "leases"), 3)
    both = error("still without leases, pods: refused", "leases")
    made.take(replace(both, sources=("leases", "pods")), 4)
    assert "NOT LIVE" in lines(made, 4)[0]
    made.take(StreamError(AT, "back", ErrorCode.RECOVERED, "leases", None, ""), 5)
    assert "NOT LIVE" not in lines(made, 5)[0]


def test_one_of_two_clusters_is_lost() -> None:
    made = board((0, Snapshot(AT, (item("a"),), "")))
    made.take(replace(error("refused"), cluster="eu"), 1)
    made.take(replace(error("no route"), cluster="us"), 1)
    assert lines(made, 2)[-4:] == [
        "ERROR 1s ago  eu pods  disconnected", "refused",
        "ERROR 1s ago  us pods  disconnected", "no route",
    ]  # fmt: skip
    back = StreamError(AT, "back", ErrorCode.RECOVERED, "pods", None, "", cluster="eu")
    made.take(back, 3)
    assert lines(made, 4)[-2:] == ["ERROR 3s ago  us pods  disconnected", "no route"]
    assert "NOT LIVE" in lines(made, 4)[0]


def test_an_engine_that_says_nothing_is_not_live() -> None:
    made = Board("agents", False, beat_s=5.0)
    made.take(Snapshot(AT, (item("a"),), ""), 0)
    made.take(Heartbeat(AT, ""), 5)
    assert lines(made, 20)[-1].startswith("HEARTBEAT 15s ago")
    assert lines(made, 21)[0].startswith("agents: NOT LIVE for 16s, was 1 healthy")
    assert lines(made, 21)[-2] == "ERROR nothing heard for 16s"
    made.take(Heartbeat(AT, ""), 22)
    assert "NOT LIVE" not in lines(made, 22)[0]


def test_a_cause_that_does_not_fit_leaves_room_for_what_was() -> None:
    made = board((0, Snapshot(AT, (item("a"),), "")), (1, error("word " * 100)))
    shown = lines(made, 2, Size(40, 8))
    assert shown[2].startswith("a ")
    assert shown[3].startswith("ERROR")
    assert shown[-1].endswith("…")


def test_what_is_not_well_is_shown_first_where_not_all_fits() -> None:
    items = [item(f"c{number}") for number in range(9)]
    items[5], items[7] = item("bad", Status.DEGRADED), item("worst", Status.ERROR)
    made = board((0, Snapshot(AT, tuple(items), "")))
    shown = lines(made, 0, Size(80, 6))
    assert [row.split()[0] for row in shown[2:4]] == ["worst", "bad"]
    assert shown[4] == "... and 7 more: 7 healthy"


def test_a_narrow_terminal_shows_the_message_and_leaves_out_what_matters_less() -> None:
    made = board((0, Snapshot(AT, (item("component", Status.ERROR, "message"),), "")))
    assert lines(made, 0, Size(70, 5))[1].split() == [
        "COMPONENT", "STATUS", "AGE", "LAST", "CHANGE", "MESSAGE",
    ]  # fmt: skip
    assert lines(made, 0, Size(50, 5))[1].split() == ["COMPONENT", "STATUS", "AGE", "MESSAGE"]


def test_colour_dresses_the_status_alone() -> None:
    made = board((0, Snapshot(AT, (item("a", Status.ERROR, "x"),), "")), color=True)
    row = lines(made, 0)[2]
    assert "\x1b[31merror\x1b[0m" in row
    assert row.count("\x1b") == 2


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0s"), (0.9, "0s"), (59.9, "59s"), (60, "1m0s"), (3599, "59m59s"), (3600, "1h0m"),
        (86399, "23h59m"), (86400, "1d0h"), (8640000, "100d0h"),
    ],
)  # fmt: skip
def test_ages(seconds: float, text: str) -> None:
    assert age(seconds) == text


anything = st.text() | st.text(st.sampled_from("aé本한😀\u0301\u200d\x1b\t\n\uff5c"))
events = st.one_of(
    st.builds(
        delta,
        st.builds(item, anything, st.sampled_from(Status), anything),
    ),
    st.just(Heartbeat(AT, "")),
    st.builds(error, anything, anything),
)


@given(st.lists(events, max_size=12), st.integers(1, 90), st.integers(1, 12), st.booleans())
def test_every_frame_fits(found: list[Event], columns: int, rows: int, color: bool) -> None:
    made = board(*enumerate(found), color=color)
    frame = lines(made, 50, Size(columns, rows))
    assert len(frame) == rows
    for shown in frame:
        plain = ESCAPE.sub("", shown)
        assert width(plain) <= columns
        assert "\x1b" not in plain
        assert "\n" not in plain
        if ESCAPE.search(shown):
            assert color
            assert ESCAPE.findall(shown)[-1] == "\x1b[0m"


class TestText:
    @pytest.mark.parametrize(
        ("text", "columns"),
        [
            ("abc", 3),
            ("日本", 4),
            ("e\u0301", 1),
            ("\uff46", 2),
            ("😀", 2),
            ("\u200b", 0),
            ("한글", 4),
        ],
    )
    def test_width(self, text: str, columns: int) -> None:
        assert width(text) == columns

    @pytest.mark.parametrize(
        ("text", "columns", "expected"),
        [
            ("abc", 3, "abc"), ("abcd", 3, "ab…"), ("日本語", 5, "日本…"), ("日本語", 4, "日…"),
            ("ab", 1, "…"), ("ab", 0, ""), ("日", 1, "…"),
        ],
    )  # fmt: skip
    def test_cut(self, text: str, columns: int, expected: str) -> None:
        assert cut(text, columns) == expected

    @pytest.mark.parametrize(
        ("text", "columns", "expected"),
        [
            ("", 5, [""]),
            ("one two", 7, ["one two"]),
            ("one two", 6, ["one", "two"]),
            ("one  two three", 9, ["one two", "three"]),
            ("abcdefgh ij", 3, ["abc", "def", "gh", "ij"]),
            ("日本語", 4, ["日本", "語"]),
        ],
    )
    def test_wrapped(self, text: str, columns: int, expected: list[str]) -> None:
        assert wrapped(text, columns) == expected

    @given(st.text("ab 日", max_size=40), st.integers(2, 12))
    def test_wrapped_loses_nothing_but_blanks(self, text: str, columns: int) -> None:
        found = wrapped(text, columns)
        assert "".join(found).replace(" ", "") == text.replace(" ", "")
        assert all(width(one) <= columns for one in found)

    def test_nothing_drives_the_terminal(self) -> None:
        assert clean("a\x1b[2Jb\tc\x9b") == "a [2Jb c "
        assert clean("\u202eabc") == " abc"

    @pytest.mark.parametrize("columns", [0, 1, 5, 80])
    def test_a_dress_is_taken_off_where_the_text_is_cut(self, columns: int) -> None:
        shown = line([("abc", "\x1b[1m"), (" ", ""), ("defgh", "\x1b[31m")], columns)
        assert width(ESCAPE.sub("", shown)) <= columns
        assert shown.count("\x1b[0m") * 2 == shown.count("\x1b")
