"""Laws of the compact runs: exact while they fit, then coarse, and bounded whatever flaps."""

from __future__ import annotations

import sys
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentctl.timeline.facts import SpanState
from agentctl.timeline.runs import BYTES_A_PLACE, CODES, MINUTE, CompactRuns

HIDDEN = {CODES[SpanState.UNSEEN], CODES[SpanState.STALE]}
ORIGIN = 1_769_796_900_123
ROOM = 16


class Told(NamedTuple):
    at: int
    code: int


def history(gaps: st.SearchStrategy[int]) -> st.SearchStrategy[list[Told]]:
    def told(steps: list[tuple[int, int]]) -> list[Told]:
        at, found = ORIGIN, []
        for gap, code in steps:
            found.append(Told(at, code))
            at += gap
        return found

    codes = st.integers(0, len(CODES) - 1)
    return st.lists(st.tuples(gaps, codes), min_size=1, max_size=400).map(told)


FLAPPING = st.sampled_from([0, 1, 100, 700])
SLOW = st.sampled_from([1, 45_000, 90_000, 10 * MINUTE])
HISTORIES = history(FLAPPING) | history(SLOW) | history(FLAPPING | SLOW)


def kept(told: list[Told], room: int = ROOM) -> CompactRuns:
    runs = CompactRuns()
    for at, code in told:
        runs.record(at, code, room)
    return runs


def times(told: list[Told], start: int, end: int, edge: bool = False) -> dict[int, int]:
    """How long each state was, of those that were at all; with ``edge`` for no time at the end."""
    found: dict[int, int] = {}
    ends = [one.at for one in told[1:]] + [sys.maxsize]
    for (at, code), over in zip(told, ends):
        if (at < end and (over > start or at == over == start)) or (edge and at == over == end):
            found[code] = found.get(code, 0) + max(0, min(over, end) - max(at, start))
    return found


def is_worst(code: int, told: list[Told], start: int, end: int) -> bool:
    return max(times(told, start, end)) <= code <= max(times(told, start, end, edge=True))


def changes(told: list[Told]) -> int:
    seen = [one.code for one in told if one.code not in HIDDEN]
    return sum(one != other for one, other in zip(seen, seen[1:]))


@given(HISTORIES, st.integers(0, 10 * MINUTE))
def test_there_is_no_hole_and_time_adds_up(told: list[Told], lasts: int) -> None:
    end = told[-1].at + lasts
    found = list(kept(told).stretches(ORIGIN, end))
    for one, other in zip(found, found[1:]):
        assert one.end == other.start
    if end > ORIGIN:
        assert (found[0].start, found[-1].end) == (ORIGIN, end)
    for one in found:
        assert sum(part for _, part in one.parts) == one.end - one.start
        assert min(part for _, part in one.parts) >= 0


@given(HISTORIES)
def test_what_fits_is_kept_as_it_was(told: list[Told]) -> None:
    end = told[-1].at + 1
    whole = kept(told, 1_000)
    assert whole.coarse_until == 0
    for one in whole.stretches(ORIGIN, end):
        assert times(told, one.start, one.end).get(one.code, 0) == one.end - one.start
    assert sum(one.changes for one in whole.stretches(ORIGIN, end)) == changes(told)


@given(HISTORIES)
def test_the_worst_is_kept_and_its_share(told: list[Told]) -> None:
    end = told[-1].at + 1
    runs = kept(told)
    for one in runs.stretches(ORIGIN, end):
        if one.rest is None:
            continue
        assert one.end <= runs.coarse_until
        real = times(told, one.start, one.end)
        assert is_worst(one.code, told, one.start, one.end)
        whole = one.end - one.start
        assert one.share == pytest.approx(real.get(one.code, 0) / whole, abs=0.01)
        assert one.share > 0
        assert one.rest in real
        assert one.rest != one.code


@given(HISTORIES)
def test_after_what_is_coarse_all_is_exact(told: list[Told]) -> None:
    end = told[-1].at + 1
    runs = kept(told)
    for one in runs.stretches(runs.coarse_until, end):
        assert one.rest is None
        if one.end > one.start:
            assert times(told, one.start, one.end)[one.code] == one.end - one.start


