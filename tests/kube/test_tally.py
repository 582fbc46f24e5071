"""Tally: what is kept up change by change is what counting everything anew would give."""

from __future__ import annotations

from collections import Counter
from typing import Optional

from hypothesis import given
from hypothesis import strategies as st

from agentctl.engine.messages import ObjectKey
from agentctl.kube.cuts.resources import HEALTHY, Judged
from agentctl.kube.resources import NOT_SERVED, Seen
from agentctl.kube.tally import ORDER, SLACK, Tally, Terms

KEYS = [ObjectKey("", name) for name in "abcdef"]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(KEYS),
        st.sampled_from([None, "healthy", "degraded", "error", "progressing", "suspended"]),
        st.none() | st.integers(0, 60),
        st.integers(0, 15),
    ),
    max_size=30,
)


def counted(judged: Judged, now: float) -> str:
    """How one object counts, by the rules of the page."""
    if judged.status == "progressing":
        assert judged.since is not None
        return "degraded" if now >= judged.since + 20 else "progressing"
    if judged.status == "healthy" and judged.expires is not None:
        if now >= judged.expires:
            return "error"
        return "degraded" if now >= judged.expires - 5 else "healthy"
    return judged.status


@given(STEPS)
def test_counts_and_names_are_those_of_counting_anew(
    steps: list[tuple[ObjectKey, Optional[str], Optional[int], int]],
) -> None:
    tally = Tally(Terms(grace_s=20.0, warn_s=5.0))
    model: dict[ObjectKey, Judged] = {}
    begun: dict[ObjectKey, float] = {}
    bound: dict[ObjectKey, float] = {}
    now = 0.0
    for key, status, at, wait in steps:
        seen = Seen(now, now)  # both clocks are one
        judged: Optional[Judged] = None
        if status == "healthy":
            judged = HEALTHY if at is None else Judged(status, expires=float(at), seen=seen)
        elif status is not None:
            since = float(at) if at is not None and status == "progressing" else None
            judged = Judged(status, since=since, seen=seen)
        tally.update(key, judged, listed=True)
        old = model.pop(key, None)
        if judged is not None:
            going_on = old is not None and old.status == judged.status == "progressing"
            begun[key] = begun[key] if going_on else now
            if not going_on:
                bound[key] = float("-inf") if old is None else now
            if judged.status == "progressing":
                since = begun[key] if judged.since is None else min(judged.since, now)
                judged = Judged("progressing", since=max(since, bound[key]), seen=seen)
            model[key] = judged
        if wait % 2:  # several changes may come before anybody looks
            continue
        due = tally.settle(now, lambda moment: moment)
        check(tally, model, now)
        assert due is None or due > now
        now = min(now + wait, due) if due is not None else now + wait
    tally.settle(now, lambda moment: moment)
    check(tally, model, now)


def check(tally: Tally, model: dict[ObjectKey, Judged], now: float) -> None:
    kinds = {key: counted(judged, now) for key, judged in model.items()}
    assert tally.counts == Counter(kinds.values())
    bad = [key for key in kinds if kinds[key] != "healthy"]
    bad.sort(key=lambda key: (ORDER.index(kinds[key]), key))
    assert [key for key, _ in tally.named(3)] == bad[:3]


def test_moments_that_mean_nothing_any_more_do_not_pile_up() -> None:
    tally = Tally(Terms())
    for step in range(5 * SLACK):
        seen = Seen(float(step), float(step))
        status = "progressing" if step % 2 else "suspended"
        tally.update(KEYS[0], Judged(status, seen=seen), listed=True)
        tally.settle(float(step), lambda moment: moment)
    assert len(tally._due) < 2 * SLACK


def test_what_may_yet_be_renewed_waits_without_a_deadline() -> None:
    tally = Tally(Terms(grace_s=10.0))
    tally.update(KEYS[0], Judged("progressing", since=0.0, seen=Seen(0.0, 0.0)), listed=True)
    assert tally.settle(0.0, lambda moment: moment) == 10.0
    assert tally.settle(11.0, lambda moment: float("inf")) is None
    assert tally.counts == {"progressing": 1}
    assert tally.settle(12.0, lambda moment: 15.0) == 15.0
    assert tally.settle(15.0, lambda moment: moment) is None
    assert tally.counts == {"degraded": 1}


def test_whether_it_is_served_is_no_object() -> None:
    tally = Tally(Terms())
    tally.update(NOT_SERVED, NOT_SERVED, listed=True)  # type: ignore[arg-type]
    assert (tally.served, tally.total) == (False, 0)
    tally.update(NOT_SERVED, None, listed=True)
    assert tally.served
