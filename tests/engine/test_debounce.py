"""Flapping is merged: the first change at once, what follows in a moment together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from agentctl.engine.loss import SETTLE_S
from agentctl.errors import DisconnectedError, ForbiddenError
from agentctl.model import Delta, Status
from tests.engine.test_engine import Bench, kinds

H, D, E = Status.HEALTHY, Status.DEGRADED, Status.ERROR


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench("a", "b", debounce_s=0.1, heartbeat_s=None)
    bench.begin()
    bench.sink.take()
    yield bench
    bench.close()


def statuses(events: list[Any]) -> list[dict[str, Status]]:
    return [
        {item.component: item.status for item in event.changes}
        for event in events
        if isinstance(event, Delta)
    ]


def test_the_first_change_goes_out_at_once(bench: Bench) -> None:
    assert statuses(bench.step(bench.changed("a", D))) == [{"a": D}]


def test_what_follows_within_the_debounce_is_told_together_at_its_end(bench: Bench) -> None:
    bench.step(bench.changed("a", D))
    assert bench.step(bench.changed("a", E)) == []
    assert bench.step(bench.changed("b", D)) == []
    assert bench.engine.next_deadline() == pytest.approx(bench.clock.monotonic() + 0.1)
    assert statuses(bench.advance(0.1)) == [{"a": E, "b": D}]


def test_what_flaps_back_within_the_debounce_is_not_told(bench: Bench) -> None:
    bench.step(bench.changed("a", D))
    for status in (H, D, H, D):
        assert bench.step(bench.changed("a", status)) == []
    assert bench.advance(1.0) == []


def test_one_that_flaps_for_long_is_told_once_a_debounce(bench: Bench) -> None:
    told = 0
    for at in range(100):
        told += len(bench.step(bench.changed("a", (H, D)[at % 2])))
        told += len(bench.advance(0.01))
    assert told <= 11


def test_after_a_quiet_while_a_change_goes_out_at_once_again(bench: Bench) -> None:
    bench.step(bench.changed("a", D))
    bench.advance(0.1)
    assert statuses(bench.step(bench.changed("a", H))) == [{"a": H}]


def test_errors_do_not_wait(bench: Bench) -> None:
    bench.step(bench.changed("a", D))
    bench.step(bench.lost("b"))
    assert "error" in kinds(bench.advance(SETTLE_S))


def test_what_is_withheld_is_told_before_a_beat_and_before_the_end() -> None:
    bench = Bench("a", debounce_s=10.0, heartbeat_s=1.0, timeout_s=1.5)
    bench.begin()
    bench.step(bench.changed("a", D))
    bench.step(bench.changed("a", E))
    bench.sink.take()
    assert kinds(bench.advance(1.0)) == ["delta", "heartbeat"]
    bench.step(bench.changed("a", H))
    assert statuses(bench.advance(0.5)) == [{"a": H}]
    assert bench.engine.outcome is not None
    bench.close()


def test_a_deadline_that_passes_while_something_is_withheld_makes_no_hot_loop(
    bench: Bench,
) -> None:
    bench.step(bench.changed("a", D))
    bench.step(bench.changed("a", E))
    judged: list[float] = []
    bench.state.deadline = bench.clock.monotonic() - 1

    def judge(now: float) -> None:
        judged.append(now)
        bench.state.deadline = None

    bench.state.judge = judge
    bench.step()
    assert judged
    assert bench.engine.next_deadline() > bench.clock.monotonic()


def test_vitals_tell_how_engine_and_sources_are() -> None:
    bench = Bench("a", "b", heartbeat_s=None)
    assert not bench.engine.vitals().begun
    bench.begin()
    vitals = bench.engine.vitals()
    assert vitals.ready
    assert vitals.at == bench.clock.monotonic()
    assert [(one.name, one.up, one.attempts) for one in vitals.sources] == [
        ("a", True, 1),
        ("b", True, 1),
    ]
    bench.clock.advance(5)
    bench.step(bench.ended("a", DisconnectedError("connection reset")))
    vitals = bench.engine.vitals()
    assert not vitals.ready
    assert (vitals.sources[0].lost, vitals.sources[0].failure) == (True, "connection reset")
    assert vitals.at - vitals.sources[0].last_alive == 5
    bench.close()


def test_a_refused_source_leaves_the_engine_ready() -> None:
    """Only a connection can be missing at one replica and not at the next."""
    bench = Bench("a", "b", heartbeat_s=None)
    bench.step(bench.listed("a"), bench.ended("b", ForbiddenError("forbidden")))
    assert bench.engine.vitals().ready
    bench.close()
