"""Each fault does what its name says, for as long as it is told to."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time

import pytest

from tests.apidouble import faults as f
from tests.apidouble.faults import Then

PODS = "/api/v1/namespaces/agents/pods"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/agents/leases"

pytestmark = pytest.mark.usefixtures("plane")


@pytest.fixture
def faults(double):
    return double.faults


@pytest.fixture
def streaming(double, client):
    """A watch of pods that is under way and has nothing to say."""
    watch = client.watch(PODS, resourceVersion=double.store.version)
    assert double.streams.wait_for(1)
    return watch


def test_a_status_lasts_for_a_number_of_requests_of_one_resource(faults, client):
    faults.status(503, plural="pods", times=2, retry_after="7")
    answers = [client.get(PODS) for _ in range(3)]
    assert [answer.status for answer in answers] == [503, 503, 200]
    assert answers[0].headers["retry-after"] == "7"
    assert answers[0].body["reason"] == "ServiceUnavailable"
    assert client.get(LEASES).status == 200


@pytest.mark.parametrize("code", [401, 403, 429, 500])
def test_a_status_for_a_verb_leaves_the_others_alone(faults, client, code):
    faults.status(code, verbs=["watch"])
    assert client.watch(PODS).status == code
    assert client.get(PODS).status == 200
    faults.clear()
    assert client.watch(PODS).status == 200


def test_discovery_can_fail_too(faults, client):
    faults.status(500, plural="apis")
    assert client.get("/apis").status == 500
    assert client.get("/api").status == 200


def test_html_with_status_200(faults, client):
    faults.html(times=1)
    answer = client.get(PODS)
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.raw.startswith(b"<!DOCTYPE html>")


def test_a_hanging_request_is_answered_when_the_fault_is_cleared(faults, client):
    faults.hang(plural="pods")
    conn = client.connect(timeout=0.1)
    conn.request("GET", PODS)
    with pytest.raises(socket.timeout):
        conn.sock.recv(1)
    conn.sock.settimeout(20)
    faults.clear()
    assert conn.getresponse().status == 200


def test_refuse_closes_the_port_and_accept_opens_the_same_one(double, faults, client, streaming):
    port = double.port
    faults.refuse()
    with pytest.raises(http.client.IncompleteRead):
        streaming.line()
    with pytest.raises(ConnectionRefusedError):
        client.get(PODS)
    faults.accept()
    assert double.port == port
    assert client.get(PODS).status == 200


def test_refuse_can_reset_the_connections(faults, streaming):
    faults.refuse(reset=True)
    with pytest.raises(ConnectionResetError):
        streaming.line()


@pytest.mark.parametrize(
    ("keep", "watch_is", "list_has"),
    [
        ({}, "ADDED", 5),
        ({"history": False}, "ERROR", 5),
        ({"objects": False}, None, 1),
    ],
)
def test_a_restart_keeps_what_it_is_told_to(double, store, client, keep, watch_is, list_has):
    before = store.version
    pod = store.get("pods", "agents", "agents-5cb7dcc7-5wcxb")
    pod["metadata"]["name"] = "late"
    if keep != {"objects": False}:
        store.create(pod)
    double.restart(**keep)
    if keep == {"objects": False}:
        assert store.version == 0
        store.create(pod)
    assert len(client.get(PODS).body["items"]) == list_has
    watch = client.watch(PODS, resourceVersion=before, timeoutSeconds=1)
    event = watch.next()
    assert (event and event["type"]) == watch_is


def test_refuse_and_restart_may_mix(double, faults, client):
    faults.refuse()
    double.restart()
    faults.clear()
    faults.refuse()
    faults.refuse()
    faults.clear()
    assert client.get(PODS).status == 200


def test_cut_with_a_fin(faults, streaming):
    assert faults.cut() == 1
    with pytest.raises(http.client.IncompleteRead):
        streaming.line()


def test_cut_with_a_reset(faults, streaming):
    assert faults.cut(reset=True) == 1
    with pytest.raises(ConnectionResetError):
        streaming.line()


def test_cut_in_the_middle_of_a_line(faults, streaming):
    faults.cut(mid_line=True)
    line = streaming.line()
    assert line == f.HALF_LINE
    assert not line.endswith(b"\n")


def test_cut_of_one_resource_leaves_the_others(double, faults, client, streaming, plane):
    leases = client.watch(LEASES, resourceVersion=double.store.version)
    assert double.streams.wait_for(2)
    assert faults.cut("pods") == 1
    assert double.streams.wait_for(1)
    plane.renew_lease()
    assert leases.next()["type"] == "MODIFIED"


def test_a_frozen_stream_says_nothing_until_cleared(faults, plane, streaming):
    assert faults.freeze("pods") == 1
    plane.controller_crashes()
    streaming.conn.sock.settimeout(0.2)
    with pytest.raises(socket.timeout):
        streaming.conn.sock.recv(1)
    streaming.conn.sock.settimeout(20)
    faults.clear()
    assert streaming.next()["type"] == "MODIFIED"


def test_a_client_that_leaves_a_frozen_stream_is_noticed(double, faults, streaming):
    faults.freeze()
    streaming.close()
    assert double.streams.wait_for(0, timeout=10)


@pytest.mark.parametrize("last_words", [b"", b"bye"])
def test_a_client_that_leaves_an_idle_stream_is_noticed(double, streaming, last_words):
    streaming.conn.sock.sendall(last_words)
    streaming.close()
    assert double.streams.wait_for(0, timeout=10)


@pytest.mark.parametrize("line", [f.GARBAGE_LINE, f.UNKNOWN_LINE, f.GONE_LINE, f.EXPIRED_LINE])
def test_a_line_can_be_slipped_into_a_stream(faults, plane, streaming, line):
    assert faults.interrupt(line) == 1
    plane.controller_crashes()
    assert streaming.line() == line
    assert streaming.next()["type"] == "MODIFIED"


def test_watches_can_begin_with_garbage(faults, client):
    faults.on_watch(f.GARBAGE_LINE, plural="pods", times=1)
    first, second = client.watch(PODS), client.watch(PODS)
    assert first.line() == f.GARBAGE_LINE
    assert first.next()["type"] == second.next()["type"] == "ADDED"


def test_half_a_line_then_cut(faults, client):
    faults.on_watch(f.HALF_LINE, Then.CLOSE)
    assert client.watch(PODS).line() == f.HALF_LINE


def test_a_clean_close_at_once_sends_nothing(faults, client):
    faults.close_at_once(times=1)
    assert client.watch(PODS).rest() == []
    assert client.watch(PODS).next()["type"] == "ADDED"


def test_an_endless_line_has_no_end(faults, client):
    faults.on_watch(then=Then.ENDLESS)
    watch = client.watch(PODS)
    read = sum(len(watch.response.read1(1 << 20)) for _ in range(200))
    assert read > 1_000_000


def test_lists_expire_with_or_without_a_version(faults, client):
    faults.expire_lists("pods", with_version_only=True)
    assert client.get(PODS, resourceVersion=5).status == 410
    assert client.get(PODS).status == 200
    faults.clear()
    faults.expire_lists("pods", times=2)
    answers = [client.get(PODS) for _ in range(3)]
    assert [answer.status for answer in answers] == [410, 410, 200]
    assert answers[0].body["reason"] == "Expired"


def test_second_pages_expire(faults, client):
    faults.expire_pages("pods", times=1)
    token = client.get(PODS, limit=1).body["metadata"]["continue"]
    assert client.get(PODS, limit=1, **{"continue": token}).status == 410
    assert client.get(PODS, limit=1, **{"continue": token}).status == 200


@pytest.mark.parametrize("http_status", [False, True])
def test_watches_expire_as_event_or_as_status(double, faults, client, http_status):
    faults.expire_watches("pods", times=1, http=http_status)
    watch = client.watch(PODS, resourceVersion=double.store.version)
    assert watch.status == (410 if http_status else 200)
    if not http_status:
        (event,) = watch.rest()
        assert (event["type"], event["object"]["reason"]) == ("ERROR", "Expired")


def test_truncated_bodies_break_off(faults, client):
    faults.truncate(100, plural="pods", times=1)
    faults.truncate(100, Then.RESET, plural="pods", times=1)
    for _ in range(2):
        with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
            client.get(PODS)
    assert client.get(PODS).status == 200


def test_every_byte_can_come_alone(faults, client):
    whole = client.get(LEASES).body
    faults.split(plural="leases")
    assert client.get(LEASES).body == whole
    watch = client.watch(LEASES)
    assert watch.response.read1(65536) == b"{"


def test_utf8_can_be_split_inside_a_character(faults, store, client):
    def annotate(pod):
        pod["metadata"]["annotations"] = {"note": "höchste Zeit 上海"}

    store.update("pods", "agents", "agents-5cb7dcc7-5wcxb", annotate)
    faults.split_characters(plural="pods")
    watch = client.watch(PODS, fieldSelector="metadata.name=agents-5cb7dcc7-5wcxb")
    pieces = [watch.response.read1(65536)]
    while not pieces[-1].endswith(b"\n"):
        pieces.append(watch.response.read1(65536))
    broken = 0
    for piece in pieces:
        try:
            piece.decode()
        except UnicodeDecodeError:
            broken += 1
    assert broken >= 3
    event = json.loads(b"".join(pieces))
    assert event["object"]["metadata"]["annotations"]["note"] == "höchste Zeit 上海"


def test_faults_may_come_and_go_while_requests_run(faults, client):
    stop = threading.Event()

    def meddle():
        while not stop.is_set():
            faults.status(500, times=1)
            time.sleep(0.001)

    thread = threading.Thread(target=meddle)
    thread.start()
    seen = {client.get(LEASES).status for _ in range(50)}
    stop.set()
    thread.join()
    assert seen <= {200, 500}
