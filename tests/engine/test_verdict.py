"""When a goal is reached, when it has failed, and which component decided."""

from __future__ import annotations

from math import inf
from typing import Any, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentctl.engine.policy import Goal, Outcome
from agentctl.engine.verdict import Verdict, at_least, decisive
from agentctl.errors import ExitCode
from agentctl.model import Item, Status

STATIC = Item("runtime:custom", "agents", Status.UNKNOWN, "fixed", {"static": True})


def item(name: str, status: str, message: str = "") -> Item:
    return Item(name, "agents", Status(status), message)


def goal(until: Optional[str] = None, fail_on: Optional[str] = None, **more: Any) -> Verdict:
    return Verdict(
        Goal(
            Status(until) if until else None,
            fail_on=Status(fail_on) if fail_on else None,
            **more,
        )
    )


def look(verdict: Verdict, *items: Item, now: float = 0.0, missing: str = "") -> Optional[Outcome]:
    return verdict.look(items, now, missing)


A, A_BAD = item("a", "healthy"), item("a", "degraded", "1/2 ready")
B = item("b", "configured")


def test_until_healthy_is_reached_when_all_are_healthy_or_configured() -> None:
    assert look(goal("healthy"), A, B) == Outcome(ExitCode.OK, "healthy: all 2 components")
    assert look(goal("healthy"), A_BAD, B) is None
    assert look(goal("healthy"), item("a", "unknown")) is None


def test_a_fixed_unknown_of_the_catalog_has_no_say() -> None:
    assert look(goal("healthy"), A, STATIC) == Outcome(ExitCode.OK, "healthy: a")
    assert look(goal(fail_on="unknown"), A, STATIC) is None
    assert decisive([STATIC, A]) == [A]
    assert look(goal("healthy"), STATIC) is None


@pytest.mark.parametrize(
    ("until", "status", "reached"),
    [
        ("degraded", "healthy", False),
        ("degraded", "unknown", False),
        ("degraded", "degraded", True),
        ("degraded", "error", True),
        ("error", "degraded", False),
        ("unknown", "unknown", True),
        ("configured", "healthy", True),
        ("configured", "configured", True),
        ("configured", "unknown", False),
    ],
)
def test_until_a_bad_status_is_reached_by_one_component_that_bad(
    until: str, status: str, reached: bool
) -> None:
    assert (look(goal(until), A, item("b", status)) is not None) is reached


def test_fail_on_is_that_or_worse_and_names_the_worst() -> None:
    verdict = goal(fail_on="degraded")
    assert look(verdict, A, B) is None
    failed = look(verdict, A_BAD, item("c", "error", "0/1 ready"))
    assert failed == Outcome(ExitCode.VERDICT_BAD, "failed: c is error: 0/1 ready")
    assert look(goal(fail_on="error"), A_BAD) is None


def test_with_both_the_failure_wins() -> None:
    verdict = goal("degraded", fail_on="degraded")
    outcome = look(verdict, A_BAD)
    assert outcome is not None
    assert outcome.exit_code == ExitCode.VERDICT_BAD


def test_components_narrow_both() -> None:
    assert look(goal("healthy", components=("b*",)), A_BAD, B) is not None
    assert look(goal(fail_on="degraded", components=("b*",)), A_BAD, B) is None


def test_stable_for_has_to_hold_without_a_break() -> None:
    verdict = goal("healthy", stable_for_s=60.0)
    assert look(verdict, A, now=0) is None
    assert verdict.deadline == 60
    assert look(verdict, A_BAD, now=59) is None
    assert verdict.deadline == inf
    assert look(verdict, A, now=61) is None
    assert look(verdict, A, now=120.9) is None
    assert look(verdict, A, now=121) == Outcome(ExitCode.OK, "healthy for 1m0s: a")


def test_time_without_a_source_does_not_count() -> None:
    verdict = goal("healthy", stable_for_s=60.0)
    look(verdict, A, now=0)
    assert look(verdict, A, now=59, missing="pods cannot be seen") is None
    assert look(verdict, A, now=60) is None
    assert look(verdict, A, now=120) is not None
    assert look(goal("healthy"), A, missing="pods cannot be seen") is None


def test_what_can_be_seen_may_fail_while_the_rest_cannot() -> None:
    assert look(goal(fail_on="degraded"), A_BAD, missing="pods cannot be seen") is not None


@pytest.mark.parametrize(
    ("items", "missing", "says"),
    [
        ((A_BAD, B), "", "a is degraded: 1/2 ready"),
        ((A,), "pods cannot be seen", "pods cannot be seen"),
        ((STATIC,), "", "no component has a say"),
        ((A,), "", "it was so for less than 1m0s"),
    ],
)
def test_a_timeout_says_what_stood_in_the_way(items: Any, missing: str, says: str) -> None:
    verdict = goal("healthy", stable_for_s=60.0)
    look(verdict, *items, missing=missing)
    outcome = verdict.timed_out()
    assert outcome.exit_code == ExitCode.VERDICT_BAD
    assert outcome.message == f"not healthy before --timeout: {says}"


def test_a_timeout_before_a_bad_status_names_what_came_nearest_to_it() -> None:
    verdict = goal("error")
    look(verdict, A, B)
    look(verdict, A_BAD, B)
    told = "not error before --timeout: a is degraded: 1/2 ready, and nothing is worse"
    assert verdict.timed_out().message == told


def test_a_timeout_is_good_where_nothing_was_to_be_reached() -> None:
    assert goal(fail_on="error").timed_out() == Outcome(ExitCode.OK)


STATUSES = st.sampled_from(Status)


@given(
    st.lists(st.tuples(STATUSES, st.booleans(), st.floats(0, 30)), min_size=1, max_size=30),
    st.sampled_from([0.0, 10.0, 60.0]),
)
def test_healthy_is_reached_exactly_when_it_held_for_so_long(
    steps: list[tuple[Status, bool, float]], stable: float
) -> None:
    """Against the definition: well and seen at each look of an unbroken stretch."""
    verdict, now = goal("healthy", stable_for_s=stable), 0.0
    began: Optional[float] = None
    for status, seen, wait in steps:
        well = seen and at_least(Status.HEALTHY, status)
        began = (now if began is None else began) if well else None
        expected = began is not None and now - began >= stable
        outcome = look(verdict, Item("a", "agents", status), now=now, missing="" if seen else "x")
        assert (outcome is not None) is expected
        if expected:
            return
        now += wait
