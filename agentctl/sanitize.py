"""Sanitized events, out of a file that anybody may have written: what could harm is left out.

A recording was redacted before it was written. What is done again here is what a file can
be made to do to a terminal, and changes nothing in an event that left an engine: names
keep every printable character, texts pass ``redact``, which twice is the same as once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Callable

from agentctl.lazy_dataclass import replace
from agentctl.model import Delta, Event, Item, ItemKey, Snapshot, StreamError
from agentctl.redact import redact
from agentctl.redact.printable import printable

MAX_NAME = 1024
"""Characters of a name or a cursor that are kept; a cursor has up to 1 KB."""

MAX_DEPTH = 50
"""Of details; what we write is a few levels deep."""


Details = Callable[[Mapping[str, Any]], Mapping[str, Any]]


def details_of(details: Mapping[str, Any]) -> Mapping[str, Any]:
    """Printable, and redacted. Raises ValueError for what is nested too deeply."""
    return {name(key): _value(value, 0) for key, value in details.items()}


def harmless(event: Event, details: Details = details_of) -> Event:
    """The same event, printable; ``details`` says what becomes of those of items."""

    def clean(items: Iterable[Item]) -> tuple[Item, ...]:
        return tuple(
            Item(
                name(item.component),
                name(item.namespace),
                item.status,
                redact(item.message) if item.message else "",
                details(item.details) if item.details else {},
                name(item.cluster),
            )
            for item in items
        )

    cursor = name(event.cursor)
    if isinstance(event, Snapshot):
        return replace(event, items=clean(event.items), cursor=cursor)
    if isinstance(event, Delta):
        removed = tuple(ItemKey(*map(name, key)) for key in event.removed)
        return replace(event, changes=clean(event.changes), removed=removed, cursor=cursor)
    if isinstance(event, StreamError):
        return replace(
            event,
            message=redact(event.message),
            source=name(event.source),
            sources=tuple(map(name, event.sources)),
            cluster=name(event.cluster),
            cursor=cursor,
        )
    return replace(event, cursor=cursor)


def name(text: str) -> str:
    """One printable line, otherwise as it is: the name of a pod may look like a secret."""
    if not text.isprintable():
        text = printable(text).replace("\n", " ")
    return text[:MAX_NAME]


def _value(value: Any, depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise ValueError("details that are nested too deeply")
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {name(key): _value(one, depth + 1) for key, one in value.items()}
    if isinstance(value, list):
        return [_value(one, depth + 1) for one in value]
    if isinstance(value, float) and value - value != 0:
        return str(value)  # JSON has no infinity
    return value
