"""A server in place of the cluster: one snapshot in all, its cursors, its own troubles."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any, Optional

import pytest

from agentctl import cursor as cursors
from agentctl.engine.engine import Engine
from agentctl.engine.messages import Alive, Ended, Received
from agentctl.engine.policy import StreamPolicy
from agentctl.errors import DisconnectedError, ExitCode
from agentctl.model import (
    Delta,
    ErrorCode,
    Event,
    Heartbeat,
    Item,
    Snapshot,
    Status,
    StreamError,
)
from agentctl.remote.state import MAX_ITEMS, SOURCE, RelayStream, RemoteState
from tests.engine.test_engine import kinds
from tests.fakes import FakeClock, FakeSource, Recorder

NOW = datetime(2026, 1, 30, 18, 15, tzinfo=timezone.utc)
A, B = Item("a", "agents", Status.HEALTHY), Item("b", "agents", Status.HEALTHY)
A_BAD = Item("a", "agents", Status.DEGRADED, "1/2 ready")
SCOPE = cursors.scope_of(["agents"], "the server's own", [])


def cursor_of(*items: Item, sequence: int = 1) -> str:
    position = cursors.Position(1_769_796_900_000, sequence)
    return cursors.encode(cursors.make(position, SCOPE, {"pods": "7"}, items))


def snapshot(*items: Item) -> Snapshot:
    return Snapshot(NOW, items, cursor_of(*items))


def error(
    code: ErrorCode = ErrorCode.DISCONNECTED,
    message: str = "refused",
    sources: tuple[str, ...] = (),
) -> StreamError:
    return StreamError(NOW, message, code, "pods", 2.0, "c", sources)


class Bench:
    """A client's engine, with the server's events put by the test."""

    def __init__(self, **policy: Any) -> None:
        self.clock, self.sink = FakeClock(), Recorder()
        self.source = FakeSource(SOURCE)
        how = StreamPolicy(**{"heartbeat_s": 30.0, **policy})
        outlet = RelayStream(self.sink, self.clock, b"", how.since, how.follow_only)
        self.engine = Engine(
            [self.source],
            RemoteState(),
            outlet,
            how,
            clock=self.clock,
            rng=random.Random(1),
        )
        self.engine.start()

    @property
    def epoch(self) -> int:
        return self.engine.sources[SOURCE].epoch

    def receive(self, *events: Event) -> list[Any]:
        self.engine.step([Received(SOURCE, self.epoch, event, event.cursor) for event in events])
        return list(self.sink.take())

    def lose(self) -> list[Any]:
        self.engine.step([Ended(SOURCE, self.epoch, DisconnectedError("connection reset"))])
        return list(self.sink.take())

    def pass_time(self, seconds: float) -> list[Any]:
        end = self.clock.elapsed + seconds
        while (due := self.engine.next_deadline()) is not None and due <= end:
            self.clock.advance(max(0.0, due - self.clock.elapsed))
            self.engine.step([])
            if self.engine.outcome is not None:
                break
        self.clock.advance(end - self.clock.elapsed)
        return list(self.sink.take())


@pytest.fixture
def make() -> Iterator[Any]:
    benches: list[Bench] = []

    def build(**policy: Any) -> Bench:
        benches.append(Bench(**policy))
        return benches[-1]

    yield build
    for bench in benches:
        bench.engine.sources.stop(bench.clock.monotonic)


def test_the_servers_cursors_are_decoded_only_where_one_is_compared_or_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    decoded: list[str] = []
    decode = cursors.decode

    def counted(text: str) -> Optional[cursors.Cursor]:
        decoded.append(text)
        return decode(text)

    monkeypatch.setattr(cursors, "decode", counted)
    sink = Recorder()
    stream = RelayStream(sink, FakeClock(), b"")
    theirs = [cursor_of(A), cursor_of(A_BAD, sequence=2)]
    stream.begin([A], {SOURCE: theirs[0]})
    stream.publish([A_BAD], {SOURCE: theirs[1]})
    assert decoded == []
    stream.publish([A], {})
    assert decoded == [theirs[1]]
    cursors_sent = [event.cursor for event in sink.take()]
    assert cursors_sent[:2] == theirs
    made = decode(cursors_sent[2])
    assert made is not None
    assert made.scope == SCOPE


def test_the_servers_snapshot_comes_out_with_the_servers_cursor(make: Any) -> None:
    (event,) = make().receive(snapshot(A, B))
    assert isinstance(event, Snapshot)
    assert (event.items, event.cursor) == ((A, B), cursor_of(A, B))


def test_the_servers_delta_comes_out_with_the_servers_cursor(make: Any) -> None:
    bench = make()
    bench.receive(snapshot(A, B))
    cursor = cursor_of(A_BAD, B, sequence=2)
    (event,) = bench.receive(Delta(NOW, (A_BAD,), (), cursor))
    assert isinstance(event, Delta)
    assert (event.changes, event.removed, event.cursor) == ((A_BAD,), (), cursor)
    (event,) = bench.receive(Delta(NOW, (), (B.key,), "c3"))
    assert event.removed == (B.key,)


def test_a_snapshot_after_a_reconnect_becomes_a_delta_of_what_differs(make: Any) -> None:
    bench = make()
    bench.receive(snapshot(A, B))
    assert kinds(bench.lose()) == ["error"]
    bench.pass_time(5)
    recovered, event = bench.receive(snapshot(A_BAD))
    assert (recovered.code, recovered.source) == (ErrorCode.RECOVERED, SOURCE)
    assert isinstance(event, Delta)
    assert (event.changes, event.removed) == ((A_BAD,), (B.key,))


def test_the_same_snapshot_after_a_reconnect_says_only_that_it_is_back(make: Any) -> None:
    bench = make()
    bench.receive(snapshot(A, B))
    bench.lose()
    bench.pass_time(5)
    (recovered,) = bench.receive(snapshot(A, B))
    assert (recovered.code, recovered.lasted) == (ErrorCode.RECOVERED, 5.0)


def test_the_next_attempt_is_given_the_servers_last_cursor(make: Any) -> None:
    bench = make()
    bench.receive(snapshot(A, B))
    bench.lose()
    bench.pass_time(5)
    bench.source.attempts[0].stop()
    assert bench.engine.sources[SOURCE].attempt.resource_version == cursor_of(A, B)


def test_follow_only_prints_no_snapshot(make: Any) -> None:
    bench = make(follow_only=True)
    assert bench.receive(snapshot(A, B)) == []
    assert kinds(bench.receive(Delta(NOW, (A_BAD,), (), "c2"))) == ["delta"]


def test_since_is_told_exactly_what_differs_from_the_servers_state(make: Any) -> None:
    bench = make(since=cursor_of(A, B))
    (event,) = bench.receive(snapshot(A_BAD, B))
    assert isinstance(event, Delta)
    assert event.changes == (A_BAD,)


def test_heartbeats_are_our_own_while_the_server_is_well(make: Any) -> None:
    bench = make()
    bench.receive(snapshot(A))
    assert bench.receive(Heartbeat(NOW, "c")) == []
    assert kinds(bench.pass_time(60)) == ["heartbeat", "heartbeat"]


def test_what_is_wrong_at_the_server_is_told_once_and_then_on_the_beat(make: Any) -> None:
    bench = make()
    bench.receive(snapshot(A))
    (told,) = bench.receive(error())
    assert (told.code, told.source, told.message) == (ErrorCode.DISCONNECTED, "pods", "refused")
    assert bench.receive(error(message="still without pods: refused")) == []
    (beat,) = bench.pass_time(30)
    assert (beat.source, beat.message) == ("pods", "still without pods: refused")
    bench.receive(Heartbeat(NOW, "c"))
    assert kinds(bench.pass_time(30)) == ["heartbeat"]


def test_an_outage_of_several_sources_is_told_again_in_the_same_words_and_no_more(
    make: Any,
) -> None:
    bench = make()
    bench.receive(snapshot(A))
    both = ("pods", "leases")
    assert kinds(bench.receive(error(sources=both))) == ["error"]
    (beat,) = bench.pass_time(30)
    assert (beat.message, beat.sources) == ("still without pods, leases: refused", both)
    assert bench.receive(error(message=beat.message, sources=both)) == []
    (beat,) = bench.pass_time(30)
    assert (beat.message, beat.sources) == ("still without pods, leases: refused", both)


def test_an_outage_that_the_server_tells_again_with_another_reason_is_still_the_same_one(
    make: Any,
) -> None:
    bench = make()
    bench.receive(snapshot(A))
    bench.receive(error(sources=("pods", "leases")))
    message = "still without pods: the API server is starting"
    assert bench.receive(error(ErrorCode.SERVER, message)) == []
    (beat,) = bench.pass_time(30)
    assert (beat.code, beat.message) == (ErrorCode.SERVER, message)
    assert kinds(bench.receive(error(ErrorCode.FORBIDDEN, "cannot list pods"))) == ["error"]


def test_a_resync_at_the_server_is_no_outage(make: Any) -> None:
    bench = make()
    bench.receive(snapshot(A))
    assert kinds(bench.receive(error(ErrorCode.RESYNC))) == ["error"]
    assert kinds(bench.pass_time(30)) == ["heartbeat"]


def test_a_server_that_waits_for_its_lists_is_not_well(make: Any) -> None:
    """As long as its storage is silent: what was lost is read anew, and no list answers."""
    bench = make()
    bench.receive(snapshot(A))
    again = error(ErrorCode.RESYNC, "still without pods: no answer yet")
    assert kinds(bench.receive(again)) == ["error"]
    (beat,) = bench.pass_time(30)
    assert (beat.type, beat.message) == ("error", again.message)
    bench.receive(Heartbeat(NOW, "c"))
    assert kinds(bench.pass_time(30)) == ["heartbeat"]


def test_a_lost_server_turns_everything_unknown_in_the_end(make: Any) -> None:
    bench = make(max_staleness_s=60.0)
    bench.receive(snapshot(A, B))
    bench.lose()
    events = bench.pass_time(61)
    deltas = [event for event in events if isinstance(event, Delta)]
    assert [item.status for item in deltas[0].changes] == [Status.UNKNOWN] * 2
    assert deltas[0].changes[0].message == "no data for 1m0s"
    _, back = bench.receive(snapshot(A, B))
    assert back.changes == (A, B)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (ErrorCode.DISCONNECTED, ExitCode.DISCONNECTED),
        (ErrorCode.STALE, ExitCode.DISCONNECTED),
        (ErrorCode.FORBIDDEN, ExitCode.OK),
    ],
)
def test_a_timeout_while_the_server_is_without_its_sources(
    make: Any, code: ErrorCode, expected: ExitCode
) -> None:
    bench = make(timeout_s=10.0)
    bench.receive(snapshot(A), error(code))
    bench.pass_time(10)
    assert bench.engine.outcome.exit_code == expected


def test_a_server_without_cursors_is_given_our_own(make: Any) -> None:
    bench = make()
    (first,) = bench.receive(Snapshot(NOW, (A,), ""))
    assert cursors.decode(first.cursor) is not None
    (second,) = bench.receive(Snapshot(NOW, (A_BAD,), ""))
    assert cursors.decode(second.cursor) is not None
    assert second.cursor != first.cursor


def test_a_server_that_floods_us_with_items_is_bounded(make: Any) -> None:
    bench = make()
    many = tuple(Item(f"c{at}", "agents", Status.HEALTHY) for at in range(MAX_ITEMS + 1))
    events = bench.receive(Snapshot(NOW, many, "c"))
    assert kinds(events) == ["snapshot", "error"]
    assert len(events[0].items) == MAX_ITEMS


def test_proof_of_life_alone_does_not_count_as_the_first_answer(make: Any) -> None:
    """The source sends it on a resume only; then the state is known already."""
    bench = make()
    bench.receive(snapshot(A))
    bench.lose()
    bench.pass_time(5)
    bench.engine.step([Alive(SOURCE, bench.epoch)])
    assert kinds(bench.pass_time(30)) == ["error", "heartbeat"]
