"""A reader that is slow ends up with the truth, and what waits for it is bounded."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from functools import reduce

from hypothesis import given
from hypothesis import strategies as st

from agentctl.engine.backlog import ERRORS_KEPT, Backlog
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
    fold,
)
from tests.strategies import EVENTS, STATES

NOW = datetime(2026, 1, 30, 18, 15, tzinfo=timezone.utc)
FINE = Item("grpc", "agents", Status.HEALTHY)
BAD = Item("grpc", "agents", Status.ERROR, "down")
OTHER = Item("database", "agents", Status.HEALTHY)

State = dict[ItemKey, Item]


def snapshot(*items: Item) -> Snapshot:
    return Snapshot(NOW, items, "0")


def delta(*items: Item, removed: tuple[ItemKey, ...] = (), cursor: str = "") -> Delta:
    return Delta(NOW, items, removed, cursor)


def error(
    source: str = "", code: ErrorCode = ErrorCode.DISCONNECTED, message: str = ""
) -> StreamError:
    return StreamError(NOW, message, code, source, None, "")


def merging() -> Backlog:
    """Merges all but the first that waits."""
    return Backlog(limit_bytes=1)


def taken(backlog: Backlog) -> list[Event]:
    return list(iter(backlog.take, None))


@given(
    STATES,
    st.lists(st.tuples(EVENTS, st.integers(0, 2)), max_size=12),
    st.sampled_from([1, 200, 1000]),
)
def test_what_is_taken_folds_to_the_same_state(
    before: State, steps: list[tuple[Event, int]], limit: int
) -> None:
    backlog = Backlog(limit)
    read: list[Event] = []
    for event, takes in steps:
        backlog.put(event)
        read += [found for _ in range(takes) if (found := backlog.take())]
    read += taken(backlog)
    assert reduce(fold, read, before) == reduce(fold, [event for event, _ in steps], before)


@given(st.lists(EVENTS, max_size=6))
def test_within_the_limit_nothing_is_changed(events: list[Event]) -> None:
    backlog = Backlog()
    for event in events:
        backlog.put(event)
    assert len(backlog) == len(events)
    assert taken(backlog) == events
    assert not backlog


@given(st.lists(EVENTS, min_size=2, max_size=6))
def test_it_says_how_many_wait(events: list[Event]) -> None:
    backlog = merging()
    for event in events:
        backlog.put(event)
    assert len(backlog) == len(taken(backlog))


def test_merging_is_told_and_only_what_is_news() -> None:
    backlog = merging()
    backlog.put(snapshot(OTHER, FINE))
    backlog.take()
    backlog.put(delta(BAD, cursor="1"))
    backlog.put(Heartbeat(NOW, "1"))
    backlog.put(delta(FINE, removed=(OTHER.key,), cursor="2"))
    gone, told = taken(backlog)
    assert gone == delta(removed=(OTHER.key,), cursor="2")
    assert isinstance(told, StreamError)
    assert told.code is ErrorCode.RESYNC
    assert told.cursor == "2"
    assert "2 deltas were merged" in told.message
    assert "1 heartbeats" in told.message


def test_what_came_and_went_unseen_is_not_told() -> None:
    backlog = merging()
    backlog.put(snapshot(FINE))
    backlog.take()
    for event in (delta(OTHER), delta(removed=(OTHER.key,))):
        backlog.put(event)
    assert [event.type for event in taken(backlog)] == ["error"]


def test_a_snapshot_that_was_never_read_is_the_last_state() -> None:
    backlog = merging()
    for event in (snapshot(OTHER, FINE), delta(BAD, cursor="1")):
        backlog.put(event)
    first, told = taken(backlog)
    assert first == Snapshot(NOW, (OTHER, BAD), "1")
    assert told.type == "error"


def test_changes_keep_the_order_of_the_catalog() -> None:
    backlog = merging()
    backlog.put(snapshot(OTHER, FINE))
    backlog.take()
    moved = Item("database", "agents", Status.DEGRADED)
    new = Item("a", "agents", Status.DEGRADED)
    for item in (new, BAD, moved):
        backlog.put(delta(item))
    merged = taken(backlog)[0]
    assert isinstance(merged, Delta)
    assert merged.changes == (moved, BAD, new)


def test_a_removal_is_told_where_it_is_not_known_what_the_reader_has() -> None:
    """As after --since, and with --follow-only."""
    backlog = merging()
    for _ in range(2):
        backlog.put(delta(removed=(FINE.key,)))
    assert taken(backlog)[0] == delta(removed=(FINE.key,))


def test_of_errors_the_last_of_each_source_and_kind_is_kept() -> None:
    backlog = merging()
    for number in range(5):
        backlog.put(error("pods", message=str(number)))
    backlog.put(error("leases", message="also"))
    assert [getattr(event, "message", "") for event in taken(backlog)][1:] == ["4", "also"]


def test_the_last_heartbeat_is_kept_where_nothing_followed_it() -> None:
    backlog = merging()
    for seconds in range(3):
        backlog.put(Heartbeat(NOW + timedelta(seconds=seconds), "c"))
    assert [event.type for event in taken(backlog)] == ["error", "heartbeat"]
    for event in (Heartbeat(NOW, "c"), Heartbeat(NOW, "c"), error()):
        backlog.put(event)
    assert "heartbeat" not in [event.type for event in taken(backlog)]


def test_whatever_comes_no_more_waits_than_a_state() -> None:
    backlog = Backlog()
    backlog.put(snapshot(FINE))
    for number in range(20_000):
        backlog.put(delta((FINE, BAD)[number % 2], cursor=str(number)))
        backlog.put(Heartbeat(NOW, str(number)))
        backlog.put(error(f"source-{number % 1000}"))
    assert len(backlog) <= 2 + ERRORS_KEPT
