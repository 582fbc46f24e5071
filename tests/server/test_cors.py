"""Pages of other origins: which may read, what a browser asks before, and what it is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agentctl.server.cors import parse_origin
from agentctl.server.limits import StreamLimits
from tests.cli.serving import ANY_PORT, Served
from tests.server.http_rig import STATUS, STREAM, Response, Site
from tests.server.replica import item
from tests.server.test_hosts import said

PAGE = "https://dashboards.example"
OTHER = "https://evil.example"
GOOD = "Authorization: Bearer good"
ALLOWED, EXPOSED = "access-control-allow-origin", "access-control-expose-headers"


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    site = Site(token="good", origins=[PAGE, "http://localhost:3000"])
    site.replica.begin(item("a"))
    with site.serve():
        yield site


def readable(answer: Response, origin: str = PAGE) -> bool:
    """Whether a browser hands the answer to the page."""
    assert "access-control-allow-credentials" not in answer.headers
    assert answer.headers["vary"] == "Origin"
    exposed = answer.headers.get(EXPOSED, "").split(", ")
    told = {"Retry-After", "Warning", "Agentctl-Ask", "Agentctl-Build"} <= set(exposed)
    assert told == (ALLOWED in answer.headers)
    return answer.headers.get(ALLOWED) == origin


def preflight(site: Site, path: str, origin: str, *headers: str) -> Response:
    with site.client() as client:
        asked = ("Access-Control-Request-Method: GET", f"Origin: {origin}", *headers)
        client.ask(path, *asked, method="OPTIONS")
        answer = client.head()
        if answer.status != 204:
            answer.body = client._data
        return answer


@pytest.mark.parametrize("path", [STATUS, "/healthz", "/livez", "/readyz", "/metrics"])
def test_a_page_reads_what_it_has_a_token_for(site: Site, path: str) -> None:
    assert readable(site.get(path, f"Origin: {PAGE}", GOOD))
    assert not readable(site.get(path, f"Origin: {OTHER}", GOOD))
    assert not readable(site.get(path, GOOD))


def test_a_page_reads_the_stream(site: Site) -> None:
    for origin, may in ((PAGE, True), (OTHER, False)):
        with site.client() as client:
            head = client.stream("", f"Origin: {origin}", GOOD)
            assert readable(head) is may
            assert head.headers["agentctl-build"] == "1.2.3"
            assert client.event().type == "snapshot"
    head = site.get(STREAM, f"Origin: {PAGE}", GOOD, method="HEAD")
    assert readable(head)


@pytest.mark.parametrize(
    ("target", "headers", "status"),
    [
        (STATUS, [], 401),
        (STATUS, ["Authorization: Bearer bad"], 401),
        ("/nothing", [GOOD], 404),
        (f"{STATUS}?namespace=other", [GOOD], 404),
        (f"{STREAM}?heartbeat=1y", [GOOD], 400),
        (STATUS, [GOOD, "Content-Length: 1"], 413),
        (STATUS, [GOOD, "Expect: x"], 417),
    ],
)
def test_a_page_reads_why_it_was_refused(
    site: Site, target: str, headers: list[str], status: int
) -> None:
    answer = site.get(target, f"Origin: {PAGE}", *headers)
    assert answer.status == status
    assert readable(answer)
    assert answer.headers["agentctl-build"] == "1.2.3"


def test_what_passes_is_readable_too() -> None:
    site = Site(origins=[PAGE], limits=StreamLimits(0, 0), hosts=())
    with site.serve():
        asked = f"Origin: {PAGE}"
        early = site.get(STATUS, asked)
        full = site.get(STREAM, asked)
        foreign = site.get(STATUS, asked, "Host: evil.example")
        site.services.draining.set()
        ending = site.get(STREAM, asked)
        method = site.get(STATUS, asked, method="DELETE")
    answers = (early, full, foreign, ending, method)
    assert [one.status for one in answers] == [503, 429, 421, 503, 405]
    assert all(map(readable, answers))


def test_what_is_no_request_varies_as_well(site: Site) -> None:
    answer = site.get("/healthz", "Content-Length: x")
    assert (answer.status, answer.headers["vary"]) == (400, "Origin")


@pytest.mark.parametrize("path", [STATUS, STREAM, "/nothing"])
def test_a_browser_asks_before_without_a_token(site: Site, path: str) -> None:
    wanted = "Access-Control-Request-Headers: authorization,last-event-id"
    answer = preflight(site, path, PAGE, wanted)
    assert answer.status == 204
    assert readable(answer)
    assert answer.headers["access-control-allow-methods"] == "GET, HEAD"
    allowed = answer.headers["access-control-allow-headers"].lower().split(", ")
    assert {"authorization", "last-event-id"} <= set(allowed)
    assert not {"content-length", "content-type", "transfer-encoding"} & set(answer.headers)
    assert "access-control-allow-private-network" not in answer.headers


def test_the_connection_is_good_after_it(site: Site) -> None:
    with site.client() as client:
        asked = ("Access-Control-Request-Method: GET", f"Origin: {PAGE}")
        client.ask(STATUS, *asked, method="OPTIONS")
        assert client.head().status == 204
        assert client.get("/healthz", GOOD).body == b"ok\n"


def test_a_page_of_the_open_network_may_where_it_was_named(site: Site) -> None:
    asked = "Access-Control-Request-Private-Network: true"
    named = preflight(site, STATUS, PAGE, asked)
    assert named.headers["access-control-allow-private-network"] == "true"
    foreign = preflight(site, STATUS, OTHER, asked)
    assert "access-control-allow-private-network" not in foreign.headers


@pytest.mark.parametrize(
    "origin",
    [
        OTHER, "null", "", "https://dashboards.example:443", "https://DASHBOARDS.example",
        "http://dashboards.example", "https://dashboards.example.evil.example",
        "https://dashboards.example, https://evil.example", "http://localhost",
    ],
)  # fmt: skip
def test_another_origin_is_told_which_flag_is_missing(site: Site, origin: str) -> None:
    answer = preflight(site, STATUS, origin)
    assert answer.status == 403
    assert not readable(answer)
    assert b"--cors-origin ORIGIN" in answer.body
    assert not readable(site.get(STATUS, f"Origin: {origin}", GOOD))


def test_two_origins_are_none(site: Site) -> None:
    both = (f"Origin: {PAGE}", f"Origin: {PAGE}")
    assert not readable(site.get(STATUS, *both, GOOD))


def test_options_without_a_page_is_no_method(site: Site) -> None:
    for headers in ([f"Origin: {PAGE}"], ["Access-Control-Request-Method: GET"]):
        answer = site.get(STATUS, GOOD, *headers, method="OPTIONS")
        assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")


def test_none_by_default() -> None:
    site = Site()
    site.replica.begin(item("a"))
    with site.serve():
        answer = site.get(STATUS, f"Origin: {PAGE}")
        assert answer.status == 200
        assert not {ALLOWED, "vary"} & set(answer.headers)
        assert preflight(site, STATUS, PAGE).status == 403
    with site.serve(probe=True):
        assert ALLOWED not in site.get("/livez", f"Origin: {PAGE}").headers


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://dashboards.example", "https://dashboards.example"),
        ("HTTPS://Dashboards.Example:443", "https://dashboards.example"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://localhost:80", "http://localhost"),
        ("https://localhost:80", "https://localhost:80"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("http://xn--bcher-kva.example", "http://xn--bcher-kva.example"),
    ],
)
def test_an_origin_is_kept_as_browsers_write_it(given: str, kept: str) -> None:
    assert parse_origin(given) == kept


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("*", "every page that anybody opens"),
        ("null", "every local file and sandboxed frame"),
        ("", "expected scheme and host"),
        ("dashboards.example", "expected scheme and host"),
        ("dashboards.example:8080", "expected scheme and host"),
        ("https://", "a host and a port"),
        ("ftp://dashboards.example", "http or https"),
        ("https://dashboards.example:x", "a port"),
        ("https://dashboards.example:70000", "a port"),
        ("https://dashboards.example/", "without path or query, 'https://dashboards.example'"),
        ("https://dashboards.example/x?y#z", "'https://dashboards.example', got"),
        ("https://dashboards.example?y", "without path or query"),
        ("https://user@dashboards.example", "scheme, host and port alone"),
        ("https://dashboards.example:", "scheme, host and port alone"),
        ("https://*.example", "http or https, a host"),
        ("https://a b.example", "http or https, a host"),
        ("https://bücher.example", "'https://xn--bcher-kva.example'"),
    ],
)
def test_what_is_no_origin_is_told_in_words(given: str, why: str) -> None:
    with pytest.raises(ValueError, match=r"got|null|every page") as caught:
        parse_origin(given)
    assert why in str(caught.value)


def test_the_flag(tmp_path: Path) -> None:
    flags = ("--cors-origin", PAGE, "--cors-origin", "http://LOCALHOST:80")
    with Served("--source", "demo", *ANY_PORT, *flags, home=tmp_path) as served:
        for origin, allowed in (
            (PAGE, PAGE), ("http://localhost", "http://localhost"), (OTHER, None),
        ):  # fmt: skip
            with served.request("/livez", {"Origin": origin}) as answer:
                assert answer.headers[ALLOWED] == allowed
                assert answer.headers["Agentctl-Build"]


def test_flags_that_make_no_sense() -> None:
    off = ("--http", "off", "--cors-origin", PAGE)
    assert "--cors-origin has no meaning with --http off" in said(*off)
    tls = ("--tls-cert", "a", "--tls-key", "b", "--client-ca", "c")
    assert "--cors-origin has no meaning with --client-ca" in said(*tls, "--cors-origin", PAGE)
    assert "--cors-origin: '*' would let" in said("--cors-origin", "*")
