"""Tables of the server's side: the columns that ``kubectl get`` shows.

The API server, not kubectl, decides on them (Accept ``as=Table;g=meta.k8s.io``).
Columns with a priority above 0 are shown by ``-o wide`` only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Callable, Union

from agentctl.apidouble.kinds import Kind
from agentctl.kube.selectors import LabelSelector
from agentctl.lazy_namedtuple import NamedTuple
from agentctl.model import JSONObject, parse_time

NONE = "<none>"
Cell = Union[str, int]
Cells = Callable[[JSONObject, datetime], Sequence[Cell]]


class Column(NamedTuple):
    name: str
    type: str = "string"
    priority: int = 0

    def to_json(self) -> JSONObject:
        shape = "name" if self.name == "Name" else ""
        return {
            "name": self.name,
            "type": self.type,
            "format": shape,
            "description": f"{self.name} of the object",
            "priority": self.priority,
        }


def table(kind: Kind, rows: Sequence[JSONObject], metadata: JSONObject, head: bool) -> JSONObject:
    """A Table of rows made by ``row``; watches send the column definitions (``head``) once."""
    columns = [column.to_json() for column in columns_of(kind)] if head else None
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": columns,
        "rows": list(rows),
    }


def row(kind: Kind, obj: JSONObject, partial: JSONObject, now: datetime) -> JSONObject:
    """One row; ``partial`` is the object's PartialObjectMetadata."""
    return {"cells": list(cells_of(kind, obj, now)), "object": partial}


def columns_of(kind: Kind) -> Sequence[Column]:
    if kind.custom and kind.printer_columns:
        printed = [
            Column(c["name"], c.get("type", "string"), c.get("priority", 0))
            for c in kind.printer_columns
        ]
        return (Column("Name"), *printed)
    return (Column("Name"), *_TABLES.get(kind.qualified, _PLAIN)[0])


def cells_of(kind: Kind, obj: JSONObject, now: datetime) -> Sequence[Cell]:
    name = obj["metadata"]["name"]
    if kind.custom and kind.printer_columns:
        printed = []
        for column in kind.printer_columns:
            value = _at(obj, column["jsonPath"])
            is_date = column.get("type") == "date" and isinstance(value, str)
            printed.append(_since(value, now) if is_date else value)
        return (name, *printed)
    return (name, *_TABLES.get(kind.qualified, _PLAIN)[1](obj, now))


