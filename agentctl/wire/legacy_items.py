"""Legacy items: made of what servers told before there were items, protobuf or JSON.

``disabled`` is ``configured``: it is switched off, so it is not checked, and nobody has
said that this is wrong.

``last_checked_at`` and ``latency_ms`` are left out: they differ each time, and every poll
would look like a change. What was read from a peer is not redacted yet.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Optional

from agentctl.model import Item, Status

NAMESPACE, DATABASE, GRPC = "namespace", "database", "grpc"
RUNTIME = "runtime:"

DISABLED = "disabled"
_FINE = (Status.HEALTHY, Status.CONFIGURED)
STATUSES = {**{status.value: status for status in Status}, DISABLED: Status.CONFIGURED}
"""By the word that a server uses."""


class OlderNamespace(NamedTuple):
    namespace: str
    status: str
    degraded_components: tuple[str, ...] = ()


class OlderController(NamedTuple):
    name: str
    status: str
    message: str = ""
    missing_crds: tuple[str, ...] = ()


class OlderRuntime(NamedTuple):
    name: str
    status: str
    message: str = ""
    endpoint: str = ""


class OlderDatabase(NamedTuple):
    status: str
    message: str = ""


class OlderGrpc(NamedTuple):
    status: str
    message: str = ""
    address: str = ""


class OlderStatus(NamedTuple):
    """What of an answer makes up items. None where the server told nothing."""

    namespaces: tuple[OlderNamespace, ...] = ()
    controllers: tuple[OlderController, ...] = ()
    runtimes: tuple[OlderRuntime, ...] = ()
    database: Optional[OlderDatabase] = None
    grpc: Optional[OlderGrpc] = None


def items_of(status: OlderStatus, namespace: str) -> Iterator[Item]:
    """In the order that the default catalog has.

    ``namespace`` is the one that was asked for: the older fields do not name it but in
    one place.
    """
    details: dict[str, Any]
    where = namespace
    if not where and len(status.namespaces) == 1:
        where = status.namespaces[0].namespace
    for one in status.namespaces:
        if one.namespace == where or not where:
            bad = list(one.degraded_components)
            reason = f"degraded: {', '.join(bad)}" if bad else ""
            details = {"degraded_components": bad} if bad else {}
            yield _item(NAMESPACE, one.namespace, one.status, reason, details)
    for controller in status.controllers:
        missing = list(controller.missing_crds)
        details = {"missing_crds": missing} if missing else {}
        yield _item(controller.name, where, controller.status, controller.message, details)
    for runtime in status.runtimes:
        details = {"endpoint": runtime.endpoint} if runtime.endpoint else {}
        yield _item(f"{RUNTIME}{runtime.name}", where, runtime.status, runtime.message, details)
    if status.database is not None:
        yield _item(DATABASE, where, status.database.status, status.database.message, {})
    if status.grpc is not None:
        yield _grpc_item(status.grpc, where)


def _grpc_item(grpc: OlderGrpc, where: str) -> Item:
    """The message of one that is fine is its address."""
    details = {"address": grpc.address} if grpc.address else {}
    item = _item(GRPC, where, grpc.status, grpc.message, details)
    if item.status not in _FINE:
        return item
    return Item(GRPC, where, item.status, grpc.address, item.details)


def _item(component: str, where: str, word: str, message: str, details: Mapping[str, Any]) -> Item:
    """What a fine component has to say goes into its details."""
    status = STATUSES.get(word)
    if status is None:
        why = f'the server gave status "{word}", unknown here' if word else "no status given"
        return Item(
            component, where, Status.UNKNOWN, f"{why}: {message}" if message else why, details
        )
    if status in _FINE:
        noted = {**details, "note": message} if message else details
        return Item(component, where, status, "", noted)
    return Item(component, where, status, message or f"{word}, no reason given", details)
