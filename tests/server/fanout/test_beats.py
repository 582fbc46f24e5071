"""A reader's own beats: never older than what it was told before."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from agentctl.engine.engine import Engine
from agentctl.engine.policy import StreamPolicy
from agentctl.errors import DisconnectedError, ForbiddenError
from agentctl.model import ErrorCode, Heartbeat
from tests.engine.test_outage import ServerBench
from tests.fakes import FakeSource, FakeState, Recorder
from tests.server.replica import Replica

NAMES = ("a", "b")


class ServingBench(ServerBench):
    """The engine of a server with two sources, and readers of what it says."""

    def __init__(self) -> None:
        self.replica = Replica()
        self.clock = self.replica.clock
        self.sink = Recorder()
        self.sources = {name: FakeSource(name) for name in NAMES}
        self.state = FakeState(NAMES)
        self.engine = Engine(
            list(self.sources.values()),
            self.state,
            self.replica.broadcaster,
            StreamPolicy(heartbeat_s=1.0, max_staleness_s=30.0),
            clock=self.clock,
            rng=random.Random(7),
        )
        self.engine.start()
        for name in NAMES:
            self.step(self.listed(name))

    def beat(self) -> Any:
        """What a reader that has everything is told now."""
        return self.replica.channel.beat_entries(self.clock.monotonic())[0].event


@pytest.fixture
def bench() -> Iterator[ServingBench]:
    made = ServingBench()
    yield made
    made.close()


def test_a_beat_right_after_a_recovery_is_no_outage(bench: ServingBench) -> None:
    bench.lose_all()
    bench.advance(3)
    assert bench.beat().code is ErrorCode.DISCONNECTED
    for name in NAMES:
        bench.step(bench.listed(name))
    assert isinstance(bench.beat(), Heartbeat)


def test_a_beat_right_after_a_loss_is_no_heartbeat(bench: ServingBench) -> None:
    assert isinstance(bench.beat(), Heartbeat)
    bench.lose_all()
    assert bench.beat().sources == NAMES


def test_a_beat_right_after_staleness_is_no_heartbeat(bench: ServingBench) -> None:
    bench.step(bench.ended("b", ForbiddenError("cannot list b: forbidden")))
    assert (bench.beat().code, bench.beat().source) == (ErrorCode.FORBIDDEN, "b")
    bench.step(bench.lost("a"))
    bench.advance(1)
    assert bench.beat().sources == NAMES
    bench.step(bench.listed("a"))
    assert (bench.beat().sources, bench.beat().source) == ((), "b")


def test_an_outage_is_told_before_it_is_told_again(bench: ServingBench) -> None:
    bench.advance(0.8)
    reader = bench.replica.reader(heartbeat_s=0.1)
    reader.take()
    bench.step(bench.ended("a", DisconnectedError("connection refused")))
    assert isinstance(bench.beat(), Heartbeat)  # as long as it may be about to fall with others
    bench.advance(0.2)  # the server's own beat
    told, again = reader.take()
    assert (told.message, again.message) == (
        "connection refused",
        "still without a: connection refused",
    )
