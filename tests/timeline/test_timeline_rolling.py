"""The rolling timeline: what it says is what was told, and its memory ends somewhere."""

from __future__ import annotations

import gc
import sys
from collections.abc import Mapping, Sequence
from datetime import timedelta
from types import ModuleType
from typing import Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentctl.model import Delta, Item, ItemKey, Snapshot, Status, diff
from agentctl.recording import End, Entry, Header, Recorded
from agentctl.timeline import rolling
from agentctl.timeline.buckets import columns
from agentctl.timeline.facts import Row, SpanState
from agentctl.timeline.fold import timeline
from agentctl.timeline.last_messages import MOST, LastMessages
from agentctl.timeline.rolling import Place, RollingTimeline
from agentctl.timeline.rolling_row import columns_of, row_of
from agentctl.timeline.runs import STATES, CompactRuns
from tests.fakes import FakeClock

DAY_S = 86_400.0
HERE = ("", "agents")


def item(name: str, status: str = "healthy", message: str = "", ns: str = "agents") -> Item:
    return Item(name, ns, Status(status), message)


class Watch:
    """Feeds a rolling timeline as an engine does."""

    def __init__(self, *items: Item, window_s: float = DAY_S) -> None:
        self.clock = FakeClock()
        self.timeline = RollingTimeline(self.clock, window_s, ["agents"])
        self.lost: Mapping[Place, str] = {}
        self._items = {one.key: one for one in items}
        self.timeline.begin(items)

    def tell(self, *items: Item) -> None:
        new = {one.key: one for one in items}
        found = diff(self._items, new)
        self._items = new
        if found:
            self.timeline.take(Delta(self.clock.now(), found.changes, found.removed, ""))

    def wait(self, seconds: int) -> None:
        for _ in range(seconds):
            self.clock.advance(1)
            self.timeline.beat(self.lost, due=True)

    def row(self, key: ItemKey, back_s: Optional[float] = None) -> Row:
        now = self.timeline.now()
        start = self.timeline.began if back_s is None else now - round(back_s * 1000)
        row = self.timeline.rows[key]
        heard = self.timeline.heard_until(now)
        return row_of(key, row.runs.since(start), row.said.read(), start, now, heard)

    def shown(self, name: str, back_s: Optional[float] = None) -> list[tuple[str, float]]:
        spans = self.row(ItemKey("agents", name), back_s).spans
        return [(one.state.value, (one.end - one.start) / 1000) for one in spans]


def states_of(items: Sequence[Mapping[ItemKey, Item]], key: ItemKey) -> list[SpanState]:
    return [SpanState.of(one[key].status) if key in one else SpanState.ABSENT for one in items]


SMALL_STATES = st.dictionaries(
    st.sampled_from([ItemKey(space, name) for space in ("agents", "") for name in "ab"]),
    st.tuples(st.sampled_from(Status), st.sampled_from(["", "why", "\u6f22"])),
).map(lambda found: {key: Item(key[1], key[0], *told) for key, told in found.items()})


@given(st.lists(st.tuples(SMALL_STATES, st.integers(1, 4)), min_size=1, max_size=12))
def test_it_says_of_each_moment_what_was_told_of_it(
    steps: list[tuple[dict[ItemKey, Item], int]],
) -> None:
    states, lasted = [state for state, _ in steps], [seconds for _, seconds in steps]
    watch = Watch(*states[0].values())
    for state, seconds in steps:
        watch.tell(*state.values())
        watch.wait(seconds)
    for key in watch.timeline.rows:
        row = watch.row(key)
        edges = [sum(lasted[:count]) * 1000 for count in range(len(lasted))]
        for at, state in zip(edges, states_of(states, key)):
            (seen,) = (one for one in row.spans if one.start <= at < one.end)
            assert seen.state is state
            inside = [one for edge, one in zip(edges, states) if seen.start <= edge < seen.end]
            said = [one[key].message for one in inside if key in one and one[key].message]
            assert seen.message == (said[-1] if said else "")
        assert sum(row.totals.values()) == sum(lasted) * 1000
        told = states_of(states, key)
        assert row.transitions == sum(one is not other for one, other in zip(told, told[1:]))


