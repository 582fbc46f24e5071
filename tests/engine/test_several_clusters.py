"""Several clusters in one engine: what one loses touches its own sources alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf
from typing import Any

import pytest

from agentctl.engine.engine import Engine
from agentctl.engine.policy import Goal, Outcome, StreamPolicy
from agentctl.engine.stream import EventStream
from agentctl.errors import (
    DisconnectedError,
    ExitCode,
    ForbiddenError,
    StreamingUnsupported,
    UnauthorizedError,
)
from agentctl.model import Delta, ErrorCode, Heartbeat, Item, Snapshot, Status, StreamError
from tests.engine.test_engine import Bench, D, H
from tests.fakes import FakeClock, FakeSource, FakeState, Recorder

CLUSTERS = ("eu", "us", "ap")
LOST = DisconnectedError("connection refused")


class ClusterSource(FakeSource):
    def __init__(self, cluster: str, noun: str) -> None:
        super().__init__(f"{cluster}:{noun}")
        self.server = self.cluster = cluster


class ClusterState(FakeState):
    def items(self, now: float) -> Sequence[Item]:
        return [
            Item(name.partition(":")[2], "agents", status, self.messages[name], {}, name[:2])
            for name, status in self.statuses.items()
        ]


class ClustersBench(Bench):
    """Two sources of each cluster."""

    def __init__(self, **policy: Any) -> None:
        self.clock = FakeClock()
        self.sink = Recorder()
        names = [f"{cluster}:{noun}" for cluster in CLUSTERS for noun in ("pods", "leases")]
        self.state = ClusterState(names)
        self.sources = {name: ClusterSource(*name.split(":")) for name in names}
        stream = EventStream(self.sink, self.clock, b"scope")
        how = StreamPolicy(**policy)
        self.engine = Engine(self.sources.values(), self.state, stream, how, clock=self.clock)
        self.engine.start()

    def of(self, cluster: str) -> list[str]:
        return [name for name in self.sources if name.startswith(cluster)]

    def lose(self, cluster: str, failure: Any = LOST) -> list[Any]:
        return self.step(*(self.ended(name, failure) for name in self.of(cluster)))

    def answer(self, *clusters: str, status: Status = H) -> list[Any]:
        names = [name for cluster in clusters for name in self.of(cluster)]
        return self.step(*(self.listed(name, status) for name in names))


@pytest.fixture
def make() -> Iterator[Any]:
    benches: list[ClustersBench] = []

    def build(**policy: Any) -> ClustersBench:
        benches.append(ClustersBench(**policy))
        return benches[-1]

    yield build
    for bench in benches:
        bench.close()


def errors(events: list[Any]) -> list[tuple[str, str, tuple[str, ...]]]:
    found = [event for event in events if isinstance(event, StreamError)]
    return [(one.cluster, one.code.value, one.sources or (one.source,)) for one in found]


def test_one_lost_is_an_outage_that_names_it_and_turns_its_items_alone(make: Any) -> None:
    bench = make(max_staleness_s=60.0)
    (snapshot,) = bench.answer(*CLUSTERS)
    assert isinstance(snapshot, Snapshot)
    told = bench.lose("us")
    assert errors(told) == [("us", "disconnected", ("pods", "leases"))]
    seen = bench.advance(59)
    # On the beat it is told again, in the heartbeat's place.
    assert {one[0] for one in errors(seen)} == {"us"}
    assert not any(isinstance(event, Heartbeat) for event in seen)
    # Another has news meanwhile, and nothing else.
    (delta,) = bench.step(bench.changed("eu:pods", D))
    assert [(item.cluster, item.component) for item in delta.changes] == [("eu", "pods")]
    stale = bench.advance(2)
    (delta,) = (event for event in stale if isinstance(event, Delta))
    assert {item.cluster for item in delta.changes} == {"us"}
    back = bench.answer("us")
    assert ("us", "recovered", ("pods", "leases")) in errors(back)


def test_two_lost_are_two_errors_on_the_beat(make: Any) -> None:
    bench = make()
    bench.answer(*CLUSTERS)
    bench.lose("eu")
    bench.lose("ap")
    seen = [one for one in errors(bench.advance(30.5)) if one[1] == "disconnected"]
    assert [one[0] for one in seen[-2:]] == ["eu", "ap"]


def test_one_that_does_not_answer_does_not_hold_up_the_others(make: Any) -> None:
    bench = make(laggards_s=2.0)
    assert bench.answer("eu", "us") == []
    seen = bench.advance(2.1)
    (snapshot,) = (event for event in seen if isinstance(event, Snapshot))
    assert len(snapshot.items) == 6
    assert {item.cluster for item in snapshot.items if item.status is Status.UNKNOWN} == {"ap"}
    (delta,) = (event for event in bench.answer("ap") if isinstance(event, Delta))
    assert {item.cluster for item in delta.changes} == {"ap"}


@pytest.mark.parametrize(
    "failure", [LOST, UnauthorizedError("401"), ForbiddenError("403"), StreamingUnsupported("no")]
)
def test_one_that_refuses_at_the_start_is_lost_and_not_the_end(make: Any, failure: Any) -> None:
    bench = make()
    bench.lose("us", failure)
    seen = bench.answer("eu", "ap")
    assert isinstance(seen[0], Snapshot)
    assert bench.engine.outcome is None
    assert {one[0] for one in errors(seen)} <= {"us"}
    unknown = {item.cluster for item in seen[0].items if item.status is Status.UNKNOWN}
    assert unknown == {"us"}


def test_all_that_refuse_are_the_end(make: Any) -> None:
    bench = make()
    for cluster in CLUSTERS:
        bench.lose(cluster, ForbiddenError("cannot list pods: forbidden"))
    assert bench.engine.outcome == Outcome(ExitCode.REFUSED, "eu: cannot list pods: forbidden")


def test_without_retry_the_last_loss_is_the_end(make: Any) -> None:
    bench = make(retry=False)
    bench.answer(*CLUSTERS)
    bench.lose("eu")
    bench.lose("us")
    assert bench.engine.outcome is None
    bench.lose("ap")
    assert bench.engine.outcome == Outcome(ExitCode.DISCONNECTED, "ap: connection refused")


@pytest.mark.parametrize(
    ("us", "ap", "eu", "code"),
    [
        (None, None, H, ExitCode.OK),
        (LOST, ForbiddenError("403"), H, ExitCode.DISCONNECTED),
        (StreamingUnsupported("no watch"), ForbiddenError("403"), H, 4),
        (None, ForbiddenError("403"), H, ExitCode.REFUSED),
        (LOST, None, D, ExitCode.VERDICT_BAD),
    ],
)
def test_known_bad_comes_before_unseen_before_good(
    make: Any, us: Any, ap: Any, eu: Status, code: int
) -> None:
    goal = Goal(until=Status.HEALTHY, stable_for_s=60.0)
    bench = make(timeout_s=10.0, goal=goal if eu is D else Goal())
    bench.answer("eu", status=eu)
    for cluster, failure in (("us", us), ("ap", ap)):
        if failure is None:
            bench.answer(cluster)
        else:
            bench.lose(cluster, failure)
    bench.advance(11)
    outcome = bench.engine.outcome
    assert outcome is not None
    assert outcome.exit_code == code
    if code in (3, 5):
        assert ("us" if code == 5 else "ap") in outcome.message
    if code == 1:
        assert "eu/pods is degraded" in outcome.message


def test_a_calm_cluster_is_not_looked_at_for_one_that_is_lost(make: Any) -> None:
    bench = make()
    bench.answer(*CLUSTERS)
    bench.advance(1)
    bench.lose("us")
    resting = {one.cluster: one.rests_until > -inf for one in bench.engine.sources.servers}
    assert resting == {"eu": True, "us": False, "ap": True}


def test_lost_history_of_one_is_told_of_it_alone(make: Any) -> None:
    from agentctl.engine.messages import Warned

    bench = make()
    bench.answer(*CLUSTERS)
    warned = Warned("eu:pods", bench.epoch("eu:pods"), ErrorCode.RESYNC, "history expired")
    bench.step(warned)
    seen = bench.step(bench.listed("eu:pods", D, "9"))
    assert ("eu", "resync", ("pods",)) in errors(seen)
