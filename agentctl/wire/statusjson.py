"""Status JSON of a peer as events and states: read leniently, and nothing of it is believed.

What the specification leaves open may be missing: an item's namespace and message, an
event's time, an error's code. A status or an error code that a newer server may have
becomes the nearest that is known here, and the message says so. An item that cannot be
read is passed over and named; the event is read. What was read is not redacted yet.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Optional

from agentctl.lazy_namedtuple import NamedTuple
from agentctl.lenient_json import mappings, text, texts
from agentctl.model import (
    Delta,
    ErrorCode,
    Event,
    Heartbeat,
    Item,
    ItemKey,
    JSONObject,
    Snapshot,
    Status,
    StreamError,
    parse_time,
)
from agentctl.wire import legacy_items

TYPES = frozenset((Snapshot.type, Delta.type, Heartbeat.type, StreamError.type))
"""Of events."""

MAX_ITEMS = 100_000
"""Of one event; no control plane has as many, and in protobuf two bytes may be one."""

MAX_DIGITS = 100
"""Of a whole number: int() of a long text is slow, and none means one so large."""

MAX_RETRY_IN_S = 1e6

MAX_SOURCES = 1000
"""Of one error."""

_OLDER = ("controllers", "runtime_adapters", "database", "grpc", "namespaces")
_CODES = {code.value: code for code in ErrorCode}


class Read(NamedTuple):
    """What one message of a peer says."""

    event: Optional[Event]
    """None for a type that is not known here."""
    passed_over: tuple[str, ...] = ()
    """What in it could not be read, and why."""
    kind: str = ""
    """The type that is not known here."""


class Namespaces:
    """Namespaces that a peer left out of its items, as the specification lets it.

    An item without one is in that of the one known item with this component's name; where
    there is none, or several, in the one asked for. Known is what the events before said.
    """

    def __init__(self, asked_for: str = "") -> None:
        self._asked_for = asked_for
        self._known: dict[tuple[str, str], set[str]] = {}

    def of(self, component: str, cluster: str = "") -> str:
        """The namespace of an item that names none."""
        known = self._known.get((cluster, component), ())
        return next(iter(known)) if len(known) == 1 else self._asked_for

    def learn(self, event: Event) -> None:
        """Take what an event says of which items there are."""
        if isinstance(event, Snapshot):
            self._known = {}
            self._add(event.items)
        elif isinstance(event, Delta):
            self._add(event.changes)
            for key in event.removed:
                self._known.get((key.cluster, key.component), set()).discard(key.namespace)

    def _add(self, items: Iterable[Item]) -> None:
        for item in items:
            self._known.setdefault((item.cluster, item.component), set()).add(item.namespace)


def event_of(kind: str, text: str, now: datetime, namespaces: Namespaces) -> Read:
    """The event in one message of a stream that came at ``now``.

    ``kind`` is the type that the stream gave it, "message" for none; ``namespaces`` are
    those of the items that came before. Raises ValueError for what is no event.
    """
    if kind not in TYPES and kind != "message":
        return Read(None, (), kind)
    data = object_of(text)
    if kind != "message":
        data.setdefault("type", kind)
    return event_in(data, now, namespaces)


def event_in(data: JSONObject, now: datetime, namespaces: Namespaces) -> Read:
    """The event that an object is. Raises ValueError for what is no event."""
    read = _event(data, now, namespaces)
    if read.event is not None:
        namespaces.learn(read.event)
    return read


def _event(data: JSONObject, now: datetime, namespaces: Namespaces) -> Read:
    kind = data.get("type")
    if not isinstance(kind, str):
        raise ValueError("without 'type'" if kind is None else "type: expected text")
    if kind not in TYPES:
        return Read(None, (), kind)
    at, cursor = _time(data, now), data.get("cursor")
    if not isinstance(cursor, str):
        cursor = ""
    if kind == Heartbeat.type:
        return Read(Heartbeat(at, cursor))
    if kind == StreamError.type:
        return Read(_error(data, at, cursor))
    wrong: list[str] = []
    if kind == Snapshot.type:
        return Read(Snapshot(at, _items(data, "items", wrong, namespaces), cursor), tuple(wrong))
    if "changes" not in data and "removed" not in data:
        raise ValueError("without 'changes'")
    changes = _items(data, "changes", wrong, namespaces)
    removed = _keys(data, wrong, namespaces)
    return Read(Delta(at, changes, removed, cursor), tuple(wrong))


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
        items = tuple(legacy_items.items_of(data, namespace))
        if len(items) > MAX_ITEMS:
            raise ValueError(f"{len(items)} items, and at most {MAX_ITEMS} are read")
        return Snapshot(_time(data, now), items, ""), []
    wrong: list[str] = []
    at = _time(data, now)
    found = _items(data, "items", wrong, Namespaces(namespace))
    snapshot = Snapshot(at, found, text(data, "cursor"))
    if not isinstance(data.get("errors") or [], list):
        raise ValueError("errors: expected a list")
    told = [_error(one, _time(one, now), "") for one in mappings(data, "errors")[:100]]
    told += [StreamError(at, f"passed over {one}", ErrorCode.SERVER, "", None, "") for one in wrong]
    return snapshot, told


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


def _items(
    data: JSONObject, key: str, wrong: list[str], namespaces: Namespaces
) -> tuple[Item, ...]:
    """Those that can be read; why others cannot goes to ``wrong``."""
    found = []
    for number, one in enumerate(_few(data, key), 1):
        try:
            found.append(_item(one, namespaces))
        except ValueError as error:
            wrong.append(f"{key} {number}: {error}")
    return tuple(found)


def _item(data: object, namespaces: Namespaces) -> Item:
    if not isinstance(data, dict):
        raise ValueError(f"expected an object, got {type(data).__name__}")
    component, word = data.get("component"), data.get("status")
    namespace, details, message = data.get("namespace"), data.get("details"), data.get("message")
    if not isinstance(component, str):
        raise ValueError("without 'component'" if component is None else "component: expected text")
    if not isinstance(namespace, (str, type(None))):
        raise ValueError(f"{component[:100]}: namespace: expected text")
    if not isinstance(word, str):
        why = "without 'status'" if word is None else "status: expected text"
        raise ValueError(f"{component[:100]}: {why}")
    if not isinstance(message, str):
        message = ""
    status = legacy_items.STATUSES.get(word)
    if status is None:
        status = Status.UNKNOWN
        why = f'the server gave status "{word}", unknown here'
        message = f"{why}: {message}" if message else why
    told = details if isinstance(details, dict) else {}
    cluster = text(data, "cluster")
    if namespace is None:
        namespace = namespaces.of(component, cluster)
    return Item(component, namespace, status, message, told, cluster)


def _keys(data: JSONObject, wrong: list[str], namespaces: Namespaces) -> tuple[ItemKey, ...]:
    found = []
    for number, one in enumerate(_few(data, "removed"), 1):
        component = one.get("component") if isinstance(one, dict) else None
        if isinstance(component, str):
            namespace, cluster = one.get("namespace"), text(one, "cluster")
            named = namespace if isinstance(namespace, str) else namespaces.of(component, cluster)
            found.append(ItemKey(named, component, cluster))
        else:
            wrong.append(f"removed {number}: without 'component'")
    return tuple(found)


def _error(data: Mapping[str, Any], at: datetime, cursor: str) -> StreamError:
    word = text(data, "code")
    code, message = code_of(word, text(data, "message"))
    if word not in _CODES and not message:
        raise ValueError("without 'message'")
    sources = tuple(texts(data, "sources")[:MAX_SOURCES])
    source = text(data, "source")
    retry_in, lasted = _seconds(data.get("retry_in")), _seconds(data.get("lasted"))
    cluster = text(data, "cluster")
    return StreamError(at, message, code, source, retry_in, cursor, sources, lasted, cluster)


def code_of(word: str, message: str) -> tuple[ErrorCode, str]:
    """A code that is not known here is told in the message: the error is what counts."""
    code = _CODES.get(word)
    if code is not None:
        return code, message
    return ErrorCode.SERVER, f"{word}: {message}" if word else message


def _seconds(value: object) -> Optional[float]:
    """A number of seconds that can be meant; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if 0 <= value <= MAX_RETRY_IN_S else None


def _few(data: JSONObject, key: str) -> list[Any]:
    items = data.get(key)
    if items is None and key != "items":
        return []
    if not isinstance(items, list):
        raise ValueError(f"without {key!r}" if items is None else f"{key}: expected a list")
    if len(items) > MAX_ITEMS:
        raise ValueError(f"{len(items)} items, and at most {MAX_ITEMS} are read")
    return items


def _time(data: Mapping[str, Any], now: datetime) -> datetime:
    moment = data.get("generated_at")
    try:
        return parse_time(moment) if isinstance(moment, str) else now
    except (ValueError, OverflowError):
        return now


def _int(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"a number of {len(digits)} digits")
    return int(digits)


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


_DECODER = json.JSONDecoder(parse_int=_int, parse_constant=_no_constant)
