"""What the live table shows: ages, last changes, the last line; and that it always fits."""

from __future__ import annotations

import re
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentctl.live.board import Board, Size, age
from agentctl.live.text import clean, cut, line, width
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
    assert lines(made, 4)[-1] == "ERROR 3s ago  pods  disconnected  connection refused"
    assert made.summary(4, 80)[-1].startswith("ERROR 3s ago")
    made.take(Heartbeat(AT, ""), 5)
    assert lines(made, 5)[-1].startswith("HEARTBEAT 0s ago")
    assert len(made.summary(5, 80)) == 2


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

    def test_nothing_drives_the_terminal(self) -> None:
        assert clean("a\x1b[2Jb\tc\x9b") == "a [2Jb c "
        assert clean("\u202eabc") == " abc"

    @pytest.mark.parametrize("columns", [0, 1, 5, 80])
    def test_a_dress_is_taken_off_where_the_text_is_cut(self, columns: int) -> None:
        shown = line([("abc", "\x1b[1m"), (" ", ""), ("defgh", "\x1b[31m")], columns)
        assert width(ESCAPE.sub("", shown)) <= columns
        assert shown.count("\x1b[0m") * 2 == shown.count("\x1b")
