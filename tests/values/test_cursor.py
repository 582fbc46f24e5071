"""Cursors: always short, never believed when damaged, and what is resumed from them."""

from __future__ import annotations

import base64
import json
import os
import random
import subprocess
import sys
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentctl import cursor as cursors
from agentctl import cursortext
from agentctl.cursor import Changes, Cursor, CursorClock, Full, Nothing, Position, Resumption
from agentctl.lazy_dataclass import replace
from agentctl.model import Item, ItemKey, Status
from tests.strategies import ITEMS, STATES

NOW = datetime(2026, 1, 30, 18, 15, tzinfo=timezone.utc)
SCOPE = cursors.scope_of(["agents"], "c0ffee", [])
POSITION = Position(1_769_796_900_000, 7)

State = dict[ItemKey, Item]

PAIR = st.binary(min_size=8, max_size=8)
NUMBER = st.integers(0, 2**63 - 1)
VERSIONS = st.dictionaries(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    st.integers(0, 10**12).map(str),
    max_size=8,
)
CURSORS = st.builds(
    Cursor,
    st.builds(Position, NUMBER, NUMBER),
    st.binary(min_size=8, max_size=8),
    VERSIONS,
    st.lists(PAIR, max_size=20).map(b"".join),
) | st.builds(
    Cursor,
    st.builds(Position, NUMBER, NUMBER),
    st.binary(min_size=8, max_size=8),
    VERSIONS,
    st.just(b""),
    st.binary(min_size=8, max_size=8),
)


def state_of(count: int, message: str = "", cluster: str = "") -> State:
    items = (
        Item(f"component-{n}", "agents", Status.HEALTHY, message, cluster=cluster)
        for n in range(count)
    )
    return {item.key: item for item in items}


def cursor_of(state: State) -> Cursor:
    return cursors.make(POSITION, SCOPE, {"pods": "123456"}, list(state.values()))


# The text


@given(CURSORS)
def test_round_trip(cursor: Cursor) -> None:
    assert cursors.decode(cursors.encode(cursor)) == cursor


@given(
    st.builds(
        Cursor,
        st.builds(Position, st.integers(), st.integers()),
        st.binary(max_size=20),
        st.dictionaries(st.text(), st.text(), max_size=60),
        st.lists(PAIR, max_size=200).map(b"".join),
    )
)
def test_any_cursor_is_at_most_1024_url_safe_characters_and_good(cursor: Cursor) -> None:
    text = cursors.encode(cursor)
    assert len(text) <= 1024
    assert text.isascii()
    assert text.replace("-", "").replace("_", "").isalnum()
    assert cursors.decode(text) is not None


@pytest.mark.parametrize("count", [0, 1, 60, 90, 91, 92, 100, 101, 5000])
@pytest.mark.parametrize("sources", [0, 1, 13, 32, 500])
def test_sizes_from_one_item_to_thousands(count: int, sources: int) -> None:
    versions = {f"sources-{n}": str(10**8 + n) for n in range(sources)}
    cursor = cursors.make(POSITION, SCOPE, versions, list(state_of(count).values()))
    text = cursors.encode(cursor)
    assert len(text) <= 1024
    read = cursors.decode(text)
    assert read is not None
    assert read.position == POSITION
    assert (read.digest is None) == (read.hashes == cursor.hashes and count <= 100)
    assert isinstance(cursors.resume(read, SCOPE, list(state_of(count).values()), ()), Nothing)


@pytest.mark.parametrize("cluster", ["", "east"])
def test_a_hundred_items_are_told_by_a_digest_because_their_hashes_do_not_fit(
    cluster: str,
) -> None:
    read = cursors.decode(cursors.encode(cursor_of(state_of(100, cluster=cluster))))
    assert read is not None
    assert read.digest is not None
    assert not read.hashes
    sixty = cursors.decode(cursors.encode(cursor_of(state_of(60))))
    assert sixty is not None
    assert len(sixty.hashes) == 60 * 8


def test_an_absurd_resource_version_is_left_out_and_the_others_stay() -> None:
    versions = {"pods": "9" * 65, "leases": "17", "s" * 65: "1", "half \ud800": "2"}
    read = cursors.decode(cursors.encode(Cursor(POSITION, SCOPE, versions)))
    assert read is not None
    assert read.versions == {"leases": "17", "half ?": "2"}


@given(CURSORS, st.data())
def test_one_wrong_character_is_noticed(cursor: Cursor, data: st.DataObject) -> None:
    text = cursors.encode(cursor)
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters(codec="ascii").filter(lambda char: char != text[at]))
    assert cursors.decode(text[:at] + other + text[at + 1 :]) is None
    assert cursors.decode(text[:at] + text[at + 1 :]) is None
    assert cursors.decode(text[:at] + other + text[at:]) is None


