"""Writing to readers that take what they like: on socket pairs, without a thread."""

from __future__ import annotations

import selectors
import socket
from collections.abc import Iterator

import pytest

from agentctl.model import Item, Status
from agentctl.server.fanout.subscription import Subscription
from agentctl.server.http.router import FORMS
from agentctl.server.http.stream_socket import SURPLUS_MAX, StreamOpening, StreamSocket
from agentctl.server.http.streams import QUIET_S, STUCK_S, OpenStreams
from tests.server.http_rig import Site
from tests.server.replica import item

LARGE = 200_000
"""Bytes of an event that no kernel takes at once here."""


class Bench:
    """Streams and the far ends of their sockets."""

    def __init__(self) -> None:
        self.site = Site()
        self.clock = self.site.clock
        self.selector = selectors.DefaultSelector()
        self.streams = OpenStreams(self.site.services, self.selector)
        self.ends: list[socket.socket] = []
        self.site.replica.begin(item("a"))
        self.version = 1

    def reader(self, form: str = "json", chunks: bool = True) -> tuple[StreamSocket, socket.socket]:
        near, far = socket.socketpair()
        self.ends.append(far)
        near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16384)
        near.setblocking(False)
        far.setblocking(False)
        now = self.clock.monotonic()
        subscription = Subscription(self.site.replica.channel, now, None, 60.0)
        written = FORMS[form, chunks]
        assert self.site.services.count.enter(written.transport, "peer") is None
        opening = StreamOpening(b"head", subscription, written, b"", now)
        reader = StreamSocket(near, "peer", opening)
        self.streams.add(reader)
        self.streams.serve([reader])
        return reader, far

    def publish(self, text: str, size: int = 0) -> None:
        self.version += 1
        details = {"text": "x" * size} if size else {}
        changed = Item("a", "agents", Status.ERROR, text, details)
        self.site.replica.publish(changed, version=self.version)
        self.streams.serve(self.streams.of(self.site.replica.channel))

    def pump(self) -> None:
        """What the writer does on its selector's word."""
        for key, mask in self.selector.select(0):
            self.streams.look_at(key.data, mask)

    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.site.replica.broadcaster.beat([])
        self.streams.do_what_is_due()

    def read(self, far: socket.socket) -> bytes:
        """All that a reader can get by reading on."""
        found = b""
        while True:
            try:
                data = far.recv(1 << 20)
            except BlockingIOError:
                return found
            if not data:
                return found
            found += data
            self.pump()

    def close(self) -> None:
        self.streams.drop()
        for far in self.ends:
            far.close()
        self.selector.close()


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.close()


def test_a_stuck_reader_holds_one_event_whatever_happens(bench: Bench) -> None:
    stuck, _ = bench.reader()
    for number in range(50):
        bench.publish(str(number), LARGE)
    pending = stuck.pending
    assert pending is not None
    assert b'"message":"0"' in pending
    assert len(pending) < LARGE + 1000


def test_the_bytes_of_an_event_are_shared(bench: Bench) -> None:
    readers = [bench.reader()[0] for _ in range(5)]
    bench.publish("one", LARGE)
    assert len({id(reader.pending) for reader in readers}) == 1


def test_others_get_everything_while_one_is_stuck_and_it_is_cut_in_time(bench: Bench) -> None:
    stuck, _ = bench.reader()
    good, far = bench.reader()
    for number in range(20):
        bench.publish(str(number), LARGE)
        assert f'"message":"{number}"'.encode() in bench.read(far)
    bench.advance(STUCK_S - 0.01)
    assert bench.streams.all() == [stuck, good]
    bench.advance(0.02)
    assert bench.streams.all() == [good]
    assert stuck.sock.fileno() == -1
    assert bench.site.errors("slow_reader") == 1
    assert bench.site.streams == 1
    bench.publish("after")
    assert b"after" in bench.read(far)


def test_what_a_slow_reader_missed_comes_merged_and_late(bench: Bench) -> None:
    _, far = bench.reader()
    for number in range(100):
        bench.publish(str(number), LARGE)
    found = bench.read(far)
    assert b'"message":"0"' in found
    assert b'"message":"99"' in found
    assert found.count(b"event: delta") == 2
    assert found.endswith(b"\r\n")


