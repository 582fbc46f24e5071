"""/openapi.json is true: no answer that a fuzzer gets is one that it does not describe.

What is asked is drawn from the description itself, and from what is near it but wrong.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any, NamedTuple, Optional
from urllib.parse import quote, urlencode

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentctl.engine.policy import Notice
from agentctl.lazy_dataclass import replace
from agentctl.model import ErrorCode
from agentctl.server.cors import ALLOWED_METHODS
from agentctl.server.http import request
from agentctl.server.http.openapi import description
from agentctl.server.http.paths import STATUS, STREAM, TIMELINE
from agentctl.server.http.routes import Routes
from agentctl.server.limits import StreamLimits
from agentctl.server.page import status_page
from agentctl.server.page.status_page import StatusPage
from tests.server.http_rig import PATIENCE_S, Site
from tests.server.replica import item

DOCUMENT = description("1.2.3")
PATHS = DOCUMENT["paths"]
VALIDATORS: dict[int, Any] = {}
"""By schema: to make one takes longer than to use it."""

ORIGIN = "https://dashboards.example"
TRANSFER = {"date", "content-type", "content-length", "transfer-encoding", "connection"}
"""Headers of HTTP itself: no description has them."""


def resolved(node: Any) -> Any:
    while isinstance(node, dict) and "$ref" in node:
        found = DOCUMENT
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        node = found
    return node


def valid(value: Any, schema: Any) -> None:
    found = VALIDATORS.get(id(schema))
    if found is None:
        whole = {**schema, "components": DOCUMENT["components"]}
        found = VALIDATORS[id(schema)] = jsonschema.Draft202012Validator(whole)
    found.validate(value)


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes


def check(method: str, path: str, answer: Answer) -> None:
    """Raises AssertionError or ValidationError for what the description does not say."""
    operation = PATHS[path][method.lower()]
    assert str(answer.status) in operation["responses"], (method, path, answer)
    told = resolved(operation["responses"][str(answer.status)])
    headers = {name.lower(): resolved(one) for name, one in told["headers"].items()}
    assert set(answer.headers) <= {*headers, *TRANSFER}, (method, path, answer)
    for name, header in headers.items():
        assert name in answer.headers or not header.get("required"), (name, answer)
        if name in answer.headers:
            value: Any = answer.headers[name]
            integer = header["schema"].get("type") == "integer"
            valid(int(value) if integer else value, header["schema"])
    content_type = answer.headers.get("content-type")
    assert (content_type is None) == ("content" not in told), answer
    if content_type is None:
        return
    assert content_type in told["content"], (method, path, answer)
    if method != "HEAD" and content_type == "application/json":
        value = json.loads(answer.body)
        valid(value, told["content"][content_type]["schema"])
        if answer.status >= 400 and "error" in value:
            assert value["status"] == answer.status
    if answer.body and content_type in ("text/event-stream", "application/x-ndjson"):
        event = answer.body.partition(b"data: ")[2] or answer.body
        valid(json.loads(event.splitlines()[0]), DOCUMENT["components"]["schemas"]["Event"])


def ask(site: Site, method: str, target: str, headers: list[tuple[str, str]]) -> Answer:
    """The answer; of a stream its beginning."""
    connection = http.client.HTTPConnection("127.0.0.1", site.http.port, timeout=PATIENCE_S)
    try:
        named = any(name == "Host" for name, _ in headers)
        connection.putrequest(method, target, skip_host=named, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value.encode("latin-1"))
        connection.endheaders()
        answer = connection.getresponse()
        told = {name.lower(): value for name, value in answer.getheaders()}
        streams = told.get("content-type") in ("text/event-stream", "application/x-ndjson")
        if not streams:
            return Answer(answer.status, told, answer.read())
        body = b""
        # Only one that begins with its state has something to say at once.
        while method == "GET" and site.replica.broadcaster.begun and b"}\n" not in body:
            body += answer.readline()
        return Answer(answer.status, told, body)
    finally:
        connection.close()


HEALTH = ("/healthz", "/livez", "/readyz")


def made(*, token: str = "", full: bool = False, page: bool = True, **options: Any) -> Site:
    limits = StreamLimits(0, 0) if full else StreamLimits()
    site = Site(
        "agents", "staging", token=token or None, limits=limits, origins=[ORIGIN], **options
    )
    site.services = replace(site.services, page=StatusPage() if page else None)
    return site


@pytest.fixture(scope="module")
def sites() -> Iterator[dict[str, Site]]:
    found = {
        "well": made(),
        "token": made(token="good"),
        "early": made(page=False),
        "full": made(full=True),
        "ending": made(),
        "amiss": made(),
        "clusters": made(),
        "crowded": made(),
    }
    for name, site in found.items():
        if name != "early":
            parts = [item("grpc"), item("crds:a", "error", "x", "staging")]
            if name == "clusters":
                site.replica.broadcaster.clusters = ("east", "west")
                parts = [replace(one, cluster="east") for one in parts]
            site.replica.begin(*parts)
    lost = Notice("pods", ErrorCode.DISCONNECTED, "refused", 2.0)
    found["amiss"].replica.broadcaster.beat([lost])
    found["amiss"].looked_at = found["amiss"].clock.monotonic()
    found["ending"].services.draining.set()
    found["full"].replica.broadcaster.narrowed._make_room = lambda: False  # type: ignore[method-assign]
    found["crowded"].services.held.fits = lambda *_: False  # type: ignore[method-assign]
    with ExitStack() as stack:
        for site in found.values():
            stack.enter_context(site.serve())
        found["amiss"].advance(31)
        yield found


names = st.sampled_from(
    [*request.STREAM_NAMES, "clusters", "lastEventId", "columns", "_", "namespce"]
)
junk = st.text(st.characters(max_codepoint=0x2FF, exclude_characters="\r\n"), max_size=12)


def values(schema: Mapping[str, Any]) -> st.SearchStrategy[str]:
    """What a parameter's schema allows, and sometimes what it does not."""
    if "enum" in schema:
        return st.sampled_from(schema["enum"]) | junk
    if schema.get("type") == "integer":
        return st.integers(-1, 10_000).map(str) | junk
    given = schema.get("examples", ["agents", "staging", "crds:*", "grpc", "1s", "1h"])
    return st.sampled_from(given) | junk