@given(st.text() | st.text("abcdefgXYZ0189-_=", max_size=80) | st.binary().map(bytes.hex))
def test_any_other_text_is_no_cursor(text: str) -> None:
    assert cursors.decode(text) is None


@pytest.mark.parametrize(
    "text",
    ["", "=", "A", "AAAA", "A" * 1024, "A" * 1025, "A" * 10_000_000, "\u00e9" * 40, "\ud800", "\0"],
)
def test_no_cursor(text: str) -> None:
    assert cursors.decode(text) is None


def test_another_format_is_no_cursor_even_with_its_checksum() -> None:
    body = b"\x02" + b"\0" * 20
    assert cursors.decode(cursortext.sealed(body)) is None


@given(st.binary(max_size=200))
def test_a_forged_body_with_a_good_checksum_raises_nothing(rest: bytes) -> None:
    body = b"\x01" + rest
    found = cursors.decode(cursortext.sealed(body))
    if found is not None:
        assert cursors.decode(cursors.encode(found)) == found


def test_random_single_bit_damage_is_noticed() -> None:
    text = cursors.encode(cursor_of(state_of(9)))
    rng = random.Random(7)
    for _ in range(2000):
        damaged = bytearray(text.encode())
        damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
        assert cursors.decode(damaged.decode("latin-1")) is None


# Hashes, scope and positions


def test_every_process_makes_the_same_cursor() -> None:
    code = """
from agentctl import cursor as c
from agentctl.model import Item, Status
details = {"b": [1, None], "a": {"x": 1.5}}
item = Item("grpc", "agents", Status.DEGRADED, "caf\\u00e9 \\ud800", details)
scope = c.scope_of(["b", "a"], "x", ["*"])
print(c.encode(c.make(c.Position(5, 6), scope, {"p": "1"}, [item])))
"""
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert done.stdout.strip() == "AQUGZ4FAVDW1OCYBAXABMQFSI8gtFfbK9fvqyak"


@given(ITEMS, ITEMS)
def test_hashes_are_equal_exactly_when_what_is_printed_is(one: Item, other: Item) -> None:
    same_key = one.key == other.key
    assert (cursors.key_hash(one.key) == cursors.key_hash(other.key)) == same_key
    no_key = {"cluster": "", "component": "", "namespace": ""}
    printed = [json.dumps({**item.to_json(), **no_key}, sort_keys=True) for item in (one, other)]
    assert (cursors.item_hash(one) == cursors.item_hash(other)) == (printed[0] == printed[1])


def test_keys_that_read_alike_when_joined_differ() -> None:
    assert cursors.key_hash(ItemKey("a", "b\0c")) != cursors.key_hash(ItemKey("a\0b", "c"))


def test_the_scope_tells_namespaces_catalog_and_filter_apart() -> None:
    scopes = [
        cursors.scope_of(["a"], "x", []),
        cursors.scope_of(["b"], "x", []),
        cursors.scope_of(["a", "b"], "x", []),
        cursors.scope_of(["a"], "y", []),
        cursors.scope_of(["a"], "x", ["b"]),
        cursors.scope_of([], "x", ["a"]),
    ]
    assert len(set(scopes)) == len(scopes)
    assert cursors.scope_of(["b", "a"], "x", []) == cursors.scope_of(["a", "b", "a"], "x", [])


def test_positions_grow_when_the_wall_clock_goes_back() -> None:
    clock = CursorClock()
    moments = [NOW, NOW, NOW - timedelta(days=1), NOW + timedelta(seconds=1), NOW]
    positions = [clock.next(moment) for moment in moments]
    assert positions == sorted(set(positions))
    assert [position.sequence for position in positions] == [1, 2, 3, 4, 5]
    times = [position.time_ms for position in positions]
    assert times == sorted(times)


# Resuming


def applied(old: State, found: Resumption) -> State:
    assert not isinstance(found, Full)
    state = dict(old)
    if isinstance(found, Changes):
        for key in found.removed:
            del state[key]
        state.update((item.key, item) for item in found.changes)
    return state


def printed(state: State) -> dict[ItemKey, str]:
    return {key: json.dumps(item.to_json(), sort_keys=True) for key, item in state.items()}


@given(STATES, STATES)
def test_applying_what_is_resumed_to_the_old_state_gives_the_new(old: State, new: State) -> None:
    read = cursors.decode(cursors.encode(cursor_of(old)))
    found = cursors.resume(read, SCOPE, list(new.values()), [*old, *new])
    assert printed(applied(old, found)) == printed(new)
    assert isinstance(found, Nothing) == (printed(old) == printed(new))
    if isinstance(found, Changes):
        assert all(printed(old).get(item.key) != printed(new)[item.key] for item in found.changes)
        assert list(found.changes) == [item for item in new.values() if item in found.changes]


