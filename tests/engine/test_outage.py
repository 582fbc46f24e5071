"""One server is one patient: one error for what it lost, one recovery, and nobody sleeps on."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentctl.cursor import scope_of
from agentctl.engine.engine import Engine
from agentctl.engine.health import LOOK_AT_CREDENTIALS_S, LOOKOUT_S
from agentctl.engine.loss import APART_S, SETTLE_S
from agentctl.engine.messages import Alive, Pending, Replaced, Warned
from agentctl.engine.outage import WAKE_S
from agentctl.engine.policy import StreamPolicy
from agentctl.engine.stream import EventStream
from agentctl.errors import (
    DisconnectedError,
    ForbiddenError,
    ServerError,
    StartingError,
    UnauthorizedError,
)
from agentctl.model import Delta, ErrorCode, Heartbeat, Status, StreamError
from tests.engine.test_engine import Bench, D, H
from tests.fakes import FakeClock, FakeSource, FakeState, Recorder

NAMES = tuple("abcdefgh")


class Proof(FakeSource):
    """Does nothing but prove that the server's storage is alive."""

    essential = False
    proves = True


class ServerBench(Bench):
    """Eight sources of one server, and its proof of life."""

    def __init__(self, *names: str, proof: bool = True, seed: int = 7, **policy: Any) -> None:
        self.clock = FakeClock()
        self.sink = Recorder()
        self.state = FakeState(names)
        self.sources = {name: FakeSource(name) for name in names}
        self.proof = Proof("storage")
        scope = scope_of(["agents"], "hash", [])
        how = StreamPolicy(**policy)
        self.engine = Engine(
            [*self.sources.values(), *([self.proof] if proof else [])],
            self.state,
            EventStream(self.sink, self.clock, scope, how.since, how.follow_only),
            how,
            clock=self.clock,
            rng=random.Random(seed),
        )
        self.engine.start()

    def proved(self) -> list[Any]:
        return self.step(Alive("storage", self.epoch("storage"), consistent=True))

    def lose_all(self) -> list[Any]:
        return [event for name in self.engine_names() for event in self.step(self.lost(name))]

    def engine_names(self) -> list[str]:
        return [health.name for health in self.engine.sources]


@pytest.fixture
def make() -> Iterator[Any]:
    benches: list[ServerBench] = []

    def build(*names: str, **options: Any) -> ServerBench:
        bench = ServerBench(*(names or NAMES), **options)
        benches.append(bench)
        return bench

    yield build
    for bench in benches:
        bench.close()


def errors(events: list[Any]) -> list[StreamError]:
    return [event for event in events if isinstance(event, StreamError)]


def test_an_outage_of_eight_sources_is_one_error_and_one_recovery(make: Any) -> None:
    bench = make(heartbeat_s=None)
    bench.begin()
    told = errors(bench.lose_all())
    assert [(one.source, one.sources) for one in told] == [("a", NAMES)]
    bench.advance(3)
    events = [event for name in NAMES for event in bench.step(bench.listed(name))]
    (back,) = errors(events)
    assert (back.code, back.source, back.sources) == (ErrorCode.RECOVERED, "a", NAMES)
    assert back.lasted == pytest.approx(3.0)
    assert back.retry_in is None


def test_a_source_that_falls_alone_is_told_when_the_others_had_time_to(make: Any) -> None:
    bench = make(heartbeat_s=None)
    bench.begin()
    assert bench.step(bench.lost("c")) == []
    (told,) = errors(bench.advance(SETTLE_S))
    assert (told.source, told.sources) == ("c", ())


def test_what_comes_back_before_it_was_told_is_told_with_its_end(make: Any) -> None:
    bench = make(heartbeat_s=None)
    bench.begin()
    bench.step(bench.lost("c"))
    codes = [event.code for event in errors(bench.step(bench.listed("c")))]
    assert codes == [ErrorCode.DISCONNECTED, ErrorCode.RECOVERED]


