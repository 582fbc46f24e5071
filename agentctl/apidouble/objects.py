"""Stored objects: immutable versions, in the order of keys the API server writes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Optional

from agentctl.apidouble.kinds import NAMESPACES, Kind
from agentctl.lazy_namedtuple import NamedTuple
from agentctl.model import JSONObject

_METADATA_ORDER = (
    "name",
    "generateName",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "labels",
    "annotations",
    "ownerReferences",
    "finalizers",
    "managedFields",
)


class ObjectName(NamedTuple):
    namespace: str
    name: str


class Stored:
    """One version of one object, with the bytes it was ever encoded to."""

    __slots__ = ("encoded", "key", "obj", "version")

    def __init__(self, obj: JSONObject, version: int) -> None:
        metadata = obj["metadata"]
        self.obj = obj
        self.key = ObjectName(metadata.get("namespace", ""), metadata["name"])
        self.version = version
        self.encoded: dict[str, bytes] = {}

    @property
    def metadata(self) -> JSONObject:
        metadata: JSONObject = self.obj["metadata"]
        return metadata


class HistoryEntry(NamedTuple):
    """One entry of the history; ``previous`` is None for what was created."""

    version: int
    type: str
    stored: Stored
    previous: Optional[Stored]


def encode(value: Any) -> bytes:
    """JSON as the API server writes it: no spaces, UTF-8 unescaped."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def normal(kind: Kind, obj: Mapping[str, Any], version: int) -> JSONObject:
    """``obj`` as this version of it: kind, apiVersion and metadata first."""
    metadata = {**obj["metadata"], "resourceVersion": str(version)}
    rest = {key: obj[key] for key in obj if key not in {"kind", "apiVersion", "metadata"}}
    head = {"kind": kind.kind, "apiVersion": obj.get("apiVersion") or kind.api_version}
    return {**head, "metadata": _in_order(metadata, _METADATA_ORDER), **rest}


def body_of(obj: Mapping[str, Any]) -> JSONObject:
    """What counts for ``metadata.generation``."""
    return {key: value for key, value in obj.items() if key not in {"metadata", "status"}}


def finalizers_of(obj: Mapping[str, Any]) -> list[str]:
    """What holds an object back from going; a namespace says it in its spec."""
    own = list(obj["metadata"].get("finalizers") or ())
    if obj.get("kind") == NAMESPACES.kind:
        own += (obj.get("spec") or {}).get("finalizers") or ()
    return own


def _in_order(values: Mapping[str, Any], order: Iterable[str]) -> JSONObject:
    out = {key: values[key] for key in order if key in values}
    return {**out, **{key: value for key, value in values.items() if key not in out}}
