"""Difference of two states, and the state after an event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from agentctl.model import Delta, Event, Item, ItemKey, Snapshot


class Difference(NamedTuple):
    """What turns one state into another; falsy when they are the same."""

    changes: tuple[Item, ...]
    removed: tuple[ItemKey, ...]

    def __bool__(self) -> bool:
        return bool(self.changes or self.removed)


def diff(old: Mapping[ItemKey, Item], new: Mapping[ItemKey, Item]) -> Difference:
    """What is new or other in ``new``, in its order, and what is gone, in ``old``'s."""
    changes = []
    for key, item in new.items():
        before = old.get(key)
        if before is not item and before != item:
            changes.append(item)
    removed = tuple(key for key in old if key not in new)
    return Difference(tuple(changes), removed)


def fold(state: Mapping[ItemKey, Item], event: Event) -> dict[ItemKey, Item]:
    """The state after an event; the one given is not touched."""
    if isinstance(event, Snapshot):
        return {item.key: item for item in event.items}
    folded = dict(state)
    if isinstance(event, Delta):
        for key in event.removed:
            folded.pop(key, None)
        for item in event.changes:
            folded[item.key] = item
    return folded