def test_the_beat_of_an_outage_names_all(make: Any) -> None:
    bench = make(heartbeat_s=10.0, max_staleness_s=None)
    bench.begin()
    bench.lose_all()
    beats = errors(bench.advance(10))
    assert beats[-1].sources == NAMES
    assert not any(isinstance(event, Heartbeat) for event in bench.advance(30))


def test_two_sources_that_slept_out_their_backoff_are_woken_by_the_first_answer(
    make: Any,
) -> None:
    bench = make(heartbeat_s=None, max_staleness_s=None)
    bench.begin()
    for _ in range(7):  # long enough for waits of half a minute
        for name in bench.engine_names():
            if bench.engine.sources[name].retry_at is None:
                bench.step(bench.lost(name))
        bench.advance(40)
    for name in bench.engine_names():
        bench.step(bench.lost(name))
    # It happens to be its turn.
    bench.engine.sources["a"].start(bench.engine.inbox, bench.clock.elapsed)
    bench.step(bench.listed("a"))
    now = bench.clock.elapsed
    waits = [bench.engine.sources[name].retry_at - now for name in NAMES[1:]]
    assert all(wait <= WAKE_S for wait in waits)
    assert len(set(waits)) > 1  # not all at once


def test_a_server_that_is_back_after_a_long_time_is_found_within_two_seconds(make: Any) -> None:
    """Whose proof is asked for, that is one question; the others wait for as long as ever."""
    bench = make(heartbeat_s=None, max_staleness_s=None)
    bench.begin()
    for _ in range(7):
        for name in bench.engine_names():
            if bench.engine.sources[name].retry_at is None:
                bench.step(bench.lost(name))
        bench.advance(40)
    for name in bench.engine_names():
        bench.step(bench.lost(name))
    waits = [bench.engine.sources[name].retry_at - bench.clock.elapsed for name in NAMES]
    assert max(waits) > 15.0
    assert bench.engine.sources["storage"].retry_at - bench.clock.elapsed <= LOOKOUT_S
    bench.advance(LOOKOUT_S)
    bench.proved()
    now = bench.clock.elapsed
    waits = [bench.engine.sources[name].retry_at - now for name in NAMES]
    assert max(waits) <= WAKE_S


def test_a_503_is_an_answer_and_a_wish_is_honoured(make: Any) -> None:
    bench = make(heartbeat_s=None, max_staleness_s=None)
    bench.begin()
    bench.step(bench.ended("h", ServerError("HTTP 503", 20.0)))
    for name in NAMES[:-1]:
        bench.step(bench.lost(name))
    bench.engine.sources["a"].start(bench.engine.inbox, bench.clock.elapsed)
    bench.step(bench.ended("a", ServerError("HTTP 503", 5.0)))
    now = bench.clock.elapsed
    assert bench.engine.sources["a"].retry_at - now >= 5.0
    assert bench.engine.sources["h"].retry_at - now >= 19.0
    assert bench.engine.sources["b"].retry_at - now <= WAKE_S


def test_a_source_refused_in_an_outage_does_not_hold_up_its_end(make: Any) -> None:
    bench = make(heartbeat_s=None)
    bench.begin()
    bench.lose_all()
    bench.step(bench.ended("b", ForbiddenError("cannot list b: forbidden")))
    events = [event for name in "acdefgh" for event in bench.step(bench.listed(name))]
    assert ErrorCode.RECOVERED in [event.code for event in errors(events)]


def test_a_revoked_token_is_one_error_for_all_and_one_recovery(make: Any) -> None:
    bench = make(heartbeat_s=None, max_staleness_s=None)
    bench.begin()
    told = []
    for name in NAMES:  # as their watches end
        told += bench.step(bench.ended(name, UnauthorizedError(f"cannot list {name}")))
        told += bench.advance(0.05)
    (told,) = errors(told)
    assert (told.code, told.source, told.sources) == (ErrorCode.UNAUTHORIZED, "a", NAMES)
    assert errors(bench.advance(5)) == []
    assert not bench.engine.vitals().ready
    events = [event for name in NAMES for event in bench.step(bench.listed(name))]
    (back,) = errors(events)
    assert (back.code, back.sources) == (ErrorCode.RECOVERED, NAMES)


