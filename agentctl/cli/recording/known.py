"""State that a recording has told so far, for another file to begin with. No I/O."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from agentctl.engine.losses import Losses
from agentctl.lazy_dataclass import replace
from agentctl.model import Delta, Event, Item, ItemKey, Snapshot, fold


class KnownState:
    """Takes events in order."""

    def __init__(self) -> None:
        self._items: dict[ItemKey, Item] = {}
        self._losses = Losses()
        self._is_whole = False
        """A snapshot has said which items there are."""
        self._cursor = ""

    def take(self, event: Event) -> None:
        if isinstance(event, (Snapshot, Delta)):
            self._items = fold(self._items, event)
        self._is_whole = self._is_whole or isinstance(event, Snapshot)
        self._losses.take(event)
        self._cursor = event.cursor

    def events(self, now: datetime) -> Iterator[Event]:
        """What tells a reader who has seen nothing the same, an outage that goes on as well."""
        items = tuple(self._items.values())
        if self._is_whole:
            yield Snapshot(now, items, self._cursor)
        elif items:  # without the first state, as --follow-only and --since ask for
            yield Delta(now, items, (), self._cursor)
        for error in self._losses.errors:
            yield replace(error, generated_at=now, cursor=self._cursor)
