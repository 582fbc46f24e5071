"""The heap of deadlines against a plain list, and the bell that wakes a loop."""

from __future__ import annotations

import selectors
import threading

from hypothesis import given
from hypothesis import strategies as st

from agentctl.server.http.deadlines import NEVER, SLACK, Deadlines
from agentctl.server.http.wakeup import Wakeup


class Thing:
    def __init__(self) -> None:
        self.due = self.queued = NEVER


STEPS = st.lists(
    st.tuples(st.sampled_from(["set", "drop", "pass"]), st.integers(0, 4), st.integers(0, 20)),
    max_size=60,
)


@given(STEPS)
def test_what_comes_out_is_what_is_due(steps: list[tuple[str, int, int]]) -> None:
    deadlines: Deadlines[Thing] = Deadlines()
    things = [Thing() for _ in range(5)]
    expected: dict[Thing, float] = {}
    now = 0.0
    for what, index, number in steps:
        thing = things[index]
        if what == "set":
            deadlines.set(thing, now + number)
            expected[thing] = now + number
        elif what == "drop":
            deadlines.drop(thing)
            expected.pop(thing, None)
        else:
            now += number
            out = []
            while (one := deadlines.pop(now)) is not None:
                out.append(one)
            assert sorted(map(id, out)) == sorted(
                id(one) for one, due in expected.items() if due <= now
            )
            expected = {one: due for one, due in expected.items() if due > now}
        assert deadlines.next() <= min(expected.values(), default=NEVER)
        first = deadlines.first()
        assert (first.due if first else NEVER) == min(expected.values(), default=NEVER)


def test_things_that_come_and_go_leave_nothing_behind() -> None:
    deadlines: Deadlines[Thing] = Deadlines()
    for number in range(20 * SLACK):
        thing = Thing()
        deadlines.set(thing, 300.0 + number)
        deadlines.drop(thing)
    assert len(deadlines) <= 2 * SLACK


def test_a_deadline_that_keeps_moving_later_has_one_entry() -> None:
    deadlines: Deadlines[Thing] = Deadlines()
    thing = Thing()
    for number in range(1000):
        deadlines.set(thing, float(number))
    assert len(deadlines) == 1


def test_rings_are_heard_once_and_none_is_lost() -> None:
    with selectors.DefaultSelector() as selector:
        bell = Wakeup(selector)
        rung = [0]

        def ring() -> None:
            for _ in range(2000):
                rung[0] += 1
                bell.ring()

        ringer = threading.Thread(target=ring)
        ringer.start()
        seen = 0
        while seen < 2000:
            assert selector.select(5), "a ring was lost"
            bell.hear()
            seen = rung[0]
        ringer.join()
        bell.close()
        bell.ring()