def test_an_outage_that_ends_in_refused_credentials_is_told_as_that_once_and_is_not_over(
    make: Any,
) -> None:
    bench = make(heartbeat_s=None, max_staleness_s=None)
    bench.begin()
    bench.lose_all()
    told = []
    for name in NAMES:
        bench.engine.sources[name].start(bench.engine.inbox, bench.clock.elapsed)
        told += bench.step(bench.ended(name, UnauthorizedError(f"cannot list {name}")))
        told += bench.advance(0.3)
    assert [(one.code, one.sources) for one in errors(told)] == [(ErrorCode.UNAUTHORIZED, NAMES)]
    (back,) = errors([event for name in NAMES for event in bench.step(bench.listed(name))])
    assert (back.code, back.sources) == (ErrorCode.RECOVERED, NAMES)


def test_a_resync_of_eight_that_found_nothing_different_is_told_once_as_that(make: Any) -> None:
    bench = make(heartbeat_s=None)
    bench.begin()
    events = []
    for name in NAMES:
        events += bench.step(Warned(name, bench.epoch(name), ErrorCode.RESYNC, "history expired"))
    for name in NAMES:
        events += bench.step(bench.listed(name))
    (told,) = events + bench.advance(SETTLE_S)
    assert told.code is ErrorCode.RESYNC
    assert told.sources == NAMES
    assert "nothing differs" in told.message


def test_a_resync_that_found_something_says_that_changes_may_be_missing_first(make: Any) -> None:
    bench = make(heartbeat_s=None)
    bench.begin()
    for name in NAMES:
        bench.step(Warned(name, bench.epoch(name), ErrorCode.RESYNC, "history expired"))
    told, delta = bench.step(bench.listed("a", D))
    assert (told.code, told.message) == (ErrorCode.RESYNC, "history expired")
    assert isinstance(delta, Delta)
    assert [event for name in NAMES[1:] for event in bench.step(bench.listed(name))] == []


def test_no_heartbeat_once_storage_has_been_silent_for_too_long(make: Any) -> None:
    """Watches go on, from the server's cache, with its storage frozen."""
    bench = make("a", "b", heartbeat_s=5.0, max_staleness_s=60.0)
    bench.begin()
    bench.proved()
    seen: list[tuple[float, Any]] = []
    start = bench.clock.elapsed
    for _ in range(100):
        for event in bench.advance(1):
            seen.append((bench.clock.elapsed - start, event))
        for name in ("a", "b"):  # the cache is well
            bench.engine.step([Alive(name, bench.epoch(name), "7")])
            seen += [(bench.clock.elapsed - start, event) for event in bench.sink.take()]
    beats = [at for at, event in seen if isinstance(event, Heartbeat)]
    assert beats
    assert max(beats) <= 60
    stale = [event for _, event in seen if getattr(event, "code", None) is ErrorCode.STALE]
    assert [event.sources for event in stale] == [("a", "b")]
    told = [event for _, event in seen if isinstance(event, Delta)]
    assert {item.status for delta in told for item in delta.changes} == {Status.UNKNOWN}


def test_storage_that_does_not_answer_is_an_outage_of_its_own(make: Any) -> None:
    bench = make("a", "b", heartbeat_s=10.0, max_staleness_s=120.0)
    bench.begin()
    bench.step(bench.ended("storage", ServerError("the storage does not answer")))
    events = bench.advance(11)
    assert [event.source for event in errors(events)] == ["storage", "storage"]
    assert not any(isinstance(event, Heartbeat) for event in events)
    bench.advance(40)
    (back,) = bench.proved()
    assert (back.code, back.source) == (ErrorCode.RECOVERED, "storage")
    assert any(isinstance(event, Heartbeat) for event in bench.advance(10))


