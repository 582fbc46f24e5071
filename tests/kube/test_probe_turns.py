"""Laws of probes: their spacing, and what of a reading is a change."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agentctl.cursor import item_hash
from agentctl.kube.checks._probe_plan import ProbeReading
from agentctl.kube.turns import GAP_S, Turns
from agentctl.model import Item, Status, diff
from agentctl.probe.address import HostPort
from agentctl.probe.answer import Answer, Cause

THERE = HostPort("db", 5432)
EPSILON = 1e-9


@given(st.lists(st.floats(0, 5), min_size=1, max_size=80))
def test_no_two_begin_within_the_gap_and_none_before_it_wants(wanted: list[float]) -> None:
    turns = Turns()
    taken = [turns.take(one, 0.0) for one in wanted]
    assert all(given >= asked for given, asked in zip(taken, wanted))
    ordered = sorted(taken)
    gaps = [after - before for before, after in zip(ordered, ordered[1:])]
    assert all(gap >= GAP_S - EPSILON for gap in gaps)


def test_what_is_past_is_forgotten() -> None:
    turns = Turns()
    for second in range(1000):
        assert turns.take(float(second), float(second)) == second
    assert len(turns._taken) <= 2


@given(st.lists(st.booleans(), max_size=30), st.integers(1, 4))
def test_readings_in_a_row(good: list[bool], limit: int) -> None:
    reading = ProbeReading(THERE, None)
    degraded = False
    for at, one in enumerate(good):
        answer = Answer(1.0) if one else None
        cause = None if one else Cause.REFUSED
        reading = reading.after(answer, cause, "" if one else "connection refused", limit)
        row = 0
        for earlier in reversed(good[: at + 1]):
            if earlier:
                break
            row += 1
        assert reading.failures == row
        assert (reading.answer is not None) == one
        if one:
            assert reading.restored or not degraded
        degraded = reading.failures >= limit


def item(status: Status, message: str, **details: object) -> Item:
    return Item("database", "agents", status, message, details)


def test_latency_and_the_words_of_a_fine_probe_are_no_change_to_a_cursor() -> None:
    one = item(Status.HEALTHY, "", address="db:5432", latency_ms=1.0)
    other = item(Status.HEALTHY, "", address="db:5432", latency_ms=250.0)
    restored = item(Status.HEALTHY, "database connection restored", address="db:5432", latency_ms=2)
    assert one == other
    assert not diff({one.key: one}, {other.key: other})
    assert one.to_json()["details"]["latency_ms"] == 1.0
    assert item_hash(one) == item_hash(other) == item_hash(restored)
    assert diff({one.key: one}, {restored.key: restored})
    bad = item(Status.DEGRADED, "database connection retrying: x", address="db:5432")
    worse = item(Status.DEGRADED, "database connection retrying: y", address="db:5432")
    assert len({item_hash(one), item_hash(bad), item_hash(worse)}) == 3
    plain = Item("database", "agents", Status.HEALTHY, "a")
    assert item_hash(plain) != item_hash(Item("database", "agents", Status.HEALTHY, "b"))
