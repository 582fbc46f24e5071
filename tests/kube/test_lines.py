"""The line splitter: any split of a stream gives the same lines, in bounded memory."""

from __future__ import annotations

import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentctl.kube.decode import LineSplitter, LineTooLong


def split(data: bytes, cuts: list[int], limit: int = 1000) -> tuple[list[bytes], int]:
    splitter = LineSplitter(limit)
    lines: list[bytes] = []
    ends = sorted({min(cut, len(data)) for cut in cuts} | {len(data)})
    start = 0
    for end in ends:
        lines += splitter.feed(data[start:end])
        start = end
    return lines, splitter.pending


@given(
    st.binary(max_size=200).map(lambda b: b.replace(b"\x00", b"\n")), st.lists(st.integers(0, 200))
)
def test_any_split_gives_the_same_lines(data: bytes, cuts: list[int]) -> None:
    expected = data.split(b"\n")
    lines, pending = split(data, cuts)
    assert lines == expected[:-1]
    assert pending == len(expected[-1])


def test_a_character_split_across_reads_is_whole() -> None:
    splitter = LineSplitter(100)
    first, second = "é\n".encode()[:1], "é\n".encode()[1:]
    assert splitter.feed(first) == []
    assert splitter.feed(second) == ["é".encode()]


def test_an_unfinished_line_is_not_a_line() -> None:
    splitter = LineSplitter(100)
    assert splitter.feed(b'{"type":"ADD') == []
    assert splitter.pending == 12


@pytest.mark.parametrize("chunk", [b"x" * 11, b"x" * 11 + b"\n"])
def test_a_line_over_the_limit_is_refused_whether_it_ends_or_not(chunk: bytes) -> None:
    with pytest.raises(LineTooLong):
        LineSplitter(10).feed(b"ok\n" + chunk)


def test_an_endless_line_holds_no_more_than_the_limit() -> None:
    splitter = LineSplitter(1 << 20)
    pieces = iter(lambda: splitter.feed(b"x" * 1000), None)
    with pytest.raises(LineTooLong):
        list(itertools.islice(pieces, 100_000))
    assert splitter.pending <= (1 << 20) + 1000


def test_a_long_line_in_small_pieces_takes_linear_time() -> None:
    def cost(size: int) -> float:
        splitter = LineSplitter(1 << 24)
        started = time.process_time()
        for _ in range(size):
            splitter.feed(b"x" * 16)
        splitter.feed(b"\n")
        return time.process_time() - started

    # Quadratic would be 64 times; a busy machine may double or treble it.
    assert cost(80_000) < 40 * max(cost(10_000), 0.001)
