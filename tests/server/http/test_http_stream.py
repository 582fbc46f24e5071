"""The stream over HTTP: its head, its events, resuming, its beat, its end."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from agentctl.clock import SystemClock
from agentctl.model import Delta, Heartbeat, Snapshot, StreamError
from agentctl.server.http.streams import QUIET_S
from agentctl.server.limits import StreamLimits
from tests.fakes import event_in
from tests.server.http_rig import PATIENCE_S, STREAM, Client, Site, eventually
from tests.server.replica import item


@pytest.fixture
def site() -> Iterator[Site]:
    with Site().serve() as site:
        site.replica.begin(item("a"), item("b"))
        yield site


def change(site: Site, *messages: str) -> None:
    for number, message in enumerate(messages, 2):
        site.replica.publish(item("a", "error", message), item("b"), version=number)


def test_the_head_of_the_stream(site: Site) -> None:
    with site.client() as client:
        head = client.stream()
        assert head.raw_head.split(b"\r\n")[0] == b"HTTP/1.1 200 OK"
        assert head.headers == {
            "agentctl-build": "1.2.3",
            "date": "Fri, 30 Jan 2026 18:15:00 GMT",
            "content-type": "text/event-stream",
            "cache-control": "no-cache",
            "x-accel-buffering": "no",
            "retry": "1000",
            "connection": "close",
            "transfer-encoding": "chunked",
        }


def test_retry_stands_in_the_block_of_the_snapshot_and_deltas_follow(site: Site) -> None:
    with site.client() as client:
        client.stream()
        lines = client.block()
        assert [line.partition(":")[0] for line in lines] == ["retry", "event", "id", "data"]
        assert lines[0] == "retry: 1000"
        snapshot = event_in(lines[3].partition(": ")[2])
        assert isinstance(snapshot, Snapshot)
        assert [one.component for one in snapshot.items] == ["a", "b"]
        change(site, "one", "two")
        for message in ("one", "two"):
            delta = client.event()
            assert isinstance(delta, Delta)
            assert [one.message for one in delta.changes] == [message]


def test_ndjson(site: Site) -> None:
    with site.client() as client:
        head = client.stream("?format=ndjson")
        assert head.headers["content-type"] == "application/x-ndjson"
        snapshot = event_in(client.line())
        assert snapshot.type == "snapshot"
        change(site, "one")
        assert event_in(client.line()).type == "delta"
        site.http.drain()
        assert client.finish() == b""


@pytest.mark.parametrize("form", ["json", "ndjson"])
def test_http_1_0_gets_the_same_without_chunks(site: Site, form: str) -> None:
    with site.client() as client:
        head = client.stream(f"?format={form}", version="1.0")
        assert "transfer-encoding" not in head.headers
        assert head.headers["connection"] == "close"
        if form == "json":
            assert client.event().type == "snapshot"
        else:
            assert json.loads(client.line())["type"] == "snapshot"
        site.http.drain()
        assert client.finish() == (b"retry: 1000\n" if form == "json" else b"")


def test_head_is_the_head_alone(site: Site) -> None:
    with site.client() as client:
        head = client.get(STREAM, method="HEAD")
        assert head.headers["content-type"] == "text/event-stream"
        assert head.headers["transfer-encoding"] == "chunked"
        assert client.get("/healthz").body == b"ok\n", "the connection is still good"
    assert site.streams == 0


def test_a_reader_that_comes_before_the_first_state_waits_for_it() -> None:
    with Site().serve() as site, site.client() as client:
        client.stream()
        assert client.line() == "retry: 1000"
        site.advance(QUIET_S)
        assert client.line() == ":"
        site.replica.begin(item("a"))
        assert client.line() == "event: snapshot"


HOW = ["header", "since", "header over an older since", "the polyfills' parameter"]


@pytest.mark.parametrize("how", HOW)
def test_a_reader_resumes_with_each_delta_since(site: Site, how: str) -> None:
    with site.client() as client:
        client.stream()
        first = client.event().cursor
        change(site, "one")
        cursor = client.event().cursor
    change(site, "one", "two", "three")
    query, headers = {
        "header": ("", [f"Last-Event-ID: {cursor}"]),
        "since": (f"?since={cursor}", []),
        "header over an older since": (f"?since={first}", [f"Last-Event-ID: {cursor}"]),
        "the polyfills' parameter": (f"?since={first}&_=1&lastEventId={cursor}", []),
    }[how]
    with site.client() as client:
        client.stream(query, *headers)
        events = client.events(2)
    assert [one.message for event in events if isinstance(event, Delta) for one in event.changes] \
        == ["two", "three"]  # fmt: skip


def test_a_reader_resumes_at_another_replica_with_the_difference(site: Site) -> None:
    with site.client() as client:
        client.stream()
        cursor = client.event().cursor
    with Site().serve() as other:
        other.replica.begin(item("a"), item("b", "degraded"), version=2)
        with other.client() as client:
            client.stream(f"?since={cursor}")
            delta = client.event()
    assert isinstance(delta, Delta)
    assert delta.changes == (item("b", "degraded"),)


@pytest.mark.parametrize("cursor", ["x", "%00", "%zz", "A" * 3000, "AcyIxcSgNAOxc6w3G1Ipkw"])
def test_a_damaged_cursor_begins_with_a_snapshot(site: Site, cursor: str) -> None:
    with site.client() as client:
        client.stream(f"?since={cursor}")
        assert client.event().type == "snapshot"


def test_each_reader_has_its_own_fixed_beat(site: Site) -> None:
    with site.client() as quick, site.client() as slow:
        quick.stream("?heartbeat=10s")
        slow.stream("?heartbeat=15s")
        assert [quick.event().type, slow.event().type] == ["snapshot", "snapshot"]
        beats = []
        for second in range(1, 41):
            site.clock.advance(1)
            site.replica.broadcaster.beat([])
            site.http.wake()
            if second % 10 == 0:
                beats.append(quick.event())
            if second % 15 == 0:
                beats.append(slow.event())
        assert all(isinstance(beat, Heartbeat) for beat in beats)
        assert len(beats) == 6


def test_a_quiet_stream_gets_a_comment_which_is_a_line_and_no_block(site: Site) -> None:
    with site.client() as client:
        client.stream("?heartbeat=5m")
        assert client.event().type == "snapshot"
        site.advance(QUIET_S)
        assert client.line() == ":"
        change(site, "one")
        assert client.line() == "event: delta"


def test_parameters_that_are_not_known_are_ignored_and_named(site: Site) -> None:
    with site.client() as client:
        head = client.stream("?_=1706638500&t=%22%0d%0a")
        assert head.headers["warning"] == ('299 agentctl "unknown parameters are ignored: _, t"')
        assert client.event().type == "snapshot"
    answer = site.get("/api/agents/control-plane/status?%22%0d%0a=1")
    assert answer.status == 200
    assert answer.headers["warning"].endswith('ignored: %22%0D%0A"')
    assert "warning" not in site.get("/api/agents/control-plane/status").headers


def test_a_slash_at_the_end_is_no_other_place(site: Site) -> None:
    for path in ("/api/agents/control-plane/status/", "/healthz/", "/metrics/"):
        assert site.get(path).status == 200
    with site.client() as client:
        client.stream("/?heartbeat=1s")
        assert client.event().type == "snapshot"


def test_what_is_amiss_is_told_in_the_beat_s_place(site: Site) -> None:
    with site.client() as client:
        client.stream("?heartbeat=10s")
        assert client.event().type == "snapshot"
        site.advance(10)  # without any word from the engine
        error = client.event()
        assert isinstance(error, StreamError)
        assert "has not looked at its sources" in error.message


def test_a_namespace_narrows_the_stream() -> None:
    with Site("one", "two").serve() as site:
        site.replica.begin(item("a", ns="one"), item("a", ns="two"))
        with site.client() as one, site.client() as every:
            one.stream("?namespace=one")
            every.stream()
            snapshot, whole = one.event(), every.event()
            assert isinstance(snapshot, Snapshot)
            assert isinstance(whole, Snapshot)
            assert [found.namespace for found in snapshot.items] == ["one"]
            assert len(whole.items) == 2
            site.replica.publish(item("a", ns="one"), item("a", "error", ns="two"), version=2)
            site.replica.publish(
                item("a", "error", ns="one"), item("a", "error", ns="two"), version=3
            )
            delta = one.event()
            assert isinstance(delta, Delta)
            assert delta.changes == (item("a", "error", ns="one"),)
            assert [event.type for event in every.events(2)] == ["delta", "delta"]
        refused = site.get(f"{STREAM}?namespace=three")
        assert refused.status == 404
        assert refused.json == {"error": "namespace 'three' is not served here", "status": 404}


def test_bad_parameters_are_told_as_json(site: Site) -> None:
    refused = site.get(f"{STREAM}?heartbeat=0")
    assert refused.status == 400
    assert refused.json["status"] == 400
    assert "between 1s and 5m0s" in refused.json["error"]
    assert site.errors("bad_request") == 1
    assert site.streams == 0


def test_a_stream_too_many_is_told() -> None:
    with Site(limits=StreamLimits(streams=2, per_peer=2)).serve() as site:
        site.replica.begin(item("a"))
        with site.client() as one, site.client() as two:
            one.stream()
            two.stream("?format=ndjson")
            assert site.services.count.active() == {"sse": 1, "ndjson": 1}
            refused = site.get(STREAM)
            assert refused.status == 429
            assert refused.headers["retry-after"] == "5"
            assert "2 streams at most" in refused.json["error"]
            assert site.errors("limit") == 1
            one.sock.close()
            eventually(lambda: site.streams == 1)
            with site.client() as three:
                three.stream()


def test_no_new_streams_while_draining_but_all_else_is_answered(site: Site) -> None:
    site.services.draining.set()
    refused = site.get(STREAM)
    assert (refused.status, refused.headers["retry-after"]) == (503, "1")
    assert site.get("/healthz").status == 200
    assert site.get("/readyz").status == 503


def test_at_the_end_readers_are_told_when_to_come_back_not_all_at_once(site: Site) -> None:
    clients = [site.client() for _ in range(32)]
    try:
        for client in clients:
            client.stream()
            assert client.event().type == "snapshot"
        site.http.stop(PATIENCE_S)
        endings = [client.finish().decode() for client in clients]
    finally:
        for client in clients:
            client.sock.close()
    waits = [int(ending.removeprefix("retry: ").rstrip()) for ending in endings]
    assert len(set(waits)) == 16
    assert (min(waits), max(waits)) == (1000, 4000)
    assert site.streams == 0


def test_live_deltas_are_timed_and_nothing_else(site: Site) -> None:
    def timed() -> int:
        return sum(site.services.metrics.counts().buckets)

    with site.client() as client:
        client.stream()
        cursor = client.event().cursor
        change(site, "one")
        client.event()
        eventually(lambda: timed() == 1)
        site.advance(1)
        with site.client() as resumed:
            resumed.stream(f"?since={cursor}")
            assert resumed.event().type == "delta"
            site.replica.broadcaster.beat([])
            change(site, "one", "two")
            resumed.event()
            eventually(lambda: timed() == 3)


def test_a_reader_that_goes_leaves_nothing(site: Site) -> None:
    with site.client() as client:
        client.stream()
        client.event()
    eventually(lambda: site.streams == 0)
    assert site.errors("connection_lost") == 0, "to go is no error"
    change(site, "one")
    assert site.get("/healthz").status == 200


def test_a_reader_of_a_stream_may_babble_a_little(site: Site) -> None:
    with site.client() as client:
        client.stream()
        client.send(b"GET / HTTP/1.1\r\n\r\n" * 10)
        assert client.event().type == "snapshot"
        change(site, "one")
        assert client.event().type == "delta"


def test_a_reader_that_sends_without_end_is_cut(site: Site) -> None:
    with site.client() as client:
        client.stream()
        try:
            for _ in range(100):
                client.send(b"x" * 65536)
        except OSError:
            pass
        eventually(lambda: site.streams == 0)


def test_a_thousand_events_for_twenty_readers_in_real_time() -> None:
    with Site(clock=SystemClock(), limits=StreamLimits()).serve() as site:
        site.replica.begin(item("a"), item("b"))
        clients = [site.client() for _ in range(20)]
        try:
            for client in clients:
                client.stream()
                assert client.event().type == "snapshot"
            change(site, *(str(number) for number in range(200)))
            for client in clients:
                _reads_until(client, "199")
        finally:
            for client in clients:
                client.sock.close()


def _reads_until(client: Client, last: str) -> None:
    """Each delta says something new, until the last one; what was merged is left out."""
    said = -1
    while str(said) != last:
        delta = client.event()
        assert isinstance(delta, Delta)
        assert int(delta.changes[0].message) > said
        said = int(delta.changes[0].message)
