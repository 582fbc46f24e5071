"""Protobuf events: to and from ``ControlPlaneStatusEvent``.

Carries what the JSON form does; ``structs`` has what becomes of details. What was read
from a peer is not redacted yet.
"""

from __future__ import annotations

from calendar import timegm
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, timezone
from typing import Optional, TypeVar

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError
from google.protobuf.timestamp_pb2 import Timestamp

from agentctl.lazy_dataclass import replace
from agentctl.model import (
    Delta,
    Event,
    Heartbeat,
    Item,
    ItemKey,
    Snapshot,
    Status,
    StreamError,
)
from agentctl.rpc.agentctl_pb2 import (
    ControlPlaneStatusEvent,
    ControlPlaneStatusItem,
    RemovedItem,
)
from agentctl.wire.statusjson import MAX_ITEMS, Namespaces, Read, code_of
from agentctl.wire.structs import from_struct, to_struct

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_NANOS = 10**9
_Message = TypeVar("_Message")
_MAX_DURATION_S = 315_576_000_000
"""10,000 years: the longest that a Duration may be."""

_TO_STATUS = {
    Status.HEALTHY: ControlPlaneStatusItem.STATUS_HEALTHY,
    Status.CONFIGURED: ControlPlaneStatusItem.STATUS_CONFIGURED,
    Status.UNKNOWN: ControlPlaneStatusItem.STATUS_UNKNOWN,
    Status.DEGRADED: ControlPlaneStatusItem.STATUS_DEGRADED,
    Status.ERROR: ControlPlaneStatusItem.STATUS_ERROR,
}
_FROM_STATUS = {int(number): status for status, number in _TO_STATUS.items()}


def encode(event: Event) -> bytes:
    """One event as a serialised message; equal events give equal bytes."""
    return to_message(event).SerializeToString(deterministic=True)


def decode(data: bytes, now: datetime, namespaces: Namespaces) -> Read:
    """The inverse of ``encode`` for what came at ``now``, read as leniently as JSON is.

    Raises ValueError for what is no event.
    """
    try:
        message = ControlPlaneStatusEvent.FromString(data)
    except (DecodeError, RecursionError, UnicodeDecodeError) as error:
        # The second and third come from protobuf in pure Python alone.
        raise ValueError(f"no protobuf event in {len(data)} bytes: {error}") from None
    return from_message(message, now, namespaces)


def to_message(event: Event) -> ControlPlaneStatusEvent:
    at = Timestamp(seconds=timegm(event.generated_at.utctimetuple()))
    if isinstance(event, Snapshot):
        return ControlPlaneStatusEvent(
            type=ControlPlaneStatusEvent.SNAPSHOT,
            generated_at=at,
            items=items_to_messages(event.items),
            cursor=event.cursor,
        )
    if isinstance(event, Delta):
        return ControlPlaneStatusEvent(
            type=ControlPlaneStatusEvent.DELTA,
            generated_at=at,
            items=items_to_messages(event.changes),
            removed=[
                RemovedItem(component=key.component, namespace=key.namespace, cluster=key.cluster)
                for key in event.removed
            ],
            cursor=event.cursor,
        )
    if isinstance(event, Heartbeat):
        return ControlPlaneStatusEvent(
            type=ControlPlaneStatusEvent.HEARTBEAT, generated_at=at, cursor=event.cursor
        )
    return ControlPlaneStatusEvent(
        type=ControlPlaneStatusEvent.ERROR,
        generated_at=at,
        message=event.message,
        code=event.code.value,
        source=event.source,
        retry_in=_to_duration(event.retry_in),
        sources=event.sources if len(event.sources) > 1 else (),
        lasted=_to_duration(event.lasted),
        cluster=event.cluster,
        cursor=event.cursor,
    )


def from_message(message: ControlPlaneStatusEvent, now: datetime, namespaces: Namespaces) -> Read:
    """Raises ValueError for what is no event."""
    read = _event(message, now, namespaces)
    if read.event is not None:
        namespaces.learn(read.event)
    return read


