"""HTTP/1.1 messages: what a request is made of, and what is taken for an answer (RFC 9112)."""

from __future__ import annotations

import http.client
import io
import socket
from contextlib import closing

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agentctl.clock import SystemClock
from agentctl.net.http1 import CutShort, Head, NoAnswer, NotHttp, parse_head, request
from agentctl.net.timed_stream import TimedStream


def head(text: str) -> Head:
    return parse_head(text.replace("\n", "\r\n").encode("latin-1"))


def test_a_request_is_its_lines_and_its_body() -> None:
    assert request("/a?b", [("Host", "h"), ("X", "é")], None) == (
        b"GET /a?b HTTP/1.1\r\nHost: h\r\nX: \xc3\xa9\r\n\r\n"
    )
    assert request("/", [], b"{}") == b"POST / HTTP/1.1\r\n\r\n{}"


@pytest.mark.parametrize("target", ["/a b", "/\r\n", "/é", "/\0", "/a\tb"])
def test_a_target_cannot_end_its_line(target: str) -> None:
    with pytest.raises(ValueError, match="characters that no request can have"):
        request(target, [], None)


@pytest.mark.parametrize("field", [("A", "b\r\nC: d"), ("A\n", "b"), ("A", "b\0")])
def test_a_field_cannot_end_its_line(field: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="characters that no request can have"):
        request("/", [field], None)


@pytest.mark.parametrize(
    ("text", "chunked", "length", "closes"),
    [
        ("HTTP/1.1 200 OK\nContent-Length: 7", False, 7, False),
        ("HTTP/1.1 200 OK\nContent-Length: 7\nContent-Length: 7", False, 7, False),
        ("HTTP/1.1 200\nTransfer-Encoding: Chunked", True, None, False),
        ("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\nContent-Length: 7", True, None, False),
        ("HTTP/1.1 200 OK", False, None, True),
        ("HTTP/1.1 200 OK\nContent-Length: 7\nConnection: close", False, 7, True),
        ("HTTP/1.0 200 OK\nContent-Length: 7", False, 7, True),
        ("HTTP/1.0 200 OK\nContent-Length: 7\nConnection: Keep-Alive", False, 7, False),
        ("HTTP/1.1 204 No Content", False, 0, False),
        ("HTTP/1.1 304 Not Modified\nContent-Length: 7", False, 0, False),
    ],
)
def test_where_a_body_ends(text: str, chunked: bool, length: object, closes: bool) -> None:
    found = head(text)
    assert (found.chunked, found.length, found.closes) == (chunked, length, closes)


def test_names_are_in_lower_case_and_the_first_of_each_counts() -> None:
    found = head("HTTP/1.1 302 See there\nLOCATION:/a \nlocation: /b\nX-Empty:")
    assert (found.status, found.reason) == (302, "See there")
    assert found.headers == {"location": "/a", "x-empty": ""}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "HTTP/2 200 OK",
        "HTTP/1.1 20 OK",
        "HTTP/1.1 2000 OK",
        "HTTP/1.1 200 OK\nno colon",
        "HTTP/1.1 200 OK\nContent-Length : 5",
        "HTTP/1.1 200 OK\n: nameless",
        "HTTP/1.1 200 OK\nA: b\n folded",
        "HTTP/1.1 200 OK\nContent-Length: 5\nContent-Length: 6",
        "HTTP/1.1 200 OK\nContent-Length: -5",
        "HTTP/1.1 200 OK\nContent-Length: 5, 5",
        "HTTP/1.1 200 OK\nContent-Length: \u0665",
        "HTTP/1.1 200 OK\nTransfer-Encoding: gzip, chunked",
    ],
)
def test_what_two_readers_could_read_differently_is_no_http(text: str) -> None:
    with pytest.raises(NotHttp):
        parse_head(text.replace("\n", "\r\n").encode())


