"""Waits grow to the cap, are jittered, and start over only after real health."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentctl.backoff import Backoff, Retry


class Longest:
    """No jitter: always the upper end."""

    def uniform(self, a: float, b: float) -> float:
        return b


def test_doubles_from_the_base_to_the_cap() -> None:
    waits = [Backoff().delay(attempt, Longest()) for attempt in range(7)]
    assert waits == [1, 2, 4, 8, 16, 30, 30]


@given(
    st.integers(0, 10**12),
    st.floats(0.001, 100),
    st.floats(0.001, 1000),
    st.floats(1, 10),
    st.integers(),
)
def test_between_half_and_all_and_never_over_the_cap(
    attempt: int, base: float, cap: float, factor: float, seed: int
) -> None:
    backoff = Backoff(base, cap, factor)
    full = backoff.delay(attempt, Longest())
    assert 0 < full <= cap
    assert full / 2 <= backoff.delay(attempt, random.Random(seed)) <= full


def test_a_billion_failures_overflow_nothing() -> None:
    assert Backoff().delay(10**9, Longest()) == 30


def test_the_waits_of_many_clients_differ() -> None:
    rng = random.Random(1)
    assert len({Backoff().delay(5, rng) for _ in range(100)}) == 100


def test_what_the_peer_asked_for_may_pass_the_cap() -> None:
    assert Backoff().delay(0, Longest(), floor=120) == 120
    assert Backoff().delay(3, Longest(), floor=1) == 8


def test_a_flapping_peer_is_not_dialled_in_a_loop() -> None:
    retry, now, waits = Retry(Backoff()), 0.0, []
    for _ in range(8):
        wait = retry.failed(now, up_since=now, retry_after=None, rng=Longest())
        waits.append(wait)
        now += wait
    assert waits == [1, 2, 4, 8, 16, 30, 30, 30]


@pytest.mark.parametrize(("healthy_s", "wait"), [(29.9, 8), (30.0, 1)])
def test_only_enough_health_starts_over(healthy_s: float, wait: float) -> None:
    retry = Retry(Backoff())
    for _ in range(3):
        retry.failed(0.0, None, None, Longest())
    assert retry.failed(100 + healthy_s, 100.0, None, Longest()) == wait


def test_never_up_is_no_health_however_long_it_took() -> None:
    retry = Retry(Backoff())
    retry.failed(0.0, None, None, Longest())
    assert retry.failed(1e9, None, None, Longest()) == 2


def test_retry_after_counts_as_a_failure_too() -> None:
    retry = Retry(Backoff())
    assert retry.failed(0.0, None, 45.0, Longest()) == 45
    assert retry.failed(45.0, None, None, Longest()) == 2
