"""The pool: no reader waits for another, and who keeps a thread too long is cut."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Optional

import grpc
import pytest

from agentctl.clock import Clock, SystemClock
from agentctl.server.grpc.ready_queue import NEVER, Farewell, GrpcReader, Message, ReadyQueue
from agentctl.server.grpc.sender_pool import BURST, SenderPool, SenderPoolSize
from agentctl.server.metrics import Metrics
from tests.fakes import FakeClock, refuse_threads
from tests.server.grpc_rig import PATIENCE_S, GrpcSite, RawReader, eventually
from tests.server.replica import item

BYE = Farewell(grpc.StatusCode.UNAVAILABLE, "bye")
SMALL = SenderPoolSize(threads=2, spares=3, look_s=0.002, stuck_s=0.02, hurry_s=0.0, cut_s=10.0)


class Peer:
    """Some reader: gets ``messages`` messages, takes them only while it is not ``stuck``."""

    def __init__(self, messages: int = 1, topic: str = "topic") -> None:
        self.left = messages
        self.got = 0
        self.due = NEVER
        self.asked = 0
        self.ends: list[Farewell] = []
        self.cuts = 0
        self.at_once = 0
        self.most_at_once = 0
        self.reads = threading.Event()
        self.reads.set()
        self.cut_off = threading.Event()
        self.reader = GrpcReader(self, topic, b"", self.send, self.ends.append, self.cut)

    def take(self, now: float) -> Optional[Message]:
        self.asked += 1
        if not self.left:
            return None
        self.left -= 1
        return Message(b"data", now)

    def next_due(self) -> float:
        return self.due

    def send(self, data: bytes) -> None:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        while not self.reads.wait(0.001) and not self.cut_off.is_set():
            pass
        self.got += 1
        self.at_once -= 1

    def cut(self) -> None:
        self.cuts += 1
        self.cut_off.set()

    @property
    def stuck(self) -> bool:
        return self.at_once > 0


def stuck_peer() -> Peer:
    peer = Peer()
    peer.reads.clear()
    return peer


@contextmanager
def pool(
    clock: Optional[Clock] = None, size: SenderPoolSize = SMALL, metrics: Optional[Metrics] = None
) -> Iterator[SenderPool]:
    made = SenderPool(clock or SystemClock(), metrics or Metrics(), size)
    made.start()
    try:
        yield made
    finally:
        made.stop(PATIENCE_S)


def test_everybody_gets_what_there_is_and_then_what_is_new() -> None:
    peers = [Peer(3) for _ in range(20)]
    with pool() as it:
        for peer in peers:
            it.add(peer.reader)
        eventually(lambda: all(peer.got == 3 for peer in peers))
        for peer in peers:
            peer.left = 1
        it.wake("other")
        it.wake("topic")
        eventually(lambda: all(peer.got == 4 for peer in peers))
        assert all(peer.most_at_once == 1 for peer in peers)


def test_one_reader_is_never_sent_to_by_two() -> None:
    peer = Peer(0)
    with pool() as it:
        it.add(peer.reader)
        for _ in range(300):
            peer.left += 1
            it.wake("topic")
        eventually(lambda: peer.got == 300)
    assert peer.most_at_once == 1


def test_a_reader_with_much_to_catch_up_on_lets_others_have_their_turn() -> None:
    turns = ReadyQueue()
    long, short = Peer(), Peer()
    turns.add(long.reader)
    turns.add(short.reader)
    assert turns.next() is long.reader
    long.reader.more = True
    turns.put_back(long.reader)
    assert turns.next() is short.reader
    assert turns.next() is long.reader
    with pool() as it:
        many = Peer(10 * BURST)
        it.add(many.reader)
        eventually(lambda: many.got == 10 * BURST)


def test_who_is_due_is_asked_again_without_news() -> None:
    clock = FakeClock()
    peer = Peer()
    peer.due = clock.monotonic() + 5.0
    with pool(clock) as it:
        it.add(peer.reader)
        eventually(lambda: peer.got == 1)
        peer.left, peer.due = 1, NEVER
        it.look()
        assert peer.got == 1
        clock.advance(5.0)
        it.look()
        eventually(lambda: peer.got == 2)


class TestStuck:
    def test_others_are_served_and_the_thread_is_replaced(self) -> None:
        peers = [stuck_peer() for _ in range(4)]
        with pool(size=SMALL._replace(spares=50, hurry_s=PATIENCE_S)) as it:
            for peer in peers:
                it.add(peer.reader)
            eventually(lambda: all(peer.stuck for peer in peers))
            others = [Peer() for _ in range(50)]
            for other in others:
                it.add(other.reader)
            eventually(lambda: all(other.got == 1 for other in others))
            assert all(peer.stuck and not peer.cuts for peer in peers)
            assert it.hired > len(peers)
            for peer in peers:
                peer.reads.set()
            eventually(lambda: it.hired == SMALL.threads, "spares go when they are not needed")

    def test_after_ten_seconds_a_reader_is_cut(self) -> None:
        clock, metrics = FakeClock(), Metrics()
        with pool(clock, metrics=metrics) as it:
            peer = stuck_peer()
            it.add(peer.reader)
            eventually(lambda: peer.stuck)
            clock.advance(SMALL.cut_s - 0.1)
            it.look()
            assert not peer.cuts
            clock.advance(0.2)
            it.look()
            it.look()
            assert peer.cuts == 1
            assert metrics.counts().errors["slow_reader"] == 1
            eventually(lambda: not peer.stuck)
            peer.left = 1
            it.wake("topic")
            other = Peer()
            it.add(other.reader)
            eventually(lambda: other.got == 1)
            assert peer.got == 1, "nothing is sent to it any more"

    def test_too_many_at_once_and_the_longest_stuck_are_cut_sooner(self) -> None:
        metrics = Metrics()
        with pool(metrics=metrics) as it:
            peers = [stuck_peer() for _ in range(12)]
            for peer in peers:
                it.add(peer.reader)
            other = Peer()
            it.add(other.reader)
            eventually(lambda: other.got == 1)
            cut = [peer.cuts for peer in peers]
            assert set(cut) == {0, 1}
            assert cut == sorted(cut, reverse=True), "those who were first"
            assert metrics.counts().errors["slow_reader"] == sum(cut)

    def test_a_reader_is_given_a_second_even_then(self) -> None:
        clock = FakeClock()
        with pool(clock, SMALL._replace(hurry_s=1.0, threads=1, spares=1)) as it:
            peers = [stuck_peer() for _ in range(2)]
            it.add(peers[0].reader)
            eventually(lambda: peers[0].stuck)
            clock.advance(0.5)
            it.look()
            it.add(peers[1].reader)
            eventually(lambda: peers[1].stuck)
            clock.advance(0.4)
            it.look()
            other = Peer()
            it.add(other.reader)
            it.look()
            assert [peer.cuts for peer in peers] == [0, 0]
            clock.advance(0.2)
            it.look()
            assert [peer.cuts for peer in peers] == [1, 0]
            eventually(lambda: other.got == 1)

    def test_where_the_host_gives_no_thread_the_longest_stuck_is_cut_instead(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clock = FakeClock()
        with pool(clock, SMALL._replace(hurry_s=1.0)) as it:
            refuse_threads(monkeypatch)
            peers = [stuck_peer() for _ in range(2)]
            for peer in peers:
                it.add(peer.reader)
            eventually(lambda: all(peer.stuck for peer in peers))
            other = Peer()
            it.add(other.reader)
            clock.advance(1.5)
            it.look()  # in vain
            it.look()
            eventually(lambda: other.got == 1, "it would have waited for ten seconds")

    def test_it_can_be_stopped(self) -> None:
        peers = [stuck_peer() for _ in range(3)]
        with pool() as it:
            for peer in peers:
                it.add(peer.reader)
            eventually(lambda: sum(peer.stuck for peer in peers) == 3)
        assert all(peer.cuts for peer in peers)


class TestEnding:
    def test_a_farewell_comes_after_what_there_is(self) -> None:
        with pool() as it:
            peers = [Peer(2) for _ in range(10)]
            for peer in peers:
                it.add(peer.reader)
            it.dismiss(it.readers(), BYE)
            eventually(lambda: all(peer.ends == [BYE] for peer in peers))
            assert {peer.got for peer in peers} == {2}
            for peer in peers:
                it.remove(peer.reader)
            assert it.wait_empty(PATIENCE_S)

    def test_or_before_it(self) -> None:
        peer = stuck_peer()
        farewell = BYE._replace(at_once=True)
        with pool() as it:
            it.add(peer.reader)
            eventually(lambda: peer.stuck)
            peer.left = 5
            it.dismiss([peer.reader], farewell)
            peer.reads.set()
            eventually(lambda: peer.ends == [farewell])
            assert peer.got <= 2, "what was being sent, and no more"

    def test_a_reader_that_has_left_is_left_alone(self) -> None:
        with pool() as it:
            peer = Peer()
            it.remove(peer.reader)
            it.add(peer.reader)
            it.remove(peer.reader)
            it.wake("topic")
            other = Peer()
            it.add(other.reader)
            eventually(lambda: other.got == 1)
            assert (peer.asked, len(it.readers())) == (0, 1)
            assert not it.wait_empty(0.0)

    def test_one_that_fails_takes_nobody_along(self, caplog: pytest.LogCaptureFixture) -> None:
        with pool() as it:
            for _ in range(5):
                broken = Peer()
                broken.take = lambda now: 1 / 0  # type: ignore[assignment, method-assign]
                it.add(broken.reader)
            other = Peer()
            it.add(other.reader)
            eventually(lambda: other.got == 1)
            eventually(lambda: broken.cuts == 1)
        assert "a stream failed" in caplog.text


def test_due_times_of_those_who_left_are_cleared_out() -> None:
    turns = ReadyQueue()
    for number in range(5000):
        reader = Peer().reader
        turns.add(reader)
        assert turns.next() is reader
        reader.wants = 1000.0 + number
        turns.put_back(reader)
        turns.remove(reader)
    assert turns.due_times <= 1002
    assert turns.ring(10_000.0) == NEVER
    assert turns.next() is None


class TestReal:
    """The same with grpc's own flow control."""

    def test_a_reader_that_does_not_read_delays_nobody_and_is_cut(self) -> None:
        big = "x" * 1000
        items = [item(f"c{number}", "degraded", big) for number in range(200)]
        with GrpcSite() as site:
            pool = site.server.pool
            site.replica.begin(*items)
            with RawReader(site.server.port, 6, grants=False), site.client() as client:
                eventually(lambda: pool.sending == min(6, SenderPoolSize().threads))
                site.clock.advance(1.0)
                pool.look()
                eventually(lambda: pool.sending == 6)
                watch = client.watch()
                assert watch.next().type == "snapshot"
                site.replica.publish(*items[1:])
                assert watch.next().type == "delta"
                # Whoever is still being sent to would have been so for those ten seconds.
                eventually(lambda: pool.sending == 6)
                site.clock.advance(10.0)
                eventually(lambda: site.streams() == 1)
                assert site.counted("slow_reader") == 6
                site.replica.publish(*items[2:])
                assert watch.next().type == "delta"
