"""A peer's JSON as events and states: what is ours to know is read, nothing is believed.

A status or an error code that a newer server may have becomes the nearest that is known
here, and the message says so. What was read is not redacted yet.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Optional

from agentctl.clock import parse_time
from agentctl.model import (
    Delta,
    ErrorCode,
    Event,
    Heartbeat,
    JSONObject,
    Snapshot,
    Status,
    StreamError,
    event_from_json,
)
from agentctl.wire import olderfields

TYPES = frozenset((Snapshot.type, Delta.type, Heartbeat.type, StreamError.type))
"""Of events."""

MAX_ITEMS = 100_000
"""Of one event; no control plane has as many."""

MAX_DIGITS = 100
"""Of a whole number: int() of a long text is slow, and none means one so large."""

MAX_RETRY_IN_S = 1e6

_OLDER = ("controllers", "runtime_adapters", "database", "grpc", "namespaces")
_WRONG = (KeyError, TypeError, ValueError, AttributeError, OverflowError)
_STATUSES = frozenset(status.value for status in Status)
_CODES = frozenset(code.value for code in ErrorCode)


def event_of(kind: str, text: str) -> Optional[Event]:
    """The event in one message of a stream; None for a type that is not known here.

    ``kind`` is the type that the stream gave it, "message" for none. Raises ValueError
    for what is no event.
    """
    if kind not in TYPES and kind != "message":
        return None
    data = object_of(text)
    if kind != "message":
        data.setdefault("type", kind)
    return event_in(data)


def event_in(data: JSONObject) -> Optional[Event]:
    """The event that an object is; None for a type that is not known here.

    Raises ValueError for what is no event.
    """
    told = data.get("type")
    if isinstance(told, str) and told not in TYPES:
        return None
    return _event(data)


def status_of(
    body: str, namespace: str, now: datetime
) -> Optional[tuple[Snapshot, list[StreamError]]]:
    """The whole state in an answer to the one-shot request, and what is wrong with it.

    Older servers tell no items: these are made of what they tell instead. ``namespace``
    is the one that was asked for, ``now`` when the answer came, for a server that does not
    say when it was made. None for JSON of something else; raises ValueError for a state
    that cannot be read.
    """
    data = object_of(body)
    if "items" not in data:
        if not any(key in data for key in _OLDER):
            return None
        items = tuple(olderfields.items_of(_older(data), namespace))
        return Snapshot(_time(data, now), _few(items), ""), []
    snapshot = _event({**data, "type": Snapshot.type})
    errors = data.get("errors") or []
    if not isinstance(errors, list):
        raise ValueError("errors: expected a list")
    events = [_event(error) for error in errors[:100]]
    assert isinstance(snapshot, Snapshot)
    return snapshot, [event for event in events if isinstance(event, StreamError)]


def error_of(body: str) -> tuple[str, Optional[int]]:
    """What the JSON of an answer that is not good says: the reason, and the status of ours.

    ("", None) if it says neither; only agentctl's own servers repeat the status.
    """
    try:
        data = object_of(body)
    except ValueError:
        return "", None
    said = data.get("error") or data.get("message")
    status = data.get("status")
    return (
        said if isinstance(said, str) else "",
        status if isinstance(status, int) and not isinstance(status, bool) else None,
    )


def object_of(text: str) -> JSONObject:
    """The JSON object in a text. Raises ValueError for anything else."""
    try:
        data = _DECODER.decode(text)
    except RecursionError:
        raise ValueError("JSON that is nested too deeply") from None
    if not isinstance(data, dict):
        raise ValueError(f"expected a JSON object, got {type(data).__name__}")
    return data


def _event(data: JSONObject) -> Event:
    try:
        event = event_from_json(data)
    except _WRONG as first:
        try:
            event = event_from_json(_as_known(data))
        except _WRONG:
            raise ValueError(_reason(first)) from None
    if isinstance(event, Snapshot):
        _few(event.items)
    elif isinstance(event, Delta):
        _few(event.changes)
        _few(event.removed)
    elif isinstance(event, StreamError):
        wait = event.retry_in
        if wait is not None and not 0 <= wait <= MAX_RETRY_IN_S:
            raise ValueError(f"retry_in: {wait}")
    return event


def _few(items: Any) -> Any:
    if len(items) > MAX_ITEMS:
        raise ValueError(f"{len(items)} items, and at most {MAX_ITEMS} are read")
    return items


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"without {error}"
    return str(error) or type(error).__name__


def _as_known(data: JSONObject) -> JSONObject:
    """The same, with words that are not known here replaced."""
    known = dict(data)
    if "code" in data and data["code"] not in _CODES:
        known["code"] = ErrorCode.SERVER.value
        known["message"] = f"{data['code']}: {data['message']}"
    for key in ("items", "changes"):
        if isinstance(data.get(key), list):
            known[key] = [_item_as_known(item) for item in data[key]]
    return known


def _item_as_known(item: Mapping[str, Any]) -> Mapping[str, Any]:
    word = item["status"]
    if word in _STATUSES:
        return item
    why = f'the server gave status "{word}", unknown here'
    message = f"{why}: {item['message']}" if item["message"] else why
    return {**item, "status": Status.UNKNOWN.value, "message": message}


def _time(data: JSONObject, now: datetime) -> datetime:
    try:
        return parse_time(_text(data.get("generated_at")))
    except (ValueError, OverflowError):
        return now


def _older(data: JSONObject) -> olderfields.OlderStatus:
    """What is of another type than it should be counts as not told."""
    database, grpc = data.get("database"), data.get("grpc")
    return olderfields.OlderStatus(
        tuple(
            olderfields.OlderNamespace(
                _text(one.get("namespace")),
                _text(one.get("status")),
                _texts(one.get("degraded_components")),
            )
            for one in _objects(data.get("namespaces"))
        ),
        tuple(
            olderfields.OlderController(
                _text(one.get("name")),
                _text(one.get("status")),
                _text(one.get("message")),
                _texts(one.get("missing_crds")),
            )
            for one in _objects(data.get("controllers"))
        ),
        tuple(
            olderfields.OlderRuntime(
                _text(one.get("name")),
                _text(one.get("status")),
                _text(one.get("message")),
                _text(one.get("endpoint")),
            )
            for one in _objects(data.get("runtime_adapters"))
        ),
        olderfields.OlderDatabase(_text(database.get("status")), _text(database.get("message")))
        if isinstance(database, dict)
        else None,
        olderfields.OlderGrpc(
            _text(grpc.get("status")), _text(grpc.get("message")), _text(grpc.get("address"))
        )
        if isinstance(grpc, dict)
        else None,
    )


def _objects(value: object) -> list[JSONObject]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _texts(value: object) -> tuple[str, ...]:
    found = value if isinstance(value, list) else []
    return tuple(one for one in found if isinstance(one, str))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _int(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"a number of {len(digits)} digits")
    return int(digits)


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


_DECODER = json.JSONDecoder(parse_int=_int, parse_constant=_no_constant)