@given(st.lists(st.tuples(SMALL_STATES, st.integers(1, 4)), min_size=1, max_size=12))
def test_it_is_what_a_recording_of_the_same_would_say(
    steps: list[tuple[dict[ItemKey, Item], int]],
) -> None:
    """Nothing is lost: what only a recording tells, its damage and its silences, is not here."""
    watch = Watch(*steps[0][0].values())
    began, before = watch.clock.elapsed, steps[0][0]
    first = Snapshot(watch.clock.now(), tuple(before.values()), "c")
    entries: list[Entry] = [Header(watch.clock.now(), "", "", ""), Recorded(0.0, first)]
    for state, seconds in steps:
        found = diff(before, state)
        before = state
        if found:
            delta = Delta(watch.clock.now(), found.changes, found.removed, "d")
            entries.append(Recorded(watch.clock.elapsed - began, delta))
        watch.tell(*state.values())
        watch.wait(seconds)
    entries.append(End(watch.clock.elapsed - began, 0))
    recorded = timeline(entries)
    assert recorded is not None
    assert {row.key for row in recorded.rows} == watch.timeline.rows.keys()
    for row in recorded.rows:
        ours = watch.row(row.key)
        assert [one[:3] for one in ours.spans] == [one[:3] for one in row.spans]
        assert (dict(ours.totals), ours.transitions) == (dict(row.totals), row.transitions)
        for one, other in zip(ours.spans, row.spans):
            assert one.message == other.message or one.state is SpanState.ABSENT


@given(
    st.lists(st.tuples(SMALL_STATES, st.integers(1, 4), st.booleans()), min_size=1, max_size=12),
    st.integers(1, 40),
    st.sampled_from([None, 3.0, 7.7, 100.0]),
    st.sampled_from([0, 20]),
)
def test_columns_are_those_of_the_spans(
    steps: list[tuple[dict[ItemKey, Item], int, bool]],
    width: int,
    back_s: Optional[float],
    stuck_s: int,
) -> None:
    watch = Watch(*steps[0][0].values())
    for state, seconds, lost in steps:
        watch.lost = {HERE: "why"} if lost else {}
        watch.tell(*state.values())
        watch.wait(seconds)
    watch.clock.advance(stuck_s)
    now = watch.timeline.now()
    start = watch.timeline.began if back_s is None else now - round(back_s * 1000)
    for key, kept in watch.timeline.rows.items():
        row = watch.row(key, back_s)
        heard = watch.timeline.heard_until(now)
        for runs in (kept.runs.since(start), coarsened(kept.runs.since(start))):
            spans = row_of(key, runs, (), start, now, heard)
            found, worst = columns_of(key, runs, start, now, heard, width)
            assert [STATES[code] for code in worst] == columns(spans.spans, now - start, width)
            assert (found.totals, found.transitions) == (spans.totals, spans.transitions)
        assert found.totals.keys() == row.totals.keys()


def coarsened(runs: CompactRuns) -> CompactRuns:
    runs.thin(4)
    return runs


def test_what_is_older_than_the_window_is_forgotten() -> None:
    watch = Watch(item("a"), item("gone"), window_s=600)
    watch.tell(item("a", "error"))
    watch.wait(300)
    watch.tell(item("a"))
    watch.wait(800)
    assert len(watch.timeline.rows[ItemKey("agents", "a")].runs) == 1
    assert watch.shown("a", 600) == [("healthy", 600)]
    assert ItemKey("agents", "gone") not in watch.timeline.rows


def test_a_lost_place_is_unseen_and_others_are_not() -> None:
    watch = Watch(item("a"), item("b"), item("c", ns="elsewhere"))
    watch.wait(5)
    watch.lost = {HERE: "disconnected: password=hunter2"}
    watch.wait(10)
    watch.tell(item("a", "error", "seen"), item("b"), item("c", ns="elsewhere"))
    watch.wait(10)
    watch.lost = {}
    watch.wait(5)
    assert watch.shown("b") == [("healthy", 6), ("unseen", 20), ("healthy", 4)]
    assert watch.shown("a") == [("healthy", 6), ("unseen", 9), ("error", 15)]
    row = watch.row(ItemKey("elsewhere", "c"))
    assert [one.state for one in row.spans] == [SpanState.HEALTHY]
    ((place, gap),) = watch.timeline.gaps(watch.timeline.now())
    assert (place, gap.end - gap.start, gap.reason) == (
        HERE,
        20_000,
        "disconnected: password=[redacted]",
    )