def test_who_never_answered_and_was_named_on_a_beat_is_told_when_it_does(make: Any) -> None:
    """A server whose storage hangs from before: nobody fails, lists only take their time."""
    bench = make("a", "b", "c", heartbeat_s=12.0)
    bench.step(bench.listed("c"))
    assert [event.type for event in bench.advance(10.0)] == ["snapshot"]
    (told,) = errors(bench.advance(2.0))
    assert (told.code, told.sources) == (ErrorCode.DISCONNECTED, ("a", "b"))
    assert errors(bench.step(bench.listed("a"))) == []
    (back,) = errors(bench.step(bench.listed("b")))
    assert (back.code, back.sources) == (ErrorCode.RECOVERED, ("a", "b"))
    assert back.lasted == pytest.approx(12.0)


def test_who_answers_late_but_before_any_beat_was_never_told_as_lost(make: Any) -> None:
    bench = make("a", "b", heartbeat_s=30.0)
    bench.step(bench.listed("b"))
    bench.advance(11.0)
    assert errors(bench.step(bench.listed("a"))) == []


def test_a_server_that_is_lost_while_one_source_fails_by_itself_is_an_outage_of_its_own(
    make: Any,
) -> None:
    """Behind one resource stands an API server of its own, that does not answer for days."""
    bench = make("a", "b", "c", heartbeat_s=None, max_staleness_s=None)
    bench.begin()
    bench.step(bench.ended("c", ServerError("HTTP 503 Service Unavailable")))
    (alone,) = errors(bench.advance(SETTLE_S))
    assert (alone.code, alone.source, alone.sources) == (ErrorCode.SERVER, "c", ())
    bench.advance(60.0)
    bench.step(bench.changed("b", D))  # a has nothing to say
    lost = errors([*bench.step(bench.lost("a"), bench.lost("b")), *bench.advance(SETTLE_S)])
    assert [(one.code, one.sources) for one in lost] == [(ErrorCode.DISCONNECTED, ("a", "b"))]
    bench.advance(3.0)
    back = errors(bench.step(bench.listed("a"), bench.listed("b")))
    assert [(one.code, one.sources) for one in back] == [(ErrorCode.RECOVERED, ("a", "b"))]
    assert back[0].lasted < 10
    (back,) = errors(bench.step(bench.listed("c")))
    assert (back.code, back.source, back.sources) == (ErrorCode.RECOVERED, "c", ())
    assert back.lasted > 60


def test_what_fails_by_itself_and_is_refused_then_is_no_outage_any_more(make: Any) -> None:
    bench = make("a", "b", heartbeat_s=None, max_staleness_s=None)
    bench.begin()
    bench.step(bench.ended("b", ServerError("HTTP 503 Service Unavailable")))
    bench.advance(APART_S + 1)
    bench.step(bench.changed("a", D))
    bench.step(bench.lost("a"))
    bench.advance(SETTLE_S)
    told = errors(bench.step(bench.ended("b", ForbiddenError("forbidden"))))
    assert [one.code for one in told] == [ErrorCode.RECOVERED, ErrorCode.FORBIDDEN]
    (back,) = errors(bench.step(bench.listed("a")))
    assert (back.code, back.source) == (ErrorCode.RECOVERED, "a")


def test_who_notices_later_that_a_server_is_silent_is_no_outage_of_its_own(make: Any) -> None:
    bench = make("a", "b", heartbeat_s=None, max_staleness_s=None)
    bench.begin()
    bench.step(bench.lost("a"))
    assert len(errors(bench.advance(SETTLE_S))) == 1
    bench.advance(20.0)  # b has heard nothing since
    bench.step(bench.lost("b"))
    assert errors(bench.advance(SETTLE_S)) == []
    (back,) = errors(bench.step(bench.listed("a"), bench.listed("b")))
    assert back.sources == ("a", "b")


def test_the_end_of_an_outage_names_the_proof_where_its_loss_was_told_as_that(make: Any) -> None:
    """Its token is revoked: the watches go on for their term, and are refused one by one."""
    bench = make("a", "b", heartbeat_s=None)
    bench.begin()
    bench.step(bench.ended("storage", UnauthorizedError("unauthorized")))
    (told,) = errors(bench.advance(SETTLE_S))
    assert (told.source, told.sources) == ("storage", ())
    bench.step(bench.ended("b", UnauthorizedError("unauthorized")))
    (back,) = errors(bench.step(bench.listed("b")))  # through storage
    assert (back.code, back.sources) == (ErrorCode.RECOVERED, ("b", "storage"))


