"""Parts of the OpenAPI description: parameters, headers, refusals and the forms of answers."""

from __future__ import annotations

from typing import Any

from agentctl.lazy_namedtuple import NamedTuple
from agentctl.server.cors import ALLOWED_HEADERS, ALLOWED_METHODS, EXPOSED_HEADERS, MAX_AGE_S
from agentctl.server.http.request import (
    FORMATS,
    MAX_COLUMNS,
    MAX_COMPONENTS,
    TIMELINE_FORMATS,
)
from agentctl.timeline.facts import SpanState

Node = dict[str, Any]

TEXT: Node = {"type": "string"}
NUMBER: Node = {"type": "number", "minimum": 0}
COUNT: Node = {"type": "integer", "minimum": 0}
TIME: Node = {"$ref": "#/components/schemas/time"}
STATE: Node = {"type": "string", "enum": [one.value for one in SpanState]}


class RefusalAnswer(NamedTuple):
    """One that is not as asked for, and the headers that it may carry."""

    status: int
    meaning: str
    headers: tuple[str, ...] = ()


REFUSALS = {
    "BadRequest": RefusalAnswer(
        400,
        "A parameter is mistyped or out of range, or what came is no request; of several clusters "
        "Agentctl-Ask names what to ask with.",
        ("Agentctl-Ask",),
    ),
    "Unauthorized": RefusalAnswer(401, "Without a token that is good.", ("WWW-Authenticate",)),
    "OriginRefused": RefusalAnswer(403, "Pages of this origin may not read."),
    "NotFound": RefusalAnswer(404, "There is no such path, namespace or timeline."),
    "MethodNotAllowed": RefusalAnswer(405, "Expected GET or HEAD.", ("Allow",)),
    "RequestTimeout": RefusalAnswer(408, "The request was not complete in time."),
    "ContentTooLarge": RefusalAnswer(413, "Expected a request without a body."),
    "ExpectationFailed": RefusalAnswer(417, "No expectation can be met but 100-continue."),
    "MisdirectedRequest": RefusalAnswer(
        421, "Without a token this server does not answer to that name (--allowed-host)."
    ),
    "TooManyRequests": RefusalAnswer(
        429, "There are too many streams, or too many selections of components.", ("Retry-After",)
    ),
    "HeadTooLarge": RefusalAnswer(431, "The request's line and headers are too long."),
    "ServiceUnavailable": RefusalAnswer(
        503,
        "The first state is not known yet, the server is about to end, or readers have yet to take "
        "as much as it holds for them.",
        ("Retry-After",),
    ),
}


def _header(about: str, schema: Node = TEXT, required: bool = False) -> Node:
    return {"description": about, "schema": schema, **({"required": True} if required else {})}


def _always(value: str, about: str) -> Node:
    return _header(about, {"type": "string", "const": value})


HEADERS: Node = {
    "Agentctl-Ask": _header("What a server of several clusters is to be asked with."),
    "Agentctl-Build": _header("What runs here, with its page where it has one.", required=True),
    "Agentctl-Complete-From": _header("From when on nothing is missing or coarsened.", TIME),
    "Allow": _always(", ".join(ALLOWED_METHODS), "The methods that there are."),
    "Cache-Control": _header("Nothing of this is to be kept without asking."),
    "Content-Security-Policy": _header("What the page may load and who may frame it."),
    "Cross-Origin-Opener-Policy": _header("The page shares no window's group."),
    "Cross-Origin-Resource-Policy": _header("The page's files are for the page alone."),
    "Referrer-Policy": _header("The page tells nobody its address."),
    "Retry": _header("Milliseconds that a reader who loses the stream should wait.", COUNT),
    "Retry-After": _header("Seconds to wait.", COUNT),
    "Vary": _always("Origin", "There where pages of other origins may read (--cors-origin)."),
    "WWW-Authenticate": _always("Bearer", "How to show a token."),
    "Warning": _header("Names parameters that were ignored, or components that there are none of."),
    "X-Accel-Buffering": _always("no", "nginx is to hold nothing back."),
    "X-Content-Type-Options": _always("nosniff", "A file is what its type says."),
    "X-Frame-Options": _always("DENY", "Nobody may frame the page, unless --frame-ancestor."),
    "Access-Control-Allow-Origin": _header("The origin of the page that may read."),
    "Access-Control-Allow-Methods": _always(", ".join(ALLOWED_METHODS), "What it may ask with."),
    "Access-Control-Allow-Headers": _always(", ".join(ALLOWED_HEADERS), "What it may send."),
    "Access-Control-Allow-Private-Network": _always("true", "Where the browser asked for it."),
    "Access-Control-Expose-Headers": _always(", ".join(EXPOSED_HEADERS), "What it may read."),
    "Access-Control-Max-Age": _always(str(MAX_AGE_S), "Seconds until it has to ask again."),
}


def _query(name: str, about: str, schema: Node, **more: Any) -> Node:
    """One without a value counts as not given."""
    common = {"allowEmptyValue": True, "description": about, "schema": schema}
    return {"name": name, "in": "query", **common, **more}


def _of_request(name: str, about: str, schema: Node = TEXT) -> Node:
    return {"name": name, "in": "header", "description": about, "schema": schema}