@given(HISTORIES)
def test_coarse_runs_are_minutes_before_they_are_more(told: list[Told]) -> None:
    runs = CompactRuns()
    for at, code in told:
        runs.record(at, code, ROOM)
        if len(runs._detail) >= ROOM - ROOM // 8:
            return
    for one in runs.stretches(ORIGIN, told[-1].at):
        assert one.rest is None or one.start // MINUTE == (one.end - 1) // MINUTE


@given(HISTORIES)
def test_changes_are_counted_however_coarse(told: list[Told]) -> None:
    found = kept(told).stretches(ORIGIN, told[-1].at + 1)
    assert sum(one.changes for one in found) == changes(told)


@given(HISTORIES, st.integers(8, 200))
def test_memory_is_bounded_whatever_flaps(told: list[Told], room: int) -> None:
    runs = CompactRuns()
    for at, code in told:
        runs.record(at, code, room)
        exact, coarse = len(runs) - len(runs._detail), len(runs._detail)
        assert exact <= room
        assert coarse <= room - room // 8
        assert 8 * exact + 12 * coarse <= BYTES_A_PLACE * room


@given(HISTORIES, st.integers(0, 400))
def test_forgetting_changes_nothing_of_what_is_left(told: list[Told], place: int) -> None:
    end = told[-1].at + 1
    horizon = min(told, key=lambda one: abs(one.at - told[min(place, len(told) - 1)].at)).at
    runs = kept(told)
    before = list(runs.stretches(horizon, end))
    copy = runs.since(horizon)
    runs.forget(horizon)
    assert list(runs.stretches(horizon, end)) == before
    assert list(copy.stretches(horizon, end)) == before
    assert runs.began <= horizon


@given(HISTORIES, st.integers(8, 60))
def test_from_when_on_it_will_be_exact_is_known_before(told: list[Told], room: int) -> None:
    runs = kept(told, 100)
    promised = runs.exact_from(room)
    thin, end = runs.since(ORIGIN), told[-1].at + 1
    thin.thin(room)
    assert thin.coarse_until <= promised
    assert len(thin) <= 2 * room
    for one in thin.stretches(ORIGIN, end):
        if one.rest is not None:
            assert is_worst(one.code, told, one.start, one.end)
    assert sum(one.changes for one in thin.stretches(ORIGIN, end)) == changes(told)
    fitted = runs.since(ORIGIN)
    fitted.fit(room)
    assert fitted.coarse_until <= promised


def test_a_coarse_minute_by_hand() -> None:
    start = ORIGIN // MINUTE * MINUTE
    healthy, error = CODES[SpanState.HEALTHY], CODES[SpanState.ERROR]
    runs = CompactRuns()
    for second in range(600):
        runs.record(start + second * 1000, error if second % 4 == 3 else healthy, 100)
    first = next(runs.stretches(start, start + 600_000))
    assert (first.start, first.end) == (start, start + MINUTE)
    assert (first.code, first.rest, first.changes) == (error, healthy, 29)
    assert first.share == pytest.approx(0.25, abs=0.001)
    (half,) = runs.stretches(start, start + MINUTE // 2)
    (other,) = runs.stretches(start + MINUTE // 2, start + MINUTE)
    assert (half.changes, other.changes) == (14, 14)


@pytest.mark.parametrize(
    ("states", "since", "seen"),
    [
        ("healthy", 0, False),
        ("unseen healthy", 1, False),
        ("healthy error", 1, True),
        ("healthy error healthy", 2, True),
        ("error healthy stale", 1, True),
        ("error healthy stale healthy", 1, True),
        ("error stale healthy stale healthy unseen", 2, False),
        ("absent healthy", 1, True),
        ("stale", 0, False),
    ],
)
def test_what_it_is_has_a_beginning_that_was_seen_or_not(
    states: str, since: int, seen: bool
) -> None:
    runs = CompactRuns()
    for at, state in enumerate(states.split()):
        runs.record(at, CODES[SpanState(state)], ROOM)
    assert runs.lasting == (since, seen)