def test_storage_that_answers_again_has_everything_listed_anew(make: Any) -> None:
    bench = make("a", "b", heartbeat_s=None, max_staleness_s=60.0)
    bench.begin()
    bench.advance(61)
    before = bench.epoch("a")
    bench.step(bench.changed("a", D))  # of a cache
    assert bench.engine.sources["a"].blind
    bench.proved()
    assert bench.epoch("a") > before
    assert bench.engine.sources["a"].attempt.resource_version == ""
    (delta,) = [e for e in bench.step(bench.listed("a"), bench.listed("b")) if e.type == "delta"]
    assert {item.status for item in delta.changes} == {H}


def test_the_proof_alone_is_not_waited_for_at_the_start(make: Any) -> None:
    bench = make("a")
    assert [event.type for event in bench.begin()] == ["snapshot"]


def test_a_starting_server_is_asked_again_each_two_seconds(make: Any) -> None:
    bench = make("a", "b", heartbeat_s=None, max_staleness_s=None)
    bench.begin()
    for _ in range(6):
        bench.step(bench.ended("a", StartingError("not ready", 2.0)))
        assert bench.engine.sources["a"].retry_at - bench.clock.elapsed == 2.0
        bench.advance(2)


def test_what_cannot_be_judged_yet_is_unknown_only_where_nothing_was_known(make: Any) -> None:
    bench = make("a", "b", heartbeat_s=None)
    bench.step(Pending("a", bench.epoch("a"), "the API server is starting"))
    bench.step(bench.listed("b"))
    (snapshot,) = bench.advance(10)
    assert [item.message for item in snapshot.items] == ["the API server is starting", ""]
    bench.step(bench.listed("a"))
    bench.step(Pending("a", bench.epoch("a"), "the API server is starting"))
    assert bench.state.statuses["a"] is H


def test_a_token_that_changed_is_tried_at_once(make: Any) -> None:
    bench = make("a", "b", proof=False, heartbeat_s=None, max_staleness_s=None)
    bench.begin()
    stamp: list[Any] = [("token", 1)]
    for source in bench.sources.values():
        source.credentials = lambda: stamp[0]
    bench.step(bench.ended("a", UnauthorizedError("unauthorized")))
    bench.advance(5)
    assert bench.engine.sources["a"].retry_at - bench.clock.elapsed > 30
    before = bench.epoch("a")
    stamp[0] = ("token", 2)
    bench.advance(LOOK_AT_CREDENTIALS_S + 0.1)
    assert bench.epoch("a") > before


def essential(bench: ServerBench, *names: str) -> None:
    """Only these notice at once when the server goes; the others ask it now and then."""
    for name, source in bench.sources.items():
        source.essential = name in names


def sleep_deeply(bench: ServerBench, *names: str) -> None:
    """Have these fail until they wait for half a minute, and have just begun to."""
    for _ in range(7):
        for name in names:
            if bench.engine.sources[name].retry_at is None:
                bench.step(bench.lost(name))
        bench.advance(40)
    for name in names:
        bench.step(bench.lost(name))


def waits(bench: ServerBench, *names: str) -> list[float]:
    now = bench.clock.elapsed
    return [bench.engine.sources[name].retry_at - now for name in names]


def test_a_source_that_asks_now_and_then_hides_no_silence(make: Any) -> None:
    """Discovery looks once a minute: a shorter outage never sees it down."""
    bench = make("a", "b", "asks", heartbeat_s=None, max_staleness_s=None)
    essential(bench, "a", "b")
    bench.begin()
    sleep_deeply(bench, "a", "b")
    bench.engine.sources["a"].start(bench.engine.inbox, bench.clock.elapsed)
    bench.step(bench.listed("a"))
    assert waits(bench, "b")[0] <= WAKE_S


