"""A server that starts: what it says is looked at again, and no first answer yet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from agentctl.engine.messages import Alive, Pending, Warned
from agentctl.errors import STARTING, ExitCode, ForbiddenError, ServerError, StartingError
from agentctl.model import ErrorCode, Heartbeat, Snapshot, Status, StreamError
from tests.engine.test_outage import ServerBench


@pytest.fixture
def make() -> Iterator[Any]:
    benches: list[ServerBench] = []

    def build(*names: str, **options: Any) -> ServerBench:
        options.setdefault("heartbeat_s", None)
        benches.append(ServerBench(*names, **options))
        return benches[-1]

    yield build
    for bench in benches:
        bench.close()


def starting(bench: ServerBench, name: str, refused: bool = False) -> Any:
    refusal = ForbiddenError(f"cannot list {name}: forbidden")
    return bench.ended(name, StartingError(refusal.message, 2.0, refusal if refused else None))


@pytest.mark.parametrize("once", [True, False])
def test_the_snapshot_waits_for_what_a_starting_server_refused(make: Any, once: bool) -> None:
    bench = make("a", "b", once=once, proof=not once)
    assert bench.step(bench.listed("b"), starting(bench, "a")) == []
    before = bench.epoch("a")
    assert bench.advance(2.0) == []
    assert bench.epoch("a") == before + 1
    events = bench.step(bench.listed("a"))
    (snapshot,) = [event for event in events if isinstance(event, Snapshot)]
    assert {item.status for item in snapshot.items} == {Status.HEALTHY}
    if once:
        assert bench.engine.outcome.exit_code == ExitCode.OK


@pytest.mark.parametrize("once", [True, False])
def test_the_snapshot_goes_out_at_ten_seconds_all_the_same(make: Any, once: bool) -> None:
    bench = make("a", "b", once=once, proof=not once)
    bench.step(bench.listed("b"))
    events = []
    for _ in range(6):
        events += bench.step(starting(bench, "a"))
        events += bench.advance(1.9)
    snapshot = next(event for event in events if isinstance(event, Snapshot))
    assert [item.message for item in snapshot.items] == [STARTING, ""]
    if once:
        assert bench.engine.outcome.exit_code == ExitCode.DISCONNECTED
        assert bench.engine.outcome.message.startswith(STARTING)


def test_a_one_shot_whose_server_does_not_tell_and_refuses_all_ends_as_refused(make: Any) -> None:
    bench = make("a", "b", once=True, proof=False)
    for _ in range(5):
        bench.step(starting(bench, "a", refused=True), starting(bench, "b", refused=True))
        bench.advance(2.0)
    assert bench.engine.outcome.exit_code == ExitCode.REFUSED
    assert bench.engine.outcome.message == "cannot list a: forbidden"


def test_a_one_shot_that_waits_for_discovery_says_so(make: Any) -> None:
    bench = make("a", "apis", once=True, proof=False)
    bench.step(bench.listed("a"), Pending("apis", bench.epoch("apis"), STARTING))
    bench.advance(10.0)
    assert (bench.engine.outcome.exit_code, bench.engine.outcome.message) == (
        ExitCode.DISCONNECTED,
        STARTING,
    )


def test_what_was_known_stays_while_the_server_starts(make: Any) -> None:
    bench = make("a", "b")
    bench.begin()
    for _ in range(5):
        events = bench.step(starting(bench, "a")) + bench.advance(2.0)
        assert not any(getattr(event, "changes", ()) for event in events)
    assert bench.state.statuses["a"] is Status.HEALTHY


def test_the_beat_says_what_discovery_waits_for(make: Any) -> None:
    bench = make("a", "apis", heartbeat_s=15.0)
    bench.step(bench.listed("a"), Pending("apis", bench.epoch("apis"), STARTING))
    events = bench.advance(16.0)
    assert not any(isinstance(event, Heartbeat) for event in events)
    (error,) = [event for event in events if isinstance(event, StreamError)]
    assert (error.code, STARTING in error.message) == (ErrorCode.SERVER, True)
    bench.step(bench.listed("apis"))
    assert any(isinstance(event, Heartbeat) for event in bench.advance(16.0))


def test_a_proof_that_may_list_nothing_makes_nothing_stale(make: Any) -> None:
    bench = make("a", heartbeat_s=30.0, max_staleness_s=60.0)
    bench.begin()
    bench.step(bench.ended("storage", None))
    for _ in range(10):
        bench.step(Alive("a", bench.epoch("a")), bench.ended("storage", None))
        events = bench.advance(30.0)
        assert not any(isinstance(event, StreamError) for event in events)
    # As soon as it can be asked it counts again.
    bench.proved()
    codes = [e.code for e in bench.advance(61.0) if isinstance(e, StreamError)]
    assert ErrorCode.STALE in codes


def test_a_beat_while_history_is_read_anew_is_no_loss(make: Any) -> None:
    bench = make("a", "b", heartbeat_s=30.0, max_staleness_s=None)
    bench.begin()
    bench.step(Warned("a", bench.epoch("a"), ErrorCode.RESYNC, "history expired"))
    codes = [e.code for e in bench.advance(31.0) if isinstance(e, StreamError)]
    assert codes == [ErrorCode.RESYNC]


def test_a_beat_while_an_outage_ends_with_history_read_anew_is_that_of_the_outage(
    make: Any,
) -> None:
    bench = make("a", "b", heartbeat_s=10.0, max_staleness_s=None)
    bench.begin()
    bench.lose_all()
    for name in "ab":  # the watch is answered, and its one line is that it is too old
        lost = Warned(name, bench.epoch(name), ErrorCode.RESYNC, "history expired")
        bench.step(Alive(name, bench.epoch(name)), lost)
    codes = [e.code for e in bench.advance(10.0) if isinstance(e, StreamError)]
    assert codes[-1:] == [ErrorCode.DISCONNECTED]


def test_what_a_restored_server_tells_is_from_a_time_when_nothing_could_be_renewed(
    make: Any,
) -> None:
    bench = make("a", "b")
    bench.begin()
    bench.step(bench.lost("a"))
    assert bench.state.lost_at["a"] > 0
    bench.advance(2)
    again = Warned("a", bench.epoch("a"), ErrorCode.RESYNC, "it was at 9, and is at 7", True)
    bench.step(again)
    assert bench.state.lost_at["a"] == float("-inf")
    bench.step(bench.listed("a"))
    assert "a" not in bench.state.lost_at


@pytest.mark.parametrize("away", ["refuses", "hangs", "not at all"])
def test_what_is_first_seen_when_its_server_is_back_could_not_be_renewed_before(
    make: Any, away: str
) -> None:
    bench = make("a", "b")
    told: list[float] = []
    bench.engine.sources._lost = lambda source, since, now: told.append(since)
    if away == "refuses":
        bench.step(bench.ended("a", StartingError("not ready", 2.0)))
        bench.advance(2.0)
    elif away == "hangs":
        bench.advance(6.0)
    bench.step(bench.listed("a"))
    assert told == ([] if away == "not at all" else [float("-inf")])
    bench.step(bench.listed("b"))


def test_what_a_starting_server_had_shown_already_could_not_be_renewed_either(make: Any) -> None:
    bench = make("a", "b", "c")
    told: list[str] = []
    bench.engine.sources._lost = lambda source, since, now: told.append(f"{source} {since}")
    bench.step(bench.listed("a"))
    bench.step(bench.ended("b", StartingError("not ready", 2.0)))
    bench.step(bench.listed("c"))
    assert told == ["a -inf", "c -inf"]


@pytest.mark.parametrize("once", [True, False])
def test_a_one_shot_waits_for_what_may_be_renewed_yet(make: Any, once: bool) -> None:
    bench = make("a", "b", once=once, proof=not once)
    told: list[str] = []
    bench.engine.sources._lost = lambda source, since, now: told.append(f"{source} {since}")
    ended = replace(bench.listed("a"), unrenewed=True)
    begun = bool(bench.step(ended, bench.listed("b")))
    assert (begun, told) == (not once, ["a -inf"])
    if once:
        (snapshot,) = bench.step(bench.listed("a"))
        assert isinstance(snapshot, Snapshot)
        assert bench.engine.outcome.exit_code == ExitCode.OK


def test_a_one_shot_shows_at_ten_seconds_what_is_not_renewed_by_then(make: Any) -> None:
    bench = make("a", "b", once=True, proof=False)
    bench.step(replace(bench.listed("a"), unrenewed=True), bench.listed("b"))
    (snapshot,) = bench.advance(10.0)
    assert [item.message for item in snapshot.items] == ["", ""]
    assert bench.engine.outcome.exit_code == ExitCode.OK


def test_silent_storage_is_as_good_as_lost_since_it_last_answered(make: Any) -> None:
    bench = make("a", "b", max_staleness_s=120.0)
    bench.begin()
    bench.proved()
    last = bench.clock.elapsed
    bench.advance(20.0)
    bench.step(bench.ended("storage", ServerError("silent", 1.0, put_off=True)))
    assert bench.state.lost_at == {"a": last, "b": last}
    bench.advance(20.0)
    bench.proved()
    assert bench.state.lost_at == {}
    assert bench.state.proven_at == bench.clock.elapsed


def test_who_cannot_be_asked_proves_nothing(make: Any) -> None:
    bench = make("a")
    bench.begin()
    assert bench.state.proven_at == bench.clock.elapsed
    bench.step(bench.ended("storage", None))
    assert bench.state.proven_at is None
    bench.step(bench.listed("a"))
    assert bench.state.proven_at is None
