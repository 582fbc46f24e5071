"""Forms that an object is asked for in: whole, metadata only, or a table row.

``Accept`` names them (Kubernetes API concepts, "Alternate representations of resources").
"""

from __future__ import annotations

from datetime import datetime
from enum import Enum

from agentctl.apidouble.failures import ApiFailure
from agentctl.apidouble.kinds import Kind
from agentctl.apidouble.objects import Stored, encode
from agentctl.apidouble.tables import row, table
from agentctl.model import JSONObject

META = "meta.k8s.io/v1"


class Form(Enum):
    WHOLE = "whole"
    METADATA = "metadata"
    TABLE = "table"


class MediaRange:
    """One element of an Accept header: its type and its parameters."""

    def __init__(self, text: str) -> None:
        parts = [part.strip() for part in text.split(";")]
        self.type = parts[0].lower()
        self.parameters = dict(part.partition("=")[::2] for part in parts[1:] if "=" in part)

    @property
    def is_json(self) -> bool:
        return self.type in {"application/json", "application/*", "*/*"}


def accepted(header: str) -> list[MediaRange]:
    """What a client takes, best first as it wrote it; anything where it said nothing."""
    return [MediaRange(text) for text in (header or "*/*").split(",") if text.strip()]


def form_of(header: str) -> Form:
    """Raises ApiFailure (406) where nothing the client takes can be served."""
    for media in accepted(header):
        if not media.is_json:
            continue
        wanted = media.parameters.get("as", "")
        if not wanted:
            return Form.WHOLE
        if media.parameters.get("g") == "meta.k8s.io":
            if wanted == "Table" and media.parameters.get("v") == "v1":
                return Form.TABLE
            if wanted in {"PartialObjectMetadata", "PartialObjectMetadataList"}:
                return Form.METADATA
    raise ApiFailure(406, "only the following media types are accepted: application/json")


def partial(stored: Stored) -> JSONObject:
    return {"kind": "PartialObjectMetadata", "apiVersion": META, "metadata": stored.metadata}


def whole(kind: Kind, stored: Stored) -> JSONObject:
    """The object in the version it was asked for (CRDs convert by renaming only)."""
    if not kind.custom or stored.obj["apiVersion"] == kind.api_version:
        return stored.obj
    return {**stored.obj, "apiVersion": kind.api_version}


def encoded(kind: Kind, stored: Stored, form: Form) -> bytes:
    """One object's bytes, made once for all who ask; not for tables, which tell an age."""
    key = f"{form.value} {kind.version}"
    if key not in stored.encoded:
        obj = whole(kind, stored) if form is Form.WHOLE else partial(stored)
        stored.encoded[key] = encode(obj)
    return stored.encoded[key]


def item(kind: Kind, stored: Stored, form: Form) -> bytes:
    """One item of a list: those of built-in kinds say neither kind nor apiVersion."""
    if kind.custom or form is Form.METADATA:
        return encoded(kind, stored, form)
    if "item" not in stored.encoded:
        obj = stored.obj
        bare = {key: obj[key] for key in obj if key not in {"kind", "apiVersion"}}
        stored.encoded["item"] = encode(bare)
    return stored.encoded["item"]


def single(kind: Kind, stored: Stored, form: Form, now: datetime, head: bool = True) -> bytes:
    """One object as a GET or a watch event carries it."""
    if form is not Form.TABLE:
        return encoded(kind, stored, form)
    metadata = {"resourceVersion": str(stored.version)}
    rows = [row(kind, stored.obj, partial(stored), now)]
    return encode(table(kind, rows, metadata, head))


def collection(
    kind: Kind, objects: list[Stored], metadata: JSONObject, form: Form, now: datetime
) -> bytes:
    """A list, put together from the bytes of its items."""
    if form is Form.TABLE:
        rows = [row(kind, stored.obj, partial(stored), now) for stored in objects]
        return encode(table(kind, rows, metadata, head=True))
    head = (kind.list_kind, kind.api_version)
    if form is Form.METADATA:
        head = ("PartialObjectMetadataList", META)
    frame = {"kind": head[0], "apiVersion": head[1], "metadata": metadata, "items": []}
    items = b",".join([item(kind, stored, form) for stored in objects])
    return encode(frame)[:-2] + items + b"]}"


def bookmark(kind: Kind, version: int, form: Form, initial_end: bool = False) -> bytes:
    """The object of a BOOKMARK: nearly nothing but a resourceVersion."""
    metadata: JSONObject = {"resourceVersion": str(version)}
    if initial_end:
        metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
    if form is Form.METADATA:
        return encode({"kind": "PartialObjectMetadata", "apiVersion": META, "metadata": metadata})
    if form is Form.TABLE:
        return encode(table(kind, [], metadata, head=False))
    head = {"kind": kind.kind, "apiVersion": kind.api_version, "metadata": metadata}
    return encode({**head, **kind.zero})