@given(STATES, STATES)
def test_what_is_gone_and_has_no_known_name_takes_a_snapshot(old: State, new: State) -> None:
    found = cursors.resume(cursor_of(old), SCOPE, list(new.values()), new)
    if set(old) <= set(new):
        assert printed(applied(old, found)) == printed(new)
    else:
        assert found == Full("something is gone whose name is no longer known")


def test_other_scope_and_no_cursor_take_a_snapshot() -> None:
    state = state_of(3)
    other = cursors.scope_of(["default"], "c0ffee", [])
    found = cursors.resume(cursor_of(state), other, list(state.values()), ())
    assert found == Full("other namespaces, catalog or filter")
    damaged = cursors.resume(None, SCOPE, list(state.values()), ())
    assert damaged == Full("damaged, or made by another version")


def test_a_digest_says_nothing_or_everything() -> None:
    old = state_of(150)
    new = {**old, **state_of(1, "1/2 ready")}
    read = cursors.decode(cursors.encode(cursor_of(old)))
    reordered = list(reversed(list(old.values())))
    assert isinstance(cursors.resume(read, SCOPE, reordered, ()), Nothing)
    assert cursors.resume(read, SCOPE, list(new.values()), ()) == Full("the digest differs")


def test_two_items_with_one_hash_take_a_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cursortext, "key_hash", lambda key: b"same")
    state = state_of(2)
    found = cursors.resume(cursor_of(state), SCOPE, list(state.values()), ())
    assert found == Full("two items with one hash")


# Behind


@pytest.mark.parametrize(
    ("then", "now", "behind"),
    [
        ({"pods": "100"}, {"pods": "99"}, True),
        ({"pods": "100"}, {"pods": "100"}, False),
        ({"pods": "99"}, {"pods": "100"}, False),  # not as texts
        ({"pods": "100", "leases": "5"}, {"pods": "200", "leases": "4"}, True),
        ({"pods": "100"}, {}, False),
        ({"pods": "100"}, {"pods": ""}, False),
        ({"pods": "b"}, {"pods": "a"}, False),
        ({"pods": "100"}, {"pods": "9a"}, False),
        ({"pods": "\u0662"}, {"pods": "1"}, False),
        ({"pods": "2"}, {"pods": "-1"}, False),
        ({}, {"pods": "1"}, False),
    ],
)
def test_behind_only_when_it_is_certain(
    then: dict[str, str], now: dict[str, str], behind: bool
) -> None:
    assert cursors.is_behind(now, Cursor(POSITION, SCOPE, then)) is behind


def named(count: int) -> dict[ItemKey, Item]:
    keys = [ItemKey("shop", f"deployment/web-{n}") for n in range(count)]
    return {key: Item(key.component, key.namespace, Status.HEALTHY) for key in keys}


def test_of_what_no_catalog_names_the_cursor_does() -> None:
    state = named(12)
    known = next(iter(state))
    versions = {"deployments": "123456", "pods": "123456"}
    names = [key for key in state if key != known]
    cursor = cursors.make(POSITION, SCOPE, versions, list(state.values()), names=names)
    text = cursors.encode(cursor)
    assert len(text) <= cursors.MAX_LENGTH
    assert cursors.decode(text) == cursor
    gone = names[3]
    left = {key: item for key, item in state.items() if key != gone}
    found = cursors.resume(cursors.decode(text), SCOPE, [*left.values()], [*left])
    assert found == cursors.Changes((), (gone,))


def test_names_that_do_not_fit_are_left_out_before_anything_else() -> None:
    state = {
        key: Item(f"deployment/{cursors.key_hash(key).hex():0>32}", "shop", item.status)
        for key, item in named(60).items()
    }
    items = list(state.values())
    cursor = cursors.make(POSITION, SCOPE, {}, items, names=[one.key for one in items])
    again = cursors.decode(cursors.encode(cursor))
    assert again is not None
    assert again == replace(cursor, names=())


@pytest.mark.parametrize("end", [b"x", b"\xff" * 40])
def test_names_that_are_damaged_make_the_cursor_none(end: bytes) -> None:
    text = cursors.encode(cursors.make(POSITION, SCOPE, {}, list(named(2).values())))
    body = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_")[:-4]
    assert cursors.decode(cursortext.sealed(body)) is not None
    assert cursors.decode(cursortext.sealed(body + end)) is None
