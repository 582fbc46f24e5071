"""Reads of the API (list and watch): what their query parameters mean.

After the Kubernetes API concepts page: "Efficient detection of changes", "Retrieving
large results sets in chunks" and "Resource versions".
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any, Optional

from agentctl.apidouble import failures
from agentctl.apidouble.failures import ApiFailure
from agentctl.apidouble.forms import Form, bookmark, collection, single
from agentctl.apidouble.kinds import Kind
from agentctl.apidouble.objects import HistoryEntry, Stored, encode
from agentctl.apidouble.store import Store
from agentctl.kube.selectors import LabelSelector
from agentctl.lazy_dataclass import dataclass
from agentctl.model import JSONObject

EVERYTHING = LabelSelector()
_TRUE = {"true", "1", "t", "T", "TRUE", "True"}


@dataclass(frozen=True)
class Selection:
    """Which objects a read is about."""

    namespace: str = ""
    """Empty for all."""
    labels: LabelSelector = EVERYTHING
    fields: tuple[tuple[str, bool, str], ...] = ()
    """(field, whether it must be equal, value)."""

    @classmethod
    def parse(cls, namespace: str, query: Mapping[str, str]) -> Selection:
        """Raises ApiFailure (400) for selectors that make no sense."""
        try:
            labels = LabelSelector.parse(query.get("labelSelector", ""))
        except ValueError as error:
            raise ApiFailure(400, f"unable to parse requirement: {error}") from error
        fields = []
        for term in filter(None, query.get("fieldSelector", "").split(",")):
            name, sign, value = term.partition("!=" if "!=" in term else "=")
            if not sign:
                raise ApiFailure(400, f"invalid selector: '{term}'; can't understand '{term}'")
            if name not in _FIELDS:
                raise ApiFailure(400, f"field label not supported: {name}")
            fields.append((name, sign == "=", value[1:] if value.startswith("=") else value))
        return cls(namespace, labels, tuple(fields))

    def matches(self, stored: Stored) -> bool:
        if self.namespace and stored.key.namespace != self.namespace:
            return False
        for name, equal, value in self.fields:
            if (_field(stored.obj, name) == value) is not equal:
                return False
        return self.labels.matches(stored.metadata.get("labels") or {})


_FIELDS = {
    "metadata.name",
    "metadata.namespace",
    "status.phase",
    "spec.nodeName",
    "type",
    "reason",
    "involvedObject.kind",
    "involvedObject.name",
    "involvedObject.namespace",
    "involvedObject.uid",
}


def _field(obj: Any, path: str) -> str:
    for step in path.split("."):
        obj = (obj or {}).get(step)
    return str(obj or "")


def listing(
    store: Store,
    kind: Kind,
    namespace: str,
    query: Mapping[str, str],
    form: Form,
    horizon: Optional[int] = None,
) -> bytes:
    """Answer a list. Raises ApiFailure: 400, 410, 504.

    ``horizon`` is the newest version that can be known, None for the store's own.
    """
    newest = store.version if horizon is None else horizon
    selection = Selection.parse(namespace, query)
    limit = _number(query, "limit")
    token = query.get("continue", "")
    wanted = query.get("resourceVersion", "")
    match = query.get("resourceVersionMatch", "")
    start = ""
    at = horizon
    if token:
        if wanted and wanted != "0":
            raise ApiFailure(400, "specifying resource version is not allowed when using continue")
        at, start = _read_token(token)
    elif wanted:
        if not wanted.isdigit():
            raise ApiFailure(400, f"invalid resource version: {wanted}")
        if int(wanted) > newest:
            raise failures.too_large(int(wanted), newest)
        if match == "Exact" or (limit and not match and wanted != "0"):
            at = int(wanted)
    elif match:
        message = "resourceVersionMatch is forbidden unless resourceVersion is provided"
        raise failures.invalid_options("resourceVersionMatch", message)
    try:
        objects, version = store.objects(kind, at)
    except ApiFailure as failure:
        if token:
            # No version: to go on with this token is to read whatever there is then.
            raise failures.expired_list(_make_token(-1, start)) from failure
        raise
    found = [stored for stored in objects if selection.matches(stored)]
    if start:
        found = [stored for stored in found if _position(stored) >= start]
    metadata: JSONObject = {"resourceVersion": str(version)}
    if limit and len(found) > limit:
        metadata["continue"] = _make_token(version, _position(found[limit - 1]) + "\0")
        if not (selection.labels.requirements or selection.fields):
            metadata["remainingItemCount"] = len(found) - limit
        found = found[:limit]
    return collection(kind, found, metadata, form, store.now())


def _number(query: Mapping[str, str], name: str) -> int:
    text = query.get(name) or "0"
    if not text.isdigit():
        raise ApiFailure(400, f'strconv.ParseInt: parsing "{text}": invalid syntax')
    return int(text)


def _position(stored: Stored) -> str:
    return f"/{stored.key.namespace}/{stored.key.name}"


def _make_token(version: int, start: str) -> str:
    value = encode({"v": "meta.k8s.io/v1", "rv": version, "start": start})
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def _read_token(token: str) -> tuple[Optional[int], str]:
    try:
        value = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        version, start = int(value["rv"]), str(value["start"])
    except (ValueError, KeyError, TypeError) as error:
        raise ApiFailure(400, f"invalid continue token: continue key is not valid: {error}") from (
            error
        )
    return (version if version >= 0 else None), start


class Watch:
    """One watch: the lines to send at its start and for what changes later."""

    def __init__(
        self,
        store: Store,
        kind: Kind,
        namespace: str,
        query: Mapping[str, str],
        form: Form,
        horizon: Optional[int] = None,
    ) -> None:
        """Raises ApiFailure: 400, 422, 500 (as the API server for a bad resourceVersion)."""
        self._horizon = horizon
        self.kind = kind
        self.form = form
        self.selection = Selection.parse(namespace, query)
        self.bookmarks = query.get("allowWatchBookmarks") in _TRUE
        self.timeout_s = float(_number(query, "timeoutSeconds")) or 1800.0
        version = query.get("resourceVersion", "")
        if version and not version.isdigit():
            raise failures.invalid_watch_version(version)
        initial = query.get("sendInitialEvents")
        match = query.get("resourceVersionMatch", "")
        if initial is not None and match != "NotOlderThan":
            message = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
            raise failures.invalid_options("resourceVersionMatch", message)
        if initial is None and match:
            message = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is set"
            raise failures.invalid_options("resourceVersionMatch", message)
        self.marks_initial = initial in _TRUE
        self._state_first = version in {"", "0"} if initial is None else self.marks_initial
        self._store = store
        self._headed = False
        self.version = int(version or 0)
        """Up to where changes have been told."""

    def begin(self) -> list[bytes]:
        """Synthetic ADDED lines for all that exists, if this watch starts so.

        Raises ApiFailure (410) if it starts from a version that has expired.
        """
        if not self._state_first:
            if self.version <= self._store.version:
                self._store.check(self.kind, self.version)
            return []
        objects, version = self._store.objects(self.kind, self._horizon)
        if self.version > version:
            raise failures.too_large(self.version, version)
        self.version = version
        found = [stored for stored in objects if self.selection.matches(stored)]
        lines = [self._line("ADDED", self._body(stored)) for stored in found]
        if self.marks_initial and self.bookmarks:
            lines.append(self._line("BOOKMARK", self._bookmark(initial_end=True)))
        return lines

    def line(self, change: HistoryEntry) -> bytes:
        """What a change looks like through the selector; empty if it cannot be seen."""
        before = change.previous is not None and self.selection.matches(change.previous)
        if change.type == "DELETED":
            return self._line("DELETED", self._body(change.stored)) if before else b""
        if self.selection.matches(change.stored):
            return self._line("MODIFIED" if before else "ADDED", self._body(change.stored))
        if not before or change.previous is None:
            return b""
        # What stops to match is shown as it was, with the version that made it so.
        metadata = {**change.previous.metadata, "resourceVersion": str(change.version)}
        gone = Stored({**change.previous.obj, "metadata": metadata}, change.version)
        return self._line("DELETED", self._body(gone))

    def bookmark(self) -> bytes:
        return self._line("BOOKMARK", self._bookmark())

    def failure(self, failure: ApiFailure) -> bytes:
        return self._line("ERROR", encode(failure.body()))

    def _body(self, stored: Stored) -> bytes:
        head, self._headed = not self._headed, True
        return single(self.kind, stored, self.form, self._store.now(), head)

    def _bookmark(self, initial_end: bool = False) -> bytes:
        return bookmark(self.kind, self.version, self.form, initial_end)

    @staticmethod
    def _line(event: str, body: bytes) -> bytes:
        return b'{"type":"%s","object":%s}\n' % (event.encode(), body)