def test_a_server_that_dies_again_wakes_who_sleeps_again(make: Any) -> None:
    bench = make("a", "b", "c", heartbeat_s=None, max_staleness_s=None)
    bench.begin()
    sleep_deeply(bench, "a", "b", "c")
    for _ in range(3):
        bench.engine.sources["a"].start(bench.engine.inbox, bench.clock.elapsed)
        bench.step(Pending("a", bench.epoch("a"), "the API server is starting"))
        assert max(waits(bench, "b", "c")) <= WAKE_S
        sleep_deeply(bench, "a", "b", "c")
        assert min(waits(bench, "b", "c")) > WAKE_S


def test_an_attempt_that_hangs_since_the_silence_is_made_anew(make: Any) -> None:
    bench = make("a", "b", heartbeat_s=None, max_staleness_s=None)
    bench.begin()
    sleep_deeply(bench, "a", "b")
    for name in ("a", "b"):
        bench.engine.sources[name].start(bench.engine.inbox, bench.clock.elapsed)
    hanging = bench.epoch("b")
    bench.advance(5)
    bench.step(bench.listed("a"))
    bench.advance(WAKE_S)
    assert bench.epoch("b") == hanging + 1


def test_one_that_is_refused_while_others_are_answered_is_not_dialled_in_a_loop(make: Any) -> None:
    bench = make("a", "b", heartbeat_s=None, max_staleness_s=None)
    bench.begin()
    tries = 0
    for _ in range(600):
        bench.step(bench.changed("a", H))
        if bench.engine.sources["b"].retry_at is None:
            tries += 1
            bench.step(bench.lost("b"))
        bench.advance(1)
    assert tries < 40


def test_a_balancer_whose_servers_take_turns_in_failing_is_not_asked_in_a_loop(make: Any) -> None:
    bench = make("a", proof=False, heartbeat_s=None, max_staleness_s=None)
    bench.begin()
    tries = 0
    for _ in range(600):
        if bench.engine.sources["a"].retry_at is None:
            tries += 1
            bench.step(bench.lost("a") if tries % 2 else bench.ended("a", ServerError("HTTP 503")))
        bench.advance(1)
    assert tries < 200


def test_the_wait_that_a_server_names_does_not_grow(make: Any) -> None:
    bench = make("a", heartbeat_s=None, max_staleness_s=None)
    bench.begin()
    for _ in range(20):
        bench.step(bench.ended("a", ServerError("HTTP 429", 5.0, put_off=True)))
        assert 5.0 <= waits(bench, "a")[0] <= 5.0 + WAKE_S
        bench.advance(7)


def test_discovery_is_no_proof_that_storage_lives(make: Any) -> None:
    bench = make("a", "b", heartbeat_s=5.0, max_staleness_s=60.0)
    bench.begin()
    start = bench.clock.elapsed
    beats = []
    for _ in range(100):
        found = Replaced("b", bench.epoch("b"), (), "", consistent=False)
        for event in bench.step(found) + bench.advance(1):
            if isinstance(event, Heartbeat):
                beats.append(bench.clock.elapsed - start)
    assert beats
    assert max(beats) <= 60


def test_a_thaw_wakes_those_that_wait_too(make: Any) -> None:
    bench = make("a", "b", "c", heartbeat_s=None, max_staleness_s=600.0)
    bench.begin()
    bench.step(bench.ended("storage", ServerError("the storage does not answer")))
    sleep_deeply(bench, "a")
    bench.engine.sources["storage"].start(bench.engine.inbox, bench.clock.elapsed)
    bench.proved()
    assert waits(bench, "a")[0] <= WAKE_S


def test_a_resync_in_an_outage_is_told_once_at_its_end(make: Any) -> None:
    """The sources come back one after the other, each with its history lost."""
    bench = make(heartbeat_s=None)
    bench.begin()
    bench.lose_all()
    events = bench.advance(2)
    for name in NAMES:
        expired = Warned(name, bench.epoch(name), ErrorCode.RESYNC, "history expired")
        events += bench.step(expired, bench.listed(name))
        events += bench.advance(0.3)
    events += bench.advance(SETTLE_S)
    told = [(event.code, event.sources) for event in errors(events)]
    assert told == [(ErrorCode.RECOVERED, NAMES), (ErrorCode.RESYNC, NAMES)]


