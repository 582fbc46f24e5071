"""The stream over gRPC: what a reader gets, where it resumes, and what it is refused."""

from __future__ import annotations

from pathlib import Path

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from agentctl.clock import SystemClock
from agentctl.engine.stream import Notice
from agentctl.model import Delta, ErrorCode, Snapshot, StreamError
from agentctl.server.auth import TokenGate
from agentctl.server.fanout.subscription import CATCH_UP_S
from agentctl.server.limits import StreamLimits
from agentctl.server.metrics import Counts
from agentctl.wire import events_pb
from tests.fakes import FakeClock
from tests.server.grpc_rig import Client, GrpcSite, eventually, failure
from tests.server.replica import Replica, item

A, B = item("a"), item("b")
A_BAD = item("a", "degraded", "1/2 ready")
A_WORSE = item("a", "error", "0/2 ready")
OTHER = item("a", ns="other")


def test_a_snapshot_first_and_then_what_changes() -> None:
    with GrpcSite() as site, site.client() as client:
        site.replica.begin(A, B)
        watch = client.watch(namespace="agents")
        snapshot = watch.next()
        assert isinstance(snapshot, Snapshot)
        assert snapshot.items == (A, B)
        site.replica.publish(A_BAD, B)
        delta = watch.next()
        assert isinstance(delta, Delta)
        assert delta.changes == (A_BAD,)
        site.replica.publish(A_BAD)
        delta = watch.next()
        assert isinstance(delta, Delta)
        assert delta.removed == (B.key,)


def test_a_reader_that_comes_before_the_first_state_waits_for_it() -> None:
    with GrpcSite() as site, site.client() as client:
        watch = client.watch()
        eventually(lambda: site.streams() == 1)
        site.replica.begin(A)
        assert watch.next().type == "snapshot"


def test_a_heartbeat_comes_on_the_readers_own_beat() -> None:
    with GrpcSite() as site, site.client() as client:
        site.replica.begin(A)
        watch = client.watch(heartbeat=Duration(seconds=5))
        assert watch.next().type == "snapshot"
        for _ in range(3):
            site.clock.advance(5.0)
            site.replica.broadcaster.beat([])
            assert watch.next().type == "heartbeat"


def test_in_a_heartbeats_place_comes_what_is_wrong() -> None:
    with GrpcSite() as site, site.client() as client:
        site.replica.begin(A)
        watch = client.watch()
        watch.next()
        gone = Notice("deployments", ErrorCode.DISCONNECTED, "connection refused", 2.5)
        eventually(lambda: not site.server.pool.sending, "it would have been stuck for 30 s")
        site.clock.advance(30.0)
        site.replica.broadcaster.beat([gone])
        error = watch.next()
        assert isinstance(error, StreamError)
        assert error.code is ErrorCode.DISCONNECTED
        assert error.source == "deployments"
        assert error.retry_in == 2.5
        assert "connection refused" in error.message


def test_an_error_comes_when_it_happens() -> None:
    with GrpcSite() as site, site.client() as client:
        site.replica.begin(A)
        watch = client.watch()
        watch.next()
        site.replica.broadcaster.tell(
            Notice("pods", ErrorCode.FORBIDDEN, "cannot watch pods", 60.0)
        )
        error = watch.next()
        assert isinstance(error, StreamError)
        assert (error.code, error.source, error.retry_in) == (ErrorCode.FORBIDDEN, "pods", 60.0)


def test_a_namespace_of_several_or_all_together() -> None:
    with GrpcSite("agents", "other") as site, site.client() as client:
        site.replica.begin(A, OTHER)
        one, every = client.watch(namespace="other").next(), client.watch().next()
        assert isinstance(one, Snapshot)
        assert isinstance(every, Snapshot)
        assert (one.items, every.items) == ((OTHER,), (A, OTHER))


class TestResume:
    def test_a_recent_cursor_gets_the_changes_one_by_one(self) -> None:
        with GrpcSite() as site, site.client() as client:
            site.replica.begin(A, B)
            cursor = client.watch().next().cursor
            site.replica.publish(A_BAD, B)
            site.replica.publish(A_WORSE, B)
            watch = client.watch(cursor=cursor)
            first, second = watch.next(), watch.next()
            assert isinstance(first, Delta)
            assert isinstance(second, Delta)
            assert (first.changes, second.changes) == ((A_BAD,), (A_WORSE,))

    def test_a_cursor_of_another_replica_gets_exactly_the_difference(self) -> None:
        before = Replica().begin(A, B)
        cursor = before.channel.beat_entries(before.clock.monotonic())[0].event.cursor
        with GrpcSite() as site, site.client() as client:
            site.replica.begin(A_BAD, B, version=2)
            delta = client.watch(cursor=cursor).next()
            assert isinstance(delta, Delta)
            assert (delta.changes, delta.removed) == ((A_BAD,), ())

    def test_a_replica_that_is_behind_waits_and_then_goes_on(self) -> None:
        ahead = Replica().begin(A, B, version=9)
        cursor = ahead.channel.beat_entries(ahead.clock.monotonic())[0].event.cursor
        with GrpcSite() as site, site.client() as client:
            site.replica.begin(A_BAD, B, version=8)
            watch = client.watch(cursor=cursor)
            eventually(lambda: site.streams() == 1)
            site.clock.advance(CATCH_UP_S)
            assert watch.next().type == "delta"

    @pytest.mark.parametrize("cursor", ["x", "A" * 5000, "\u2028\0", "Zm9v", " "])
    def test_a_damaged_cursor_gets_a_snapshot(self, cursor: str) -> None:
        with GrpcSite() as site, site.client() as client:
            site.replica.begin(A)
            assert client.watch(cursor=cursor).next().type == "snapshot"

    def test_follow_only_gets_no_snapshot(self) -> None:
        with GrpcSite() as site, site.client() as client:
            site.replica.begin(A)
            watch = client.watch(follow_only=True)
            eventually(lambda: site.streams() == 1)
            site.replica.publish(A_BAD)
            assert watch.next().type == "delta"

    def test_follow_only_with_a_cursor_that_tells_nothing_says_resync(self) -> None:
        with GrpcSite() as site, site.client() as client:
            site.replica.begin(A)
            error = client.watch(cursor="x", follow_only=True).next()
            assert isinstance(error, StreamError)
            assert error.code is ErrorCode.RESYNC


