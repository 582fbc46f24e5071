"""Chunked transfer coding (RFC 9112, 7.1): any split gives the same data, in bounded memory."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentctl.net.timed_stream import MAX_LINE, ChunkDecoder, ChunkError


def encode(chunks: list[bytes]) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks if chunk)


@given(
    st.lists(st.binary(max_size=40)),
    st.lists(st.integers(0, 300)),
    st.sampled_from([b"", b"X-Trailer: a\r\n", b"A: 1\r\nB: 2\r\n"]),
)
def test_any_split_gives_the_same_data(
    chunks: list[bytes], cuts: list[int], trailers: bytes
) -> None:
    body = encode(chunks) + b"0\r\n" + trailers + b"\r\n"
    decoder = ChunkDecoder()
    out = b""
    ends = sorted({min(cut, len(body)) for cut in cuts} | {len(body)})
    for start, end in zip([0, *ends], ends):
        assert not decoder.ended
        out += decoder.feed(body[start:end])
    assert (out, decoder.ended, decoder.surplus) == (b"".join(chunks), True, False)


def test_all_chunks_of_one_read_come_out_at_once() -> None:
    assert ChunkDecoder().feed(encode([b"a\n", b"b\n", b"c\n"])) == b"a\nb\nc\n"


def test_an_extension_is_ignored() -> None:
    assert ChunkDecoder().feed(b"3;name=value\r\nabc\r\n") == b"abc"


def test_what_follows_the_end_is_no_data() -> None:
    decoder = ChunkDecoder()
    assert decoder.feed(b"1\r\na\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n") == b"a"
    assert decoder.ended
    assert decoder.surplus


@pytest.mark.parametrize(
    "body",
    [b"\r\n", b"xyz\r\n", b"-1\r\n", b"+1\r\n", b"0x1\r\n", b"1_0\r\n", b"f" * 17 + b"\r\n"],
)
def test_what_is_no_size_is_refused(body: bytes) -> None:
    with pytest.raises(ChunkError, match="no chunk size"):
        ChunkDecoder().feed(body)


def test_a_chunk_longer_than_its_size_is_refused() -> None:
    with pytest.raises(ChunkError, match="longer than its size"):
        ChunkDecoder().feed(b"1\r\nab\r\n")


@pytest.mark.parametrize("opening", [b"", b"0\r\n"], ids=["size", "trailer"])
def test_a_line_without_end_is_refused(opening: bytes) -> None:
    decoder = ChunkDecoder()
    decoder.feed(opening)
    for _ in range(MAX_LINE - 1):
        assert not decoder.feed(b"1")
    with pytest.raises(ChunkError, match="too long"):
        decoder.feed(b"1")
