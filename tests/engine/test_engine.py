"""The engine's contract (order, beats, staleness, retries, exit codes), on a set clock."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, Optional

import pytest

from agentctl.backoff import Backoff
from agentctl.cursor import scope_of
from agentctl.engine.engine import Engine
from agentctl.engine.messages import (
    Alive,
    Change,
    Changed,
    Ended,
    Message,
    ObjectKey,
    Replaced,
    Warned,
)
from agentctl.engine.policy import StreamPolicy
from agentctl.engine.stream import EventStream
from agentctl.errors import (
    DisconnectedError,
    ExitCode,
    ForbiddenError,
    NotFoundError,
    ServerError,
    SourceError,
    StreamingUnsupported,
    UnauthorizedError,
)
from agentctl.model import Delta, ErrorCode, Heartbeat, Snapshot, Status, StreamError
from tests.fakes import FakeClock, FakeSource, FakeState, Recorder, refuse_threads

KEY = ObjectKey("agents", "x")
H, D = Status.HEALTHY, Status.DEGRADED


class Bench:
    """An engine with fake sources, driven step by step."""

    def __init__(self, *names: str, fallback: bool = False, **policy: Any) -> None:
        self.clock = FakeClock()
        self.sink = Recorder()
        self.state = FakeState(names)
        self.polls = {name: FakeSource(name) for name in names} if fallback else {}
        self.sources = {name: FakeSource(name, self.polls.get(name)) for name in names}
        scope = scope_of(["agents"], "hash", [])
        how = StreamPolicy(**policy)
        self.engine = Engine(
            self.sources.values(),
            self.state,
            EventStream(self.sink, self.clock, scope, how.since, how.follow_only),
            how,
            clock=self.clock,
            rng=random.Random(7),
        )
        self.engine.start()

    def close(self) -> None:
        self.engine.sources.stop(self.clock.monotonic)

    def epoch(self, name: str) -> int:
        return self.engine.sources[name].epoch

    def step(self, *messages: Message) -> list[Any]:
        self.engine.step(messages)
        return list(self.sink.take())

    def listed(self, name: str, status: Status = H, version: str = "1") -> Replaced:
        return Replaced(name, self.epoch(name), (Change(KEY, (status,)),), version)

    def changed(self, name: str, status: Status, version: str = "2") -> Changed:
        return Changed(name, self.epoch(name), (Change(KEY, (status,)),), version)

    def ended(self, name: str, failure: Optional[SourceError]) -> Ended:
        return Ended(name, self.epoch(name), failure)

    def lost(self, name: str) -> Ended:
        return self.ended(name, DisconnectedError("connection reset"))

    def begin(self) -> list[Any]:
        return self.step(*(self.listed(name) for name in self.sources))

    def advance(self, seconds: float) -> list[Any]:
        """Move the clock in the steps that the engine asks for."""
        seen: list[Any] = []
        end = self.clock.elapsed + seconds
        while self.engine.outcome is None:
            due = self.engine.next_deadline()
            if due is None or due > end:
                break
            self.clock.advance(max(0.0, due - self.clock.elapsed))
            seen += self.step()
        self.clock.advance(end - self.clock.elapsed)
        return seen


@pytest.fixture
def make() -> Iterator[Any]:
    benches: list[Bench] = []

    def build(*names: str, **options: Any) -> Bench:
        bench = Bench(*names, **options)
        benches.append(bench)
        return bench

    yield build
    for bench in benches:
        bench.close()


def kinds(events: list[Any]) -> list[str]:
    return [event.type for event in events]


# The snapshot


def test_the_snapshot_waits_for_every_source(make: Any) -> None:
    bench = make("a", "b")
    assert bench.step(bench.listed("a")) == []
    (snapshot,) = bench.step(bench.listed("b"))
    assert isinstance(snapshot, Snapshot)
    assert [item.status for item in snapshot.items] == [H, H]


def test_a_bad_answer_is_an_answer(make: Any) -> None:
    bench = make("a", "b")
    events = bench.step(bench.listed("a"), bench.ended("b", ForbiddenError("no list of b")))
    assert kinds(events) == ["snapshot", "error"]
    assert events[0].items[1].status is Status.UNKNOWN
    assert events[1].code is ErrorCode.FORBIDDEN


def test_the_snapshot_goes_out_after_ten_seconds_at_the_latest(make: Any) -> None:
    bench = make("a", "b", heartbeat_s=None)
    bench.step(bench.listed("a"))
    assert bench.advance(9.9) == []
    (snapshot,) = bench.advance(0.2)
    assert [item.status for item in snapshot.items] == [H, Status.UNKNOWN]


def test_errors_before_the_snapshot_come_after_it(make: Any) -> None:
    bench = make("a", "b")
    assert bench.step(bench.lost("a")) == []
    assert kinds(bench.step(bench.listed("b"))) == ["snapshot", "error"]


def test_follow_only_prints_no_snapshot_but_what_changes_after(make: Any) -> None:
    bench = make("a", follow_only=True)
    assert bench.begin() == []
    assert kinds(bench.step(bench.changed("a", D))) == ["delta"]


def test_one_run_has_one_snapshot_also_after_a_reconnect(make: Any) -> None:
    bench = make("a")
    events = bench.begin()
    events += bench.step(bench.lost("a"))
    events += bench.advance(5)
    events += bench.step(bench.listed("a", D))
    assert kinds(events).count("snapshot") == 1
    assert kinds(events)[-1] == "delta"


# Deltas


def test_a_burst_in_the_queue_is_one_delta(make: Any) -> None:
    bench = make("a", "b")
    bench.begin()
    events = bench.step(bench.changed("a", D), bench.changed("b", D), bench.changed("a", D))
    assert kinds(events) == ["delta"]
    assert [item.component for item in events[0].changes] == ["a", "b"]


def test_a_flap_inside_one_burst_is_no_event(make: Any) -> None:
    bench = make("a")
    bench.begin()
    assert bench.step(bench.changed("a", D), bench.changed("a", H)) == []


def test_a_relist_that_changes_nothing_is_no_event(make: Any) -> None:
    bench = make("a")
    bench.begin()
    assert bench.step(bench.listed("a", version="9")) == []


def test_messages_of_an_earlier_attempt_are_dropped(make: Any) -> None:
    bench = make("a")
    bench.begin()
    stale = bench.changed("a", D)
    bench.step(bench.lost("a"))
    bench.advance(5)
    assert bench.step(stale) == []


def test_a_resync_is_told_before_what_it_brings(make: Any) -> None:
    bench = make("a")
    bench.begin()
    warning = Warned("a", bench.epoch("a"), ErrorCode.RESYNC, "history expired")
    events = bench.step(warning, bench.listed("a", D))
    assert kinds(events) == ["error", "delta"]
    assert events[0].code is ErrorCode.RESYNC


def test_the_cursor_moves_with_each_delta_and_stays_between(make: Any) -> None:
    bench = make("a", heartbeat_s=30.0)
    (snapshot,) = bench.begin()
    (heartbeat,) = bench.advance(30)
    (delta,) = bench.step(bench.changed("a", D))
    assert heartbeat.cursor == snapshot.cursor != delta.cursor


# Heartbeats


def test_heartbeats_keep_a_fixed_beat_from_the_start(make: Any) -> None:
    bench = make("a", heartbeat_s=10.0)
    start = bench.clock.elapsed
    bench.clock.advance(3)
    bench.begin()
    assert isinstance(bench.advance(7.0)[0], Heartbeat)
    assert bench.engine.next_deadline() == start + 20


def test_beats_slept_through_are_skipped(make: Any) -> None:
    bench = make("a", heartbeat_s=10.0)
    start = bench.clock.elapsed
    bench.begin()
    bench.clock.advance(35)
    assert kinds(bench.step()) == ["heartbeat"]
    assert bench.engine.next_deadline() == start + 40


def test_no_heartbeat_while_a_source_is_down_but_an_error(make: Any) -> None:
    bench = make("a", "b", heartbeat_s=10.0, max_staleness_s=None)
    bench.begin()
    bench.step(bench.lost("a"))
    told, beat = bench.advance(10)
    assert (told.source, told.message) == ("a", "connection reset")
    assert beat.source == "a"
    assert "still without a" in beat.message


def test_heartbeat_zero_means_never(make: Any) -> None:
    bench = make("a", heartbeat_s=None)
    bench.begin()
    assert bench.advance(3600) == []


# Sources that fail


def test_a_lost_connection_is_told_with_its_retry(make: Any) -> None:
    bench = make("a")
    bench.begin()
    (error,) = bench.step(bench.lost("a"))
    assert (error.code, error.source) == (ErrorCode.DISCONNECTED, "a")
    assert 0.5 <= error.retry_in <= 1.0


def test_an_attempt_that_gets_no_thread_is_a_lost_connection_and_is_retried(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = make("a", "b", backoff=Backoff(base=1.0))
    bench.begin()
    with monkeypatch.context() as patch:
        refuse_threads(patch)
        bench.step(bench.lost("a"))
        bench.advance(2.0)
        messages = [bench.engine.inbox.get_nowait()]
        assert isinstance(messages[0], Ended)
        assert messages[0].epoch == bench.epoch("a")
        bench.step(*messages)
        failure = bench.engine.sources["a"].failure
        assert failure is not None
        assert failure.message.startswith("can't start new thread: raise the limits")
    bench.advance(10.0)
    (delta,) = [e for e in bench.step(bench.changed("a", D)) if isinstance(e, Delta)]
    assert delta.changes[0].status is D


def test_an_attempt_without_thread_is_tried_again_where_the_queue_is_full(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = make("a")
    bench.begin()
    while not bench.engine.inbox.full():
        bench.engine.inbox.put_nowait(bench.listed("a"))
    with monkeypatch.context() as patch:
        refuse_threads(patch)
        health = bench.engine.sources["a"]
        health.start(bench.engine.inbox, bench.clock.monotonic())
    assert health.retry_at == bench.clock.monotonic() + 1.0


def test_the_retry_resumes_from_what_was_applied(make: Any) -> None:
    bench = make("a")
    bench.begin()
    bench.step(bench.changed("a", D, version="77"))
    bench.step(bench.lost("a"))
    bench.advance(5)
    assert bench.engine.sources["a"].attempt.resource_version == "77"


def test_a_bookmark_moves_the_version_and_nothing_else(make: Any) -> None:
    bench = make("a")
    bench.begin()
    assert bench.step(Alive("a", bench.epoch("a"), "88")) == []
    assert bench.engine.sources["a"].resource_version == "88"


def test_retries_of_one_outage_are_not_told_again(make: Any) -> None:
    bench = make("a", heartbeat_s=None, max_staleness_s=None)
    bench.begin()
    events = bench.step(bench.lost("a"))
    for _ in range(5):
        events += bench.advance(40)
        events += bench.step(bench.lost("a"))
    assert kinds(events) == ["error"]


def test_a_flapping_peer_is_not_dialled_in_a_tight_loop(make: Any) -> None:
    bench = make("a", backoff=Backoff(base=1.0), heartbeat_s=None)
    bench.begin()
    waits = []
    for _ in range(6):
        (error,) = bench.step(bench.lost("a"))
        waits.append(error.retry_in)
        bench.advance(error.retry_in + 0.01)
        bench.step(bench.listed("a"))
    assert waits[-1] >= 15


def test_backoff_starts_again_after_thirty_seconds_of_health(make: Any) -> None:
    bench = make("a", heartbeat_s=None)
    bench.begin()
    for _ in range(6):
        (error,) = bench.step(bench.lost("a"))
        bench.advance(error.retry_in + 0.01)
        bench.step(bench.listed("a"))
    bench.advance(30)
    (error,) = bench.step(bench.lost("a"))
    assert error.retry_in <= 1.0


def test_the_servers_own_wish_is_honoured(make: Any) -> None:
    bench = make("a", heartbeat_s=None)
    bench.begin()
    (error,) = bench.step(bench.ended("a", ServerError("busy", retry_after=45.0)))
    assert error.retry_in >= 45.0


def test_state_is_kept_until_staleness_then_unknown(make: Any) -> None:
    bench = make("a", heartbeat_s=None, max_staleness_s=120.0)
    bench.begin()
    bench.step(bench.lost("a"))
    before = bench.advance(119)
    assert all(not isinstance(event, Delta) for event in before)
    events = bench.advance(2)
    assert kinds(events) == ["error", "delta"]
    assert events[0].code is ErrorCode.STALE
    assert events[1].changes[0].message == "no data for 2m0s"
    assert events[1].changes[0].status is Status.UNKNOWN


def test_what_turned_unknown_is_listed_anew_not_resumed(make: Any) -> None:
    bench = make("a", heartbeat_s=None, max_staleness_s=60.0)
    bench.begin()
    bench.step(bench.lost("a"))
    bench.advance(61)
    bench.step(bench.lost("a"))
    bench.advance(31)
    assert bench.engine.sources["a"].attempt.resource_version == ""
    recovered, delta = bench.step(bench.listed("a"))
    assert recovered.code is ErrorCode.RECOVERED
    assert delta.changes[0].status is H


def test_an_attempt_under_way_when_its_source_turns_stale_lists_anew(make: Any) -> None:
    bench = make("a", heartbeat_s=None, max_staleness_s=60.0)
    bench.begin()
    bench.step(bench.lost("a"))
    bench.advance(5)
    assert bench.engine.sources["a"].attempt.resource_version == "1"
    resumed = bench.epoch("a")
    bench.advance(60)
    assert bench.engine.sources["a"].attempt.resource_version == ""
    assert bench.step(Alive("a", resumed, "1")) == []


def test_forbidden_turns_one_source_unknown_at_once_and_is_retried_slowly(make: Any) -> None:
    bench = make("a", "b", heartbeat_s=None)
    bench.begin()
    events = bench.step(bench.ended("a", ForbiddenError("cannot watch a: forbidden")))
    assert kinds(events) == ["error", "delta"]
    assert 45 <= events[0].retry_in <= 75
    assert events[1].changes[0].message == "cannot watch a: forbidden"
    assert [item.component for item in events[1].changes] == ["a"]


def test_forbidden_everywhere_at_the_start_ends_with_3(make: Any) -> None:
    bench = make("a", "b")
    denied = ForbiddenError("cannot list: forbidden")
    events = bench.step(bench.ended("a", denied), bench.ended("b", denied))
    assert events == []
    assert bench.engine.outcome.exit_code == ExitCode.REFUSED


def test_unauthorized_at_the_start_ends_with_3(make: Any) -> None:
    bench = make("a", "b")
    bench.step(bench.ended("a", UnauthorizedError("credentials refused")))
    assert bench.engine.outcome.exit_code == ExitCode.REFUSED
    assert "credentials refused" in bench.engine.outcome.message


def test_unauthorized_later_is_retried_each_minute(make: Any) -> None:
    bench = make("a", heartbeat_s=None)
    bench.begin()
    (error,) = bench.step(bench.ended("a", UnauthorizedError("expired")))
    assert error.code is ErrorCode.UNAUTHORIZED
    assert 45 <= error.retry_in <= 75
    assert bench.engine.outcome is None


def test_not_served_turns_unknown(make: Any) -> None:
    bench = make("a", "b", heartbeat_s=None)
    events = bench.step(bench.listed("b"), bench.ended("a", NotFoundError("no such resource")))
    assert events[0].items[0].message == "no such resource"


def test_retry_false_ends_with_5(make: Any) -> None:
    bench = make("a", retry=False)
    bench.begin()
    bench.step(bench.lost("a"))
    assert bench.engine.outcome.exit_code == ExitCode.DISCONNECTED


def test_retry_false_leaves_a_forbidden_source_alone(make: Any) -> None:
    bench = make("a", "b", retry=False)
    bench.begin()
    bench.step(bench.ended("a", ForbiddenError("no")))
    assert bench.engine.outcome is None


# Polling


def test_no_stream_and_no_fallback_ends_with_4(make: Any) -> None:
    bench = make("a", fallback=True)
    bench.step(bench.listed("a"), bench.ended("a", StreamingUnsupported("no watch")))
    assert bench.engine.outcome.exit_code == ExitCode.STREAMING_UNSUPPORTED


def test_fallback_polls_and_says_so_once(make: Any) -> None:
    bench = make("a", fallback=True, fallback_poll=True, heartbeat_s=None)
    bench.begin()
    (error,) = bench.step(bench.ended("a", StreamingUnsupported("no watch")))
    assert error.code is ErrorCode.FALLBACK
    assert bench.engine.sources["a"].source is bench.polls["a"]
    assert kinds(bench.step(bench.listed("a", D))) == ["delta"]


def test_the_stream_is_tried_again_every_five_minutes_in_silence(make: Any) -> None:
    bench = make("a", fallback=True, fallback_poll=True, heartbeat_s=None)
    bench.begin()
    bench.step(bench.ended("a", StreamingUnsupported("no watch")))
    assert bench.advance(301) == []
    assert bench.engine.sources["a"].source is bench.sources["a"]
    assert bench.step(bench.ended("a", StreamingUnsupported("no watch"))) == []
    assert bench.engine.sources["a"].polling
    assert bench.engine.next_deadline() > bench.clock.elapsed


def test_a_stream_that_works_again_is_kept(make: Any) -> None:
    bench = make("a", fallback=True, fallback_poll=True, heartbeat_s=None)
    bench.begin()
    bench.step(bench.ended("a", StreamingUnsupported("no watch")))
    bench.advance(301)
    bench.step(bench.listed("a"))
    assert bench.engine.next_deadline() is None


# The end


def test_timeout_while_connected_is_0(make: Any) -> None:
    bench = make("a", timeout_s=5.0)
    bench.begin()
    bench.advance(6)
    assert bench.engine.outcome.exit_code == ExitCode.OK


def test_timeout_while_disconnected_is_5_and_says_why(make: Any) -> None:
    bench = make("a", timeout_s=5.0)
    bench.begin()
    bench.step(bench.lost("a"))
    bench.advance(6)
    assert bench.engine.outcome.exit_code == ExitCode.DISCONNECTED
    assert "connection reset" in bench.engine.outcome.message


def test_timeout_before_any_answer_prints_what_is_known_and_is_5(make: Any) -> None:
    bench = make("a", "b", timeout_s=3.0)
    bench.step(bench.listed("a"))
    (snapshot,) = bench.advance(4)
    assert [item.status for item in snapshot.items] == [H, Status.UNKNOWN]
    assert bench.engine.outcome.exit_code == ExitCode.DISCONNECTED


def test_timeout_with_a_forbidden_source_is_connected(make: Any) -> None:
    bench = make("a", "b", timeout_s=5.0)
    bench.begin()
    bench.step(bench.ended("a", ForbiddenError("no")))
    bench.advance(6)
    assert bench.engine.outcome.exit_code == ExitCode.OK


def test_a_jump_of_the_wall_clock_moves_no_deadline(make: Any) -> None:
    bench = make("a", timeout_s=60.0, heartbeat_s=None)
    bench.begin()
    bench.clock.wall = bench.clock.wall.replace(year=2030)
    assert bench.step() == []
    assert bench.engine.outcome is None


def test_once_ends_with_the_snapshot(make: Any) -> None:
    bench = make("a", once=True)
    events = bench.step(bench.listed("a"), bench.ended("a", None))
    assert kinds(events) == ["snapshot"]
    assert bench.engine.outcome.exit_code == ExitCode.OK


def test_once_without_any_answer_prints_nothing_and_is_5(make: Any) -> None:
    bench = make("a", "b", once=True)
    assert bench.step(bench.lost("a"), bench.lost("b")) == []
    assert bench.engine.outcome.exit_code == ExitCode.DISCONNECTED


def test_once_with_one_source_lost_prints_the_rest_and_is_5(make: Any) -> None:
    bench = make("a", "b", once=True)
    events = bench.step(bench.listed("a"), bench.lost("b"))
    assert kinds(events)[0] == "snapshot"
    assert bench.engine.outcome.exit_code == ExitCode.DISCONNECTED


def test_what_has_not_answered_by_the_end_is_named_with_the_time_that_it_had(make: Any) -> None:
    bench = make("pods", "leases", once=True)
    bench.step(bench.listed("leases"))
    (snapshot,) = bench.advance(10)
    assert [item.message for item in snapshot.items] == ["no answer from pods within 10s", ""]
    assert bench.engine.outcome.message == "no answer from pods within 10s"
    assert bench.engine.outcome.exit_code == ExitCode.DISCONNECTED


def test_a_source_that_had_next_to_no_time_is_not_said_to_have_had_none(make: Any) -> None:
    bench = make("a", "b", timeout_s=0.01, heartbeat_s=None)
    bench.step(bench.listed("a"))
    (snapshot,) = bench.advance(0.02)
    assert snapshot.items[1].message == "no answer from b within 100ms"


def test_a_timeout_before_the_first_answer_names_its_own_time(make: Any) -> None:
    bench = make("a", "b", timeout_s=2.5, heartbeat_s=None)
    bench.step(bench.listed("a"))
    (snapshot,) = bench.advance(3)
    assert snapshot.items[1].message == "no answer from b within 2.5s"
    assert "still disconnected at --timeout: no answer from b" in bench.engine.outcome.message


@pytest.mark.parametrize("once", [True, False])
def test_what_failed_before_the_snapshot_says_of_what(make: Any, once: bool) -> None:
    bench = make("a", "b", once=once, heartbeat_s=None)
    events = bench.step(bench.listed("a"), bench.lost("b"))
    assert events[0].items[1].message == "connection reset"


def test_what_was_known_is_kept_through_a_failure(make: Any) -> None:
    bench = make("a", "b", heartbeat_s=None)
    bench.step(bench.listed("a"))
    bench.step(bench.lost("a"))
    snapshot = bench.step(bench.listed("b"))[0]
    assert [item.message for item in snapshot.items] == ["", ""]


def test_stop_ends_with_the_code_given_even_when_the_inbox_is_full(make: Any) -> None:
    bench = make("a")
    while not bench.engine.inbox.full():
        bench.engine.inbox.put_nowait(Alive("a", 1))
    bench.engine.stop(130)
    bench.step(*bench.engine.receive())
    assert bench.engine.outcome.exit_code == 130


# Cursors


def since(bench: Bench, cursor: str) -> Bench:
    return Bench(*bench.sources, since=cursor)


def test_since_gives_one_delta_of_exactly_what_changed(make: Any) -> None:
    first = make("a", "b")
    (snapshot,) = first.begin()
    second = make("a", "b", since=snapshot.cursor)
    (delta,) = second.step(second.listed("a", D), second.listed("b"))
    assert isinstance(delta, Delta)
    assert [item.component for item in delta.changes] == ["a"]


def test_since_gives_nothing_when_nothing_changed(make: Any) -> None:
    (snapshot,) = make("a").begin()
    assert make("a", since=snapshot.cursor).begin() == []


@pytest.mark.parametrize("cursor", ["", "garbage", "A" * 5000, "é"])
def test_a_damaged_cursor_gives_a_snapshot(make: Any, cursor: str) -> None:
    assert kinds(make("a", since=cursor).begin()) == ["snapshot"]


def test_messages_are_redacted_before_anyone_sees_them(make: Any) -> None:
    bench = make("a")
    bench.begin()
    (error,) = bench.step(bench.ended("a", DisconnectedError("https://bob:hunter2@host/ failed")))
    assert isinstance(error, StreamError)
    assert "hunter2" not in error.message


def test_follow_only_with_a_cursor_that_cannot_be_resumed_says_so(make: Any) -> None:
    (error,) = make("a", since="garbage", follow_only=True).begin()
    assert error.code is ErrorCode.RESYNC
    assert "cursor" in error.message
