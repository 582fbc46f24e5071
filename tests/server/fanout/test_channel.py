"""Where a reader begins, what it gets then, and that it ends up with the truth."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentctl.engine.policy import Notice
from agentctl.model import Delta, ErrorCode, Item, ItemKey, Snapshot, StreamError
from agentctl.server.fanout.channel import MERGE_AFTER
from agentctl.server.fanout.liveness import SILENT_S
from agentctl.server.fanout.ring import MAX_ENTRIES, Ring
from agentctl.server.fanout.subscription import CATCH_UP_S
from tests.server.replica import Replica, item

A, B = item("a"), item("b")
A_BAD = item("a", "degraded", "1/2 ready")


def missing(source: str = "pods") -> Notice:
    return Notice(source, ErrorCode.DISCONNECTED, "connection refused", 2.0)


def test_a_reader_gets_the_snapshot_first_and_then_what_changes() -> None:
    replica = Replica().begin(A, B)
    reader = replica.reader()
    assert reader.types() == ["snapshot"]
    replica.publish(A_BAD, B)
    (delta,) = reader.take()
    assert isinstance(delta, Delta)
    assert delta.changes == (A_BAD,)
    assert reader.take() == []


def test_a_reader_that_comes_before_the_first_state_waits_for_it() -> None:
    replica = Replica()
    reader = replica.reader()
    assert reader.take() == []
    assert reader.subscription.next_due() == float("inf")
    replica.begin(A)
    assert reader.types() == ["snapshot"]


def test_follow_only_gets_no_snapshot() -> None:
    replica = Replica().begin(A, B)
    reader = replica.reader(follow_only=True)
    assert reader.take() == []
    replica.publish(A_BAD, B)
    assert reader.types() == ["delta"]


def test_the_same_bytes_go_to_all_readers() -> None:
    replica = Replica().begin(A)
    readers = [replica.reader() for _ in range(2)]
    calls: list[Any] = []

    def encode(event: Any) -> bytes:
        calls.append(event)
        return b"x" * 100

    def data(readers: list[Any]) -> set[int]:
        return {id(reader.one().encoded(encode)) for reader in readers}

    assert len(data(readers)) == 1
    replica.publish(A_BAD)
    assert len(data(readers)) == 1
    assert len(calls) == 2


# Resuming.


def test_a_recent_cursor_of_this_process_gets_the_deltas_since_one_by_one() -> None:
    replica = Replica().begin(A, B)
    first = replica.reader()
    first.take()
    for at in range(100):
        replica.publish(item("a", "degraded", f"at {at}"), B)
    resumed = replica.reader(since=first.cursor).known(first.state)
    events = resumed.take()
    assert [event.type for event in events] == ["delta"] * 100
    assert [event.changes[0].message for event in events] == [f"at {at}" for at in range(100)]
    assert replica.channel.resumes == {"replayed": 1}


def test_errors_that_are_over_are_not_replayed() -> None:
    replica = Replica().begin(A)
    reader = replica.reader()
    reader.take()
    replica.broadcaster.tell(Notice("pods", ErrorCode.DISCONNECTED, "connection refused", 1.0))
    replica.publish(A_BAD)
    replica.broadcaster.tell(Notice("pods", ErrorCode.DISCONNECTED, "connection refused", 1.0))
    assert reader.types() == ["error", "delta", "error"]
    resumed = replica.reader(since=replica.reader().cursor)
    assert resumed.types() == ["snapshot"]
    again = replica.reader(since=resumed.cursor)
    assert again.types() == []


def test_what_comes_live_after_a_replay_is_told_errors_too() -> None:
    replica = Replica().begin(A)
    reader = replica.reader()
    reader.take()
    replica.publish(A_BAD)
    resumed = replica.reader(since=reader.cursor)
    assert resumed.one() is not None
    replica.broadcaster.tell(Notice("pods", ErrorCode.DISCONNECTED, "connection refused", 1.0))
    replica.publish(A)
    assert resumed.types() == ["error", "delta"]


def test_the_same_scope_gets_one_delta_of_exactly_what_differs() -> None:
    before, after = Replica().begin(A, B), Replica().begin(A_BAD, item("c"))
    old = before.reader()
    old.take()
    resumed = after.reader(since=old.cursor).known(old.state)
    (event,) = resumed.take()
    # The name of what is gone is not known to a process that never saw it.
    assert isinstance(event, Snapshot)
    after.publish(A_BAD, item("c"), B)
    after.publish(A_BAD, item("c"))
    resumed = after.reader(since=old.cursor).known(old.state)
    (event,) = resumed.take()
    assert isinstance(event, Delta)
    assert event.removed == (B.key,)
    assert {one.component for one in event.changes} == {"a", "c"}
    assert after.channel.resumes == {"snapshot": 1, "difference": 1}


def test_nothing_is_told_where_nothing_differs() -> None:
    before, after = Replica().begin(A, B), Replica()
    after.clock.advance(60)
    after.begin(A, B)
    old = before.reader()
    old.take()
    assert after.reader(since=old.cursor).types() == []
    assert after.channel.resumes == {"unchanged": 1}


@pytest.mark.parametrize("since", ["x", "AAAA" * 40, "%", "\u00e9", "A" * 5000])
def test_a_damaged_cursor_gets_a_snapshot(since: str) -> None:
    assert Replica().begin(A).reader(since=since).types() == ["snapshot"]


def test_follow_only_is_told_when_the_cursor_cannot_be_resumed() -> None:
    (error,) = Replica().begin(A).reader(since="x", follow_only=True).take()
    assert isinstance(error, StreamError)
    assert error.code is ErrorCode.RESYNC


def test_a_cursor_of_another_namespace_gets_a_snapshot() -> None:
    replica = Replica("agents", "staging").begin(A, item("a", ns="staging"))
    reader = replica.reader(namespace="agents")
    reader.take()
    assert replica.reader(since=reader.cursor, namespace="staging").types() == ["snapshot"]
    assert replica.reader(since=reader.cursor).types() == ["snapshot"]


def test_a_replica_that_has_not_seen_the_cursors_versions_waits() -> None:
    ahead, behind = Replica().begin(A_BAD, version=8), Replica().begin(A, version=7)
    old = ahead.reader()
    old.take()
    resumed = behind.reader(since=old.cursor).known(old.state)
    woken: list[Any] = []
    behind.channel.on_news = woken.append
    assert resumed.take() == []
    behind.clock.advance(1.0)
    assert resumed.take() == []
    behind.publish(A_BAD, version=8)
    assert woken
    assert resumed.take() == []
    assert behind.channel.resumes == {"unchanged": 1}


def test_it_is_woken_by_versions_alone() -> None:
    ahead, behind = Replica().begin(A, version=8), Replica().begin(A, version=7)
    old = ahead.reader()
    old.take()
    resumed = behind.reader(since=old.cursor)
    woken: list[Any] = []
    behind.channel.on_news = woken.append
    resumed.take()
    behind.publish(A, version=8)
    assert woken == [behind.channel]


def test_it_waits_no_longer_than_three_seconds() -> None:
    ahead, behind = Replica().begin(A_BAD, version=8), Replica().begin(A, version=7)
    old = ahead.reader()
    old.take()
    resumed = behind.reader(since=old.cursor).known(old.state)
    resumed.take()
    assert resumed.subscription.next_due() == behind.clock.monotonic() + CATCH_UP_S
    behind.clock.advance(CATCH_UP_S)
    assert resumed.types() == ["delta"]


# Lagging.


def test_a_reader_far_behind_gets_one_delta_of_the_last_states() -> None:
    replica = Replica().begin(A, B)
    reader = replica.reader()
    reader.take()
    for at in range(MERGE_AFTER + 1):
        replica.publish(item("a", "degraded", f"at {at}"), B)
    (delta,) = reader.take()
    assert isinstance(delta, Delta)
    assert delta.changes == (item("a", "degraded", f"at {MERGE_AFTER}"),)


def test_what_went_away_and_came_back_meanwhile_is_not_told() -> None:
    replica = Replica().begin(A, B)
    reader = replica.reader()
    reader.take()
    for _ in range(MERGE_AFTER):
        replica.publish(A_BAD)
        replica.publish(A, B)
    assert reader.take() == []
    assert reader.state == replica.state()


def test_a_merged_backlog_keeps_the_last_error_of_each_kind() -> None:
    replica = Replica().begin(A)
    reader = replica.reader()
    reader.take()
    for at in range(MERGE_AFTER + 1):
        replica.broadcaster.tell(Notice("pods", ErrorCode.DISCONNECTED, f"refused {at}", 1.0))
    replica.broadcaster.tell(Notice("pods", ErrorCode.RESYNC, "history was lost"))
    replica.publish(A_BAD)
    events = reader.take()
    assert [event.type for event in events] == ["error", "error", "delta"]
    assert events[0].message == f"refused {MERGE_AFTER}"


def test_a_reader_that_fell_off_the_ring_gets_exactly_what_differs() -> None:
    replica = Replica().begin(A, B)
    reader = replica.reader()
    reader.take()
    for at in range(MAX_ENTRIES + 10):
        replica.publish(item("a", "degraded", f"at {at}"), B)
    (delta,) = reader.take()
    assert isinstance(delta, Delta)
    assert [one.component for one in delta.changes] == ["a"]
    assert reader.state == replica.state()


# Beats.


def test_heartbeats_come_on_a_fixed_beat_from_the_readers_start() -> None:
    replica = Replica().begin(A)
    reader = replica.reader(heartbeat_s=10.0)
    reader.take()
    start = replica.clock.monotonic()
    for beat in range(1, 4):
        assert reader.subscription.next_due() == start + 10 * beat
        replica.clock.advance(10)
        replica.broadcaster.beat([])
        assert reader.types() == ["heartbeat"]
        assert reader.types() == []


def test_beats_slept_through_are_skipped() -> None:
    replica = Replica().begin(A)
    reader = replica.reader(heartbeat_s=10.0)
    reader.take()
    replica.clock.advance(1003)
    replica.broadcaster.beat([])
    assert reader.types() == ["heartbeat"]
    assert reader.subscription.next_due() == replica.clock.monotonic() + 7


def test_a_heartbeat_carries_the_cursor_of_what_the_reader_has() -> None:
    replica = Replica().begin(A)
    reader = replica.reader(heartbeat_s=1.0)
    reader.take()
    replica.broadcaster.beat([])
    replica.publish(A_BAD)
    replica.clock.advance(1)
    delta, beat = reader.take()
    assert beat.type == "heartbeat"
    assert beat.cursor == delta.cursor


def test_while_a_source_is_down_there_is_an_error_in_place_of_the_heartbeat() -> None:
    replica = Replica().begin(A)
    reader = replica.reader(heartbeat_s=1.0)
    reader.take()
    replica.clock.advance(1)
    replica.broadcaster.beat([missing()])
    (error,) = reader.take()
    assert isinstance(error, StreamError)
    assert (error.code, error.source, error.retry_in) == (ErrorCode.DISCONNECTED, "pods", 2.0)
    replica.clock.advance(1)
    replica.broadcaster.beat([])
    assert reader.types() == ["heartbeat"]


@pytest.mark.parametrize("resumes", [False, True])
def test_a_reader_that_comes_while_a_source_is_down_is_told_at_once(resumes: bool) -> None:
    replica = Replica().begin(A)
    cursor = next(iter(replica.reader().take())).cursor
    replica.broadcaster.beat([missing()])
    reader = replica.reader(since=cursor if resumes else None)
    assert reader.types() == (["error"] if resumes else ["snapshot", "error"])


def test_a_server_whose_engine_is_silent_says_so() -> None:
    replica = Replica().begin(A)
    reader = replica.reader(heartbeat_s=10.0)
    reader.take()
    replica.clock.advance(10)
    (error,) = reader.take()
    assert isinstance(error, StreamError)
    assert error.code is ErrorCode.STALE
    assert replica.clock.monotonic() - 1000.0 > SILENT_S
    status = replica.channel.status(replica.clock.monotonic())
    assert status is not None
    assert status.errors


def test_the_one_shot_status_says_what_is_missing() -> None:
    replica = Replica()
    assert replica.channel.status(replica.clock.monotonic()) is None
    replica.begin(A)
    status = replica.channel.status(replica.clock.monotonic())
    assert status is not None
    assert (status.snapshot.items, status.errors) == ((A,), ())
    replica.broadcaster.beat([missing()])
    status = replica.channel.status(replica.clock.monotonic())
    assert status is not None
    assert status.errors[0].source == "pods"


# Namespaces.


def test_a_namespace_gets_its_own_items_only() -> None:
    staging = item("a", ns="staging")
    replica = Replica("agents", "staging").begin(A, staging)
    every, one = replica.reader(), replica.reader(namespace="staging")
    assert every.take()[0].items == (A, staging)
    assert one.take()[0].items == (staging,)
    replica.publish(A_BAD, staging)
    assert every.types() == ["delta"]
    assert one.types() == []


def test_a_namespace_is_not_told_of_sources_that_it_does_not_rest_on() -> None:
    replica = Replica("agents", "staging").begin(A, item("a", ns="staging"))
    replica.broadcaster.channels["agents"]._sources = {"pods/agents": "pods"}
    reader, every = replica.reader(namespace="agents", heartbeat_s=1.0), replica.reader()
    reader.take(), every.take()
    replica.broadcaster.tell(Notice("pods/staging", ErrorCode.FORBIDDEN, "forbidden"))
    replica.broadcaster.tell(Notice("pods/agents", ErrorCode.DISCONNECTED, "refused", 1.0))
    assert [event.source for event in reader.take()] == ["pods"]
    assert [event.source for event in every.take()] == ["pods/staging", "pods/agents"]
    replica.clock.advance(1)
    replica.broadcaster.beat([missing("pods/staging")])
    assert reader.types() == ["heartbeat"]


def test_one_namespace_alone_is_also_the_whole() -> None:
    replica = Replica("agents").begin(A)
    assert replica.broadcaster.channel("") is replica.broadcaster.channel("agents")
    with pytest.raises(KeyError):
        replica.broadcaster.channel("staging")


# Laws.

NAMES = st.sampled_from("abcd")
STATUSES = st.sampled_from(["healthy", "degraded", "error"])
STATES = st.dictionaries(NAMES, STATUSES, max_size=4)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), STATES),
        st.tuples(st.just("tell"), st.sampled_from(list(ErrorCode))),
        st.tuples(st.just("beat"), st.booleans()),
        st.tuples(st.just("read"), st.integers(1, 5)),
        st.tuples(st.just("lag"), st.integers(0, 3)),
        st.tuples(st.just("resume"), st.booleans()),
        st.tuples(st.just("catch up"), st.none()),
    ),
    max_size=40,
)


def items_of(state: dict[str, str]) -> list[Any]:
    return [item(name, status) for name, status in sorted(state.items())]


@given(STATES, STEPS)
def test_every_reader_ends_with_the_truth_and_is_told_nothing_twice(
    start: dict[str, str], steps: list[tuple[str, Any]]
) -> None:
    """Two replicas of one API, the second one late, and a reader that changes between them."""
    version, state = 1, start
    leader = Replica().begin(*items_of(start))
    follower = Replica(clock=leader.clock).begin(*items_of(start))
    at = leader
    reader = at.reader(heartbeat_s=1.0)
    wrong: list[str] = []
    for step, argument in steps:
        if step == "publish":
            version, state = version + 1, argument
            leader.publish(*items_of(state), version=version)
        elif step == "catch up":
            follower.publish(*items_of(state), version=version)
        elif step == "tell":
            leader.broadcaster.tell(Notice("pods", argument, "something"))
        elif step == "beat":
            leader.clock.advance(1)
            for one in (leader, follower):
                one.broadcaster.beat([missing()] if argument else [])
        elif step == "read":
            for _ in range(argument):
                reader.one()
        elif step == "lag":
            for at_ in range(argument * MERGE_AFTER):
                version += 1
                flap = [*items_of(state), item("z", "error", f"flap {at_}")]
                leader.publish(*flap, version=version)
            version += 1
            leader.publish(*items_of(state), version=version)
        else:
            wrong += reader.wrong
            at = leader if argument else follower
            reader = at.reader(since=reader.cursor, heartbeat_s=1.0).known(reader.state)
    follower.publish(*items_of(state), version=version)
    reader.take()
    assert wrong + reader.wrong == []
    assert reader.state == {one.key: one for one in items_of(state)} == at.state()


def test_the_ring_is_bounded_in_entries_and_in_changes() -> None:
    replica = Replica().begin(A)
    reader = replica.reader()
    cursors = [reader.take()[0].cursor]
    ring = Ring(cursors[0])

    def publish(*items: Item) -> None:
        replica.publish(*items)
        entry = reader.one()
        assert entry is not None
        cursors.append(entry.event.cursor)
        ring.append(entry)

    def kept() -> tuple[int, int]:
        """Places to go on from, and cursors that lead to one."""
        places = sum(ring.holds(place) for place in range(ring.head + 1))
        return places, sum(ring.place_of(cursor) is not None for cursor in cursors)

    many = [item(f"c{at}") for at in range(1000)]
    for at in range(20):
        publish(*many, item("a", "degraded", str(at)))
        publish(item("a", "degraded", str(at)))
    assert max(kept()) <= 7
    publish(A)
    for at in range(3 * MAX_ENTRIES):
        publish(item("a", "degraded", str(at)))
    assert kept() == (MAX_ENTRIES + 1, MAX_ENTRIES)
    assert ItemKey("agents", "a") in replica.state()


def test_a_heartbeat_is_not_older_than_what_came_before_it() -> None:
    replica = Replica().begin(A)
    reader = replica.reader(heartbeat_s=1.0)
    reader.take()
    replica.clock.advance(1)
    replica.publish(A_BAD)
    delta, beat = reader.take()
    assert beat.type == "heartbeat"
    assert beat.generated_at == delta.generated_at


# An error must not move a reader past what it has not been told: it may be cut right there.


def test_an_error_before_a_replay_leaves_the_reader_where_it_is() -> None:
    replica = Replica().begin(A)
    cursor = replica.reader().take()[0].cursor
    replica.publish(A_BAD)
    replica.broadcaster.beat([missing()])
    error, delta = replica.reader(since=cursor).take()
    assert (error.type, error.cursor) == ("error", cursor)
    assert (delta.type, delta.cursor) == ("delta", replica.reader().take()[0].cursor)


def test_errors_before_a_merged_delta_leave_the_reader_where_it_is() -> None:
    replica = Replica().begin(A)
    reader = replica.reader()
    cursor = reader.take()[0].cursor
    for at in range(MERGE_AFTER + 1):
        replica.publish(item("a", "degraded", f"at {at}"))
    replica.broadcaster.tell(Notice("pods", ErrorCode.RESYNC, "history was lost"))
    error, delta = reader.take()
    assert (error.type, error.cursor) == ("error", cursor)
    assert delta.type == "delta"
