"""The stream over SSE: what comes through, what ends it, and what a hostile server can do."""

from __future__ import annotations

import logging
import socket
import time

import pytest

from agentctl.errors import DisconnectedError, ServerError
from agentctl.model import Delta, ErrorCode, Heartbeat, Snapshot, Status, StreamError
from agentctl.remote import sse
from tests.net.tinyserver import Server, silent
from tests.remote.sse_server_rig import (
    PLAIN,
    STREAM,
    chunk,
    chunks,
    delta,
    event,
    first_state,
    heartbeat,
    in_turn,
    item,
    reading,
    snapshot,
    then_wait,
    until_refused,
)

EVENTS = [
    snapshot(),
    delta(),
    heartbeat("c2"),
    event("error", "c2", message="refused", code="disconnected", source="pods", retry_in=2.0),
]


# What is asked for.


def test_a_first_attempt_asks_for_the_namespace_and_a_heartbeat_and_for_no_cursor() -> None:
    with reading(then_wait(chunks(snapshot()))) as bench:
        bench.read().event()
        sent = bench.headers()
        target = "/api/agents/control-plane/status/stream?namespace=agents&heartbeat=30s"
        assert sent[""] == f"GET {target} HTTP/1.1"
        assert sent["accept"] == "text/event-stream"
        assert sent["host"] == f"127.0.0.1:{bench.server.port}"
        assert sent["accept-encoding"] == "identity"
        assert "last-event-id" not in sent
        assert "authorization" not in sent


def test_a_later_attempt_goes_on_from_the_servers_cursor_and_is_well_at_once() -> None:
    with reading(then_wait(chunks(delta("c8")))) as bench:
        read = bench.read(resume="c7")
        (found,) = read.events(1)
        assert isinstance(found, Delta)
        assert read.alive == ["c7"]
        assert bench.headers()["last-event-id"] == "c7"


@pytest.mark.parametrize("cursor", ["a\r\nX-Evil: 1", "é", "c" * 5000, "a b"])
def test_a_cursor_that_no_header_can_carry_is_not_sent(cursor: str) -> None:
    with reading(then_wait(chunks(delta(), snapshot("c9")))) as bench:
        assert isinstance(bench.read(resume=cursor).event(), Snapshot)
        assert "last-event-id" not in bench.headers()
        assert "x-evil" not in bench.headers()


# What comes through.


def test_events_of_all_types_come_through_in_order() -> None:
    with reading(then_wait(chunks(*EVENTS))) as bench:
        found = bench.read().events(4)
        assert [type(one) for one in found] == [Snapshot, Delta, Heartbeat, StreamError]
        assert [one.cursor for one in found] == ["c1", "c2", "c2", "c2"]
        assert found[3].code is ErrorCode.DISCONNECTED


@pytest.mark.parametrize(
    "pieces",
    [
        [STREAM + b"".join(chunk(bytes([byte])) for byte in b"".join(EVENTS))],
        [STREAM, b"".join(chunk(one) for one in EVENTS)],
        [STREAM + chunk(b"\xef\xbb\xbf" + b"".join(EVENTS).replace(b"\n", b"\r\n"))],
        [PLAIN + b"".join(EVENTS)],
        [STREAM + chunk(b": hello\n\nretry: 1\n\n" + b"".join(EVENTS))],
    ],
    ids=["a chunk for each byte", "together", "BOM and CRLF", "no chunks", "comments between"],
)
def test_events_come_through_however_they_are_sent(pieces: list[bytes]) -> None:
    with reading(then_wait(*pieces)) as bench:
        found = bench.read().events(4)
        assert [one.type for one in found] == ["snapshot", "delta", "heartbeat", "error"]


def test_events_come_through_when_every_byte_is_a_packet() -> None:
    stream = chunks(snapshot(), delta())

    def bytewise(sock: socket.socket, server: Server) -> None:
        server.request(sock)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in stream:
            sock.sendall(bytes([byte]))
        server.done.wait(20)

    with reading(bytewise) as bench:
        assert [one.type for one in bench.read().events(2)] == ["snapshot", "delta"]