def duration(seconds: float) -> str:
    """As kubectl says an age: ``12s``, ``3m20s``, ``5h``, ``2d4h``.

    >>> duration(200), duration(7200), duration(86400 * 9)
    ('3m20s', '120m', '9d')
    """
    whole = int(seconds)
    if whole < 0:
        return "0s" if whole >= -1 else "<invalid>"
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if whole < 120:
        text = f"{whole}s"
    elif minutes < 10:
        text = _two(minutes, "m", whole % 60, "s")
    elif minutes < 180:
        text = f"{minutes}m"
    elif hours < 8:
        text = _two(hours, "h", minutes % 60, "m")
    elif hours < 48:
        text = f"{hours}h"
    elif days < 8:
        text = _two(days, "d", hours % 24, "h")
    else:
        text = f"{days}d" if days < 730 else _two(days // 365, "y", days % 365, "d")
    return text


def _two(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large}{large_unit}" + (f"{small}{small_unit}" if small else "")


def _since(text: Any, now: datetime) -> str:
    if not text:
        return "<unknown>"
    return duration((now - parse_time(text)).total_seconds())


def _age(obj: JSONObject, now: datetime) -> str:
    return _since(obj["metadata"].get("creationTimestamp"), now)


def _at(obj: Any, path: str) -> Any:
    """A JSONPath without filters or indices: ``.status.phase``."""
    for step in path.strip(".").split("."):
        obj = obj.get(step) if isinstance(obj, Mapping) else None
    return NONE if obj is None else obj


def _containers(obj: JSONObject) -> tuple[str, str]:
    containers = ((obj["spec"].get("template") or {}).get("spec") or {}).get("containers") or ()
    names = ",".join(c.get("name", "") for c in containers)
    return names or NONE, ",".join(c.get("image", "") for c in containers) or NONE


def _selector(obj: JSONObject) -> str:
    selector = (obj.get("spec") or {}).get("selector") or {}
    if "matchLabels" not in selector and "matchExpressions" not in selector:
        selector = {"matchLabels": selector}
    return str(LabelSelector.from_spec(selector)) or NONE


def _ready(obj: JSONObject) -> str:
    status = obj.get("status") or {}
    return f"{status.get('readyReplicas', 0)}/{obj['spec'].get('replicas', 1)}"


def _deployment(obj: JSONObject, now: datetime) -> Sequence[Cell]:
    status = obj.get("status") or {}
    updated, available = status.get("updatedReplicas", 0), status.get("availableReplicas", 0)
    return (_ready(obj), updated, available, _age(obj, now), *_containers(obj), _selector(obj))


def _statefulset(obj: JSONObject, now: datetime) -> Sequence[Cell]:
    return (_ready(obj), _age(obj, now), *_containers(obj))


def _replicaset(obj: JSONObject, now: datetime) -> Sequence[Cell]:
    status = obj.get("status") or {}
    counts = (status.get("replicas", 0), status.get("readyReplicas", 0))
    desired = obj["spec"].get("replicas", 1)
    return (desired, *counts, _age(obj, now), *_containers(obj), _selector(obj))


def _daemonset(obj: JSONObject, now: datetime) -> Sequence[Cell]:
    status = obj.get("status") or {}
    names = ("desiredNumberScheduled", "currentNumberScheduled", "numberReady")
    counts = [status.get(name, 0) for name in (*names, "updatedNumberScheduled", "numberAvailable")]
    return (*counts, NONE, _age(obj, now))


def _pod(obj: JSONObject, now: datetime) -> Sequence[Cell]:
    status = obj.get("status") or {}
    containers = status.get("containerStatuses") or []
    total = len((obj.get("spec") or {}).get("containers") or ())
    reason = status.get("reason") or status.get("phase") or "Unknown"
    for container in containers:
        state = container.get("state") or {}
        why = (state.get("waiting") or state.get("terminated") or {}).get("reason")
        reason = why or reason
    if "deletionTimestamp" in obj["metadata"]:
        reason = "Terminating"
    restarts = sum(container.get("restartCount", 0) for container in containers)
    ready = f"{sum(bool(container.get('ready')) for container in containers)}/{total}"
    node = (obj.get("spec") or {}).get("nodeName") or NONE
    return (ready, reason, str(restarts), _age(obj, now), status.get("podIP") or NONE, node)


def _service(obj: JSONObject, now: datetime) -> Sequence[Cell]:
    spec = obj["spec"]
    ports = ",".join(f"{p['port']}/{p.get('protocol', 'TCP')}" for p in spec.get("ports") or ())
    address = spec.get("clusterIP") or NONE
    kind = spec.get("type", "ClusterIP")
    return (kind, address, NONE, ports or NONE, _age(obj, now), _selector(obj))


def _endpointslice(obj: JSONObject, now: datetime) -> Sequence[Cell]:
    ports = ",".join(str(port.get("port")) for port in obj.get("ports") or ())
    endpoints = obj.get("endpoints") or ()
    addresses = [address for endpoint in endpoints for address in endpoint.get("addresses") or ()]
    shown = ",".join(addresses[:3])
    if len(addresses) > 3:
        shown += f" + {len(addresses) - 3} more..."
    return (obj.get("addressType", ""), ports or "<unset>", shown or "<unset>", _age(obj, now))


def _event(obj: JSONObject, now: datetime) -> Sequence[Cell]:
    about = obj.get("involvedObject") or {}
    seen = _since(obj.get("lastTimestamp") or obj["metadata"].get("creationTimestamp"), now)
    target = f"{str(about.get('kind', '')).lower()}/{about.get('name', '')}"
    return (seen, obj.get("type", ""), obj.get("reason", ""), target, obj.get("message", ""))


_AGE = Column("Age")
_WIDE = (Column("Containers", priority=1), Column("Images", priority=1))
_WIDE_SELECTOR = Column("Selector", priority=1)
_PLAIN: tuple[Sequence[Column], Cells] = ((_AGE,), lambda obj, now: (_age(obj, now),))


def _columns(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name) for name in names)


_TABLES: Mapping[str, tuple[Sequence[Column], Cells]] = {
    "deployments.apps": (
        (*_columns("Ready", "Up-to-date", "Available"), _AGE, *_WIDE, _WIDE_SELECTOR),
        _deployment,
    ),
    "statefulsets.apps": ((*_columns("Ready"), _AGE, *_WIDE), _statefulset),
    "replicasets.apps": (
        (*_columns("Desired", "Current", "Ready"), _AGE, *_WIDE, _WIDE_SELECTOR),
        _replicaset,
    ),
    "daemonsets.apps": (
        (
            *_columns("Desired", "Current", "Ready", "Up-to-date", "Available", "Node Selector"),
            _AGE,
        ),
        _daemonset,
    ),
    "pods": (
        (
            *_columns("Ready", "Status", "Restarts"),
            _AGE,
            Column("IP", priority=1),
            Column("Node", priority=1),
        ),
        _pod,
    ),
    "services": (
        (*_columns("Type", "Cluster-IP", "External-IP", "Port(s)"), _AGE, _WIDE_SELECTOR),
        _service,
    ),
    "namespaces": (
        (*_columns("Status"), _AGE),
        lambda obj, now: ((obj.get("status") or {}).get("phase", ""), _age(obj, now)),
    ),
    "configmaps": (
        (Column("Data", "integer"), _AGE),
        lambda obj, now: (len(obj.get("data") or ()), _age(obj, now)),
    ),
    "leases.coordination.k8s.io": (
        (*_columns("Holder"), _AGE),
        lambda obj, now: ((obj.get("spec") or {}).get("holderIdentity", ""), _age(obj, now)),
    ),
    "endpointslices.discovery.k8s.io": (
        (*_columns("AddressType", "Ports", "Endpoints"), _AGE),
        _endpointslice,
    ),
    "customresourcedefinitions.apiextensions.k8s.io": (
        (Column("Created At", "date"),),
        lambda obj, now: (obj["metadata"]["creationTimestamp"],),
    ),
    "events": (_columns("Last Seen", "Type", "Reason", "Object", "Message"), _event),
}