@st.composite
def targets(draw: st.DrawFn, path: str) -> str:
    """The path with a query, of the parameters that it has and of others."""
    told = [resolved(one) for one in PATHS[path]["get"].get("parameters", ())]
    pairs: list[tuple[str, str]] = []
    for one in told:
        schema = one["schema"]
        if one["in"] != "query" or not draw(st.integers(0, 2)):
            several = schema.get("type") == "array"
            for _ in range(draw(st.integers(0, 3 if several else 1))):
                pairs.append((one["name"], draw(values(schema["items"] if several else schema))))
    pairs = [(name, value) for name, value in pairs if name != "Last-Event-ID"]
    if not draw(st.integers(0, 4)):
        pairs.append((draw(names), draw(junk)))
    query = urlencode(pairs) if draw(st.integers(0, 9)) else "&".join(map("=".join, pairs))
    raw = quote(query, safe="&=%+*:;,!~'()@/?$-_.")
    return f"{path}?{raw}" if raw else path


PREFLIGHT = [("Origin", ORIGIN), ("Access-Control-Request-Method", "GET")]

some_headers = st.lists(
    st.sampled_from(
        [
            ("Authorization", "Bearer good"),
            ("Authorization", "Bearer good"),
            ("Authorization", "Basic x"),
            ("Origin", ORIGIN),
            ("Origin", ORIGIN),
            ("Origin", "https://evil.example"),
            ("Access-Control-Request-Method", "GET"),
            ("Access-Control-Request-Private-Network", "true"),
            ("Host", "localhost"),
            ("Host", "evil.example"),
            ("Expect", "100-continue"),
            ("Expect", "x"),
            ("Content-Length", "3"),
            ("Content-Length", "x"),
            ("Last-Event-ID", "damaged"),
            ("X-Large", "x" * 20_000),
        ]
    ),
    max_size=5,
    unique_by=lambda pair: pair[0],
)


@given(data=st.data())
def test_no_answer_is_undescribed(sites: dict[str, Site], data: st.DataObject) -> None:
    site = sites[data.draw(st.sampled_from(list(sites)), "site")]
    path = data.draw(st.sampled_from(list(PATHS)), "path")
    method = data.draw(st.sampled_from(["GET", "GET", "HEAD", "OPTIONS"]), "method")
    headers = data.draw(some_headers, "headers")
    if method == "OPTIONS" and data.draw(st.booleans(), "preflight"):
        headers = [*(one for one in headers if one not in PREFLIGHT), *PREFLIGHT]
    check(method, path, ask(site, method, data.draw(targets(path), "target"), headers))


