"""What a change costs a server's channels does not grow with what did not change: counted."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentctl import cursortext
from agentctl.clock import SystemClock
from agentctl.cursor import scope_of
from agentctl.model import Delta, Item, Status, replaced
from agentctl.server.fanout.broadcaster import Broadcaster
from agentctl.server.fanout.channel import Channel
from agentctl.server.fanout.narrowing import ItemSelection
from agentctl.server.fanout.state_part import StatePart

NAMESPACES = ("one", "two", "three")


def state(count: int, changed: int = -1) -> list[Item]:
    return [
        Item(f"part-{n}", NAMESPACES[n % 3], Status.ERROR if n == changed else Status.HEALTHY)
        for n in range(count)
    ]


def after(items: list[Item], changed: int) -> list[Item]:
    found = items.copy()
    found[changed] = state(len(items), changed)[changed]
    return found


@pytest.mark.parametrize("count", [9, 600])
def test_one_item_is_hashed_for_the_channels_that_have_it(count: int, monkeypatch: Any) -> None:
    clock = SystemClock()
    channels = {
        name: Channel(name, scope_of([name], "", ()), clock, {"pods": name or "pods"})
        for name in (*NAMESPACES, "")
    }
    broadcaster = Broadcaster(channels)
    narrowed = broadcaster.narrowed.of("two", ("part-4",))
    items = state(count)
    broadcaster.begin(items, {"pods": "1"})
    hashed, asked = [], []
    made, selects = cursortext.item_hash, ItemSelection.means
    monkeypatch.setattr(
        cursortext, "item_hash", lambda item: hashed.append(item.component) or made(item)
    )
    monkeypatch.setattr(
        ItemSelection, "means", lambda one, item: asked.append(item) or selects(one, item)
    )
    assert broadcaster.publish(after(items, 4), {"pods": "2"})
    assert hashed == ["part-4"] * 3  # its namespace, all together, and who asked for it alone
    assert asked == []
    assert narrowed is not None
    for channel in (channels["two"], channels[""], narrowed.channel):
        newest = channel.newest()
        assert newest is not None
        assert isinstance(newest[1].event, Delta)
        assert [item.component for item in newest[1].event.changes] == ["part-4"]
    assert channels["one"].newest() is None


@given(st.lists(st.tuples(st.sampled_from(["change", "drop", "add"]), st.integers(0, 40))))
def test_a_part_is_what_its_rule_selects_of_each_state(steps: list[tuple[str, int]]) -> None:
    def selects(item: Item) -> bool:
        return item.namespace == "two"

    part, items, whole = StatePart(selects), state(12), list[Item]()
    number = 12
    for kind, where in [("add", 0), *steps]:
        following = items.copy()
        at = where % len(items) if items else 0
        if kind == "change" and items:
            following[at] = Item(items[at].component, items[at].namespace, Status.ERROR, str(where))
        elif kind == "drop" and items:
            del following[at]
        else:
            number += 1
            following.insert(at, Item(f"part-{number}", NAMESPACES[where % 3], Status.HEALTHY))
        before = part.items
        part.take(following, replaced(whole, following))
        items = whole = following
        assert list(part.items) == [item for item in items if selects(item)]
        if kind == "change" and items and not selects(items[at]):
            assert part.items is before
