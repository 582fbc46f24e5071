"""The laws of a timeline, and what it makes of outages, pauses and damage."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentctl.model import ItemKey, Status
from agentctl.recording import Damage, End, Entry, Header, Recorded
from agentctl.sanitize import harmless
from agentctl.timeline import fold
from agentctl.timeline.buckets import columns, runs
from agentctl.timeline.facts import Span, SpanState, percent
from agentctl.timeline.fold import timeline
from agentctl.timeline.row import GrowingRow
from tests.recording.told import (
    at,
    beat,
    delta,
    end,
    error,
    folded,
    header,
    row,
    snapshot,
    told,
)
from tests.strategies import EVENTS

HEADERS = st.builds(header, st.integers(0, 10**6), st.none() | st.integers(0, 60))
ENTRIES: st.SearchStrategy[Entry] = st.one_of(
    st.builds(Recorded, st.none() | st.floats(0, 1e6), EVENTS.map(harmless)),
    st.builds(
        snapshot, st.integers(0, 99), st.sampled_from(["", "a=healthy b=error", "b=unknown"])
    ),
    st.builds(delta, st.integers(0, 99), st.sampled_from(["a=error", "c=degraded", "b=healthy"])),
    st.builds(delta, st.integers(0, 99), st.just(""), st.sampled_from(["a", "b c"])),
    st.builds(beat, st.integers(0, 300), st.sampled_from("cd")),
    st.builds(error, st.integers(0, 300), st.sampled_from(["disconnected", "forbidden"])),
    HEADERS,
    st.builds(Damage, st.integers(1, 9), st.just("x")),
    st.builds(End, st.integers(0, 300), st.none()),
)


@given(st.none() | HEADERS, st.lists(ENTRIES, max_size=25))
def test_the_laws_of_a_timeline(first: Header, rest: list[Entry]) -> None:
    found = timeline([*([first] if first else []), *rest])
    events = [entry for entry in rest if isinstance(entry, Recorded)]
    assert (found is None) == (not events)
    if found is None:
        return
    assert found.damaged == sum(isinstance(entry, Damage) for entry in rest)
    for one in found.rows:
        edges = [span.start for span in one.spans] + [found.span]
        assert edges == [0] + [span.end for span in one.spans]  # without a hole
        assert sum(one.totals.values()) == found.span
        for state in SpanState:
            spans = [span for span in one.spans if span.state is state]
            assert sum(span.end - span.start for span in spans) == one.totals[state]
        for before, after in zip(one.spans, one.spans[1:]):
            assert before.state is not after.state
        seen = [span.state for span in one.spans if span.state is not SpanState.UNSEEN]
        assert one.transitions == sum(a is not b for a, b in zip(seen, seen[1:]))
        assert one.availability is None or 0 <= one.availability <= 1
    for gap in found.gaps:
        assert 0 <= gap.start < gap.end <= found.span


def test_availability_is_of_the_time_in_which_it_was_known() -> None:
    found = folded(
        header(),
        snapshot(0, "a=healthy"),
        delta(10, "a=configured"),
        delta(20, "a=degraded"),
        delta(25, "a=error"),
        delta(30, "a=unknown"),
        end(40),
    )
    one = row(found, "a")
    assert one.availability == 20 / 30
    assert one.share(SpanState.UNKNOWN) == 0.25
    assert one.transitions == 4


def test_what_was_never_known_to_work_or_not_has_no_availability() -> None:
    found = folded(header(), snapshot(0, "a=unknown"), end(40))
    assert row(found, "a").availability is None


def test_another_message_is_no_transition() -> None:
    found = folded(header(), snapshot(0, "a=error"), delta(5, "a=error"), end(10))
    assert (told(found), row(found, "a").transitions) == ("error 0-10", 0)


@pytest.mark.parametrize("code", ["disconnected", "unauthorized", "server", "stale"])
def test_an_outage_hides_all_until_a_heartbeat(code: str) -> None:
    found = folded(
        header(), snapshot(0, "a=healthy"), error(10, code), error(40, code), beat(70), end(80)
    )
    assert told(found) == "healthy 0-10 unseen 10-70 healthy 70-80"
    assert row(found, "a").availability == 1
    assert [(gap.start, gap.end) for gap in found.gaps] == [(10_000, 70_000)]
    assert found.gaps[0].reason == f"{code}: why"


@pytest.mark.parametrize("code", ["forbidden", "resync", "fallback"])
def test_what_is_no_outage_hides_nothing(code: str) -> None:
    found = folded(header(), snapshot(0, "a=healthy"), error(10, code), end(20))
    assert told(found) == "healthy 0-20"


def test_a_change_during_an_outage_is_seen_and_nothing_else() -> None:
    found = folded(
        header(), snapshot(0, "a=healthy b=healthy"), error(10), delta(20, "b=error"), end(30)
    )
    assert told(found, "a") == "healthy 0-10 unseen 10-30"
    assert told(found, "b") == "healthy 0-10 unseen 10-20 error 20-30"


def test_without_heartbeats_any_change_ends_an_outage() -> None:
    found = folded(
        header(beat=None),
        snapshot(0, "a=healthy b=healthy"),
        error(10),
        delta(20, "b=error"),
        end(30),
    )
    assert told(found, "a") == "healthy 0-10 unseen 10-20 healthy 20-30"


def test_a_change_behind_an_outage_is_one_transition() -> None:
    found = folded(header(), snapshot(0, "a=healthy"), error(10), delta(20, "a=error"), end(30))
    assert row(found, "a").transitions == 1


def test_a_silence_longer_than_the_heartbeat_allows_is_not_healthy() -> None:
    found = folded(header(), snapshot(0, "a=healthy"), beat(30), beat(130), end(140))
    assert told(found) == "healthy 0-60 unseen 60-130 healthy 130-140"


def test_a_silence_before_the_end_is_not_healthy_either() -> None:
    found = folded(header(), snapshot(0, "a=healthy"), end(500))
    assert told(found) == "healthy 0-30 unseen 30-500"


def test_between_two_recordings_in_a_file_nobody_looked() -> None:
    found = folded(
        header(),
        snapshot(0, "a=healthy b=healthy"),
        end(20),
        header(100),
        Recorded(5, snapshot(105, "a=healthy").event),
        Recorded(10, beat(110).event),
    )
    assert told(found, "a") == "healthy 0-20 unseen 20-105 healthy 105-110"
    assert told(found, "b") == "healthy 0-20 unseen 20-105 absent 105-110"


def test_a_recording_appended_by_a_clock_that_was_set_back_follows_the_first() -> None:
    found = folded(
        header(), snapshot(0, "a=healthy"), end(20), header(-999), snapshot(1, "a=error")
    )
    assert told(found).startswith("healthy 0-20 unseen 20-21 error 21-")


def test_a_host_that_slept_did_not_look() -> None:
    late = Recorded(40, beat(3640).event)
    found = folded(header(beat=None), snapshot(0, "a=healthy"), beat(30), late, end(50))
    assert told(found) == "healthy 0-30 unseen 30-3640 healthy 3640-3650"


def test_a_wall_clock_that_goes_back_changes_nothing() -> None:
    back = Recorded(30, beat(-3600).event)
    found = folded(header(), snapshot(0, "a=healthy"), back, end(40))
    assert told(found) == "healthy 0-40"


def test_after_damage_nothing_is_believed_until_it_is_told_anew() -> None:
    found = folded(
        header(),
        snapshot(0, "a=healthy b=healthy"),
        beat(10),
        Damage(4, "x"),
        delta(20, "b=error", cursor="e"),
        beat(30, "e"),
        delta(40, "a=error"),
        end(50),
    )
    assert told(found, "a") == "healthy 0-10 unseen 10-40 error 40-50"
    assert told(found, "b") == "healthy 0-10 unseen 10-20 error 20-50"
    assert found.damaged == 1


def test_a_cursor_can_prove_that_no_change_was_lost() -> None:
    found = folded(header(), snapshot(0, "a=healthy", "c"), Damage(3, "x"), beat(20, "c"), end(30))
    assert told(found) == "healthy 0-30"


def test_what_appears_later_was_absent_if_a_snapshot_said_so() -> None:
    found = folded(header(), snapshot(0, "a=healthy"), delta(10, "b=error", "a"), end(20))
    assert told(found, "b") == "absent 0-10 error 10-20"
    assert told(found, "a") == "healthy 0-10 absent 10-20"
    assert row(found, "a").availability == 1


def test_without_a_snapshot_the_time_before_is_unseen() -> None:
    found = folded(header(), beat(0), delta(10, "b=error"), end(20))
    assert told(found, "b") == "unseen 0-10 error 10-20"


def test_plain_ndjson_goes_by_its_own_times() -> None:
    plain = [entry._replace(offset_s=None) for entry in (snapshot(5, "a=healthy"), beat(25))]
    found = folded(*plain)
    assert found.start == at(5)
    assert told(found) == "healthy 0-20"


def test_a_time_no_calendar_has_does_not_stop_it() -> None:
    far = at(0).replace(year=9999)
    found = folded(replace(header(), started_at=far), Recorded(1e9, snapshot(0, "a=healthy").event))
    assert found.to_json()["components"]
    assert found.at(10**15) > at(0) + timedelta(days=1)


def test_only_what_fits_a_glob() -> None:
    found = timeline([snapshot(0, "a=healthy runtime:x=error")], ["runtime:*"])
    assert found is not None
    assert [one.key.component for one in found.rows] == ["runtime:x"]


def test_too_many_components_are_left_out_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fold, "MAX_ROWS", 2)
    found = folded(snapshot(0, "a=healthy b=healthy c=error d=error"))
    assert (len(found.rows), found.left_out) == (2, 2)


@given(st.lists(st.tuples(st.integers(0, 9), st.sampled_from(SpanState)), max_size=80))
def test_a_row_that_is_thinned_out_keeps_its_numbers_and_the_worst(
    changes: list[tuple[int, SpanState]],
) -> None:
    rows = [GrowingRow(ItemKey("", "a"), room, SpanState.UNSEEN) for room in (8, 1000)]
    now = 0
    for later, state in changes:
        now += later
        for one in rows:
            one.tell(state, "", now)
    thin, exact = (one.done(now + 1) for one in rows)
    assert len(thin.spans) <= 9
    assert (thin.totals, thin.transitions) == (exact.totals, exact.transitions)
    assert columns(thin.spans, now + 1, 1) == columns(exact.spans, now + 1, 1)
    assert [span.start for span in thin.spans[1:]] == [span.end for span in thin.spans[:-1]]


SPANS = st.lists(
    st.tuples(st.integers(0, 50), st.sampled_from(SpanState)), min_size=1, max_size=20
).map(
    lambda parts: [
        Span(
            sum(length for length, _ in parts[:at]),
            sum(length for length, _ in parts[: at + 1]),
            state,
        )
        for at, (_, state) in enumerate(parts)
    ]
)


@given(SPANS, st.integers(1, 60))
def test_a_column_shows_the_worst_that_was_in_it(spans: list[Span], width: int) -> None:
    whole = spans[-1].end
    shown = columns(spans, whole, width)
    assert len(shown) == width
    for at_column, state in enumerate(shown):
        inside = [
            span.state
            for span in spans
            if span.start * width < (at_column + 1) * whole and span.end * width > at_column * whole
        ]
        assert all(state.rank >= one.rank for one in inside)
        assert state in inside or any(span.start == span.end for span in spans)
    assert {span.state for span in spans if span.state is SpanState.ERROR} <= set(shown)
    joined = runs(spans, whole, width)
    assert [run.state for run in joined for _ in range(run.first, run.end)] == shown
    assert all(run.state in {span.state for span in run.spans} for run in joined)


@pytest.mark.parametrize(
    ("part", "text"),
    [
        (None, "-"),
        (1.0, "100%"),
        (0.999999, "99.99%"),
        (0.5, "50.00%"),
        (1e-9, "0.01%"),
        (0.0, "0%"),
    ],
)
def test_a_percentage_never_rounds_to_all_or_nothing(part: float, text: str) -> None:
    assert percent(part) == text


def test_every_status_has_a_state() -> None:
    ranks = [SpanState.of(status).rank for status in Status]
    assert ranks == sorted(ranks)