def test_a_list_that_is_awaited_keeps_nobody_busy(make: Any) -> None:
    bench = make("a", "b", heartbeat_s=None, max_staleness_s=None)
    bench.begin()
    bench.step(Warned("a", bench.epoch("a"), ErrorCode.RESYNC, "history expired"))
    bench.advance(10)
    due = bench.engine.next_deadline()
    assert due is None or due > bench.clock.elapsed


def test_the_state_is_told_how_each_connection_is(make: Any) -> None:
    bench = make("a", "b")
    bench.begin()
    bench.step(bench.lost("a"))
    assert set(bench.state.lost_at) == {"a"}
    bench.advance(2)
    bench.step(bench.listed("a"))
    assert bench.state.lost_at == {}


def test_who_found_nobody_is_told_when_another_that_found_nobody_is_answered(make: Any) -> None:
    """Not all had lost it at once: there was no silence whose end would wake everybody."""
    bench = make("a", "b", "c", heartbeat_s=None, max_staleness_s=None)
    bench.begin()
    for _ in range(7):
        bench.step(bench.lost("a"))
        bench.advance(35)
    bench.step(bench.lost("a"))
    bench.step(bench.lost("b"))
    assert waits(bench, "a")[0] > WAKE_S
    bench.step(bench.listed("b"))
    assert waits(bench, "a")[0] <= WAKE_S


def test_whose_attempt_is_under_way_at_the_end_of_an_outage_is_eager_again_too(make: Any) -> None:
    bench = make("a", "b", heartbeat_s=None, max_staleness_s=None)
    bench.begin()
    for _ in range(7):
        bench.lose_all()
        bench.advance(35)
    bench.lose_all()
    for name in "ab":
        bench.engine.sources[name].start(bench.engine.inbox, bench.clock.elapsed)
    bench.step(bench.listed("b"))
    bench.step(bench.listed("a"))
    bench.advance(5)
    bench.step(bench.lost("a"))
    assert waits(bench, "a")[0] <= 1.0


def test_a_server_that_starts_wakes_those_whom_a_balancer_put_off(make: Any) -> None:
    bench = make("a", "b", heartbeat_s=None, max_staleness_s=None)
    bench.begin()
    away(bench, "a", "b")
    bench.step(bench.ended("a", StartingError("cannot list a: forbidden", 2.0)))
    assert waits(bench, "b")[0] <= WAKE_S


def test_the_end_of_a_balancers_bad_answers_wakes_all_though_it_was_never_silent(
    make: Any,
) -> None:
    bench = make("a", "b", "c", heartbeat_s=None, max_staleness_s=None)
    bench.begin()
    away(bench, "a", "b", "c")
    bench.step(bench.listed("a"))
    assert max(waits(bench, "b", "c")) <= WAKE_S


def away(bench: ServerBench, *names: str) -> None:
    """A balancer answers in the server's place, for long."""
    for _ in range(7):
        for name in names:
            bench.step(bench.ended(name, ServerError("HTTP 502 Bad Gateway")))
        bench.advance(35)
    for name in names:
        bench.step(bench.ended(name, ServerError("HTTP 502 Bad Gateway")))
    assert max(waits(bench, *names)) > WAKE_S


def test_a_loss_began_when_the_source_was_last_heard_not_when_it_is_noticed(make: Any) -> None:
    bench = make("a", "b", heartbeat_s=None)
    bench.begin()
    heard = bench.clock.elapsed
    bench.advance(20.0)
    bench.proved()  # by another connection
    bench.step(bench.lost("a"))
    assert bench.state.lost_at == {"a": heard}


def test_what_is_lost_while_it_reads_history_anew_is_lost(make: Any) -> None:
    """It is not up meanwhile, so that its end is no fall."""
    bench = make("a", "b", heartbeat_s=None)
    bench.begin()
    heard = bench.clock.elapsed
    bench.advance(5.0)
    bench.step(Warned("a", bench.epoch("a"), ErrorCode.RESYNC, "history expired"))
    bench.step(bench.lost("a"))
    assert bench.state.lost_at == {"a": heard}


