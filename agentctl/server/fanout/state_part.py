"""Part of a state: the items that a channel is about, kept up as the state changes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Callable, Optional

from agentctl.model import Item


class StatePart:
    """Those that ``selects`` means, of state after state; the same list while they are the same.

    Whether an item is meant must rest on its key alone.
    """

    def __init__(self, selects: Callable[[Item], bool]) -> None:
        self.items: Sequence[Item] = ()
        self._selects = selects
        self._at: dict[int, int] = {}
        """By an item's place in the whole its place in this part."""

    def take(self, whole: Sequence[Item], places: Optional[Iterable[int]]) -> None:
        """The next state; ``places`` are those with other items than in the last one, of the
        same keys (see ``model.replaced``), None where that cannot be said."""
        if places is None:
            self._take_all(whole)
            return
        mine = [(self._at[place], whole[place]) for place in places if place in self._at]
        if mine:
            items = list(self.items)
            for at, item in mine:
                items[at] = item
            self.items = items

    def _take_all(self, whole: Sequence[Item]) -> None:
        before = self.items
        items: list[Item] = []
        self._at = {}
        for place, item in enumerate(whole):
            if self._selects(item):
                self._at[place] = len(items)
                items.append(item)
        same = len(items) == len(before)
        if not same or any(a is not b for a, b in zip(items, before)):
            self.items = items
