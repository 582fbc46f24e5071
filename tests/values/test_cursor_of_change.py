"""The cursor after a change: the same bytes as worked out anew, at the cost of what changed."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentctl import cursor as cursors
from agentctl import cursortext
from agentctl.cursor import ItemHashes, Position
from agentctl.lazy_dataclass import replace
from agentctl.model import Item, ItemKey, Status, diff, difference, replaced
from tests.strategies import ITEMS

POSITION = Position(1_769_796_900_000, 7)
SCOPE = cursors.scope_of(["agents"], "c0ffee", [])
VERSIONS = {"pods": "123456", "deployments.apps": "9", "odd \ud800": "1", "s" * 65: "2"}

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), ITEMS),
        st.tuples(st.just("drop"), st.integers(0, 300)),
        st.tuples(st.just("change"), st.integers(0, 300)),
        st.tuples(st.just("swap"), st.integers(0, 300)),
    ),
    max_size=12,
)


def keyed(number: int) -> Item:
    return Item(f"component-{number}", "agents", Status.HEALTHY)


def stepped(items: list[Item], step: tuple[str, Any]) -> list[Item]:
    kind, what = step
    after = items.copy()
    if kind == "put":
        kept = {item.key: item for item in items}
        return list({**kept, what.key: what}.values())
    if not items:
        return after
    at = what % len(items)
    if kind == "drop":
        del after[at]
    elif kind == "swap":
        after[at], after[0] = after[0], after[at]
    else:
        old = items[at]
        after[at] = replace(old, status=Status.ERROR, message=f"at {what}", details={"n": what})
    return after


def hash32(value: Any) -> bytes:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).digest()[:4]


def hashes_as_first_defined(items: list[Item]) -> dict[bytes, bytes]:
    found = {}
    for item in items:
        key = [item.namespace, item.component]
        content = [item.status.value, item.lasting_message, dict(item.lasting)]
        found[hash32([item.cluster, *key] if item.cluster else key)] = hash32(content)
    return found


def digest_as_first_defined(hashes: dict[bytes, bytes]) -> bytes:
    pairs = sorted(int.from_bytes(key + value, "big") for key, value in hashes.items())
    data = b"".join(pair.to_bytes(8, "big") for pair in pairs)
    return hashlib.sha256(data).digest()[:8]


@given(st.sampled_from([0, 3, 101, 150]), STEPS)
def test_a_cursor_kept_up_is_the_one_worked_out_anew(count: int, steps: list[Any]) -> None:
    items, known = [keyed(number) for number in range(count)], ItemHashes()
    for step in [None, *steps]:
        items = items if step is None else stepped(items, step)
        kept = cursors.make(POSITION, SCOPE, VERSIONS, items, known)
        assert cursors.encode(kept) == cursors.encode(
            cursors.make(POSITION, SCOPE, VERSIONS, items)
        )
        expected = hashes_as_first_defined(items)
        hashes = known.of(items)
        assert hashes == b"".join(key + value for key, value in expected.items())
        assert known.digest() == cursors.digest_of(hashes) == digest_as_first_defined(expected)


@pytest.mark.parametrize("count", [10, 1000])
def test_one_item_of_many_is_all_that_is_hashed(count: int, monkeypatch: Any) -> None:
    hashed = []
    before = cursortext.item_hash
    monkeypatch.setattr(
        cursortext, "item_hash", lambda item: hashed.append(item.component) or before(item)
    )
    items, known = [keyed(number) for number in range(count)], ItemHashes()
    cursors.make(POSITION, SCOPE, VERSIONS, items, known)
    assert len(hashed) == count
    hashed.clear()
    cursors.make(POSITION, SCOPE, VERSIONS, stepped(items, ("change", 5)), known)
    assert hashed == ["component-5"]
    # One more of them: the others are still known.
    hashed.clear()
    cursors.make(POSITION, SCOPE, VERSIONS, [*items, keyed(count)], known)
    assert sorted(hashed) == sorted(["component-5", f"component-{count}"])


@given(st.lists(st.integers(0, 5), max_size=6, unique=True), STEPS)
def test_the_difference_of_lists_is_that_of_their_dicts(start: list[int], steps: list[Any]) -> None:
    items = [keyed(number) for number in start]
    for step in steps:
        after = stepped(items, step)
        found = difference(items, after)
        assert found == diff({i.key: i for i in items}, {i.key: i for i in after})
        items = after


def test_what_was_replaced_is_known_by_its_place() -> None:
    items = [keyed(number) for number in range(5)]
    assert replaced(items, list(items)) == []
    assert replaced(items, stepped(items, ("change", 3))) == [3]
    assert replaced(items, items[:4]) is None
    assert replaced(items, stepped(items, ("swap", 3))) is None
    assert ItemKey("agents", "component-3") == items[3].key