def test_a_watch_whose_silence_is_to_be_explained_is_opened_anew(make: Any) -> None:
    """Its connection may be dead, and nobody has said so."""
    bench = make("a", "b", heartbeat_s=None)
    bench.begin()
    before = bench.epoch("a"), bench.epoch("b")
    bench.state.silent = ["a"]
    bench.proved()
    assert (bench.epoch("a"), bench.epoch("b")) == (before[0] + 1, before[1])
    bench.step(bench.listed("a"))  # has just said it itself
    assert bench.epoch("a") == before[0] + 1


MOVES = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.sampled_from(["lost", "503", "forbidden", "listed", "resync"]),
        st.sampled_from([0.0, 0.1, 1.0, 40.0]),
    ),
    max_size=40,
)


@given(MOVES, st.integers(0, 3))
def test_errors_and_recoveries_balance_whatever_happens(moves: Any, seed: int) -> None:
    bench = ServerBench("a", "b", "c", seed=seed, heartbeat_s=7.0, max_staleness_s=None)
    try:
        events = bench.begin()
        for name, what, wait in moves:
            message: Optional[Any] = {
                "lost": bench.ended(name, DisconnectedError("reset")),
                "503": bench.ended(name, ServerError("HTTP 503", 2.0)),
                "forbidden": bench.ended(name, ForbiddenError("forbidden")),
                "listed": bench.listed(name),
                "resync": Warned(name, bench.epoch(name), ErrorCode.RESYNC, "expired"),
            }[what]
            events += bench.step(message)
            events += bench.advance(wait)
        for name in "abc":
            events += bench.step(bench.listed(name))
        lost: set[str] = set()
        joined = False  # those that it took later may be left of an outage that was told
        for event in events:
            if isinstance(event, Heartbeat):
                assert not lost
            elif isinstance(event, StreamError):
                sources = set(event.sources or (event.source,))
                if event.code is ErrorCode.RECOVERED:
                    assert lost & sources or joined
                    lost -= sources
                elif event.message.startswith("still without"):
                    continue  # the beat of a loss, or of a list that is not there yet
                elif event.code in (ErrorCode.DISCONNECTED, ErrorCode.SERVER):
                    lost |= sources
                elif event.code is ErrorCode.FORBIDDEN and lost & sources:
                    lost, joined = lost - sources, True
        assert not lost
    finally:
        bench.close()


@given(
    st.lists(
        st.tuples(
            st.sampled_from("abc"), st.sampled_from(["lost", "503", "later", "pending", "listed"])
        ),
        max_size=60,
    ),
    st.integers(0, 3),
)
def test_nobody_sleeps_through_the_first_answer_after_a_silence(moves: Any, seed: int) -> None:
    """Whoever tries, and whatever it finds: first answers wake all but those told to wait."""
    bench = ServerBench("a", "b", "c", seed=seed, heartbeat_s=None, max_staleness_s=None)
    try:
        bench.begin()
        unanswered: set[str] = set()
        for name, what in moves:
            health = bench.engine.sources[name]
            if health.attempt is None:
                bench.advance(max(0.0, health.retry_at - bench.clock.elapsed))
            silent = unanswered >= set("abc")
            if what == "lost":
                bench.step(bench.lost(name))
                unanswered.add(name)
                continue
            if what == "listed":
                bench.step(bench.listed(name))
            elif what == "pending":
                bench.step(Pending(name, bench.epoch(name), "the API server is starting"))
            else:
                wish = 9.0 if what == "later" else None
                bench.step(bench.ended(name, ServerError("HTTP 503", wish)))
            unanswered.clear()
            now = bench.clock.elapsed
            for other in bench.engine.sources:
                if silent and other.name != name and other.retry_at is not None:
                    assert other.retry_at <= max(now + WAKE_S, other.not_before)
                if other.retry_at is not None:
                    assert other.retry_at >= min(other.not_before, now)
    finally:
        bench.close()
