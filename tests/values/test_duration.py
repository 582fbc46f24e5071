"""Durations are Go's: every accepted form, and what is refused."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentctl.duration import format_duration, parse_duration

TEN_YEARS_S = 10 * 365 * 24 * 3600


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("0s", 0.0),
        ("30", 30.0),
        ("0.5", 0.5),
        (".5s", 0.5),
        ("5.s", 5.0),
        ("500ms", 0.5),
        ("30s", 30.0),
        ("1m30s", 90.0),
        ("2h", 7200.0),
        ("1.5h", 5400.0),
        ("1h15m30.918273645s", 4530.918273645),
        ("100us", 0.0001),
        ("100\u00b5s", 0.0001),
        ("100\u03bcs", 0.0001),
        ("7ns", 7e-9),
        ("30s1m", 90.0),
        ("87600h", float(TEN_YEARS_S)),
        ("0.1s", 0.1),
        ("0.00000000001s", 0.0),
    ],
)
def test_accepted(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "-1s",
        "-0",
        "+1s",
        "nan",
        "inf",
        "1x",
        "10 s",
        " 10s",
        "10s ",
        "10 parsecs",
        "1e3",
        "1e3s",
        "1m30",
        "1.2.3s",
        ".",
        ".s",
        "s",
        "1S",
        "1d",
        "1_000",
        "\u0661s",
        "\u00b2s",
        "87600h1ns",
        "9" * 100 + "h",
        "9" * 1_000_000,
        "1h" * 1_000_000,
    ],
)
def test_refused_with_the_accepted_form_and_a_bounded_message(text: str) -> None:
    with pytest.raises(ValueError, match=r"^expected a duration such as 500ms") as caught:
        parse_duration(text)
    assert len(str(caught.value)) < 150


def test_the_message_quotes_what_was_given() -> None:
    with pytest.raises(ValueError, match="got '10 parsecs'"):
        parse_duration("10 parsecs")
    with pytest.raises(ValueError, match="at most ten years, got '100000h'"):
        parse_duration("100000h")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (1e-10, "0s"),
        (1e-9, "1ns"),
        (1.1e-6, "1.1\u00b5s"),
        (2.2e-3, "2.2ms"),
        (0.5, "500ms"),
        (0.9999999999, "1s"),
        (1.5, "1.5s"),
        (3.3, "3.3s"),
        (30, "30s"),
        (60, "1m0s"),
        (120, "2m0s"),
        (245, "4m5s"),
        (245.001, "4m5.001s"),
        (3600, "1h0m0s"),
        (18367.001, "5h6m7.001s"),
        (-90, "-1m30s"),
    ],
)
def test_printed_as_go_does(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize("seconds", [math.nan, math.inf])
def test_what_is_no_time_cannot_be_printed(seconds: float) -> None:
    with pytest.raises((ValueError, OverflowError)):
        format_duration(seconds)


@given(st.integers(0, TEN_YEARS_S * 10**9))
def test_what_is_printed_reads_back_as_the_same(nanos: int) -> None:
    seconds = nanos / 10**9
    assert parse_duration(format_duration(seconds)) == seconds


@given(st.text(max_size=30) | st.text("0123456789.hmsnuµ", max_size=30))
def test_any_text_is_a_bounded_number_or_a_value_error(text: str) -> None:
    try:
        seconds = parse_duration(text)
    except ValueError:
        return
    assert 0 <= seconds <= TEN_YEARS_S
