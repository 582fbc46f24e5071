"""The picture in the terminal: golden for both alphabets, and within its width."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentctl.timeline import picture
from agentctl.timeline.axis import STEPS_S, ticks
from agentctl.timeline.facts import Timeline
from tests.recording.told import START, at, beat, delta, end, error, folded, header, snapshot

ANSI = re.compile("\x1b\\[[0-9;]*m")


def incident() -> Timeline:
    return folded(
        header(),
        snapshot(0, "namespace=healthy runtime:temporal=configured grpc=healthy new=unknown"),
        delta(60, "grpc=degraded"),
        delta(80, "grpc=error", removed="new"),
        error(120),
        beat(180, "d"),
        delta(200, "grpc=healthy"),
        *(beat(second) for second in range(230, 600, 30)),
        end(600),
    )


ASCII = """\
2026-01-30 18:00:00 to 18:10:00 UTC, 10m0s; a column is 20s
                  18:00          18:05
COMPONENT         |--------------|--------------  AVAILABLE  UNKNOWN  UNSEEN  CHANGES
namespace         ......///.....................       100%           10.00%        0
runtime:temporal  ::::::///:::::::::::::::::::::       100%           10.00%        0
grpc              ...oXX///X....................     85.18%           10.00%        3
new               ????  ///                               -   13.33%  10.00%        1

. healthy   : configured   ? unknown   / unseen   o degraded   X error   blank absent
unseen 2026-01-30 18:02:00 to 18:03:00 UTC (1m0s): disconnected: why
"""


def test_in_ascii() -> None:
    lines = picture.draw(incident(), 85, color=False, blocks=False)
    assert "\n".join(lines) + "\n" == ASCII


def test_in_blocks_the_picture_is_the_same() -> None:
    table = str.maketrans(
        {picture.LETTERS[state]: picture.BLOCKS[state] for state in picture.BLOCKS}
    )
    letters = picture.draw(incident(), 85, color=False, blocks=False)
    blocks = picture.draw(incident(), 85, color=True, blocks=True)
    for letter_row, block_row in zip(letters[3:7], blocks[3:7]):
        plain = ANSI.sub("", block_row)
        assert plain[18:48] == letter_row[18:48].translate(table)
        assert (plain[:18], plain[48:]) == (letter_row[:18], letter_row[48:])
        assert "\x1b[0m" in block_row
    assert "\x1b[31m\u2588\x1b[0m error" in blocks[-2]


@given(st.integers(40, 300), st.booleans(), st.booleans())
def test_no_row_is_wider_than_asked(width: int, color: bool, blocks: bool) -> None:
    lines = picture.draw(incident(), width, color=color, blocks=blocks)
    need = 18 + picture.MIN_COLUMNS + 39
    for line in lines[1:7]:
        assert len(ANSI.sub("", line)) <= max(width, need)
    assert len(lines[1].rstrip()) <= lines[2].index("  AVAILABLE")
    legend = lines[8 : lines.index(next(line for line in lines if line.startswith("unseen ")))]
    assert all(len(ANSI.sub("", line)) <= max(width, 40) for line in legend)
    assert "".join(legend).count("error") == 1


def test_a_name_that_is_too_long_is_cut() -> None:
    found = folded(snapshot(0, f"{'x' * 50}=healthy"))
    assert picture.draw(found, 80, color=False, blocks=False)[3].startswith("x" * 31 + "~  ")


def test_one_moment_is_drawn_as_it_was() -> None:
    lines = picture.draw(folded(snapshot(0, "a=error")), 80, color=False, blocks=False)
    assert "XXXXXXXXXX" in lines[3]
    assert lines[0].endswith("0s; a column is 0s")


def test_no_component_at_all() -> None:
    lines = picture.draw(folded(beat(0), beat(30)), 80, color=False, blocks=False)
    assert lines[-1] == "no component is told of"


@given(
    st.integers(0, 10**7),
    st.integers(1, 10**12),
    st.integers(1, 12),
)
def test_ticks_are_round_times_in_the_span(start: int, span: int, most: int) -> None:
    found = ticks(at(start), span, most)
    assert len(found) <= most
    assert all(0 <= tick.at <= span for tick in found)
    steps = {after.at - before.at for before, after in zip(found, found[1:])}
    assert len(steps) <= 1
    assert steps <= {step * 1000 for step in STEPS_S}


@pytest.mark.parametrize(
    ("minutes", "labels"),
    [
        (1, ["18:00:00", "18:00:15", "18:00:30", "18:00:45"]),
        (60, ["18:00", "18:15", "18:30", "18:45"]),
        (1440, ["18:00", "01-31", "06:00", "12:00"]),
        (14400, ["02-05"]),
    ],
)
def test_labels_say_what_is_needed(minutes: int, labels: list[str]) -> None:
    assert [tick.label for tick in ticks(START, minutes * 60_000 - 1, 4)] == labels


def test_a_year_has_its_dates() -> None:
    days = timedelta(days=3000) // timedelta(milliseconds=1)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d", t.label) for t in ticks(START, days, 9))
