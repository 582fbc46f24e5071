"""Malformed requests by the thousand: never a 5xx of ours, never a loop that hangs.

``--fuzz-requests N`` for more. A failing seed is in the assertion.
"""

from __future__ import annotations

import random
import re
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentctl.server.http.answer import text_answer
from agentctl.server.http.h11_parser import H11Parser, RequestHead
from agentctl.server.http.request import Refusal
from tests.fakes import FakeClock
from tests.server.http_rig import STATUS, STREAM, Site
from tests.server.replica import item

PIECES = [
    b"GET ", b"HEAD ", b"POST ", b"OPTIONS ", b"\xff", b"\x00", b"\r\n", b"\n", b"\r", b" ", b"\t",
    STREAM.encode(), STATUS.encode(), b"/healthz", b"/metrics", b"/readyz", b"*", b"//", b"http://",
    b"?since=", b"&heartbeat=", b"?namespace=", b"&format=ndjson", b"%", b"%zz", b"%00", b"=", b"#",
    b" HTTP/1.1", b" HTTP/1.0", b" HTTP/9.9", b" HTTP/", b"\r\nHost: a", b"\r\nHost: b",
    b"\r\nContent-Length: 3", b"\r\nContent-Length: -1", b"\r\nTransfer-Encoding: chunked",
    b"\r\nTransfer-Encoding: x", b"\r\nExpect: 100-continue", b"\r\nExpect: x",
    b"\r\nConnection: close", b"\r\nConnection: keep-alive", b"\r\nUpgrade: websocket",
    b"\r\nLast-Event-ID: ", b"\r\nAuthorization: ", b"\r\nAuthorization: Bearer x", b": ", b":",
    b"x" * 300, b"0" * 50, b"\x16\x03\x01\x02", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"0\r\n\r\n", b"5\r\nabcde\r\n", "\u00e9\u2028\U0001f600".encode(),
]  # fmt: skip

STATUS_LINE = re.compile(rb"HTTP/1\.1 (\d{3}) ")


def malformed(rng: random.Random) -> bytes:
    """A request that is off in some way: pieces at random, or a good one that was mangled."""
    if rng.random() < 0.4:
        return b"".join(rng.choices(PIECES, k=rng.randint(1, 12))) + b"\r\n\r\n"
    target = rng.choice([STREAM, STATUS, "/healthz", "/readyz", "/metrics", "/x"]).encode()
    query = b"".join(rng.choices(PIECES[19:28], k=rng.randint(0, 4)))
    good = b"GET %s?%s HTTP/1.1\r\nHost: a\r\nLast-Event-ID: %s\r\n\r\n" % (
        target,
        query.replace(b"?", b""),
        rng.randbytes(rng.randint(0, 9)).hex().encode(),
    )
    data = bytearray(good)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data))
        how = rng.randrange(4)
        if how == 0:
            data[at] = rng.randrange(256)
        elif how == 1:
            del data[at : at + rng.randint(1, 20)]
        elif how == 2:
            data[at:at] = rng.choice(PIECES)
        else:
            data[at:at] = rng.randbytes(rng.randint(1, 8))
        if not data:
            break
    return bytes(data)


def converse(port: int, request: bytes) -> bytes:
    """All that comes back. The client closes its side, which also ends a stream."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as sock:
        try:
            sock.sendall(request)
            sock.shutdown(socket.SHUT_WR)
            found = b""
            while data := sock.recv(1 << 16):
                found += data
        except ConnectionError:
            return b""
        return found


def test_no_malformed_request_gets_a_5xx_or_hangs_a_loop(request: pytest.FixtureRequest) -> None:
    count = request.config.getoption("--fuzz-requests")
    with Site().serve() as site:
        site.replica.begin(item("a"))
        answered = 0
        for seed in range(count):
            found = converse(site.http.port, malformed(random.Random(seed)))
            statuses = [int(status) for status in STATUS_LINE.findall(found)]
            assert all(status < 500 for status in statuses), f"seed {seed}: {statuses}"
            answered += bool(statuses)
            if seed % 500 == 0:
                assert site.get("/healthz").status == 200, f"seed {seed}"
        assert site.get("/healthz").status == 200
        # The rest is not whole: it ends with the connection.
        assert answered > 0.8 * count


@given(st.lists(st.binary(max_size=60) | st.sampled_from(PIECES), max_size=12), st.integers(1, 50))
def test_any_bytes_in_any_split_are_a_request_a_refusal_or_not_enough(
    pieces: list[bytes], size: int
) -> None:
    data = b"".join(pieces)
    parser = H11Parser()
    for at in range(0, len(data), size):
        parser.feed(data[at : at + size])
        found = parser.next()
        if found is None:
            continue
        assert isinstance(found, (RequestHead, Refusal))
        if isinstance(found, Refusal):
            assert found.status in (400, 431)
        now = FakeClock().now()
        answer, _ = parser.answer(text_answer("x"), now, last=isinstance(found, Refusal))
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        if not parser.go_on():
            return
