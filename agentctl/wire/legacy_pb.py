"""Legacy protobuf fields of GetControlPlaneStatusResponse, to and from items.

Servers in the field answer with controllers, runtime adapters, database, grpc and
namespaces, and clients in the field read nothing else. Going there:

- ``error`` is told as ``degraded``, the worst that they know.
- Components that are none of the others are told as controllers, so that no client
  misses one. Of several namespaces or clusters the worst component of a name is told.
- A boolean is true where it is known to be so: proto3 has no third value. What is known
  is the status and the details; messages are for people and are not read.

Coming from there, ``legacy_items`` has the rules, which hold for JSON too.

What was read from a peer is not redacted yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, MutableSequence, Sequence
from datetime import datetime
from typing import Optional

from google.protobuf.message import Message

from agentctl.lenient_json import text, texts
from agentctl.model import Item, JSONObject, Snapshot, Status, StreamError, format_time, parse_time
from agentctl.rpc.agentctl_pb2 import (
    ControllerHealth,
    DatabaseHealth,
    GetControlPlaneStatusResponse,
    GrpcHealth,
    NamespaceHealth,
    RuntimeAdapterHealth,
)
from agentctl.wire import legacy_items
from agentctl.wire.events_pb import (
    from_message,
    items_from_messages,
    items_to_messages,
    to_message,
)
from agentctl.wire.legacy_items import (
    DATABASE,
    DISABLED,
    FINE,
    GRPC,
    NAMESPACE,
    RUNTIME,
)
from agentctl.wire.statusjson import Namespaces

SERVICE = "agentctl"
"""What this server says it is; older ones say ``jangar``."""

_BAD = (Status.DEGRADED, Status.ERROR)
_RUNNING = (*FINE, Status.DEGRADED)
_CRD_TROUBLES = ("missing_crds", "deleting_crds", "unestablished_crds", "unserved_crds")


def to_response(
    items: Sequence[Item],
    generated_at: datetime,
    service: str = SERVICE,
    *,
    cursor: str = "",
    errors: Iterable[StreamError] = (),
) -> GetControlPlaneStatusResponse:
    """The answer for clients of any age. ``items`` are in the catalog's order.

    ``errors`` is what is wrong with our knowing them.
    """
    at = format_time(generated_at)
    known = _one_of_each_name(items)
    special = (NAMESPACE, DATABASE, GRPC)
    return GetControlPlaneStatusResponse(
        service=service,
        generated_at=at,
        controllers=[
            _controller(item, at)
            for name, item in known.items()
            if name not in special and not name.startswith(RUNTIME)
        ],
        runtime_adapters=[
            _runtime(item) for name, item in known.items() if name.startswith(RUNTIME)
        ],
        database=_database(known.get(DATABASE)),
        grpc=_grpc(known.get(GRPC)),
        namespaces=list(_namespaces(items)),
        items=items_to_messages(items),
        errors=[to_message(error) for error in errors],
        cursor=cursor,
    )


def status_of(
    response: GetControlPlaneStatusResponse, namespace: str, now: datetime
) -> tuple[Snapshot, list[StreamError]]:
    """A server's answer as an event, and what it says is wrong with it.

    ``now`` is when it came, for one that does not say when it was made. Raises ValueError.
    """
    try:
        at = parse_time(response.generated_at)
    except ValueError:
        at = now
    events = [from_message(message, now, Namespaces()).event for message in response.errors]
    errors = [event for event in events if isinstance(event, StreamError)]
    return Snapshot(at, items_of(response, namespace), response.cursor), errors


def items_of(response: GetControlPlaneStatusResponse, namespace: str) -> tuple[Item, ...]:
    """The items of a server's answer, made from the older fields if it sent none.

    ``namespace`` is the one that was asked for. Raises ValueError for items without end.
    """
    if response.items:
        return items_from_messages(response.items)
    return tuple(legacy_items.items_of(_older(response), namespace))


def _one_of_each_name(items: Iterable[Item]) -> dict[str, Item]:
    """The worst of each name, which says where it is if there are several places."""
    worst: dict[str, Item] = {}
    places = set()
    for item in items:
        places.add((item.cluster, item.namespace))
        known = worst.get(item.component)
        if known is None or item.status.severity > known.status.severity:
            worst[item.component] = item
    if len(places) == 1:
        return worst
    return {name: _located(item) for name, item in worst.items()}


def _located(item: Item) -> Item:
    if item.status in FINE or not item.message:
        return item
    where = f"{item.cluster}/{item.namespace}" if item.cluster else item.namespace
    message = f"{where}: {item.message}"
    return Item(item.component, item.namespace, item.status, message, item.details)


def _word(status: Status) -> str:
    return Status.DEGRADED.value if status is Status.ERROR else status.value


def _controller(item: Item, at: str) -> ControllerHealth:
    ready = item.details.get("ready")
    unknown = item.status is Status.UNKNOWN
    troubled = any(item.details.get(trouble) for trouble in _CRD_TROUBLES)
    return ControllerHealth(
        name=item.component,
        enabled=True,
        started=ready > 0 if isinstance(ready, int) else item.status in _RUNNING,
        crds_ready=not unknown and not troubled,
        missing_crds=texts(item.details, "missing_crds"),
        last_checked_at="" if unknown else at,
        status=_word(item.status),
        message=item.message,
    )


def _runtime(item: Item) -> RuntimeAdapterHealth:
    details = item.details
    endpoint = details.get("address") or details.get("endpoint")
    if not endpoint and details.get("source") == "default":
        endpoint = details.get("value")
    return RuntimeAdapterHealth(
        name=item.component[len(RUNTIME) :],
        available=item.status in FINE,
        status=_word(item.status),
        message=item.message,
        endpoint=endpoint if isinstance(endpoint, str) else "",
    )


def _database(item: Optional[Item]) -> DatabaseHealth:
    """Never left out: a client may not expect that."""
    if item is None:
        return DatabaseHealth(status=DISABLED, message="not watched")
    return DatabaseHealth(
        configured=item.status in _RUNNING,
        connected=item.status is Status.HEALTHY,
        status=_word(item.status),
        message=item.message,
    )


def _grpc(item: Optional[Item]) -> GrpcHealth:
    """Never left out: a client may not expect that."""
    if item is None:
        return GrpcHealth(status=DISABLED, message="not watched")
    fine = item.status in FINE
    return GrpcHealth(
        enabled=True,
        address=text(item.details, "address") or (item.message if fine else ""),
        status=_word(item.status),
        message="" if fine else item.message,
    )


def _namespaces(items: Sequence[Item]) -> Iterator[NamespaceHealth]:
    """Older clients know no ``unknown`` here, but would rather not be told ``healthy``."""
    for namespace in dict.fromkeys(item.namespace for item in items):
        inside = [item for item in items if item.namespace == namespace]
        bad = [item.component for item in inside if item.status in _BAD]
        fine = any(item.status in FINE for item in inside)
        unseen = any(
            item.component == NAMESPACE and item.status is Status.UNKNOWN for item in inside
        )
        status = Status.DEGRADED if bad else Status.HEALTHY
        if not bad and (unseen or not fine):
            status = Status.UNKNOWN
        yield NamespaceHealth(namespace=namespace, status=status.value, degraded_components=bad)


def _older(response: GetControlPlaneStatusResponse) -> JSONObject:
    """The older fields as JSON has them."""
    told: JSONObject = {
        "namespaces": [_fields(one) for one in response.namespaces],
        "controllers": [_fields(one) for one in response.controllers],
        "runtime_adapters": [_fields(one) for one in response.runtime_adapters],
    }
    if response.HasField("database"):
        told["database"] = _fields(response.database)
    if response.HasField("grpc"):
        told["grpc"] = _fields(response.grpc)
    return told


def _fields(message: Message) -> JSONObject:
    return {
        field.name: list(value) if isinstance(value, MutableSequence) else value
        for field, value in message.ListFields()
    }
