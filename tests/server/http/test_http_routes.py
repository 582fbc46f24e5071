"""The short answers, who may have them, and what HTTP says of everything else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agentctl.engine.policy import SourceVitals
from agentctl.engine.stream import Notice
from agentctl.model import ErrorCode
from agentctl.server.auth import TokenGate
from tests.fakes import FakeClock
from tests.server.http_rig import STATUS, STREAM, Site, eventually
from tests.server.replica import item

LOST = SourceVitals("deployments", False, True, 990.0, 3, "password=hunter2 refused")


@pytest.fixture
def site() -> Iterator[Site]:
    with Site().serve() as site:
        site.replica.begin(item("a"), item("b"))
        yield site


def test_the_one_shot_status_is_a_snapshot(site: Site) -> None:
    answer = site.get(STATUS)
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-cache"
    assert list(answer.json) == ["type", "generated_at", "items", "cursor"]
    assert [one["component"] for one in answer.json["items"]] == ["a", "b"]


def test_the_one_shot_status_says_what_is_amiss(site: Site) -> None:
    site.replica.broadcaster.beat([Notice("pods", ErrorCode.DISCONNECTED, "refused", 2.0)])
    answer = site.get(STATUS)
    assert list(answer.json) == ["type", "generated_at", "items", "cursor", "errors"]
    assert [error["code"] for error in answer.json["errors"]] == ["disconnected"]


def test_the_one_shot_status_of_a_namespace() -> None:
    with Site("one", "two").serve() as site:
        site.replica.begin(item("a", ns="one"), item("a", ns="two"))
        assert len(site.get(STATUS).json["items"]) == 2
        assert len(site.get(f"{STATUS}?namespace=one").json["items"]) == 1
        assert site.get(f"{STATUS}?namespace=three").status == 404
        assert site.get(f"{STATUS}?heartbeat=1s").status == 400


def test_before_the_first_state_there_is_no_status() -> None:
    with Site().serve() as site:
        answer = site.get(STATUS)
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")
        assert "first state" in answer.json["error"]
        ready = site.get("/readyz")
        assert ready.status == 503
        assert ready.json == {"ready": False, "reasons": ["the first state is not known yet"]}
        assert site.get("/healthz").body == b"ok\n"


def test_readyz_says_what_is_missing(site: Site) -> None:
    assert site.get("/readyz").json == {"ready": True}
    site.sources = (LOST, LOST._replace(name="pods", lost=False))
    ready = site.get("/readyz")
    assert ready.status == 503
    assert ready.json == {
        "ready": False,
        "reasons": ["without deployments: password=[redacted] refused"],
    }


def test_an_engine_that_is_stuck_is_not_healthy(site: Site) -> None:
    site.looked_at = site.clock.monotonic()
    site.clock.advance(29)
    assert site.get("/healthz").status == 200
    site.clock.advance(2)
    answer = site.get("/healthz")
    assert (answer.status, answer.body) == (503, b"the engine has not been heard of for 31 s\n")


def test_metrics(site: Site) -> None:
    with site.client() as client:
        client.stream()
        client.event()
        answer = site.get("/metrics")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert b'agentctl_active_watches{transport="sse"} 1.0\n' in answer.body


@pytest.mark.parametrize("path", ["/healthz", "/readyz", STATUS, "/nothing/here"])
def test_head_has_the_same_head_and_no_body(site: Site, path: str) -> None:
    with site.client() as client:
        whole = client.get(path)
        head = client.get(path, method="HEAD")
        assert (head.status, head.headers) == (whole.status, whole.headers)
        assert client.get("/healthz").body == b"ok\n", "the connection is still good"


@pytest.mark.parametrize(
    "path",
    ["/", "/nothing", f"{STREAM}/x", "//healthz", "/HEALTHZ", "/healthz%2f", "/.."],
)
def test_what_is_not_there(site: Site, path: str) -> None:
    answer = site.get(path)
    assert answer.status == 404
    assert STREAM in answer.json["error"]


@pytest.mark.parametrize(
    "method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get"]
)
@pytest.mark.parametrize("target", [STATUS, STREAM, "/nothing", "*", "host:80"])
def test_other_methods_are_told_which_there_are(site: Site, method: str, target: str) -> None:
    with site.client() as client:
        answer = client.get(target, method=method)
        assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
        assert client.get("/healthz").status == 200, "the connection is still good"


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        ("GET * HTTP/1.1\r\nHost: a", 400),
        ("GET healthz HTTP/1.1\r\nHost: a", 400),
        ("GET http://a/healthz HTTP/1.1\r\nHost: a", 200),
        ("GET /healthz HTTP/1.1", 400),
        ("GET /healthz HTTP/2.0\r\nHost: a", 400),
        ("PRI * HTTP/2.0", 400),
        ("GET /healthz HTTP/1.7\r\nHost: a", 200),
        ("GET /healthz", 400),
        ("GET /h\u00e9 HTTP/1.1\r\nHost: a", 400),
        ("GET /healthz HTTP/1.1\r\nHost: a\r\nno header", 400),
        ("GET /healthz HTTP/1.1\r\nHost: a\r\nX: y\r\n folded", 200),
        ("GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: x", 400),
        ("GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 0", 200),
        ("GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 1", 413),
        ("GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999", 413),
        ("GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2", 400),
        ("GET /healthz HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked", 413),
        ("GET /healthz HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip", 400),
        ("GET /healthz HTTP/1.1\r\nHost: a\r\nExpect: 100-continue", 200),
        ("GET /healthz HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5", 413),
        ("GET /healthz HTTP/1.1\r\nHost: a\r\nExpect: a pony", 417),
        ("GET /healthz HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: Upgrade", 200),
        ("\x16\x03\x01\x02\x00\x01\x00", 400),
        ("GET /healthz HTTP/1.1\r\nHost: a\r\nX: " + "x" * 16400, 431),
        ("GET /" + "x" * 16400 + " HTTP/1.1\r\nHost: a", 431),
        ("GET /healthz HTTP/1.1\r\nHost: a\r\n" + "X: yyyyyyyyyyyyyyyyy\r\n" * 1000 + "Z: z", 431),
        ("GET /healthz HTTP/1.1\r\nHost: a\r\n" + "X: y\r\n" * 3000 + "Z: z", 431),
    ],
)
def test_odd_requests(site: Site, request_head: str, status: int) -> None:
    with site.client() as client:
        client.send(request_head.encode("latin-1") + b"\r\n\r\n")
        answer = client.response()
        assert answer.status == status
        if answer.headers.get("connection") == "close":
            assert client.rest() == b""
        else:
            assert client.get("/healthz").status == 200
    assert site.get("/healthz").status == 200


def test_pipelined_requests_are_answered_in_turn(site: Site) -> None:
    with site.client() as client:
        paths = ["/healthz", "/nothing", "/readyz"] * 20
        client.send("".join(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n" for path in paths).encode())
        assert [client.response().status for _ in paths] == [200, 404, 200] * 20


def test_a_client_that_closes_its_side_after_asking_is_answered(site: Site) -> None:
    with site.client() as client:
        client.ask("/healthz")
        client.sock.shutdown(1)
        assert client.response().body == b"ok\n"
        assert client.rest() == b""


def test_http_1_0_closes(site: Site) -> None:
    with site.client() as client:
        assert client.get("/healthz", version="1.0").headers["connection"] == "close"
        assert client.rest() == b""


ALL = [STATUS, STREAM, "/healthz", "/readyz", "/metrics", "/nothing", "*"]


@pytest.mark.parametrize("path", ALL)
@pytest.mark.parametrize(
    "headers",
    [[], ["Authorization: Bearer wrong"], ["Authorization: Basic c2VjcmV0"],
     ["Authorization: Bearer secret", "Authorization: Bearer secret"]],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_every_route_refuses_without_the_token(path: str, headers: list[str], method: str) -> None:
    with Site(token="secret").serve() as site:
        site.replica.begin(item("a"))
        answer = site.get(path, *headers, method=method)
        assert answer.status == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert "Authorization: Bearer" in answer.json["error"]
        assert site.errors("unauthorized") == 1


@pytest.mark.parametrize("path", [STATUS, "/healthz", "/readyz", "/metrics"])
def test_every_route_answers_with_the_token(path: str) -> None:
    with Site(token="secret").serve() as site:
        site.replica.begin(item("a"))
        assert site.get(path, "Authorization: Bearer secret").status == 200


def test_the_probes_listener_has_two_paths_without_token_or_details() -> None:
    with Site(token="secret").serve(probe=True) as site:
        assert site.get("/healthz").body == b"ok\n"
        assert (site.get("/readyz").status, site.get("/readyz").body) == (503, b"not ready\n")
        site.replica.begin(item("a"))
        assert site.get("/readyz?verbose").body == b"ready\n"
        site.sources = (LOST,)
        assert (site.get("/readyz").status, site.get("/readyz").body) == (503, b"not ready\n")
        for path in (STATUS, STREAM, "/metrics", "/"):
            assert site.get(path).status == 404
        assert site.get("/healthz", method="POST").status == 405


def test_a_stream_ends_soon_after_its_token(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text("one\ntwo\n")
    clock = FakeClock()
    with Site(clock=clock, gate=TokenGate.from_file(str(file), clock)).serve() as site:
        site.replica.begin(item("a"))
        with site.client() as one, site.client() as two:
            one.stream("", "Authorization: Bearer one")
            two.stream("", "Authorization: Bearer two")
            assert [one.event().type, two.event().type] == ["snapshot", "snapshot"]
            file.write_text("two\n")
            site.advance(2)
            assert one.finish().startswith(b"retry: ")
            assert site.errors("unauthorized") == 1
            eventually(lambda: site.streams == 1)
            site.replica.publish(item("a", "error"), version=2)
            assert two.event().type == "delta"


def test_no_token_query_or_header_is_logged(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    secret = "s3cr3t"
    with Site(token="right").serve() as guarded:
        guarded.get(f"/healthz?{secret}", f"Authorization: Bearer {secret}")
        guarded.get(STATUS, "Authorization: Bearer right", f"X-Header: {secret}")
        with guarded.client() as client:
            client.send(f"{secret} {secret}\r\n\r\n".encode())
            assert secret.encode() not in client.response().body
    assert "GET '/healthz': 401" in caplog.text
    assert secret not in caplog.text
    assert "right" not in caplog.text