def _event(message: ControlPlaneStatusEvent, now: datetime, namespaces: Namespaces) -> Read:
    kind = message.type
    if not kind:
        raise ValueError("an event without a type")
    at = _time(message.generated_at, now) if message.HasField("generated_at") else now
    if kind == ControlPlaneStatusEvent.HEARTBEAT:
        return Read(Heartbeat(at, message.cursor))
    if kind == ControlPlaneStatusEvent.ERROR:
        return Read(_error(message, at))
    if kind not in (ControlPlaneStatusEvent.SNAPSHOT, ControlPlaneStatusEvent.DELTA):
        return Read(None, (), str(kind))
    items = tuple(
        item if item.namespace else _placed(item, namespaces)
        for item in items_from_messages(message.items)
    )
    if kind == ControlPlaneStatusEvent.SNAPSHOT:
        return Read(Snapshot(at, items, message.cursor))
    removed = tuple(
        [
            ItemKey(
                key.namespace or namespaces.of(key.component, key.cluster),
                key.component,
                key.cluster,
            )
            for key in _few(message.removed)
        ]
    )
    return Read(Delta(at, items, removed, message.cursor))


def _placed(item: Item, namespaces: Namespaces) -> Item:
    return replace(item, namespace=namespaces.of(item.component, item.cluster))


def items_to_messages(items: Iterable[Item]) -> list[ControlPlaneStatusItem]:
    return [
        ControlPlaneStatusItem(
            component=item.component,
            namespace=item.namespace,
            status=_TO_STATUS[item.status],
            message=item.message,
            details=to_struct(item.details) if item.details else None,
            cluster=item.cluster,
        )
        for item in items
    ]


def items_from_messages(messages: Sequence[ControlPlaneStatusItem]) -> tuple[Item, ...]:
    """A status that is not known here becomes ``unknown``, and the message says so.

    Raises ValueError for more than MAX_ITEMS.
    """
    return tuple([_item(message) for message in _few(messages)])


def _few(messages: Sequence[_Message]) -> Sequence[_Message]:
    if len(messages) > MAX_ITEMS:
        raise ValueError(f"{len(messages)} items, and at most {MAX_ITEMS} are read")
    return messages


def _item(message: ControlPlaneStatusItem) -> Item:
    status, text = _FROM_STATUS.get(message.status), message.message
    if status is None:
        status = Status.UNKNOWN
        number = message.status
        why = f"the server gave status {number}, unknown here" if number else "no status given"
        text = f"{why}: {text}" if text else why
    details = from_struct(message.details) if message.HasField("details") else {}
    return Item(message.component, message.namespace, status, text, details, message.cluster)


def _error(message: ControlPlaneStatusEvent, at: datetime) -> StreamError:
    code, text = code_of(message.code, message.message)
    retry_in = _seconds(message.retry_in) if message.HasField("retry_in") else None
    lasted = _seconds(message.lasted) if message.HasField("lasted") else None
    return StreamError(
        at,
        text,
        code,
        message.source,
        retry_in,
        message.cursor,
        tuple(_few(message.sources)),
        lasted,
        message.cluster,
    )


def _time(stamp: Timestamp, now: datetime) -> datetime:
    """In whole seconds, as in JSON; ``now`` for what is no time."""
    try:
        if 0 <= stamp.nanos < _NANOS:
            return _EPOCH + timedelta(seconds=stamp.seconds)
    except OverflowError:
        pass
    return now


def _to_duration(seconds: Optional[float]) -> Optional[Duration]:
    """Rounded to tenths of a second, as in JSON."""
    if seconds is None:
        return None
    tenths = round(max(0.0, min(seconds, _MAX_DURATION_S)) * 10)
    return Duration(seconds=tenths // 10, nanos=tenths % 10 * (_NANOS // 10))


def _seconds(duration: Duration) -> Optional[float]:
    """None for what is no time to wait."""
    seconds, nanos = duration.seconds, duration.nanos
    if not (0 <= seconds <= _MAX_DURATION_S and 0 <= nanos < _NANOS):
        return None
    return round((seconds * _NANOS + nanos) / _NANOS, 1)