def test_an_event_comes_through_before_the_next_one_is_there() -> None:
    """iter_lines of requests would hold it back on a body without chunks."""
    with reading(then_wait(PLAIN + snapshot())) as bench:
        assert isinstance(bench.read().event(), Snapshot)


def test_messages_are_redacted() -> None:
    state = snapshot("c1", item(status="error", message="password=hunter2"))
    with reading(then_wait(chunks(state))) as bench:
        found = first_state(bench.read().event())
        assert found.items[0].message == "password=[redacted]"


def test_invalid_utf8_in_a_message_is_replaced() -> None:
    state = snapshot("c1", item(status="error", message="MARK")).replace(b"MARK", b"a\xff\xe2\x82b")
    with reading(then_wait(chunks(state))) as bench:
        assert first_state(bench.read().event()).items[0].message == "a\ufffd\ufffdb"


def test_unknown_types_are_logged_and_ignored(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    strange = b"event: progress\ndata: 50%\n\n"
    with reading(then_wait(chunks(snapshot(), strange, event("party"), delta()))) as bench:
        assert [one.type for one in bench.read().events(2)] == ["snapshot", "delta"]
    assert "'progress', which is unknown here" in caplog.text


def test_a_server_without_event_types_is_understood() -> None:
    bare = snapshot().replace(b"event: snapshot\n", b"")
    with reading(then_wait(chunks(bare))) as bench:
        assert isinstance(bench.read().event(), Snapshot)


def test_a_status_that_is_not_known_here_is_no_reason_to_go() -> None:
    with reading(then_wait(chunks(snapshot("c1", item(status="frozen"))))) as bench:
        assert first_state(bench.read().event()).items[0].status is Status.UNKNOWN


def test_snapshots_each_time_come_through() -> None:
    with reading(then_wait(chunks(*(snapshot(f"c{at}") for at in range(5))))) as bench:
        assert [one.cursor for one in bench.read().events(5)] == [f"c{at}" for at in range(5)]


# Cursors.


def test_an_id_stands_in_for_a_cursor_that_is_missing() -> None:
    bare = snapshot("c7").replace(b', "cursor": "c7"', b"")
    assert b'"cursor"' not in bare
    with reading(then_wait(chunks(bare))) as bench:
        assert bench.read().event().cursor == "c7"


def test_an_id_alone_moves_the_place_to_resume_from() -> None:
    strange = b"event: progress\nid: c10\ndata: 50%\n\n"
    with reading(then_wait(chunks(snapshot("c1"), b"id: c9\n\n"), chunk(strange))) as bench:
        read = bench.read()
        read.event()
        while read.alive[-1:] != ["c10"]:
            read.next()
        assert set(read.alive) <= {"c9", "c10"}  # both at once if one read brought both


def test_before_the_snapshot_nothing_counts() -> None:
    """A delta would be folded into a state that is not known; a beat would prove nothing."""
    early = chunks(delta("c0"), heartbeat("c0"), b"id: c5\n\n", snapshot("c1"), delta("c2"))
    with reading(then_wait(early)) as bench:
        read = bench.read()
        assert [one.cursor for one in read.events(2)] == ["c1", "c2"]
        assert read.alive == []


# Ends.


def test_a_clean_end_is_told_as_one() -> None:
    def ends(sock: socket.socket, server: Server) -> None:
        server.request(sock)
        sock.sendall(chunks(snapshot()) + b"0\r\n\r\n")

    with reading(ends) as bench:
        read = bench.read()
        failure = read.failure()
        assert type(failure) is DisconnectedError
        assert failure.message.endswith(": the server ended the stream")
        assert failure.message.startswith(f"127.0.0.1:{bench.server.port}")
        assert [one.type for one in read.received] == ["snapshot"]


@pytest.mark.parametrize("cut", [snapshot()[:-1], delta("c9")[:30], b"id: c9\n", b"\xe2\x82"])
def test_half_an_event_at_a_cut_is_dropped_with_its_id(cut: bytes) -> None:
    def cuts(sock: socket.socket, server: Server) -> None:
        server.request(sock)
        sock.sendall(chunks(snapshot(), cut))

    with reading(cuts) as bench:
        read = bench.read()
        failure = read.failure()
        assert "the connection was lost in the middle of an answer" in failure.message
        assert [one.type for one in read.received] == ["snapshot"]
        assert read.alive == []


@pytest.mark.parametrize(
    "answer",
    [b"", b"HTTP/1.1 200 OK\r\nContent-Ty", b"garbage\r\n\r\n", STREAM + b"xyz\r\n", b"\x15\x03"],
    ids=["nothing", "half a head", "no HTTP", "no chunk", "TLS"],
)
def test_an_answer_that_is_none_is_a_lost_connection(answer: bytes) -> None:
    def script(sock: socket.socket, server: Server) -> None:
        server.request(sock)
        sock.sendall(answer)

    with reading(script) as bench:
        failure = bench.read().failure()
        assert isinstance(failure, DisconnectedError)
        assert f"127.0.0.1:{bench.server.port}" in failure.message


@pytest.mark.parametrize(
    "bad",
    [
        b"event: delta\ndata: {nonsense\n\n",
        b"event: delta\ndata: <html>\n\n",
        b"event: delta\ndata\n\n",
        event("delta", changes="x"),
        event("error", message="m", code="server", retry_in=float("nan")),
    ],
)
def test_an_event_that_cannot_be_read_ends_the_attempt_and_keeps_what_came(bad: bytes) -> None:
    with reading(then_wait(chunks(snapshot(), bad, delta()))) as bench:
        read = bench.read()
        failure = read.failure()
        assert isinstance(failure, ServerError)
        assert "not an event: " in failure.message
        assert [one.type for one in read.received] == ["snapshot"]


# Bounds.

LINE = b"x" * 65536


@pytest.mark.parametrize(
    "piece",
    [chunk(LINE), chunk(b"data: " + LINE + b"\n"), chunk(b"data: x\n" * 8192)],
    ids=["one line", "lines of data", "short lines of data"],
)
def test_an_event_without_end_is_hung_up_on(piece: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_EVENT_BYTES", 1 << 20)
    sent: list[int] = []

    def endless(sock: socket.socket, server: Server) -> None:
        server.request(sock)
        sock.sendall(chunks(snapshot()))
        sent.append(until_refused(sock, lambda: piece, 1 << 30))

    with reading(endless) as bench:
        failure = bench.read().failure(15)
        assert isinstance(failure, ServerError)
        assert "more than 1048576 bytes" in failure.message
    assert sent[0] < 64 << 20  # what the kernel's buffers hold comes on top


# Silence.


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first event is given no longer than any other."""
    monkeypatch.setattr("agentctl.remote.receiver.FIRST_EVENT_S", 0.0)


def test_headers_and_trailers_without_end_are_hung_up_on(impatient: None) -> None:
    for beginning in (b"HTTP/1.1 200 OK\r\n", STREAM + b"0\r\n"):

        def endless(sock: socket.socket, server: Server, beginning: bytes = beginning) -> None:
            server.request(sock)
            sock.sendall(beginning)
            assert until_refused(sock, lambda: b"X-Filler: 1\r\n" * 100, 1 << 28) < 1 << 28

        with reading(endless, heartbeat_s=0.1) as bench:
            assert isinstance(bench.read().failure(), DisconnectedError)


def test_a_server_that_falls_silent_is_noticed() -> None:
    with reading(then_wait(chunks(snapshot())), heartbeat_s=0.1) as bench:
        failure = bench.read().failure()
        where = f"127.0.0.1:{bench.server.port}"
        assert failure.message == f"nothing heard from {where} for 250ms"


def trickle(piece: bytes) -> object:
    """A snapshot, then the same little thing again and again."""

    def script(sock: socket.socket, server: Server) -> None:
        server.request(sock)
        sock.sendall(chunks(snapshot()))
        while not server.done.wait(0.02):
            sock.sendall(chunk(piece))

    return script


@pytest.mark.parametrize("comment", [b": still here\n", b":\n\n", b"x", b"\n", b": no end"])
def test_comments_and_empty_lines_are_no_sign_of_life(comment: bytes) -> None:
    piece = b":" if comment == b"x" else comment
    with reading(trickle(piece), heartbeat_s=0.1) as bench:
        assert "nothing heard from" in bench.read().failure().message


def test_heartbeats_are_a_sign_of_life() -> None:
    with reading(trickle(heartbeat()), heartbeat_s=1.2) as bench:
        read = bench.read()
        begun = time.monotonic()
        while time.monotonic() - begun < 3.5:  # silence is 3 s
            read.event()


def test_heartbeats_alone_are_no_state(impatient: None) -> None:
    def script(sock: socket.socket, server: Server) -> None:
        server.request(sock)
        sock.sendall(STREAM)
        while not server.done.wait(0.02):
            sock.sendall(chunk(heartbeat()))

    with reading(script, heartbeat_s=0.1) as bench:
        read = bench.read()
        assert "no snapshot from" in read.failure().message
        assert read.received == []


def test_an_event_that_takes_its_time_is_waited_for() -> None:
    """Each piece of it shows that the server is at work."""
    big = delta("c2", item(message="a long story"))

    def slowly(sock: socket.socket, server: Server) -> None:
        server.request(sock)
        sock.sendall(chunks(snapshot()))
        for at in range(0, len(big), 12):
            if server.done.wait(0.2):
                return
            sock.sendall(chunk(big[at : at + 12]))
        server.done.wait(20)

    with reading(slowly, heartbeat_s=1.2) as bench:  # 3 s are silence, here it takes longer
        assert [one.type for one in bench.read().events(2)] == ["snapshot", "delta"]


def test_a_server_that_begins_late_is_waited_for() -> None:
    """It says nothing at all until its own sources have answered."""

    def late(sock: socket.socket, server: Server) -> None:
        server.request(sock)
        sock.sendall(STREAM)
        server.done.wait(0.5)
        sock.sendall(chunk(snapshot()))
        server.done.wait(20)

    with reading(late, heartbeat_s=0.1) as bench:
        assert isinstance(bench.read().event(), Snapshot)


# The reconnection time.


def test_retry_is_the_floor_of_the_next_wait_and_of_those_after_it() -> None:
    def ends(sock: socket.socket, server: Server) -> None:
        server.request(sock)
        sock.sendall(chunks(b"retry: 7000\n\n", snapshot()) + b"0\r\n\r\n")

    def hangs_up(sock: socket.socket, server: Server) -> None:
        server.request(sock)

    with reading(in_turn(ends, hangs_up)) as bench:
        assert bench.read().failure().retry_after == 7
        assert bench.read().failure().retry_after == 7


def test_retry_of_a_lifetime_is_cut() -> None:
    def ends(sock: socket.socket, server: Server) -> None:
        server.request(sock)
        sock.sendall(chunks(b"retry: 99999999999999999999\n") + b"0\r\n\r\n")

    with reading(ends) as bench:
        assert bench.read().failure().retry_after == 300


# Stop.


@pytest.mark.parametrize(
    "script",
    [then_wait(chunks(snapshot())), then_wait(STREAM), silent],
    ids=["read", "first", "head"],
)
def test_stop_frees_a_blocked_read(script: object) -> None:
    with reading(script) as bench:  # type: ignore[arg-type]
        read = bench.read()
        deadline = time.monotonic() + 20
        while not bench.server.connections and time.monotonic() < deadline:
            time.sleep(0.01)
        if script is not silent:
            deadline = time.monotonic() + 20
            while not bench.server.requests and time.monotonic() < deadline:
                time.sleep(0.01)
        read.attempt.stop()
        assert read.attempt.join(10)  # by itself it would last longer


def test_stop_before_the_start_asks_nobody() -> None:
    with reading(then_wait(chunks(snapshot()))) as bench:
        read = bench.read(source=_Stopped(bench.source))
        assert read.attempt.join(10)
        assert bench.server.requests == []


class _Stopped:
    """Stops its attempt before it begins."""

    name = noun = "server"
    essential = True

    def __init__(self, source: sse.SseSource) -> None:
        self._source = source

    def run(self, attempt: sse.Attempt) -> None:
        attempt.stop()
        self._source.run(attempt)

    def fallback(self) -> None:
        return None
