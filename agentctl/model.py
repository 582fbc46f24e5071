"""Items and events: what the stream carries, and its JSON form.

The JSON form is the contract with every consumer: key order as written here,
times in UTC with whole seconds, ``details`` and ``removed`` left out when empty.
``agentctl schema`` prints the JSON Schema of the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from functools import cached_property
from typing import Any, NamedTuple, Optional, Union

from agentctl.clock import format_time

JSONObject = dict[str, Any]


class Status(Enum):
    """How a component is, worst last."""

    HEALTHY = "healthy"
    CONFIGURED = "configured"
    """Present, but not checked."""
    UNKNOWN = "unknown"
    """Cannot be determined."""
    DEGRADED = "degraded"
    """Works in part, or is not settled."""
    ERROR = "error"
    """Does not work."""

    @property
    def severity(self) -> int:
        """0 for the best; grows with how bad it is."""
        return _SEVERITY[self]


_SEVERITY = {status: rank for rank, status in enumerate(Status)}


class ErrorCode(Enum):
    """Why an ``error`` event was sent."""

    DISCONNECTED = "disconnected"
    FORBIDDEN = "forbidden"
    UNAUTHORIZED = "unauthorized"
    SERVER = "server"
    STALE = "stale"
    RESYNC = "resync"
    """History was lost: changes in between may be missing."""
    FALLBACK = "fallback"
    """Now polling."""
    RECOVERED = "recovered"
    """What was lost is back."""


class ItemKey(NamedTuple):
    """What an item is known by."""

    namespace: str
    component: str


@dataclass(frozen=True)
class Item:
    """One component's state. Text in it has been redacted already."""

    component: str
    namespace: str
    status: Status
    message: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def key(self) -> ItemKey:
        return ItemKey(self.namespace, self.component)

    def to_json(self) -> JSONObject:
        out: JSONObject = {
            "component": self.component,
            "namespace": self.namespace,
            "status": self.status.value,
            "message": self.message,
        }
        if self.details:
            out["details"] = dict(self.details)
        return out


@dataclass(frozen=True)
class Snapshot:
    """The whole state, in the catalog's order."""

    generated_at: datetime
    items: tuple[Item, ...]
    cursor: str

    type = "snapshot"

    def to_json(self) -> JSONObject:
        return {
            "type": self.type,
            "generated_at": format_time(self.generated_at),
            "items": [item.to_json() for item in self.items],
            "cursor": self.cursor,
        }


@dataclass(frozen=True)
class Delta:
    """What differs from the state the events before it left; never empty."""

    generated_at: datetime
    changes: tuple[Item, ...]
    removed: tuple[ItemKey, ...]
    cursor: str

    type = "delta"

    def to_json(self) -> JSONObject:
        out: JSONObject = {
            "type": self.type,
            "generated_at": format_time(self.generated_at),
            "changes": [item.to_json() for item in self.changes],
        }
        if self.removed:
            out["removed"] = [
                {"component": key.component, "namespace": key.namespace} for key in self.removed
            ]
        out["cursor"] = self.cursor
        return out


@dataclass(frozen=True)
class Heartbeat:
    """Every source is alive, and nothing has changed since the event before."""

    generated_at: datetime
    cursor: str

    type = "heartbeat"

    def to_json(self) -> JSONObject:
        return {
            "type": self.type,
            "generated_at": format_time(self.generated_at),
            "cursor": self.cursor,
        }


@dataclass(frozen=True)
class StreamError:
    """Something the reader must know, or the state would look better than it is.

    ``retry_in`` is in seconds, None where nothing is being waited for; ``source``
    is empty where the error is not one source's. ``sources`` are all that share its
    cause, where there are several, ``source`` the first of them. ``lasted`` is in
    seconds, of a loss that is over (``recovered``).
    """

    generated_at: datetime
    message: str
    code: ErrorCode
    source: str
    retry_in: Optional[float]
    cursor: str
    sources: tuple[str, ...] = ()
    lasted: Optional[float] = None

    type = "error"

    def to_json(self) -> JSONObject:
        out: JSONObject = {
            "type": self.type,
            "generated_at": format_time(self.generated_at),
            "message": self.message,
            "code": self.code.value,
        }
        if self.source:
            out["source"] = self.source
        if len(self.sources) > 1:
            out["sources"] = list(self.sources)
        if self.retry_in is not None:
            out["retry_in"] = round(self.retry_in, 1)
        if self.lasted is not None:
            out["lasted"] = round(self.lasted, 1)
        out["cursor"] = self.cursor
        return out


Event = Union[Snapshot, Delta, Heartbeat, StreamError]
