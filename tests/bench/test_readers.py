"""What the fan-out benchmark reads with: it must see each message once, and nothing else."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from bench.http2_reader import WINDOW, GrpcStreams
from bench.sse_reader import SseStream

grpc = pytest.importorskip("grpc")

MESSAGES = [bytes([65 + size % 26]) * size for size in (0, 1, 200, 16_384, 70_000, 5, 300_000)]


@contextmanager
def _serving() -> Iterator[int]:
    def watch(request: bytes, context: object) -> Iterator[bytes]:
        yield from MESSAGES

    server = grpc.server(ThreadPoolExecutor(max_workers=4))
    call = grpc.unary_stream_rpc_method_handler(watch)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("a.B", {"Watch": call}),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(None).wait(5)


def _read(port: int, streams: GrpcStreams, most: int, last: int = 0) -> dict[int, list[bytes]]:
    """Everything until all calls have ended; or for half a second beyond ``last`` messages of
    the first, if that is how many come."""
    found: dict[int, list[bytes]] = {call: [] for call in range(streams.count)}
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        while len(streams.ended) < streams.count:
            if last and len(found[0]) >= last:
                connection.settimeout(0.5)
            connection.sendall(streams.outgoing)
            streams.outgoing.clear()
            try:
                data = connection.recv(most)
            except socket.timeout:
                break
            for call, message in streams.feed(data):
                found[call].append(message)
    return found


@pytest.mark.parametrize(("count", "most"), [(1, 1 << 16), (3, 1 << 16), (2, 977)])
def test_a_grpc_server_s_messages_are_seen_each_once_and_whole(count: int, most: int) -> None:
    with _serving() as port:
        found = _read(port, GrpcStreams("/a.B/Watch", count), most)
    assert found == dict.fromkeys(range(count), MESSAGES)


def test_without_grants_a_grpc_server_has_to_wait() -> None:
    with _serving() as port:
        found = _read(port, GrpcStreams("/a.B/Watch", grants=False), 1 << 16, last=4)
    assert found[0] == MESSAGES[:4]
    assert sum(map(len, MESSAGES[:4])) < WINDOW < sum(map(len, MESSAGES[:5]))


def test_an_unknown_method_is_an_end() -> None:
    with _serving() as port:
        streams = GrpcStreams("/a.B/Nothing")
        assert _read(port, streams, 1 << 16) == {0: []}
    assert streams.ended == {0}


def test_sse_events_are_seen_each_once_however_they_are_cut() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    body = b"".join(b"30\r\nevent: delta\ndata: #%06d\n\n\r\n" % number for number in range(50))
    whole = head + body
    rng = random.Random(7)
    stream = SseStream(b"")
    found = []
    while whole:
        size = rng.randrange(1, 100)
        found += [event for _, event in stream.feed(whole[:size])]
        whole = whole[size:]
    assert [event[-7:] for event in found] == [b"#%06d" % number for number in range(50)]


def test_what_is_no_stream_is_refused() -> None:
    with pytest.raises(ValueError, match="404"):
        list(SseStream(b"").feed(b"HTTP/1.1 404 Not Found\r\n\r\n{}"))
