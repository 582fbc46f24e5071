"""What only shows after hours or in odd company: retries, refusals, ends, and the laws of order."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentctl.engine.attempt import Attempt
from agentctl.engine.engine import Engine
from agentctl.engine.messages import Alive, Change, Changed, Ended, ObjectKey, Replaced, Warned
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
from agentctl.model import Delta, ErrorCode, Heartbeat, ItemKey, Snapshot, Status, fold
from tests.engine.test_engine import Bench, kinds
from tests.fakes import FakeClock, FakeSource, FakeState, Recorder

KEY = ObjectKey("agents", "x")
H, D = Status.HEALTHY, Status.DEGRADED


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


# Retries


def test_an_outage_after_long_health_is_not_hammered(make: Any) -> None:
    bench = make("a", heartbeat_s=None, max_staleness_s=None)
    bench.begin()
    bench.advance(3600)
    waits = []
    for _ in range(8):
        bench.step(bench.lost("a"))
        waits.append(bench.engine.sources["a"].retry_at - bench.clock.elapsed)
        bench.advance(waits[-1] + 0.01)
    assert waits[0] <= 1.0
    assert min(waits[-2:]) >= 15.0


def test_401_for_a_source_that_never_worked_does_not_end_a_run_under_way(make: Any) -> None:
    bench = make("a", "b", heartbeat_s=None)
    bench.step(bench.listed("a"), bench.ended("b", ForbiddenError("cannot list b: forbidden")))
    bench.advance(24 * 3600)
    bench.step(bench.ended("b", UnauthorizedError("cannot list b: unauthorized")))
    assert bench.engine.outcome is None


def test_401_as_the_first_answer_after_an_outage_at_the_start_ends_with_3(make: Any) -> None:
    bench = make("a", "b", heartbeat_s=None)
    bench.step(bench.lost("a"), bench.lost("b"))
    bench.advance(20)
    bench.step(bench.ended("a", UnauthorizedError("cannot list a: unauthorized")))
    assert bench.engine.outcome.exit_code == ExitCode.REFUSED


def test_polling_is_told_again_where_the_stream_had_come_back(make: Any) -> None:
    bench = make("a", fallback=True, fallback_poll=True, heartbeat_s=None)
    bench.begin()
    bench.step(bench.ended("a", StreamingUnsupported("no watch")))
    bench.advance(301)
    bench.step(bench.listed("a"))
    bench.advance(3600)
    (error,) = bench.step(bench.ended("a", StreamingUnsupported("no watch")))
    assert error.code is ErrorCode.FALLBACK


# Ends


def test_a_change_that_came_before_the_end_is_told(make: Any) -> None:
    bench = make("a", retry=False)
    bench.begin()
    (delta,) = bench.step(bench.changed("a", D), bench.lost("a"))
    assert isinstance(delta, Delta)
    assert bench.engine.outcome.exit_code == ExitCode.DISCONNECTED


def test_nothing_is_told_after_a_signal(make: Any) -> None:
    bench = make("a")
    bench.begin()
    bench.engine.stop(ExitCode.INTERRUPTED)
    assert bench.step(bench.changed("a", D)) == []


def test_timeout_with_everything_refused_is_3(make: Any) -> None:
    bench = make("a", timeout_s=5.0)
    bench.begin()
    bench.step(bench.ended("a", UnauthorizedError("cannot list a: unauthorized")))
    bench.advance(6)
    assert bench.engine.outcome.exit_code == ExitCode.REFUSED
    assert "unauthorized" in bench.engine.outcome.message


def test_forbidden_everywhere_ends_with_3_though_another_source_does_not_answer(make: Any) -> None:
    bench = make("a", "b", heartbeat_s=None)
    bench.sources["b"].essential = False
    bench.step(bench.ended("a", ForbiddenError("cannot list a: forbidden")))
    bench.advance(11)
    assert bench.engine.outcome.exit_code == ExitCode.REFUSED


@pytest.mark.parametrize("once", [False, True])
def test_without_any_source_there_is_nothing_to_wait_for(once: bool) -> None:
    clock, sink = FakeClock(), Recorder()
    policy = StreamPolicy(once=once)
    engine = Engine([], FakeState([]), EventStream(sink, clock, b""), policy, clock=clock)
    engine.start()
    assert engine.next_deadline() == clock.monotonic()
    engine.step(engine.receive())
    assert kinds(sink.take()) == ["snapshot"]
    if once:
        assert engine.outcome is not None
        assert engine.outcome.exit_code == ExitCode.OK
    else:
        assert engine.next_deadline() == clock.monotonic() + 30.0


def test_since_with_follow_only_tells_what_changed_and_never_a_snapshot(make: Any) -> None:
    first = make("a", "b")
    (snapshot,) = first.begin()
    second = make("a", "b", since=snapshot.cursor, follow_only=True)
    assert kinds(second.step(second.listed("a", D), second.listed("b"))) == ["delta"]
    third = make("a", "b", since="of another stream", follow_only=True)
    assert kinds(third.begin()) == ["error"]
    assert kinds(third.step(third.changed("a", D))) == ["delta"]


def test_since_with_a_source_too_late_for_the_snapshot_mends_itself(make: Any) -> None:
    first = make("a", "b")
    (snapshot,) = first.begin()
    state = fold({}, snapshot)
    second = make("a", "b", since=snapshot.cursor, heartbeat_s=None)
    events = second.step(second.listed("a"))
    events += second.advance(11)
    events += second.step(second.listed("b"))
    assert kinds(events) == ["delta", "delta"]
    for event in events:
        state = fold(state, event)
    assert state == fold({}, snapshot)


# Hours of anything


FAILURES: tuple[SourceError, ...] = (
    DisconnectedError("reset"),
    ServerError("busy", retry_after=7.0),
    ServerError("nonsense"),
    ForbiddenError("forbidden"),
    NotFoundError("not found"),
    UnauthorizedError("unauthorized"),
    StreamingUnsupported("no watch"),
)


class Steered:
    """A bench whose sources' messages are drawn; checks each event as it comes."""

    def __init__(self, **policy: Any) -> None:
        self.bench = Bench("a", "b", "c", fallback=True, fallback_poll=True, **policy)
        self.folded: dict[ItemKey, Any] = {}
        self.events: list[Any] = []
        self.version = 1

    def take(self, events: list[Any]) -> None:
        bench = self.bench
        for event in events:
            if isinstance(event, Snapshot):
                assert not self.events
            if isinstance(event, Delta):
                assert event.changes or event.removed
                assert all(self.folded.get(item.key) != item for item in event.changes)
            if isinstance(event, Heartbeat):
                assert not bench.engine.sources.down
            self.folded = fold(self.folded, event)
            self.events.append(event)
        if bench.engine.vitals().begun:
            items = bench.state.items(bench.clock.elapsed)
            assert self.folded == {item.key: item for item in items}

    def message(self, kind: str, name: str, status: Status, failure: SourceError) -> None:
        bench = self.bench
        health = bench.engine.sources[name]
        if health.attempt is None:
            return
        self.version += 1
        version = str(self.version)
        # A source that knows nothing of its objects can only begin with a list.
        lists = kind == "listed" or not (health.up or health.attempt.resource_version)
        if kind == "ended":
            message: Any = bench.ended(name, failure)
        elif kind == "warned":
            message = Warned(name, bench.epoch(name), ErrorCode.RESYNC, "history lost")
        elif lists:
            message = bench.listed(name, status, version)
        elif kind == "alive":
            message = Alive(name, bench.epoch(name), version)
        elif kind == "stale":
            message = Changed(name, bench.epoch(name) - 1, (Change(KEY, (status,)),), version)
        else:
            message = bench.changed(name, status, version)
        self.take(bench.step(message))


