"""The laws of difference and fold."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone

from hypothesis import given

from agentctl.model import Delta, Event, Item, ItemKey, Snapshot, Status, diff, fold
from tests.strategies import EVENTS, STATES

NOW = datetime(2026, 1, 30, 18, 15, tzinfo=timezone.utc)

State = dict[ItemKey, Item]


@given(STATES, STATES)
def test_folding_the_difference_into_the_old_state_gives_the_new(old: State, new: State) -> None:
    found = diff(old, new)
    assert fold(old, Delta(NOW, found.changes, found.removed, "")) == new


@given(STATES)
def test_a_state_does_not_differ_from_itself(state: State) -> None:
    equal = {key: replace(item, details={**item.details}) for key, item in state.items()}
    assert not diff(state, state)
    assert not diff(state, equal)


@given(STATES, STATES)
def test_it_is_minimal_and_in_order(old: State, new: State) -> None:
    found = diff(old, new)
    assert bool(found) == (old != new)
    assert list(found.changes) == [item for key, item in new.items() if old.get(key) != item]
    assert list(found.removed) == [key for key in old if key not in new]


@given(STATES, EVENTS)
def test_fold_leaves_what_it_was_given(state: State, event: Event) -> None:
    before = dict(state)
    after = fold(state, event)
    assert state == before
    assert after is not state
    if isinstance(event, Snapshot):
        assert after == {item.key: item for item in event.items}
    elif not isinstance(event, Delta):
        assert after == state


def test_a_removed_component_and_a_new_one_of_its_name_in_another_namespace() -> None:
    old = Item("grpc", "agents", Status.HEALTHY)
    new = Item("grpc", "default", Status.HEALTHY)
    found = diff({old.key: old}, {new.key: new})
    assert found == ((new,), (old.key,))
