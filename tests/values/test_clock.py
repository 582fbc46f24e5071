"""Times as people and Kubernetes write them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given

from agentctl.clock import SystemClock
from agentctl.model import format_time, parse_time
from tests.strategies import TIMES

AT = datetime(2026, 1, 30, 18, 15, tzinfo=timezone.utc)


@given(TIMES)
def test_what_is_printed_reads_back_to_the_second(moment: datetime) -> None:
    assert parse_time(format_time(moment)) == moment.replace(microsecond=0)


@given(TIMES)
def test_a_fraction_reads_back_whole(moment: datetime) -> None:
    assert parse_time(moment.isoformat()) == moment


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-30T18:15:00Z", AT),
        ("2026-01-30T18:15:00z", AT),
        ("2026-01-30T18:15:00.5Z", AT + timedelta(milliseconds=500)),
        ("2026-01-30T18:15:00.123456Z", AT + timedelta(microseconds=123456)),
        ("2026-01-30T18:15:00.123456789Z", AT + timedelta(microseconds=123456)),
        ("2026-01-31T03:15:00+09:00", AT),
        ("2026-01-30T13:15:00.0-05:00", AT),
    ],
)
def test_read(text: str, moment: datetime) -> None:
    assert parse_time(text) == moment
    assert parse_time(text).utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "text",
    [
        *("", "Z", "now", "2026-01-30", "2026-01-30T18:15:00", "18:15Z"),
        # UTC has none of these years.
        *("0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-23:59"),
    ],
)
def test_no_time(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_time(text)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_the_first_and_the_last_time_read_back(text: str) -> None:
    assert format_time(parse_time(text)) == text


def test_the_machines_own_clocks() -> None:
    clock = SystemClock()
    assert clock.monotonic() <= clock.monotonic()
    assert clock.now().tzinfo is timezone.utc