MOVES = st.lists(
    st.tuples(
        st.sampled_from(["listed", "changed", "alive", "stale", "warned", "ended", "wait"]),
        st.sampled_from("abc"),
        st.sampled_from([H, D, Status.ERROR]),
        st.sampled_from(FAILURES),
        st.sampled_from([0.1, 3.0, 31.0, 130.0, 400.0]),
    ),
    max_size=40,
)


@settings(max_examples=150, deadline=None)
@given(MOVES)
def test_whatever_happens_the_events_fold_to_the_state(moves: Any) -> None:
    steered = Steered()
    try:
        steered.take(steered.bench.begin())
        for kind, name, status, failure, seconds in moves:
            if kind == "wait":
                steered.take(steered.bench.advance(seconds))
            else:
                steered.message(kind, name, status, failure)
        assert steered.bench.engine.outcome is None
        # And with good weather what was unknown is known again.
        for _ in range(3):
            steered.take(steered.bench.advance(400))
            for name in "abc":
                steered.message("listed", name, H, FAILURES[0])
        assert not steered.bench.engine.sources.down
        assert [item.status for item in steered.folded.values()] == [H, H, H]
    finally:
        steered.bench.close()
        for source in steered.bench.polls.values():
            assert all(attempt.join(10) for attempt in source.attempts)