class TestRefused:
    def test_a_namespace_that_is_not_served(self) -> None:
        with GrpcSite("agents", "other") as site, site.client() as client:
            site.replica.begin(A)
            code, message = client.watch(namespace="nope").failure()
            assert code is grpc.StatusCode.NOT_FOUND
            assert message == (
                "namespace 'nope' is not served here; "
                "expected one of agents, other, or none for all of them"
            )
            assert failure(lambda: client.status("x" * 5000))[0] is grpc.StatusCode.NOT_FOUND
            assert site.streams() == 0

    @pytest.mark.parametrize(
        "heartbeat",
        [
            Duration(),
            Duration(seconds=-1),
            Duration(nanos=999_999_999),
            Duration(seconds=300, nanos=1),
            Duration(seconds=2**63 - 1, nanos=2**31 - 1),
            Duration(seconds=-(2**63), nanos=-(2**31)),
        ],
    )
    def test_a_heartbeat_out_of_range(self, heartbeat: Duration) -> None:
        with GrpcSite() as site, site.client() as client:
            code, message = client.watch(heartbeat=heartbeat).failure()
            assert code is grpc.StatusCode.INVALID_ARGUMENT
            assert "between 1s and 5m0s" in message
            assert site.counted("bad_request") == 1

    def test_one_stream_too_many_is_told_at_once(self) -> None:
        with GrpcSite(limits=StreamLimits(2, 2)) as site, site.client() as client:
            site.replica.begin(A)
            watches = [client.watch() for _ in range(2)]
            assert [watch.next().type for watch in watches] == ["snapshot"] * 2
            code, message = client.watch().failure()
            assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert "2 streams at most" in message
            assert site.counted("limit") == 1
            watches[0].call.cancel()
            eventually(lambda: site.streams() == 1)
            assert client.watch().next().type == "snapshot"

    def test_one_peers_streams_are_counted(self) -> None:
        with GrpcSite(limits=StreamLimits(10, 1)) as site, site.client() as client:
            site.replica.begin(A)
            watch = client.watch()
            watch.next()
            assert "one peer may have 1 streams" in client.watch().failure()[1]
            assert site.services.count.enter("sse", "127.0.0.1") is not None
            watch.call.cancel()

    def test_a_token_that_is_taken_back_ends_its_streams_alone(self, tmp_path: Path) -> None:
        file = tmp_path / "tokens"
        file.write_text("old\nnew\n")
        clock = FakeClock()
        with GrpcSite(clock=clock, gate=TokenGate.from_file(str(file), clock)) as site:
            site.replica.begin(A)
            with site.channel() as channel:
                old = Client(channel, ("authorization", "Bearer old")).watch()
                new = Client(channel, ("authorization", "Bearer new")).watch()
                assert [old.next().type, new.next().type] == ["snapshot"] * 2
                file.write_text("new\n")
                clock.advance(2.0)
                assert old.failure()[0] is grpc.StatusCode.UNAUTHENTICATED
                site.replica.publish(A_BAD)
                assert new.next().type == "delta"


def test_an_event_is_encoded_once_for_all_readers(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    encode = events_pb.encode

    def counting(event: object) -> bytes:
        made.append(event.type)  # type: ignore[attr-defined]
        return encode(event)  # type: ignore[arg-type]

    with GrpcSite() as site, site.client() as client:
        site.replica.begin(A)
        watches = [client.watch() for _ in range(5)]
        assert {watch.next().type for watch in watches} == {"snapshot"}
        monkeypatch.setattr(events_pb, "encode", counting)
        site.replica.publish(A_BAD)
        assert {watch.next().type for watch in watches} == {"delta"}
    # Two threads may both have been the first.
    assert 1 <= len(made) <= 4


def test_hand_over_times_are_counted_for_live_changes_only() -> None:
    with GrpcSite(clock=SystemClock()) as site, site.client() as client:
        site.replica.begin(A)
        first = client.watch()
        cursor = first.next().cursor
        site.replica.publish(A_BAD)
        assert first.next().type == "delta"
        watches = [client.watch(cursor=cursor) for _ in range(3)]
        assert {watch.next().type for watch in watches} == {"delta"}
        site.replica.publish(A_WORSE)
        assert {watch.next().type for watch in watches} == {"delta"}

        def handed_over() -> int:
            counts: Counts = site.services.metrics.counts()
            return sum(counts.buckets)

        # The first reader had both as they happened, the others one.
        eventually(lambda: handed_over() == 5, f"{handed_over()}")


def test_everybody_who_left_is_forgotten() -> None:
    with GrpcSite() as site, site.client() as client:
        site.replica.begin(A)
        for round_ in range(5):
            watches = [client.watch() for _ in range(10)]
            for watch in watches[round_:]:
                watch.next()
            for watch in watches:
                watch.call.cancel()
        eventually(lambda: site.streams() == 0)
        eventually(lambda: not site.server.pool.readers())