def read(data: bytes, step: int = 65536) -> tuple[Head, bytes]:
    """The head that is read of a peer who says ``data``, and what it leaves for others."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(data)
        theirs.close()
        stream = TimedStream(ours, SystemClock())
        stream.limit(5.0)
        found = stream.head(step)
        rest = b""
        while piece := stream.read(3):
            rest += piece
        return found, rest


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
@pytest.mark.parametrize("step", [1, 7, 65536])
def test_a_head_is_read_in_pieces_of_any_size_past_what_is_informational(
    step: int, end: bytes
) -> None:
    lines = [b"HTTP/1.1 100 Continue", b"", b"HTTP/1.1 103 Early", b"A: b", b""]
    lines += [b"HTTP/1.1 200 OK", b"A: c", b"", b"the body"]
    found, rest = read(end.join(lines), step)
    assert (found.status, found.headers, rest) == (200, {"a": "c"}, b"the body")


@pytest.mark.parametrize(
    ("data", "failure"),
    [
        (b"", NoAnswer),
        (b"HTTP/1.1 200 OK\r\n", CutShort),
        (b"HTTP/1.1 100 Continue\r\n\r\n", NoAnswer),
        (b"SSH-2.0", NotHttp),
        (b"HTTP/1.1 200 OK\r\nA: " + b"b" * (300 * 1024), NotHttp),
    ],
    ids=["nothing", "half", "only informational", "another protocol", "without end"],
)
def test_what_is_no_head_says_so(data: bytes, failure: type[Exception]) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        theirs.sendall(data)
        theirs.close()
        stream = TimedStream(ours, SystemClock())
        stream.limit(5.0)
        with pytest.raises(failure):
            stream.head()


@given(st.binary(max_size=200))
def test_no_head_breaks_it(data: bytes) -> None:
    try:
        found = parse_head(b"HTTP/1.1 200 OK\r\n" + data)
    except NotHttp:
        return
    assert found.length is None or found.length >= 0


TOKEN = st.text(alphabet="abcXYZ019-_.!#$%&'*+^`|~", min_size=1, max_size=12)
VALUE = st.text(alphabet=st.characters(min_codepoint=0x21, max_codepoint=0xFF), max_size=20).map(
    lambda text: text.replace("\x7f", "").replace("\x85", "").replace("\xa0", "").strip()
)
FRAMING = st.sampled_from(
    [
        (),
        (("Content-Length", "0"),),
        (("content-length", "17"),),
        (("Transfer-Encoding", "chunked"),),
        (("Transfer-Encoding", "Chunked"), ("Content-Length", "5")),
        (("Connection", "close"),),
        (("Connection", "Keep-Alive"), ("Content-Length", "3")),
    ]
)


@given(
    minor=st.sampled_from([b"0", b"1"]),
    status=st.integers(200, 599),
    reason=TOKEN | st.just("") | st.just("Not Found"),
    fields=st.lists(st.tuples(TOKEN, VALUE), max_size=8),
    framing=FRAMING,
    newline=st.sampled_from([b"\r\n", b"\n"]),
)
@example(b"1", 304, "", [], (("Transfer-Encoding", "chunked"),), b"\n")
def test_a_good_head_is_read_as_the_standard_library_reads_it(
    minor: bytes,
    status: int,
    reason: str,
    fields: list[tuple[str, str]],
    framing: tuple[tuple[str, str], ...],
    newline: bytes,
) -> None:
    lines = [b"HTTP/1.%b %d %b" % (minor, status, reason.encode())]
    lines += [f"{name}: {value}".encode("latin-1") for name, value in (*fields, *framing)]
    head = newline.join(lines)
    ours = parse_head(head)
    with closing(Canned(head + newline * 2)) as canned:
        theirs = http.client.HTTPResponse(canned)  # type: ignore[arg-type]
        theirs.begin()
        assert (ours.status, ours.reason) == (theirs.status, theirs.reason)
        assert ours.headers == {name.lower(): theirs.headers[name] for name in theirs.headers}
        # It reads chunks where by RFC 9112 (6.3) no body can be.
        assert ours.chunked == (bool(theirs.chunked) and status not in (204, 304))
        if not ours.chunked:
            assert ours.length == theirs.length
        assert ours.closes == theirs.will_close
        theirs.close()


class Canned:
    """As much of a socket as a response reads from."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, mode: str) -> io.BytesIO:
        return io.BytesIO(self._data)

    def close(self) -> None:
        pass
