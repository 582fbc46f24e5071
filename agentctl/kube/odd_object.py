"""Odd object: one that a cut cannot read. The others are judged, and it is told of."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Mapping
from typing import Any, Callable

from agentctl.debug_log import DebugLog
from agentctl.engine.messages import Change, ObjectKey, Odd
from agentctl.lenient_json import mapping, text

log = DebugLog(__name__)

Wish = tuple[int, Callable[[Mapping[str, Any]], bool], Callable[..., Any]]
"""The place of a table, whether an object of this metadata is meant, and the cut."""


def change_of(item: Mapping[str, Any], seen: object, wishes: Iterable[Wish], tables: int) -> Change:
    """The change that an object makes, with an ``Odd`` for each table whose cut fails at it.

    A cut with ``odd`` makes its own of why.
    """
    metadata = mapping(item, "metadata")
    key = ObjectKey(text(metadata, "namespace"), text(metadata, "name"))
    if not metadata:
        return Change(key, (Odd("it has no metadata"),) * tables)
    values: list[Any] = [None] * tables
    for place, matches, cut in wishes:
        try:
            if values[place] is None and matches(metadata):
                values[place] = cut(item, seen)
        except Exception as error:
            what = f"{type(error).__name__} in {_name(cut)}"
            values[place] = getattr(cut, "odd", Odd)(f"internal error: {what}")
            if log.on:  # the error's own words may be a value of the object's
                frames = "".join(traceback.format_tb(error.__traceback__))
                log.debug("%s/%s cannot be read: %s\n%s", *key, what, frames)
    return Change(key, tuple(values))


def _name(cut: Callable[..., Any]) -> str:
    return str(getattr(cut, "__name__", type(cut).__name__))
