"""Protobuf bodies of Kubernetes, for the few kinds that kubectl creates so.

kubectl's typed commands (``create namespace``, ``create deployment``, ``create configmap``,
``auth can-i``, ``auth whoami``) send protobuf and take JSON back. Field numbers are those of
``k8s.io/api/*/generated.proto``; fields not named here are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from typing import Any, Union

from agentctl.apidouble.failures import ApiFailure
from agentctl.lazy_namedtuple import NamedTuple
from agentctl.model import JSONObject, format_time

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\0"
_NUMBERS = {"bool", "int", "optional int"}


class Field(NamedTuple):
    """A field's JSON name, and its type: a scalar's name or a message's fields."""

    name: str
    type: Union[str, Mapping[int, Any]] = "string"
    repeated: bool = False


Message = Mapping[int, Field]

_OWNER: Message = {
    1: Field("kind"),
    3: Field("name"),
    4: Field("uid"),
    5: Field("apiVersion"),
    6: Field("controller", "bool"),
    7: Field("blockOwnerDeletion", "bool"),
}
_META: Message = {
    1: Field("name"),
    2: Field("generateName"),
    3: Field("namespace"),
    5: Field("uid"),
    6: Field("resourceVersion"),
    8: Field("creationTimestamp", "time"),
    11: Field("labels", "map"),
    12: Field("annotations", "map"),
    13: Field("ownerReferences", _OWNER, True),
    14: Field("finalizers", "string", True),
}
_REQUIREMENT: Message = {1: Field("key"), 2: Field("operator"), 3: Field("values", "string", True)}
_SELECTOR: Message = {
    1: Field("matchLabels", "map"),
    2: Field("matchExpressions", _REQUIREMENT, True),
}
_KEY_OF: Message = {1: Field("", {1: Field("name")}), 2: Field("key")}
_FROM: Message = {3: Field("configMapKeyRef", _KEY_OF), 4: Field("secretKeyRef", _KEY_OF)}
_PORT: Message = {1: Field("name"), 3: Field("containerPort", "int"), 4: Field("protocol")}
_ENV: Message = {1: Field("name"), 2: Field("value"), 3: Field("valueFrom", _FROM)}
_CONTAINER: Message = {
    1: Field("name"),
    2: Field("image"),
    3: Field("command", "string", True),
    4: Field("args", "string", True),
    5: Field("workingDir"),
    6: Field("ports", _PORT, True),
    7: Field("env", _ENV, True),
    14: Field("imagePullPolicy"),
}
_POD: Message = {
    2: Field("containers", _CONTAINER, True),
    3: Field("restartPolicy"),
    6: Field("dnsPolicy"),
    7: Field("nodeSelector", "map"),
    8: Field("serviceAccountName"),
    20: Field("initContainers", _CONTAINER, True),
}
_TEMPLATE: Message = {1: Field("metadata", _META), 2: Field("spec", _POD)}
_STRATEGY: Message = {1: Field("type")}
_DEPLOYMENT: Message = {
    1: Field("replicas", "optional int"),
    2: Field("selector", _SELECTOR),
    3: Field("template", _TEMPLATE),
    4: Field("strategy", _STRATEGY),
    5: Field("minReadySeconds", "int"),
    6: Field("revisionHistoryLimit", "optional int"),
    7: Field("paused", "bool"),
    9: Field("progressDeadlineSeconds", "optional int"),
}
_ATTRIBUTES: Message = {
    1: Field("namespace"),
    2: Field("verb"),
    3: Field("group"),
    4: Field("version"),
    5: Field("resource"),
    6: Field("subresource"),
    7: Field("name"),
}
_REVIEW: Message = {
    1: Field("resourceAttributes", _ATTRIBUTES),
    2: Field("nonResourceAttributes", {1: Field("path"), 2: Field("verb")}),
}
_KINDS: Mapping[tuple[str, str], Message] = {
    ("v1", "Namespace"): {1: Field("metadata", _META)},
    ("v1", "ConfigMap"): {1: Field("metadata", _META), 2: Field("data", "map")},
    ("apps/v1", "Deployment"): {1: Field("metadata", _META), 2: Field("spec", _DEPLOYMENT)},
    ("authentication.k8s.io/v1", "SelfSubjectReview"): {1: Field("metadata", _META)},
    ("authorization.k8s.io/v1", "SelfSubjectAccessReview"): {2: Field("spec", _REVIEW)},
}
_ENVELOPE: Message = {
    1: Field("type", {1: Field("apiVersion"), 2: Field("kind")}),
    2: Field("raw", "bytes"),
}


def decode(body: bytes) -> JSONObject:
    """The object as JSON. Raises ApiFailure: 400 if it is damaged, 415 if not known here."""
    if not body.startswith(_MAGIC):
        raise ApiFailure(400, "the object provided is unrecognized: it is no protobuf")
    try:
        envelope = _message(body[len(_MAGIC) :], _ENVELOPE)
        named = envelope.get("type", {})
        head = {key: str(named.get(key, "")) for key in ("kind", "apiVersion")}
        schema = _KINDS.get((head["apiVersion"], head["kind"]))
        if schema is None:
            raise ApiFailure(
                415,
                "the body of the request was in an unknown format - accepted media types "
                f"include: application/json (for {head['kind']}, use kubectl with -f)",
            )
        return {**head, **_message(envelope.get("raw", b""), schema)}
    except (ValueError, IndexError, OverflowError, OSError) as error:
        raise ApiFailure(400, f"the object provided is unrecognized: {error}") from error


def _message(data: bytes, schema: Message) -> JSONObject:
    out: JSONObject = {}
    for number, raw in _fields(data):
        field = schema.get(number)
        if field is None:
            continue
        value = _value(field, raw)
        if field.repeated:
            out.setdefault(field.name, []).append(value)
        elif field.type == "map":
            out.setdefault(field.name, {}).update(value)
        elif field.name == "" and isinstance(value, dict):
            out.update(value)  # Go embeds it
        elif value or field.type == "optional int":
            # Go writes what is empty too, unless it is a pointer.
            out[field.name] = value
    return out


def _value(field: Field, raw: Union[int, bytes]) -> Any:
    kind = field.type
    if isinstance(raw, int) != (isinstance(kind, str) and kind in _NUMBERS):
        raise ValueError(f"{field.name}: unexpected wire type")
    if isinstance(raw, int):
        return bool(raw) if kind == "bool" else raw
    if kind == "bytes":
        return raw
    if kind == "map":
        entry = _message(raw, {1: Field("key"), 2: Field("value")})
        return {entry.get("key", ""): entry.get("value", "")}
    if kind == "time":
        seconds = _message(raw, {1: Field("seconds", "int")}).get("seconds")
        if seconds is None or seconds >= 1 << 63:  # Go's zero time, before 1970
            return ""
        return format_time(datetime.fromtimestamp(seconds, timezone.utc))
    return raw.decode() if isinstance(kind, str) else _message(raw, kind)


def _fields(data: bytes) -> Iterator[tuple[int, Union[int, bytes]]]:
    """Each field's number and raw value. Raises ValueError, IndexError for damaged data."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        wire = tag & 7
        if wire == 0:
            value, at = _varint(data, at)
            yield tag >> 3, value
            continue
        if wire == 2:
            size, at = _varint(data, at)
        elif wire in {1, 5}:
            size = 8 if wire == 1 else 4
        else:
            raise ValueError(f"unknown wire type {wire}")
        if at + size > len(data):
            raise ValueError("unexpected end of data")
        if wire == 2:
            yield tag >> 3, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("number too long")
