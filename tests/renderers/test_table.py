"""The table's stream: a line where something that it shows has changed, and no other."""

from __future__ import annotations

import json
import re
from datetime import datetime, timezone
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agentctl.model import Delta, Event, Item, ItemKey, Snapshot, Status
from agentctl.renderers import Style
from agentctl.renderers.table import TableRenderer

NOW = datetime(2026, 1, 30, 18, 15, 2, tzinfo=timezone.utc)
AT = "2026-01-30T18:15:02Z"
ROLLOUT = "1/2 ready; agents-controllers-x2x: CrashLoopBackOff"


class Written:
    def __init__(self) -> None:
        self.writes: list[str] = []

    def write(self, text: str) -> None:
        self.writes.append(text)


def item(component: str, status: str = "healthy", message: str = "", **details: Any) -> Item:
    return Item(component, "agents", Status(status), message, details)


def snapshot(*items: Item) -> Snapshot:
    return Snapshot(NOW, items, "c")


def delta(*changes: Item, removed: tuple[str, ...] = ()) -> Delta:
    return Delta(NOW, changes, tuple(ItemKey("agents", name) for name in removed), "c")


def lines(*events: Event) -> list[str]:
    """What follows the table."""
    out = Written()
    renderer = TableRenderer(out, Style())
    for event in events:
        renderer.emit(event)
    assert all(out.writes), "nothing is written as nothing"
    return "".join(out.writes).partition("---\n")[2].splitlines()


def test_a_change_of_details_alone_is_not_to_be_seen() -> None:
    before, after = item("grpc", ready=1), item("grpc", ready=2)
    assert lines(snapshot(before), delta(after), delta(before)) == []


def test_what_is_to_be_seen_is_told_each_time() -> None:
    bad = item("grpc", "degraded", "1/2 ready", ready=1)
    assert lines(snapshot(item("grpc")), delta(bad), delta(item("grpc")), delta(bad)) == [
        f'UPDATE {AT} grpc status=degraded message="1/2 ready"',
        f'UPDATE {AT} grpc status=healthy message=""',
        f'UPDATE {AT} grpc status=degraded message="1/2 ready"',
    ]


def test_components_of_one_workload_are_one_line() -> None:
    names = ("agents-controller", "supporting-controller", "runtime:workflow")
    before = [item(name) for name in (*names, "grpc")]
    after = [item(name, "degraded", ROLLOUT, holder=name) for name in names]
    assert lines(snapshot(*before), delta(after[0], item("grpc", "error", "gone"), *after[1:])) == [
        f'UPDATE {AT} {",".join(names)} status=degraded message="{ROLLOUT}"',
        f'UPDATE {AT} grpc status=error message="gone"',
    ]


def test_namesakes_of_two_namespaces_are_two_lines() -> None:
    bad = item("grpc", "error", "gone")
    other = Item("grpc", "other", Status.ERROR, "gone")
    line = f'UPDATE {AT} grpc status=error message="gone"'
    assert lines(snapshot(), delta(bad, other)) == [line, line]


def test_what_was_removed_comes_back_as_news() -> None:
    one = item("grpc", "degraded", "1/2 ready")
    assert lines(snapshot(one), delta(removed=("grpc",)), delta(one)) == [
        f"REMOVED {AT} grpc",
        f'UPDATE {AT} grpc status=degraded message="1/2 ready"',
    ]


def test_without_a_snapshot_each_component_is_told_once() -> None:
    out = Written()
    renderer = TableRenderer(out, Style())
    for ready in (1, 2):
        renderer.emit(delta(item("grpc", "degraded", "1/2 ready", ready=ready)))
    assert out.writes == [f'UPDATE {AT} grpc status=degraded message="1/2 ready"\n']


def test_reasons_are_shown_and_so_a_change_of_them_is_told() -> None:
    def told(remedy: str) -> Item:
        return item("grpc", "error", "gone", diagnosis=[{"check": "endpoints", "remedy": remedy}])

    found = lines(snapshot(told("wait")), delta(told("wait")), delta(told("look")))
    assert [line for line in found if line.startswith("UPDATE")] == [
        f'UPDATE {AT} grpc status=error message="gone"'
    ]
    assert any("look" in line for line in found)


NAMES = st.sampled_from(("a", "b", "c", "d"))
ITEMS = st.builds(
    item,
    NAMES,
    st.sampled_from(("healthy", "degraded")),
    st.sampled_from(("", "x")),
    n=st.integers(0, 2),
)
DELTAS = st.builds(
    lambda changes, gone: delta(
        *{one.component: one for one in changes if one.component not in gone}.values(),
        removed=tuple(gone),
    ),
    st.lists(ITEMS, max_size=4),
    st.sets(NAMES, max_size=2),
)
UPDATE = re.compile(r'UPDATE \S+ (\S+) status=(\w+) message=(".*")')


@given(st.lists(DELTAS, max_size=12))
def test_who_reads_the_lines_knows_the_state_and_is_told_nothing_twice(deltas: list[Delta]) -> None:
    known: dict[str, tuple[str, str]] = {}
    for line in lines(snapshot(), *deltas):
        update = UPDATE.fullmatch(line)
        if update is None:
            known.pop(line.split()[2], None)
            continue
        for name in update[1].split(","):
            looks = (update[2], json.loads(update[3]))
            assert known.get(name) != looks
            known[name] = looks
    state: dict[str, tuple[str, str]] = {}
    for one in deltas:
        for key in one.removed:
            state.pop(key.component, None)
        state.update({i.component: (i.status.value, i.message) for i in one.changes})
    assert known == state