@pytest.mark.parametrize("seed", range(1, 1 + settings().max_examples // 15))
def test_hours_of_random_failures_cost_few_steps(seed: int) -> None:
    rng = random.Random(seed)
    steered = Steered(max_staleness_s=rng.choice([None, 20.0, 120.0]))
    bench = steered.bench
    steps = 0
    try:
        steered.take(bench.begin())
        end = bench.clock.elapsed + 6 * 3600
        while bench.clock.elapsed < end:
            for name in "abc":
                if rng.random() < 0.5:
                    kind = rng.choice(["listed", "changed", "alive", "ended", "ended"])
                    steered.message(kind, name, rng.choice([H, D]), rng.choice(FAILURES))
                    steps += 1
            until = bench.clock.elapsed + rng.expovariate(1 / 20)
            while (due := bench.engine.next_deadline()) is not None and due <= until:
                bench.clock.advance(max(0.0, due - bench.clock.elapsed))
                steered.take(bench.step())
                steps += 1
            bench.clock.advance(until - bench.clock.elapsed)
        assert bench.engine.outcome is None
        # A beat each 30 s, and for each source a retry or so in the time between two draws.
        assert steps < 6 * 3600 / 20 * 8
        for health in bench.engine.sources:
            assert len(health.abandoned) <= 2
    finally:
        bench.close()


def test_ended_twice_or_of_an_earlier_attempt_changes_nothing(make: Any) -> None:
    bench = make("a", heartbeat_s=None)
    bench.begin()
    first = bench.lost("a")
    bench.step(first)
    bench.advance(5)
    bench.step(bench.listed("a"))
    assert bench.step(Ended(first.source, first.epoch, first.failure)) == []
    assert isinstance(bench.listed("a"), Replaced)
    assert bench.engine.sources["a"].up


def test_a_thread_that_cannot_be_started_leaves_no_other_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sources = [FakeSource("a"), FakeSource("b")]
    started: list[str] = []
    begin = Attempt.start

    def start(attempt: Attempt) -> None:
        if started:
            raise RuntimeError("can't start new thread")
        started.append(attempt.source)
        begin(attempt)

    monkeypatch.setattr(Attempt, "start", start)
    clock = FakeClock()
    outlet = EventStream(Recorder(), clock, b"")
    engine = Engine(sources, FakeState(["a", "b"]), outlet, StreamPolicy(), clock=clock)
    with pytest.raises(RuntimeError, match="start new thread"):
        engine.run()
    assert sources[0].attempts[0].join(10)


def test_the_next_beat_is_always_ahead(make: Any) -> None:
    bench = make("a", heartbeat_s=0.1)
    bench.begin()
    rng = random.Random(1)
    for _ in range(2000):
        due = bench.engine.next_deadline()
        bench.clock.elapsed = due + 0.1 * rng.choice([0, 1, 2, 3, 1000])
        assert kinds(bench.step()) == ["heartbeat"]
        assert bench.engine.next_deadline() > bench.clock.elapsed


def test_a_source_that_lost_its_history_is_not_alive_until_its_list_is_there(make: Any) -> None:
    bench = make("a", heartbeat_s=30.0, max_staleness_s=60.0)
    bench.begin()
    bench.advance(29)
    warning = Warned("a", bench.epoch("a"), ErrorCode.RESYNC, "history expired")
    assert bench.step(warning) == []
    (error,) = bench.advance(5)
    assert error.message == "still without a: no answer yet"
    events = bench.advance(60)
    assert ErrorCode.STALE in [event.code for event in events if event.type == "error"]
    assert "heartbeat" not in kinds(events)
    lost, delta = bench.step(bench.listed("a"))
    assert (lost.code, lost.message) == (ErrorCode.RESYNC, "history expired")
    assert isinstance(delta, Delta)
    assert kinds(bench.advance(30)) == ["heartbeat"]


def test_losing_history_now_and_then_is_no_lack_of_health(make: Any) -> None:
    bench = make("a", heartbeat_s=None)
    bench.begin()
    bench.advance(29)
    bench.step(Warned("a", bench.epoch("a"), ErrorCode.RESYNC, "history expired"))
    bench.step(bench.listed("a"))
    bench.advance(2)
    assert bench.engine.sources["a"].up_since == bench.clock.elapsed - 31
