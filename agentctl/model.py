"""Items and events: what the stream carries, its JSON form, and how states differ.

The JSON form is the contract with every consumer: key order as written here,
times in UTC with whole seconds, ``details`` and ``removed`` left out when empty.
``agentctl schema`` prints the JSON Schema of the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from enum import Enum
from itertools import compress, count
from json import encoder as in_c
from operator import is_not
from typing import Any, Optional, Union

from agentctl.item_order import beside_its_kind
from agentctl.lazy_dataclass import dataclass, field
from agentctl.lazy_namedtuple import NamedTuple

JSONObject = dict[str, Any]


LATENCY = "latency_ms"
"""In an item's details: how long its dependency took to answer the last probe, in ms."""


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

    def __init__(self, _: str) -> None:
        self.severity = len(self.__class__.__members__)
        """0 for the best; grows with how bad it is."""


class ErrorCode(Enum):
    """Why an ``error`` event was sent."""

    DISCONNECTED = "disconnected"
    FORBIDDEN = "forbidden"
    UNAUTHORIZED = "unauthorized"
    SERVER = "server"
    STALE = "stale"
    RESYNC = "resync"
    """History was lost: changes in between may be missing. Or an object that cannot be read is."""
    FALLBACK = "fallback"
    """Now polling."""
    RECOVERED = "recovered"
    """What was lost is back."""


OUTAGES = (ErrorCode.DISCONNECTED, ErrorCode.UNAUTHORIZED, ErrorCode.SERVER, ErrorCode.STALE)
"""What hides all. Where one resource is forbidden, what rests on it is told as unknown."""


class ItemKey(NamedTuple):
    """What an item is known by."""

    namespace: str
    component: str
    cluster: str = ""
    """Empty where one cluster is watched."""

    def to_json(self) -> JSONObject:
        of_cluster = {"cluster": self.cluster} if self.cluster else {}
        return {**of_cluster, "component": self.component, "namespace": self.namespace}


@dataclass(frozen=True)
class Item:
    """One component's state. Text in it has been redacted already.

    ``cluster`` is empty where one cluster is watched.
    """

    component: str
    namespace: str
    status: Status
    message: str = ""
    details: Mapping[str, Any] = field(default_factory=dict, compare=False)
    cluster: str = ""
    since: str = field(default="", compare=False)
    """Since when it has been so, as the API writes times, where that is known. Not in the JSON."""
    key: ItemKey = field(init=False, repr=False, compare=False)
    lasting: Mapping[str, Any] = field(init=False, repr=False)
    """The details in which a difference is a change: not the latency of a probe."""

    def __post_init__(self) -> None:
        lasting = self.details
        if LATENCY in lasting:
            lasting = {key: value for key, value in lasting.items() if key != LATENCY}
        object.__setattr__(self, "lasting", lasting)
        object.__setattr__(self, "key", ItemKey(self.namespace, self.component, self.cluster))

    @property
    def lasting_message(self) -> str:
        """The message, but for a probe that is well: what it says is about how it became so."""
        asked = LATENCY in self.details and self.status is Status.HEALTHY
        return "" if asked else self.message

    def to_json(self) -> JSONObject:
        out: JSONObject = {"cluster": self.cluster} if self.cluster else {}
        out["component"] = self.component
        out["namespace"] = self.namespace
        out["status"] = self.status._value_
        out["message"] = self.message
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
            out["removed"] = [key.to_json() for key in self.removed]
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
    seconds, of a loss that is over (``recovered``). ``cluster`` is whose sources they are,
    where several are watched.
    """

    generated_at: datetime
    message: str
    code: ErrorCode
    source: str
    retry_in: Optional[float]
    cursor: str
    sources: tuple[str, ...] = ()
    lasted: Optional[float] = None
    cluster: str = ""

    type = "error"

    def to_json(self) -> JSONObject:
        out: JSONObject = {
            "type": self.type,
            "generated_at": format_time(self.generated_at),
            "message": self.message,
            "code": self.code.value,
        }
        if self.cluster:
            out["cluster"] = self.cluster
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


def replaced(before: Sequence[Item], after: Sequence[Item]) -> Optional[list[int]]:
    """Where another item stands in ``after``; None unless all keys are the same, in one order.

    What did not change is only looked at for its identity, at the speed of C.
    """
    if len(before) != len(after):
        return None
    places = list(compress(count(), map(is_not, before, after)))
    for place in places:
        if before[place].key != after[place].key:
            return None
    return places


def difference(before: Sequence[Item], after: Sequence[Item]) -> Difference:
    """``diff`` of two states in order, which costs what has changed."""
    places = replaced(before, after)
    if places is None:
        return diff({item.key: item for item in before}, {item.key: item for item in after})
    return Difference(tuple([after[at] for at in places if before[at] != after[at]]), ())


def fold(state: Mapping[ItemKey, Item], event: Event) -> dict[ItemKey, Item]:
    """The state after an event; the one given is not touched."""
    if isinstance(event, Snapshot):
        return {item.key: item for item in event.items}
    folded = dict(state)
    if isinstance(event, Delta):
        for key in event.removed:
            folded.pop(key, None)
        new = [item.key for item in event.changes if item.key not in folded]
        for item in event.changes:
            folded[item.key] = item
        return beside_its_kind(folded, new) if new else folded
    return folded


def json_encoder(**options: Any) -> Callable[[Any], str]:
    """``JSONEncoder(**options).encode`` for trees, without spaces.

    Its part in C is made once, not anew for each text.
    """
    made = json.JSONEncoder(separators=(",", ":"), check_circular=False, **options)
    escape = in_c.encode_basestring_ascii if made.ensure_ascii else in_c.encode_basestring
    how = made.sort_keys, made.skipkeys, made.allow_nan
    make: Any = getattr(in_c, "c_make_encoder", None)
    try:
        parts = make(None, made.default, escape, None, ":", ",", *how)
    except TypeError:  # an interpreter that has none, or one that takes other arguments
        return made.encode
    return lambda value: "".join(parts(value, 0))


json_line = json_encoder(ensure_ascii=False)
"""The text of any JSON that is on one line."""


_TIME = "%04d-%02d-%02dT%02d:%02d:%02dZ"


def format_time(moment: datetime) -> str:
    """UTC, whole seconds, ``Z``: the one form of a time in events and messages.

    >>> format_time(datetime(2026, 1, 30, 18, 15, tzinfo=timezone.utc))
    '2026-01-30T18:15:00Z'
    """
    utc = moment.astimezone(timezone.utc)
    return _TIME % (utc.year, utc.month, utc.day, utc.hour, utc.minute, utc.second)


def parse_time(text: str) -> datetime:
    """Read an RFC 3339 time as Kubernetes writes it, with or without a fraction.

    Raises ValueError for anything else, a time without an offset included, and
    one that its offset moves out of the years 1 to 9999.
    """
    body = text[:-1] + "+00:00" if text.endswith(("Z", "z")) else text
    # fromisoformat took only 3 or 6 fraction digits before Python 3.11.
    head, dot, rest = body.partition(".")
    if dot:
        digits = len(rest) - len(rest.lstrip("0123456789"))
        body = f"{head}.{rest[:digits][:6].ljust(6, '0')}{rest[digits:]}"
    moment = datetime.fromisoformat(body)
    if moment.tzinfo is None:
        raise ValueError(f"time without an offset: {text!r}")
    try:
        return moment.astimezone(timezone.utc)
    except OverflowError:
        raise ValueError(f"time out of range: {text!r}") from None
