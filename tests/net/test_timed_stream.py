"""A stream's bounds in time: kept to the moment, and told to the socket seldom."""

from __future__ import annotations

import socket
from typing import Any, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentctl.net.timed_stream import TimedStream


class Time:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


class Silent:
    """A socket on which data comes after so many seconds of each read, or never (None)."""

    def __init__(self, time: Time) -> None:
        self._time = time
        self.told: list[Optional[float]] = []
        self.comes_after: Optional[float] = None

    def settimeout(self, seconds: Optional[float]) -> None:
        self.told.append(seconds)

    def recv(self, n: int) -> bytes:
        limit = self.told[-1]
        if self.comes_after is not None and (limit is None or self.comes_after <= limit):
            self._time.now += self.comes_after
            return b"x"
        assert limit is not None, "it waits for ever"
        self._time.now += limit
        if self.comes_after is not None:
            self.comes_after -= limit
        raise socket.timeout("timed out")


def stream() -> tuple[Any, Time, Silent]:
    time = Time()
    sock = Silent(time)
    made: Any = TimedStream(sock, time)  # type: ignore[arg-type]
    return made, time, sock


LIMITS = st.tuples(st.none() | st.floats(0.1, 100.0), st.floats(0.1, 200.0))


@given(LIMITS, st.lists(st.floats(0.0, 20.0), max_size=20))
def test_no_read_lasts_longer_than_its_timeout_or_the_deadline(
    limits: tuple[Optional[float], float], waits: list[float]
) -> None:
    made, time, sock = stream()
    timeout, lasts = limits
    deadline = time.now + lasts
    made.limit(timeout, deadline)
    for wait in [*waits, None]:
        sock.comes_after = wait
        began = time.now
        over = min(deadline, began + (lasts if timeout is None else timeout))
        try:
            assert made.read(1) == b"x"
        except socket.timeout:
            assert time.now == pytest.approx(over) or over <= began
            return
        assert time.now <= over + 1e-6


def test_what_comes_late_but_in_time_is_read() -> None:
    made, time, sock = stream()
    made.limit(None, time.now + 100.0)
    sock.comes_after = 99.0
    assert made.read(1) == b"x"
    assert time.now == pytest.approx(1099.0)


def test_a_watch_tells_its_socket_a_few_times_and_not_for_each_read() -> None:
    made, time, sock = stream()
    made.limit(87.0, time.now + 92.0)
    sock.comes_after = 0.5
    for _ in range(150):
        made.read(1)
    assert len(sock.told) < 8