def test_unknown_for_want_of_a_source_is_stale_and_unknown_by_itself_is_not() -> None:
    watch = Watch(item("a"), item("b", "unknown", "not permitted"))
    watch.lost = {HERE: "disconnected: why"}
    watch.wait(5)
    watch.tell(item("a", "unknown", "no data for 2m0s"), item("b", "unknown", "not permitted"))
    watch.wait(5)
    watch.lost = {}
    watch.tell(item("a"), item("b", "unknown", "not permitted"))
    watch.wait(5)
    assert watch.shown("a") == [("healthy", 1), ("unseen", 4), ("stale", 5), ("healthy", 5)]
    assert watch.shown("b") == [("unknown", 1), ("unseen", 10), ("unknown", 4)]
    told = watch.row(ItemKey("agents", "b")).spans
    assert [one.message for one in told] == ["not permitted", "", "not permitted"]


def test_found_again_and_still_unknown_is_unknown() -> None:
    watch = Watch(item("a"))
    watch.lost = {HERE: "disconnected: why"}
    watch.wait(5)
    watch.tell(item("a", "unknown", "no data for 2m0s"))
    watch.wait(5)
    watch.lost = {}
    watch.wait(5)
    assert watch.shown("a")[-2:] == [("stale", 6), ("unknown", 4)]
    told = [one.message for one in watch.row(ItemKey("agents", "a")).spans]
    assert told[-2:] == ["no data for 2m0s"] * 2


def test_a_host_that_slept_saw_nothing() -> None:
    watch = Watch(item("a"))
    watch.wait(10)
    watch.clock.wall += timedelta(hours=1)
    watch.wait(10)
    assert watch.shown("a") == [("healthy", 11), ("unseen", 3600), ("healthy", 9)]
    (found,) = watch.timeline.gaps(watch.timeline.now())
    assert found.gap.reason == "the server's host slept, or its clock was set"


def test_a_clock_that_is_set_back_makes_no_time_negative() -> None:
    watch = Watch(item("a"))
    watch.wait(10)
    watch.clock.wall -= timedelta(hours=1)
    watch.tell(item("a", "error"))
    watch.wait(10)
    assert watch.shown("a") == [("healthy", 10), ("error", 10)]


def test_an_engine_that_was_stuck_left_what_it_said_stale() -> None:
    watch = Watch(item("a"))
    watch.wait(10)
    watch.clock.advance(60)
    assert watch.shown("a") == [("healthy", 11), ("stale", 59)]
    watch.wait(1)
    assert watch.shown("a") == [("healthy", 11), ("stale", 60)]
    watch.wait(1)
    assert watch.shown("a")[-1] == ("healthy", 1)


def test_one_of_several_beats_that_is_not_due_hides_at_once_and_shows_later() -> None:
    watch = Watch(item("a"))
    watch.clock.advance(0.5)
    watch.timeline.beat({HERE: "why"}, due=False)
    watch.clock.advance(0.25)
    watch.timeline.beat({}, due=False)
    assert watch.shown("a") == [("healthy", 0.5), ("unseen", 0.25)]
    watch.clock.advance(0.25)
    watch.tell(item("a", "error"))
    watch.wait(1)
    assert watch.shown("a") == [("healthy", 0.5), ("unseen", 0.5), ("error", 1)]


def test_one_that_comes_and_goes_was_absent_between() -> None:
    watch = Watch(item("a"))
    watch.wait(5)
    watch.tell(item("a"), item("new", "error"))
    watch.wait(5)
    watch.tell(item("a"))
    watch.wait(5)
    assert watch.shown("new") == [("absent", 5), ("error", 5), ("absent", 5)]


def test_names_without_end_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rolling, "MAX_COMPONENTS", 100)
    watch = Watch(item("a"))
    for number in range(500):
        watch.tell(item("a"), item(f"pod-{number}"))
        watch.wait(1)
    assert len(watch.timeline.rows) <= 100
    assert watch.timeline.left_out == 100, "more are not counted"
    assert ItemKey("agents", "a") in watch.timeline.rows
    watch.tell(item("a"), item("pod-0"))
    assert watch.shown("pod-0")[0][0] == "unseen", "what it was is not known any more"
    watch.tell(*(item(f"at-once-{number}") for number in range(300)))
    assert len(watch.timeline.rows) <= 100
    for _ in range(2):
        gone = [row for row in watch.timeline.rows.values() if row.believed == rolling.ABSENT]
        assert watch.timeline._absent == len(gone)
        watch.tell()