PARAMETERS: Node = {
    "namespace": _query("namespace", "One of those that are served; all without it.", TEXT),
    "component": _query(
        "component",
        "Globs of the components that are wanted; all without it.",
        {"type": "array", "items": TEXT, "maxItems": MAX_COMPONENTS},
        style="form",
        explode=True,
        examples={"some": {"value": ["crds:*", "grpc"]}},
    ),
    "clusters": _query(
        "clusters",
        "1 where the reader tells items of several clusters apart.",
        {"type": "string", "enum": ["0", "1", "false", "true"]},
    ),
    "heartbeat": _query(
        "heartbeat",
        "How often to hear that all is alive: 1s to 5m.",
        {"type": "string", "default": "30s", "examples": ["1s", "1m30s", "45"]},
    ),
    "format": _query(
        "format",
        "json: server-sent events; ndjson: one event a line.",
        {"type": "string", "enum": list(FORMATS), "default": FORMATS[0]},
    ),
    "since": _query("since", "A cursor: begin with what changed since then.", TEXT),
    "lastEventId": _query(
        "lastEventId", "A cursor, from stand-ins of EventSource that set no header.", TEXT
    ),
    "Last-Event-ID": _of_request("Last-Event-ID", "A cursor, as EventSource sends it."),
    "timeline_since": _query(
        "since",
        "How far back, as 1h, or from when on (RFC 3339); all that is kept without it.",
        {"type": "string", "examples": ["1h", "2026-01-30T18:00:00Z"]},
    ),
    "columns": _query(
        "columns",
        "So many equal parts in the place of spans, the worst state in each.",
        {"type": "integer", "minimum": 1, "maximum": MAX_COLUMNS},
    ),
    "timeline_format": _query(
        "format",
        "json, or csv with a line for each span.",
        {"type": "string", "enum": list(TIMELINE_FORMATS), "default": TIMELINE_FORMATS[0]},
    ),
    "Origin": {
        **_of_request("Origin", "Of the page that wants to read.", {**TEXT, "pattern": "^[!-~]+$"}),
        "required": True,
    },
    "Access-Control-Request-Method": {
        **_of_request(
            "Access-Control-Request-Method",
            "What the page wants to ask with.",
            {"type": "string", "enum": list(ALLOWED_METHODS)},
        ),
        "required": True,
    },
    "Access-Control-Request-Private-Network": _of_request(
        "Access-Control-Request-Private-Network",
        "The page comes from a network that is more public than this server's.",
        {"type": "string", "const": "true"},
    ),
}


def _object(required: Node, optional: Node) -> Node:
    return {"type": "object", "required": [*required], "properties": {**required, **optional}}


def _several(items: Node) -> Node:
    return {"type": "array", "items": items}


REFUSAL: Node = _object({"error": {"type": "string", "minLength": 1}, "status": COUNT}, {})

READINESS: Node = _object(
    {"ready": {"type": "boolean"}}, {"reasons": {**_several(TEXT), "minItems": 1}}
)

STATUS_NOW: Node = {
    "description": "A snapshot, and what is wrong with the server's own knowledge, if anything is.",
    "allOf": [
        {"$ref": "#/components/schemas/snapshot"},
        {
            "type": "object",
            "properties": {
                "errors": {**_several({"$ref": "#/components/schemas/error"}), "minItems": 1}
            },
        },
    ],
}

_TIMES: Node = {"from": TIME, "to": TIME, "from_s": NUMBER, "to_s": NUMBER}

TIMELINE_FORM: Node = _object(
    {
        "from": TIME,
        "to": TIME,
        "seconds": NUMBER,
        "components": _several(
            {
                **_object(
                    {
                        "component": TEXT,
                        "namespace": TEXT,
                        "availability_percent": {
                            "type": ["number", "null"],
                            "minimum": 0,
                            "maximum": 100,
                        },
                        "transitions": COUNT,
                        "seconds": {
                            "type": "object",
                            "propertyNames": STATE,
                            "additionalProperties": NUMBER,
                        },
                    },
                    {
                        "cluster": {"$ref": "#/components/schemas/cluster"},
                        "spans": _several(
                            _object(
                                {**_TIMES, "status": STATE, "message": TEXT},
                                {"share": {**NUMBER, "maximum": 1}, "rest": STATE},
                            )
                        ),
                        "since": {
                            **TIME,
                            "description": "With columns: when it became what it is now.",
                        },
                        "since_seen": {
                            "type": "boolean",
                            "description": "Whether that was seen, or may have been before.",
                        },
                        "columns": {
                            "description": "Runs of equal parts: a state, and how many.",
                            **_several(
                                {
                                    "type": "array",
                                    "prefixItems": [STATE, {**COUNT, "minimum": 1}],
                                    "items": False,
                                    "minItems": 2,
                                }
                            ),
                        },
                    },
                ),
                "oneOf": [{"required": ["spans"]}, {"required": ["columns"]}],
            }
        ),
        "gaps": _several(_object({**_TIMES, "reason": TEXT}, {})),
        "damaged_lines": COUNT,
        "components_left_out": COUNT,
    },
    {"complete_from": TIME, "generated_at": TIME},
)
