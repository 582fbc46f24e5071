"""OpenAPI 3.1 description of the HTTP routes, as /openapi.json: each answer that there may be.

The events and items are described by the JSON Schema that ``agentctl schema`` prints. What every
answer may carry is told once, and put to each.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Optional

from agentctl import schema
from agentctl.server.cors import ALLOWED_METHODS
from agentctl.server.http.answer import JSON, TEXT
from agentctl.server.http.openapi_parts import (
    HEADERS,
    PARAMETERS,
    READINESS,
    REFUSAL,
    REFUSALS,
    STATUS_NOW,
    TIMELINE_FORM,
)
from agentctl.server.http.paths import STATUS, STREAM, TIMELINE
from agentctl.server.page.status_page import PATHS, TYPES

Node = dict[str, Any]

ALWAYS = ("Agentctl-Build", "Cache-Control", "Vary")
OF_A_PAGE = ("Access-Control-Allow-Origin", "Access-Control-Expose-Headers")
"""Where the request comes from a page that may read."""

EVERYWHERE = (400, 401, 408, 413, 417, 421, 431)
"""What any request may be answered, whatever its path."""

_EVENTS = "Event"


def description(version: str) -> Node:
    """The whole document, for a server of this version."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "agentctl serve",
            "version": version,
            "summary": "The live health of a control plane, for programs, browsers and Prometheus.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": ".", "description": "This server, under whatever prefix."}],
        "security": [{"token": []}, {}],
        "tags": [
            {"name": "status", "description": "What each component is, now and before."},
            {"name": "operation", "description": "The server itself."},
            {"name": "page", "description": "The status page's files; without them: 404."},
        ],
        "paths": _paths(),
        "components": {
            "schemas": _schemas(),
            "parameters": PARAMETERS,
            "headers": HEADERS,
            "responses": {name: _refused(name) for name in REFUSALS},
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "Asked for where the server has --token-file.",
                }
            },
        },
    }


def _paths() -> Node:
    stream_types = {
        "text/event-stream": {
            "schema": {
                "type": "string",
                "description": "event: the type, id: the cursor, data: one line of JSON that is an "
                "Event. retry: stands in the first and the last block; a line ':' says nothing.",
            }
        },
        "application/x-ndjson": {
            "schema": {"type": "string", "description": "One Event a line."},
        },
    }
    timeline_types = {
        JSON: {"schema": _ref("schemas", "Timeline")},
        "text/csv; charset=utf-8": {"schema": {"type": "string"}},
    }
    paths = {
        STREAM: _route(
            "stream",
            "The stream: a snapshot or what changed since a cursor, then every change as it comes.",
            _ok(stream_types, "Retry", "X-Accel-Buffering", "Warning"),
            parameters=_STREAM,
            others=(404, 429, 503),
        ),
        STATUS: _route(
            "status",
            "One snapshot.",
            _ok({JSON: {"schema": _ref("schemas", "StatusNow")}}, "Warning"),
            parameters=_STATUS,
            others=(404, 429, 503),
        ),
        TIMELINE: _route(
            "timeline",
            "What each component was when; 404 where none is kept.",
            _ok(timeline_types, "Warning", "Agentctl-Complete-From"),
            parameters=_TIMELINE,
            others=(404, 503),
        ),
    }
    text = {TEXT: {"schema": {"type": "string"}}}
    ready = {JSON: {"schema": _ref("schemas", "Readiness")}}
    for path, name in (("/livez", "livez"), ("/healthz", "healthz")):
        about = "200 while the server works, whatever its cluster does."
        paths[path] = _route(name, about, _ok(text), unwell=_ok(text), tag="operation")
    about = "200 when the first state is known and no source is lost."
    paths["/readyz"] = _route("readyz", about, _ok(ready), unwell=_ok(ready), tag="operation")
    page = {"text/plain; version=0.0.4; charset=utf-8": {"schema": {"type": "string"}}}
    paths["/metrics"] = _route(
        "metrics", "For Prometheus.", _ok(page), others=(503,), tag="operation"
    )
    itself = {JSON: {"schema": {"type": "object"}}}
    paths["/openapi.json"] = _route("openapi", "This.", _ok(itself), others=(503,), tag="operation")
    for path, kept in PATHS.items():
        content_type = TYPES[kept]
        name = path.rpartition("/")[2].replace(".", "_") or "index"
        file = _ok({content_type: {"schema": {"type": "string"}}}, *_PAGE_HEADERS)
        paths[path] = _route(
            name, "A file of the status page.", file, others=(404, 503), tag="page"
        )
    return paths