def test_messages_are_the_last_hundred_within_their_bytes() -> None:
    said = LastMessages()
    for number in range(500):
        said.add(number, 1, f"message {number}", 1 << 20)
    assert [one.text for one in said.read()] == [f"message {n}" for n in range(500 - MOST, 500)]
    for number in range(500, 600):
        said.add(number, 1, "\u6f22" * 1000, 2_000)
    assert [len(one.text) for one in said.read()] == [160] * 4
    assert len(said._data) <= 2_000
    said.forget(599)
    assert [one.at for one in said.read()] == [599]


def told_for_a_day(watch: Watch, names: Sequence[str]) -> None:
    """Minutes full of changes, each with a message, and at the end ten changes a second."""
    texts = [f"{number} " + "why " * 60 for number in range(7)]
    statuses = ("healthy", "degraded", "error", "unknown")

    def change(number: int) -> None:
        status, text = statuses[number % 4], texts[number % 7]
        watch.tell(*(item(name, status, text) for name in names))

    number = 0
    for _ in range(24 * 60):
        for _ in range(3):
            number += 1
            change(number)
            watch.clock.advance(4)
            watch.timeline.beat({}, due=True)
        for _ in range(12):
            watch.clock.advance(4)
            watch.timeline.beat({}, due=True)
    for _ in range(2_000):
        number += 1
        change(number)
        watch.clock.advance(0.1)


def reachable(start: object) -> int:
    """Bytes of all that an object leads to, but for classes and modules."""
    seen: dict[int, object] = {}
    ahead = [start]
    while ahead:
        one = ahead.pop()
        if id(one) not in seen and not isinstance(one, (type, ModuleType)):
            seen[id(one)] = one
            ahead += gc.get_referents(one)
    return sum(map(sys.getsizeof, seen.values()))


def test_a_day_of_a_thousand_that_flap_stays_under_64_megabytes() -> None:
    names = [f"component-{number}" for number in range(3)]
    watch = Watch(*(item(name) for name in names))
    told_for_a_day(watch, names)
    used = reachable(watch.timeline.rows)
    assert used / len(names) > 30_000, "it is the rows that are measured"
    # A thousand have as much room each as ten have.
    rooms = [rolling.RUN_BYTES // (rolling.BYTES_A_PLACE * 1_000), rolling.MAX_ROOM]
    assert rooms[0] >= rooms[1]
    assert used * 1_000 / len(names) < 64 << 20
    row = watch.row(ItemKey("agents", names[0]))
    assert sum(row.totals.values()) == watch.timeline.now() - watch.timeline.began
    assert row.transitions == 24 * 60 * 3 + 2_000


def test_as_many_components_as_there_may_be_have_their_share() -> None:
    some = 1_000
    watch = Watch(*(item(f"component-{number}") for number in range(some)))
    empty = reachable(watch.timeline.rows) * rolling.MAX_COMPONENTS // some
    assert empty + rolling.RUN_BYTES * 17 // 16 + rolling.MESSAGE_BYTES < 64 << 20
    room = rolling.RUN_BYTES // (rolling.BYTES_A_PLACE * rolling.MAX_COMPONENTS)
    assert room >= rolling.MIN_ROOM
    row = watch.timeline.rows[ItemKey("agents", "component-0")]
    for number in range(10_000):
        row.runs.record(watch.timeline.began + number * 100, number % 2, room)
    assert len(row.runs) <= 2 * room


def test_who_has_more_than_its_share_gives_it_back() -> None:
    watch = Watch(item("a"), *(item(f"component-{number}") for number in range(4_000)))
    row = watch.timeline.rows[ItemKey("agents", "a")]
    for number in range(3_000):  # as if it had been alone
        if number % 8 == 0:
            watch.clock.advance(4)
            watch.timeline.beat({}, due=False)
        row.runs.record(watch.timeline.now(), number % 2 * 7, rolling.MAX_ROOM)
    before = len(row.runs)
    watch.wait(61)
    assert len(row.runs) <= 2 * watch.timeline._room < before
    assert sum(watch.row(row.key).totals.values()) == 1_561_000
