"""Routes: from a request's path to the resource, object and verb."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from agentctl.apidouble.discovery import REVIEWS
from agentctl.apidouble.kinds import NAMESPACES, Kind
from agentctl.apidouble.wire import Request
from agentctl.lazy_namedtuple import NamedTuple

_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_TRUE = {"true", "1"}


class ResourceTarget(NamedTuple):
    """What a request is about; ``kind`` is None for anything that is no resource."""

    kind: Optional[Kind]
    plural: str
    """For what is no resource, the first part of its path: ``apis``, ``version``."""
    verb: str
    namespace: str = ""
    name: str = ""
    subresource: str = ""


def target_of(request: Request, kinds: Sequence[Kind]) -> ResourceTarget:
    parts = [part for part in request.path.split("/") if part]
    first = parts[0] if parts else ""
    if first == "api" and len(parts) > 2:
        group, version, rest = "", parts[1], parts[2:]
    elif first == "apis" and len(parts) > 3:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return ResourceTarget(None, first, "get")
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2 and rest[2] not in {"status", "finalize"}:
        namespace, rest = rest[1], rest[2:]
    found = [
        k for k in (*kinds, *REVIEWS) if (k.group, k.version, k.plural) == (group, version, rest[0])
    ]
    if not found or len(rest) > 3 or (namespace and not found[0].namespaced):
        return ResourceTarget(None, first, "get")
    kind = found[0]
    name = rest[1] if len(rest) > 1 else ""
    subresource = rest[2] if len(rest) > 2 else ""
    verb = _VERBS.get(request.method, "get")
    if verb == "get" and not name:
        verb = "watch" if request.query.get("watch") in _TRUE else "list"
    if verb == "delete" and not name:
        verb = "deletecollection"
    if kind is NAMESPACES and subresource == "finalize":
        subresource = ""
    return ResourceTarget(kind, kind.plural, verb, namespace, name, subresource)
