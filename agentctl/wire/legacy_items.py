"""Legacy items: made of what servers told before there were items, protobuf or JSON.

``disabled`` is ``configured``: it is switched off, so it is not checked, and nobody has
said that this is wrong.

``last_checked_at`` and ``latency_ms`` are left out: they differ each time, and every poll
would look like a change. What was read from a peer is not redacted yet.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from agentctl.lazy_dataclass import replace
from agentctl.lenient_json import mapping, mappings, text, texts
from agentctl.model import Item, JSONObject, Status

NAMESPACE, DATABASE, GRPC = "namespace", "database", "grpc"
RUNTIME = "runtime:"

DISABLED = "disabled"
FINE = (Status.HEALTHY, Status.CONFIGURED)
STATUSES = {**{status.value: status for status in Status}, DISABLED: Status.CONFIGURED}
"""By the word that a server uses."""


def items_of(status: JSONObject, namespace: str) -> Iterator[Item]:
    """In the order that the default catalog has.

    ``status`` has the older fields, as JSON names them; what is of another type than it
    should be counts as not told. ``namespace`` is the one that was asked for: the older
    fields do not name it but in one place.
    """
    namespaces = mappings(status, "namespaces")
    where = namespace
    if not where and len(namespaces) == 1:
        where = text(namespaces[0], "namespace")
    for one in namespaces:
        name = text(one, "namespace")
        if name == where or not where:
            bad = texts(one, "degraded_components")
            reason = f"degraded: {', '.join(bad)}" if bad else ""
            details: JSONObject = {"degraded_components": bad} if bad else {}
            yield _item(NAMESPACE, name, text(one, "status"), reason, details)
    for one in mappings(status, "controllers"):
        missing = texts(one, "missing_crds")
        details = {"missing_crds": missing} if missing else {}
        yield _told(text(one, "name"), where, one, details)
    for one in mappings(status, "runtime_adapters"):
        endpoint = text(one, "endpoint")
        details = {"endpoint": endpoint} if endpoint else {}
        yield _told(f"{RUNTIME}{text(one, 'name')}", where, one, details)
    if isinstance(status.get("database"), dict):
        yield _told(DATABASE, where, mapping(status, "database"), {})
    if isinstance(status.get("grpc"), dict):
        yield _grpc_item(mapping(status, "grpc"), where)


def _grpc_item(grpc: Mapping[str, Any], where: str) -> Item:
    """The message of one that is fine is its address."""
    address = text(grpc, "address")
    item = _told(GRPC, where, grpc, {"address": address} if address else {})
    return replace(item, message=address) if item.status in FINE else item


def _told(component: str, where: str, one: Mapping[str, Any], details: JSONObject) -> Item:
    return _item(component, where, text(one, "status"), text(one, "message"), details)


def _item(component: str, where: str, word: str, message: str, details: Mapping[str, Any]) -> Item:
    """What a fine component has to say goes into its details."""
    status = STATUSES.get(word)
    if status is None:
        why = f'the server gave status "{word}", unknown here' if word else "no status given"
        return Item(
            component, where, Status.UNKNOWN, f"{why}: {message}" if message else why, details
        )
    if status in FINE:
        noted = {**details, "note": message} if message else details
        return Item(component, where, status, "", noted)
    return Item(component, where, status, message or f"{word}, no reason given", details)
