"""The route of the rolling timeline, over real sockets: what was when, and what is refused."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from agentctl.engine.policy import Notice
from agentctl.model import ErrorCode
from agentctl.net.timed_stream import ChunkDecoder
from tests.fakes import FakeClock
from tests.server.http_rig import STATUS, Client, Site, eventually
from tests.server.replica import item

TIMELINE = STATUS + "/timeline"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def site(clock: FakeClock) -> Iterator[Site]:
    with Site("agents", "staging", clock=clock).serve() as site:
        yield site


def body_of(client: Client, target: str, version: str = "1.1") -> bytes:
    client.ask(target, version=version)
    head = client.head()
    assert head.status == 200, client.rest()
    if head.headers.get("transfer-encoding") != "chunked":
        return client.rest()
    client._decoder = ChunkDecoder()
    return client.finish()


def read(site: Site, query: str = "") -> Any:
    with site.client() as client:
        return json.loads(body_of(client, TIMELINE + query))


def live(site: Site, seconds: int) -> None:
    """Have time pass as an engine does: with a beat each second."""
    for _ in range(seconds):
        site.clock.advance(1)
        site.replica.broadcaster.beat([])


def spans(component: Any) -> list[tuple[str, float]]:
    return [(one["status"], one["to_s"] - one["from_s"]) for one in component["spans"]]


def test_what_each_component_was(site: Site) -> None:
    site.replica.begin(item("grpc"), item("grpc", "error", "why", ns="staging"))
    live(site, 60)
    site.replica.publish(item("grpc", "degraded", "slow"))
    live(site, 30)
    found = read(site)
    assert list(found)[:5] == ["from", "to", "seconds", "complete_from", "generated_at"]
    assert (found["from"], found["to"]) == ("2026-01-30T18:15:00Z", "2026-01-30T18:16:30Z")
    assert found["complete_from"] == found["from"]
    ours, other = found["components"]
    assert (ours["namespace"], ours["component"]) == ("agents", "grpc")
    assert spans(ours) == [("healthy", 60), ("degraded", 30)]
    assert [one["message"] for one in ours["spans"]] == ["", "slow"]
    assert spans(other) == [("error", 60), ("absent", 30)]
    assert (ours["transitions"], ours["seconds"]["degraded"]) == (1, 30)
    assert read(site, "?namespace=staging")["components"] == [other]
    assert read(site, "?component=gr*&component=x")["components"] == [ours, other]
    assert read(site, "?component=gr")["components"] == []


def test_before_the_server_began_nobody_looked(site: Site) -> None:
    site.replica.begin(item("grpc"))
    live(site, 60)
    found = read(site, "?since=5m")
    assert spans(found["components"][0]) == [("unseen", 240), ("healthy", 60)]
    assert found["complete_from"] == "2026-01-30T18:15:00Z"
    assert found["from"] == "2026-01-30T18:11:00Z"
    assert read(site, "?since=2026-01-30T18:15:30Z")["seconds"] == 30
    assert read(site, "?since=2026-01-30T19:15:30%2B01:00")["seconds"] == 30
    assert read(site, "?since=2026-01-30T19:15:30+01:00")["seconds"] == 30


def test_a_lost_source_hides_what_rests_on_it(site: Site) -> None:
    site.replica.begin(item("grpc"), item("old"))
    live(site, 10)
    lost = [Notice("deployments", ErrorCode.DISCONNECTED, "refused")]
    for _ in range(20):
        site.clock.advance(1)
        site.replica.broadcaster.beat(lost)
    site.replica.publish(item("grpc"), item("old", "unknown", "no data for 2m0s"))
    for _ in range(20):
        site.clock.advance(1)
        site.replica.broadcaster.beat(lost)
    site.replica.publish(item("grpc"), item("old"))
    live(site, 10)
    found = read(site)
    grpc, old = found["components"]
    assert spans(grpc) == [("healthy", 11), ("unseen", 40), ("healthy", 9)]
    assert spans(old) == [("healthy", 11), ("unseen", 19), ("stale", 20), ("healthy", 10)]
    assert [gap["reason"] for gap in found["gaps"]] == ["disconnected: refused"]
    assert old["spans"][2]["message"] == "no data for 2m0s"


def test_an_engine_that_is_stuck_makes_what_it_said_stale(site: Site) -> None:
    site.replica.begin(item("grpc"))
    live(site, 10)
    site.clock.advance(20)
    assert spans(read(site)["components"][0]) == [("healthy", 11), ("stale", 19)]
    live(site, 5)
    expected = [("healthy", 11), ("stale", 20), ("healthy", 4)]
    assert spans(read(site)["components"][0]) == expected


def test_columns_tell_since_when_it_is_so_however_long_ago(site: Site) -> None:
    site.replica.begin(item("a"), item("b"))
    live(site, 10)
    begun = site.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    site.replica.publish(item("a", "error"), item("b"))
    live(site, 600)
    one, other = read(site, "?columns=4&since=10s")["components"]
    assert (one["since"], one["since_seen"]) == (begun, True)
    assert (one["columns"], other["since_seen"]) == ([["error", 4]], False)
    assert other["since"] < begun
    assert "since" not in read(site, "?since=10s")["components"][0]


def test_columns_are_the_worst_of_equal_parts(site: Site) -> None:
    site.replica.begin(item("grpc"))
    live(site, 60)
    site.replica.publish(item("grpc", "error"))
    live(site, 1)
    site.replica.publish(item("grpc"))
    live(site, 59)
    found = read(site, "?columns=4&since=240s")
    assert found["components"][0]["columns"] == [["unseen", 2], ["healthy", 1], ["error", 1]]
    assert "spans" not in found["components"][0]


def test_csv(site: Site) -> None:
    site.replica.begin(item("grpc", "error", 'a "quoted", text\nof two lines'))
    live(site, 60)
    with site.client() as client:
        text = body_of(client, TIMELINE + "?format=csv").decode()
    heading, line = csv.reader(io.StringIO(text, newline=""))
    assert heading[:4] == ["cluster", "namespace", "component", "from"]
    assert line[:5] == ["", "agents", "grpc", "2026-01-30T18:15:00Z", "2026-01-30T18:16:00Z"]
    assert line[5:] == ["error", "", 'a "quoted", text\nof two lines']
    with site.client() as client:
        text = body_of(client, TIMELINE + "?format=csv&columns=2&since=2m").decode()
    lines = list(csv.reader(io.StringIO(text)))[1:]
    assert [(line[3][-9:], line[5]) for line in lines] == [
        ("18:14:00Z", "unseen"),
        ("18:15:00Z", "error"),
    ]


def test_no_cell_is_a_formula(site: Site) -> None:
    said = ["=HYPERLINK(1)", "+1", "-1", "@SUM(1)", "\uff1d1", "a=1", "'=1"]
    items = [item(f"c{at}", "error", message) for at, message in enumerate(said)]
    site.replica.begin(item("-c", "error", "none"), *items)
    live(site, 60)
    with site.client() as client:
        text = body_of(client, TIMELINE + "?format=csv").decode()
    _, named, *lines = csv.reader(io.StringIO(text, newline=""))
    assert named[2] == "'-c"
    assert [line[7] for line in lines] == [*(f"'{one}" for one in said[:5]), *said[5:]]


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ("?namespace=elsewhere", 404, "not served"),
        ("?since=soon", 400, "as 1h or 2026-01-30T18:00:00Z"),
        ("?since=0s", 400, "a duration or a time"),
        ("?since=-1h", 400, "a duration or a time"),
        ("?since=2026-01-30T18:00:00", 400, "a duration or a time"),
        ("?since=2027-01-30T18:00:00Z", 400, "has not come yet"),
        ("?since=0001-01-01T00:00:00%2B23:59", 400, "a duration or a time"),
        ("?since=1h&since=2h", 400, "given twice"),
        ("?columns=0", 400, "from 1 to 500"),
        ("?columns=501", 400, "from 1 to 500"),
        ("?columns=\u0661", 400, "from 1 to 500"),
        ("?format=ndjson", 400, "json or csv"),
        ("?clusters=yes", 400, "expected 1"),
        ("?sicne=1h", 400, "unknown parameter"),
        ("?column=5", 400, "unknown parameter"),
    ],
)
def test_bad_parameters(site: Site, query: str, status: int, words: str) -> None:
    site.replica.begin(item("grpc"))
    target = TIMELINE + query.replace("\u0661", "%D9%A1")
    found = site.get(target)
    assert (found.status, found.json["status"]) == (status, status)
    assert words in found.json["error"]


def test_before_the_first_state_try_again(site: Site) -> None:
    found = site.get(TIMELINE)
    assert (found.status, found.headers["retry-after"]) == (503, "1")


def test_one_that_keeps_none_says_so(site: Site) -> None:
    site.replica.broadcaster.history = None
    found = site.get(TIMELINE)
    assert found.status == 404
    assert "serve with --timeline" in found.json["error"]


def test_old_http_head_and_unknown_parameters(site: Site) -> None:
    site.replica.begin(item("grpc"))
    live(site, 60)
    with site.client() as client:
        assert len(json.loads(body_of(client, TIMELINE, version="1.0"))["components"]) == 1
    with site.client() as client:
        head = client.get(TIMELINE + "?_=1", method="HEAD")
        assert (head.status, head.headers["content-type"]) == (200, "application/json")
        assert "_" in head.headers["warning"]
        assert head.headers["agentctl-complete-from"] == "2026-01-30T18:15:00Z"
        assert client.get(STATUS).status == 200, "the connection goes on"
        first = body_of(client, TIMELINE)
        client.ended = False
        assert body_of(client, TIMELINE) == first, "again on the same connection"


def test_components_that_nothing_is_known_of_are_named_as_the_other_routes_do(site: Site) -> None:
    site.replica.begin(item("grpc"))
    for query, told in (("grpc", None), ("gone", '299 agentctl "no component matches: gone"')):
        with site.client() as client:
            for path in (TIMELINE, STATUS):
                head = client.get(f"{path}?component={query}", method="HEAD")
                assert head.headers.get("warning") == told


def test_others_are_answered_while_a_long_answer_is_not_taken(site: Site) -> None:
    many = [item(f"c{number:05}", "error", "x" * 100) for number in range(2_000)]
    site.replica.begin(*many)
    live(site, 2)
    with Client(site.http.port, receive_buffer=4096) as slow:
        slow.ask(TIMELINE)
        assert slow.head().status == 200
        assert site.get("/healthz").status == 200
        slow._decoder = ChunkDecoder()
        assert len(json.loads(slow.finish())["components"]) == 2_000


def test_who_takes_nothing_is_cut(site: Site) -> None:
    site.replica.begin(*(item(f"c{number:05}", "error", "x" * 100) for number in range(1_000)))
    live(site, 2)
    with Client(site.http.port, receive_buffer=4096) as slow:
        slow.ask(TIMELINE)
        slow.head()

        def cut() -> bool:
            site.advance(11)
            return not site.http._acceptor._connections

        eventually(cut)
    assert site.get("/healthz").status == 200, "and nobody else"


def test_one_peer_may_have_so_many_made_at_once_and_no_more(site: Site) -> None:
    site.replica.begin(*(item(f"c{number:05}", "error", "x" * 100) for number in range(1_000)))
    live(site, 2)
    with ExitStack() as stack:
        slow = [stack.enter_context(Client(site.http.port, receive_buffer=4096)) for _ in range(8)]
        for one in slow:
            one.ask(TIMELINE)
            assert one.head().status == 200
        refused = site.get(TIMELINE)
        assert (refused.status, refused.headers["retry-after"]) == (503, "2")
        assert site.errors("limit") == 1
    eventually(lambda: site.get(TIMELINE + "?component=none", method="HEAD").status == 200)


def test_a_fault_in_the_middle_cuts_the_answer(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Half an answer must not look like a whole one."""
    site.replica.begin(item("grpc"))

    def broken(*_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr("agentctl.server.fanout.history.row_of", broken)
    with site.client() as client:
        client.ask(TIMELINE)
        assert client.head().status == 200
        assert not client.rest().endswith(b"0\r\n\r\n")
    assert "cannot go on with a request" in caplog.text
    assert site.get("/healthz").status == 200