def test_progress_gives_a_slow_reader_more_time(bench: Bench) -> None:
    slow, far = bench.reader()
    bench.publish("large", 40 * LARGE)
    for _ in range(5):
        bench.advance(STUCK_S - 1)
        assert far.recv(LARGE)
        bench.pump()
    assert bench.streams.all() == [slow]
    bench.advance(STUCK_S + 1)
    assert bench.streams.all() == []


def test_a_selector_is_asked_for_room_only_while_something_is_pending(bench: Bench) -> None:
    reader, far = bench.reader()
    assert reader.interest == selectors.EVENT_READ
    bench.publish("large", LARGE)
    assert reader.interest == selectors.EVENT_READ | selectors.EVENT_WRITE
    bench.read(far)
    assert reader.interest == selectors.EVENT_READ


def test_a_reader_that_is_gone_is_forgotten(bench: Bench) -> None:
    _, far = bench.reader()
    bench.read(far)  # what is unread would make its end a reset
    far.close()
    bench.pump()
    assert bench.streams.all() == []
    assert bench.site.streams == 0
    assert bench.site.errors("connection_lost") == 0


def test_a_reader_that_was_reset_is_counted(bench: Bench) -> None:
    bench.reader()[1].close()
    bench.publish("one")
    assert bench.streams.all() == []
    assert bench.site.errors("connection_lost") == 1
    assert bench.site.streams == 0


def test_a_reader_that_says_too_much_is_dropped(bench: Bench) -> None:
    _, far = bench.reader()
    said = 0
    while bench.streams.all():
        said += far.send(b"x" * 4096)
        bench.pump()
    assert SURPLUS_MAX < said <= SURPLUS_MAX + 8192


def test_a_stream_that_ends_while_stuck_says_goodbye_after_what_is_pending(bench: Bench) -> None:
    _, far = bench.reader()
    bench.publish("large", LARGE)
    bench.streams.end(bench.streams.all(), [1200])
    assert b'"message":"large"' in (found := bench.read(far))
    assert found.endswith(b"\r\nc\r\nretry: 1200\n\r\n0\r\n\r\n")
    assert bench.streams.all() == []


@pytest.mark.parametrize(
    ("form", "chunks", "comment"),
    [("json", True, b"2\r\n:\n\r\n"), ("json", False, b":\n"), ("ndjson", True, b"")],
)
def test_silence_is_broken_each_15_s_where_there_are_comments(
    bench: Bench, form: str, chunks: bool, comment: bytes
) -> None:
    _, far = bench.reader(form, chunks)
    bench.read(far)
    heard = {}
    for second in range(1, 60):
        if second == 20:
            bench.publish("news")
            bench.read(far)
        bench.advance(1)
        if said := bench.read(far):
            heard[second] = said
    # The news at 19 s is what the next 15 s are counted from.
    assert heard == (dict.fromkeys((15, 34, 49), comment) if comment else {})
    bench.advance(1)
    assert b"heartbeat" in bench.read(far)


def test_a_comment_waits_for_its_room_and_is_no_reason_to_cut(bench: Bench) -> None:
    slow, far = bench.reader()
    bench.publish("large", LARGE)
    bench.advance(STUCK_S - 1)
    assert bench.read(far)
    bench.advance(QUIET_S - 1)
    assert bench.read(far) == b""
    bench.advance(1)
    assert bench.read(far) == b"2\r\n:\n\r\n"
    assert bench.streams.all() == [slow]


def test_a_fault_in_one_stream_spares_the_others(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    broken, _ = bench.reader()
    good, far = bench.reader()
    broken.subscription = Broken(bench.site.replica.channel)  # type: ignore[assignment]
    bench.publish("one")
    assert b"one" in bench.read(far)
    assert bench.streams.all() == [good]
    assert "cannot go on with a stream" in caplog.text


class Broken:
    def __init__(self, channel: object) -> None:
        self.channel = channel

    def take(self, now: float) -> None:
        raise ZeroDivisionError