def _route(
    name: str,
    summary: str,
    well: Node,
    parameters: Sequence[str] = (),
    others: Sequence[int] = (),
    unwell: Optional[Node] = None,
    tag: str = "status",
) -> Node:
    """A path with its methods: what it may read, HEAD's the same, and a browser's question."""
    responses: Node = {"200": well}
    for status in sorted({*EVERYWHERE, *others}):
        responses[str(status)] = _ref("responses", _name_of(status))
    if unwell is not None:
        responses["503"] = {**unwell, "description": "It is not so; the body says why."}
    common: Node = {"tags": [tag], "responses": responses}
    if tag == "page":
        common["security"] = [{}]
    if parameters:
        common["parameters"] = [_ref("parameters", one) for one in parameters]
    found: Node = {}
    for method in ALLOWED_METHODS:
        head = method == "HEAD"
        about = f"The head of the same: {summary}" if head else summary
        found[method.lower()] = {
            "operationId": f"{name}_head" if head else name,
            "summary": about,
            **common,
        }
    found["options"] = _preflight(name, tag)
    return found


def _preflight(name: str, tag: str) -> Node:
    asked = ("Origin", "Access-Control-Request-Method", "Access-Control-Request-Private-Network")
    told = [one for one in HEADERS if one.startswith("Access-Control-")]
    granted = _answer("The page may ask.", {}, (*ALWAYS, *told))
    statuses = (403, 405, *EVERYWHERE)
    return {
        "operationId": f"{name}_preflight",
        "summary": "What a browser asks before a page of another origin may read.",
        "tags": [tag],
        "security": [{}],
        "parameters": [_ref("parameters", one) for one in asked],
        "responses": {
            "204": granted,
            **{str(one): _ref("responses", _name_of(one)) for one in sorted(statuses)},
        },
    }


def _ok(content: Mapping[str, Node], *headers: str) -> Node:
    return _answer("As asked for.", content, (*ALWAYS, *OF_A_PAGE, *headers))


def _answer(text: str, content: Mapping[str, Node], headers: Sequence[str]) -> Node:
    found: Node = {
        "description": text,
        "headers": {name: _ref("headers", name) for name in headers},
    }
    if content:
        found["content"] = dict(content)
    return found


def _refused(name: str) -> Node:
    refusal = REFUSALS[name]
    content = {JSON: {"schema": _ref("schemas", "Refusal")}}
    return _answer(refusal.meaning, content, (*ALWAYS, *OF_A_PAGE, *refusal.headers))


def _name_of(status: int) -> str:
    return next(name for name, one in REFUSALS.items() if one.status == status)


def _ref(where: str, name: str) -> Node:
    return {"$ref": f"#/components/{where}/{name}"}


def _schemas() -> Node:
    """Those of the events, moved to where OpenAPI has them, and our own."""
    text = schema.text().replace("#/$defs/", "#/components/schemas/")
    events = json.loads(text)
    assert not set(events["$defs"]) & {_EVENTS, "StatusNow", "Readiness", "Refusal", "Timeline"}
    return {
        _EVENTS: {"description": events["description"], "oneOf": events["oneOf"]},
        **events["$defs"],
        "StatusNow": STATUS_NOW,
        "Timeline": TIMELINE_FORM,
        "Readiness": READINESS,
        "Refusal": REFUSAL,
    }


_STATUS = ("namespace", "component", "clusters")
_STREAM = (*_STATUS, "heartbeat", "format", "since", "lastEventId", "Last-Event-ID")
_TIMELINE = (*_STATUS, "timeline_since", "columns", "timeline_format")
_PAGE_HEADERS = (
    *("Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy"),
    *("Cross-Origin-Resource-Policy", "Cross-Origin-Opener-Policy", "X-Frame-Options"),
)
