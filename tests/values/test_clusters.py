"""The cluster in keys, JSON, hashes and cursors; with one cluster it is nowhere."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from agentctl import cursor as cursors
from agentctl.model import Delta, ErrorCode, Item, ItemKey, Status, StreamError, diff, fold
from agentctl.wire import events_pb, statusjson
from agentctl.wire.statusjson import Namespaces

AT = datetime(2026, 1, 30, 18, 15, tzinfo=timezone.utc)
POSITION = cursors.Position(1769796900000, 7)
SCOPE = cursors.scope_of(["agents"], "c0ffee", [], ["eu", "us"])


def items(*clusters: str, each: int = 9, message: str = "") -> list[Item]:
    return [
        Item(f"part-{number}", "agents", Status.HEALTHY, message, cluster=cluster)
        for cluster in clusters
        for number in range(each)
    ]


def test_cluster_is_the_first_key_of_items_and_removed_and_precedes_source() -> None:
    (item,) = items("eu", each=1)
    assert next(iter(item.to_json())) == "cluster"
    delta = Delta(AT, (), (item.key,), "c")
    assert delta.to_json()["removed"] == [
        {"cluster": "eu", "component": "part-0", "namespace": "agents"}
    ]
    error = StreamError(AT, "m", ErrorCode.SERVER, "pods", None, "c", cluster="eu")
    keys = list(error.to_json())
    assert keys.index("cluster") == keys.index("source") - 1


def test_two_clusters_are_two_items() -> None:
    state = {item.key: item for item in items("eu", "us", each=1)}
    assert len(state) == 2
    event = Delta(AT, (), (ItemKey("agents", "part-0", "eu"),), "c")
    assert list(fold(state, event)) == [ItemKey("agents", "part-0", "us")]
    assert diff(state, fold(state, event)).removed == event.removed


def test_both_wire_forms_carry_it() -> None:
    item = items("eu", each=1)[0]
    for event in (
        Delta(AT, (item,), (ItemKey("agents", "gone", "us"),), "c"),
        StreamError(AT, "m", ErrorCode.SERVER, "pods", 1.0, "c", ("pods", "leases"), 2.0, "eu"),
    ):
        assert events_pb.decode(events_pb.encode(event), AT, Namespaces()).event == event
        assert statusjson.event_in(event.to_json(), AT, Namespaces()).event == event


def test_what_leaves_its_namespace_out_is_in_that_of_its_own_cluster() -> None:
    namespaces = Namespaces("asked-for")
    known = (Item("a", "one", Status.HEALTHY, cluster="eu"), Item("a", "two", Status.HEALTHY))
    namespaces.learn(Delta(AT, known, (), "c"))
    assert namespaces.of("a", "eu") == "one"
    assert namespaces.of("a") == "two"
    assert namespaces.of("a", "us") == "asked-for"


def test_scope_and_key_hash_know_the_clusters() -> None:
    one = cursors.scope_of(["agents"], "c0ffee", [])
    assert one == cursors.scope_of(["agents"], "c0ffee", [], [])
    assert one != SCOPE
    assert cursors.scope_of(["agents"], "c0ffee", [], ["us", "eu"]) == SCOPE
    keys = [ItemKey("agents", "a"), ItemKey("agents", "a", "eu"), ItemKey("agents", "a", "us")]
    assert len({cursors.key_hash(key) for key in keys}) == 3


@pytest.mark.parametrize(
    ("clusters", "versions", "hashes"), [(2, True, True), (5, False, True), (20, False, False)]
)
def test_versions_make_room_for_hashes(clusters: int, versions: bool, hashes: bool) -> None:
    """ResourceVersions only while all fit; a resume goes by hashes, or by the digest."""
    names = [f"prod-{number}" for number in range(clusters)]
    state = items(*names)
    told = {f"{name}:source-{n}": str(10**7 + n) for name in names for n in range(9)}
    text = cursors.encode(cursors.make(POSITION, SCOPE, told, state))
    assert len(text) <= cursors.MAX_LENGTH
    found = cursors.decode(text)
    assert found is not None
    assert found.versions == (told if versions else {})
    assert (found.digest is None) is hashes
    known = [item.key for item in state]
    assert isinstance(cursors.resume(found, SCOPE, state, known), cursors.Nothing)
    later = [Item("part-3", "agents", Status.ERROR, "gone", cluster=names[1]), *state[1:]]
    later = [item for item in state if item.key != later[0].key] + later[:1]
    changed = cursors.resume(found, SCOPE, later, known)
    if hashes:
        assert changed == cursors.Changes((later[-1],), ())
    else:
        assert isinstance(changed, cursors.Full)


def test_of_one_cluster_a_resume_in_another_scope_is_a_snapshot() -> None:
    text = cursors.encode(cursors.make(POSITION, SCOPE, {}, items("eu", "us")))
    other = cursors.scope_of(["agents"], "c0ffee", [], ["eu"])
    found = cursors.resume(cursors.decode(text), other, items("eu"), [])
    assert isinstance(found, cursors.Full)
