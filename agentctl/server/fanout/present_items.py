"""Present items of a channel: in order, and by key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Optional

from agentctl.model import Difference, Item, ItemKey, replaced


class PresentItems:
    """One state after the other; which items there are is worked out when they are others."""

    def __init__(self) -> None:
        self.all: Sequence[Item] = ()
        self._places: Optional[dict[ItemKey, int]] = None

    def take(self, items: Sequence[Item]) -> None:
        """The next state, which stays as it is."""
        if replaced(self.all, items) is None:
            self._places = None
        self.all = items

    def get(self, key: ItemKey) -> Optional[Item]:
        place = self._by_key().get(key)
        return None if place is None else self.all[place]

    def since(self, before: Mapping[ItemKey, Optional[Item]]) -> Difference:
        """What is other than it was: ``before`` has all that may be, None for what was not."""
        places = self._by_key()
        there = sorted(places[key] for key in before if key in places)
        changes = (self.all[place] for place in there)
        removed = (key for key, item in before.items() if item is not None and key not in places)
        return Difference(
            tuple(item for item in changes if before[item.key] != item), tuple(removed)
        )

    def _by_key(self) -> dict[ItemKey, int]:
        if self._places is None:
            self._places = {item.key: place for place, item in enumerate(self.all)}
        return self._places
