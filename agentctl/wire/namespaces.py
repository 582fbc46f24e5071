"""Namespaces that a peer left out of its items. No I/O.

The specification lets an item go without its namespace. It is then that of the one known
item with this component's name; where there is none, or several, the one asked for.
"""

from __future__ import annotations

from agentctl.model import Delta, Event, Snapshot


class Namespaces:
    """What is known of a stream's items, event by event, in their order."""

    def __init__(self, asked_for: str = "") -> None:
        self._asked_for = asked_for
        self._known: dict[str, set[str]] = {}

    def of(self, component: str) -> str:
        """The namespace of an item that names none."""
        known = self._known.get(component, ())
        return next(iter(known)) if len(known) == 1 else self._asked_for

    def learn(self, event: Event) -> None:
        """Take what an event says of which items there are."""
        if isinstance(event, Snapshot):
            self._known = {}
            for item in event.items:
                self._known.setdefault(item.component, set()).add(item.namespace)
        elif isinstance(event, Delta):
            for item in event.changes:
                self._known.setdefault(item.component, set()).add(item.namespace)
            for key in event.removed:
                self._known.get(key.component, set()).discard(key.namespace)
