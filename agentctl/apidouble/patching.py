"""Patch formats of the API: merge (RFC 7386), strategic merge, JSON (RFC 6902).

Strategic merge goes by the keys that Kubernetes' own types merge their lists on, which
are told from the items; server-side apply is taken as such a merge, without field owners.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from agentctl.apidouble.failures import ApiFailure
from agentctl.model import JSONObject

MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"
JSON_PATCH = "application/json-patch+json"

_MERGE_KEYS = ("name", "type", "containerPort", "port", "ip", "uid", "topologyKey", "mountPath")


def patched(obj: JSONObject, patch: Any, content_type: str) -> JSONObject:
    """``obj`` after ``patch``; neither is changed. Raises ApiFailure: 400, 415, 422."""
    if content_type == JSON_PATCH:
        if not isinstance(patch, list):
            raise ApiFailure(400, "a JSON patch must be a list of operations")
        result: Any = copy.deepcopy(obj)
        for operation in patch:
            result = _operate(result, operation)
        return dict(result)
    if content_type not in {MERGE, STRATEGIC, APPLY}:
        raise ApiFailure(415, f"the body of the request was in an unknown format: {content_type}")
    if not isinstance(patch, dict):
        raise ApiFailure(400, "a merge patch must be an object")
    return _merged(obj, patch, strategic=content_type != MERGE)


def _merged(old: Any, patch: Mapping[str, Any], strategic: bool) -> JSONObject:
    out: JSONObject = dict(old) if isinstance(old, Mapping) else {}
    if strategic and patch.get("$patch") == "replace":
        return {key: value for key, value in patch.items() if key != "$patch"}
    for key, value in patch.items():
        if strategic and key.startswith("$"):
            _obey(out, key, value)
        elif value is None:
            out.pop(key, None)
        elif isinstance(value, dict):
            out[key] = _merged(out.get(key), value, strategic)
        elif strategic and isinstance(value, list):
            out[key] = _merged_list(out.get(key) or [], value)
        else:
            out[key] = value
    return out


def _obey(out: JSONObject, directive: str, value: Any) -> None:
    word, _, field = directive.partition("/")
    if word == "$retainKeys":
        for key in set(out) - set(value):
            del out[key]
    elif word == "$deleteFromPrimitiveList":
        out[field] = [item for item in out.get(field) or () if item not in value]


def _merged_list(old: Sequence[Any], patch: Sequence[Any]) -> list[Any]:
    items = [item for item in patch if isinstance(item, dict)]
    key = next((k for k in _MERGE_KEYS if items and all(k in item for item in items)), None)
    if len(items) != len(patch) or key is None:
        return list(patch)
    out = list(old)
    for item in items:
        where = [i for i, there in enumerate(out) if there.get(key) == item[key]]
        if item.get("$patch") == "delete":
            out = [there for there in out if there.get(key) != item[key]]
        elif where:
            out[where[0]] = _merged(out[where[0]], item, strategic=True)
        else:
            out.append(item)
    return out


def _operate(document: Any, operation: Mapping[str, Any]) -> Any:
    try:
        kind, path = operation["op"], _pointer(operation["path"])
        if kind in {"add", "replace"}:
            return _put(document, path, operation["value"], insert=kind == "add")
        if kind == "remove":
            return _remove(document, path)
        if kind == "test":
            if _find(document, path) != operation["value"]:
                raise ApiFailure(422, f"testing value {operation['path']} failed")
            return document
        if kind in {"move", "copy"}:
            source = _pointer(operation["from"])
            value = copy.deepcopy(_find(document, source))
            document = _remove(document, source) if kind == "move" else document
            return _put(document, path, value, insert=True)
    except (KeyError, IndexError, ValueError, TypeError) as error:
        raise ApiFailure(422, f"the server rejected our request: {error!r}") from error
    raise ApiFailure(400, f"unexpected kind of operation: {kind}")


def _pointer(text: str) -> list[str]:
    return [step.replace("~1", "/").replace("~0", "~") for step in text.split("/")[1:]]


def _find(document: Any, path: Sequence[str]) -> Any:
    for step in path:
        document = document[int(step)] if isinstance(document, list) else document[step]
    return document


def _put(document: Any, path: Sequence[str], value: Any, insert: bool) -> Any:
    if not path:
        return value
    parent, last = _find(document, path[:-1]), path[-1]
    if not isinstance(parent, list):
        if not insert and last not in parent:
            raise KeyError(last)
        parent[last] = value
    elif insert:
        parent.insert(len(parent) if last == "-" else int(last), value)
    else:
        parent[int(last)] = value
    return document


def _remove(document: Any, path: Sequence[str]) -> Any:
    parent, last = _find(document, path[:-1]), path[-1]
    del parent[int(last) if isinstance(parent, list) else last]
    return document
