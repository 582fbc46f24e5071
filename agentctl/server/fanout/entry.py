"""Entry: one event and its bytes, encoded once for each form, shared by all readers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Optional

from agentctl.model import Event, Item, ItemKey

Encode = Callable[[Event], bytes]
"""Makes one event's bytes in one form (SSE, NDJSON, protobuf). Pure."""


class Entry:
    """An event that is being handed out. Read by many threads."""

    __slots__ = ("_encoded", "before", "event", "made_at")

    def __init__(
        self,
        event: Event,
        made_at: float,
        before: Optional[dict[ItemKey, Optional[Item]]] = None,
    ) -> None:
        self.event = event
        self.made_at = made_at
        """When (monotonic) the engine made it."""
        self.before = before or {}
        """What a delta's items were until then; None for those that were not there."""
        self._encoded: dict[Encode, bytes] = {}

    def encoded(self, encode: Encode) -> bytes:
        """The event's bytes in one form; the same object each time."""
        data = self._encoded.get(encode)
        if data is None:
            # Two threads may both get here: one of two equal results is kept.
            data = self._encoded.setdefault(encode, encode(self.event))
        return data