@pytest.mark.parametrize("path", list(PATHS))
def test_what_is_asked_rightly_is_answered_as_asked(sites: dict[str, Site], path: str) -> None:
    """Which shows that the fuzzer sees more than refusals."""
    for method in ALLOWED_METHODS:
        answer = ask(sites["well"], method, path, [])
        assert answer.status == 200
        check(method, path, answer)
    answer = ask(sites["token"], "OPTIONS", path, PREFLIGHT)
    assert answer.status == 204
    check("OPTIONS", path, answer)


@pytest.mark.parametrize(
    ("site", "target", "status"),
    [
        ("token", STATUS, 401),
        ("early", STATUS, 503),
        ("early", TIMELINE, 503),
        ("early", "/readyz", 503),
        ("early", "/", 404),
        ("full", STREAM, 429),
        ("full", f"{STATUS}?component=a", 429),
        ("ending", STREAM, 503),
        ("amiss", STATUS, 200),
        ("amiss", "/healthz", 503),
        *(("crowded", path, 503) for path in PATHS if path not in HEALTH),
        *(("crowded", path, 200) for path in HEALTH),
        ("clusters", STATUS, 400),
        ("clusters", f"{STATUS}?clusters=1", 200),
        ("clusters", f"{TIMELINE}?clusters=1&columns=3", 200),
        ("well", f"{TIMELINE}?format=csv&since=1h", 200),
        ("well", f"{STREAM}?format=ndjson&component=none&_=1", 200),
    ],
)
def test_each_kind_of_answer(sites: dict[str, Site], site: str, target: str, status: int) -> None:
    answer = ask(sites[site], "GET", target, [])
    assert answer.status == status
    check("GET", target.partition("?")[0], answer)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE"])
def test_other_methods_are_refused_as_described(sites: dict[str, Site], method: str) -> None:
    for path in PATHS:
        answer = ask(sites["well"], method, path, [])
        assert answer.status == 405
        check("OPTIONS", path, answer)
        assert method.lower() not in PATHS[path]


def test_every_route_is_described_and_no_other() -> None:
    routes = Routes(made().services)
    assert {STREAM, *routes.main, *routes.open} == set(PATHS)


@pytest.mark.parametrize(
    ("path", "names"),
    [
        (STREAM, (*request.STREAM_NAMES, request.EVENT_ID)),
        (STATUS, request.STATUS_NAMES),
        (TIMELINE, request.TIMELINE_NAMES),
    ],
)
def test_every_parameter_is_described_and_no_other(path: str, names: tuple[str, ...]) -> None:
    told = [resolved(one) for one in PATHS[path]["get"]["parameters"]]
    assert {one["name"] for one in told if one["in"] == "query"} == {*names, request.CLUSTERS}


def test_the_document_holds_together(sites: dict[str, Site]) -> None:
    """As the OpenAPI specification and JSON Schema have it."""
    operations = [one for path in PATHS.values() for one in path.values()]
    ids = [one["operationId"] for one in operations]
    assert len(set(ids)) == len(ids)
    for path in PATHS.values():
        assert path["head"]["operationId"] == f"{path['get']['operationId']}_head"
    for schema in DOCUMENT["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    used: set[str] = set()

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            if isinstance(node.get("$ref"), str):
                resolved(node)
                used.add(node["$ref"])
            for one in node.values():
                walk(one)
        elif isinstance(node, list):
            for one in node:
                walk(one)

    walk(DOCUMENT)
    for kind in ("parameters", "headers", "responses"):
        for name in DOCUMENT["components"][kind]:
            assert f"#/components/{kind}/{name}" in used, f"{name} is nowhere"
    served = ask(sites["token"], "GET", "/openapi.json", [("Authorization", "Bearer good")])
    assert json.loads(served.body) == DOCUMENT


def test_the_files_of_the_page_are_all_that_needs_no_token() -> None:
    free = {path for path, item in PATHS.items() if item["get"].get("security") == [{}]}
    assert free == set(status_page.PATHS)
    assert DOCUMENT["security"]


def test_what_is_not_described_would_be_found(sites: dict[str, Site]) -> None:
    answer = ask(sites["well"], "GET", STATUS, [])
    wrong: list[Optional[Answer]] = [
        answer._replace(status=418),
        answer._replace(headers={**answer.headers, "x-new": "1"}),
        answer._replace(headers={**answer.headers, "content-type": "text/html"}),
        answer._replace(body=b"{}"),
    ]
    for one in wrong:
        assert one is not None
        with pytest.raises((AssertionError, jsonschema.ValidationError)):
            check("GET", STATUS, one)
