"""Verdicts end a run: on the snapshot too, at the right moment, with the right code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Optional

import pytest

from agentctl.engine.policy import Goal
from agentctl.errors import DisconnectedError, ExitCode, ForbiddenError
from agentctl.model import Status
from tests.engine.test_engine import Bench, kinds

H, D, E = Status.HEALTHY, Status.DEGRADED, Status.ERROR


@pytest.fixture
def make() -> Iterator[Any]:
    benches: list[Bench] = []

    def build(
        until: Optional[Status] = None,
        fail_on: Optional[Status] = None,
        stable_for_s: float = 0.0,
        **policy: Any,
    ) -> Bench:
        goal = Goal(until, stable_for_s, fail_on)
        benches.append(Bench("a", "b", goal=goal, heartbeat_s=None, **policy))
        return benches[-1]

    yield build
    for bench in benches:
        bench.close()


def code(bench: Bench) -> Optional[int]:
    return None if bench.engine.outcome is None else int(bench.engine.outcome.exit_code)


def test_a_snapshot_that_is_as_wanted_ends_the_run(make: Any) -> None:
    bench = make(until=H)
    assert kinds(bench.begin()) == ["snapshot"]
    assert code(bench) == ExitCode.OK


def test_a_snapshot_that_is_bad_ends_the_run(make: Any) -> None:
    bench = make(fail_on=D)
    bench.step(bench.listed("a", D), bench.listed("b"))
    assert code(bench) == ExitCode.VERDICT_BAD
    assert bench.engine.outcome.message == "failed: a is degraded"


def test_what_decided_is_told_before_the_end(make: Any) -> None:
    bench = make(fail_on=D, debounce_s=10.0)
    bench.begin()
    bench.step(bench.changed("b", Status.UNKNOWN))
    assert kinds(bench.step(bench.changed("a", E))) == ["delta"]
    assert code(bench) == ExitCode.VERDICT_BAD


def test_stable_for_ends_at_its_very_moment(make: Any) -> None:
    bench = make(until=H, stable_for_s=60.0)
    bench.begin()
    start = bench.clock.elapsed
    assert bench.engine.next_deadline() == start + 60
    bench.advance(30)
    bench.step(bench.changed("a", D))
    bench.advance(10)
    bench.step(bench.changed("a", H))
    bench.advance(59.9)
    assert code(bench) is None
    bench.advance(0.2)
    assert code(bench) == ExitCode.OK
    assert bench.engine.outcome.message == "healthy for 1m0s: all 2 components"


def test_a_lost_source_begins_it_anew(make: Any) -> None:
    bench = make(until=H, stable_for_s=60.0)
    bench.begin()
    bench.advance(50)
    bench.step(bench.lost("a"))
    bench.advance(20)
    assert code(bench) is None
    bench.step(bench.listed("a"))
    bench.advance(59)
    assert code(bench) is None
    bench.advance(2)
    assert code(bench) == ExitCode.OK


def test_a_timeout_before_until_is_1(make: Any) -> None:
    bench = make(until=H, timeout_s=10.0)
    bench.step(bench.listed("a", D), bench.listed("b"))
    bench.advance(10)
    assert code(bench) == ExitCode.VERDICT_BAD
    assert bench.engine.outcome.message == "not healthy before --timeout: a is degraded"


def test_a_timeout_while_disconnected_is_5(make: Any) -> None:
    bench = make(until=H, timeout_s=10.0, stable_for_s=60.0)
    bench.begin()
    bench.step(bench.ended("a", DisconnectedError("connection reset")))
    bench.advance(10)
    assert code(bench) == ExitCode.DISCONNECTED


def test_a_timeout_with_fail_on_alone_is_0(make: Any) -> None:
    bench = make(fail_on=E, timeout_s=10.0)
    bench.step(bench.listed("a", D), bench.listed("b"))
    bench.advance(10)
    assert code(bench) == ExitCode.OK


def test_reached_in_the_step_of_the_timeout_is_reached(make: Any) -> None:
    bench = make(until=H, timeout_s=10.0, stable_for_s=10.0)
    bench.begin()
    bench.advance(10)
    assert code(bench) == ExitCode.OK
    assert "healthy for" in bench.engine.outcome.message


def test_forbidden_is_unknown_and_not_healthy(make: Any) -> None:
    bench = make(until=H, timeout_s=10.0)
    bench.step(bench.listed("a"), bench.ended("b", ForbiddenError("cannot list b: forbidden")))
    bench.advance(10)
    assert code(bench) == ExitCode.VERDICT_BAD
    assert "b is unknown" in bench.engine.outcome.message
