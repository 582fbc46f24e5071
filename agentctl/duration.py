"""Durations as Go writes them: ``500ms``, ``1m30s``, ``2h`` (time.ParseDuration)."""

from __future__ import annotations

from typing import Optional

_SECOND_NS = 10**9
_UNITS_NS = {
    "ns": 1,
    "us": 10**3,
    "\u00b5s": 10**3,  # MICRO SIGN
    "\u03bcs": 10**3,  # GREEK SMALL LETTER MU, which Go takes as well
    "ms": 10**6,
    "s": _SECOND_NS,
    "m": 60 * _SECOND_NS,
    "h": 3600 * _SECOND_NS,
}
_MAX_NS = 10 * 365 * 24 * _UNITS_NS["h"]
"""Ten years. Longer is a slip of the finger, and some system calls overflow on it."""

_MAX_CHARACTERS = 100
"""No duration that anyone means is longer, and int() of a long text is slow."""


def parse_duration(text: str) -> float:
    """Seconds; a bare number is seconds too. What is finer than a nanosecond is dropped.

    Raises ValueError, whose message names the accepted form, for anything else:
    negative, empty, spaces, an exponent, a missing or unknown unit, over ten years.
    """
    nanos = _parse(text) if 0 < len(text) <= _MAX_CHARACTERS else None
    if nanos is None or nanos > _MAX_NS:
        limit = "" if nanos is None else ", at most ten years"
        raise ValueError(
            f"expected a duration such as 500ms, 30s, 1m30s or 2h{limit}, got {text[:40]!r}"
        )
    return nanos / _SECOND_NS


def format_duration(seconds: float) -> str:
    """As Go prints a time.Duration, to the nanosecond: ``2m0s``, ``1.5s``, ``500ms``, ``0s``.

    Raises ValueError or OverflowError for what is no number of seconds (NaN, infinity).
    """
    # Through the exact ratio: seconds * 1e9 would be off by up to 32 ns after a year.
    numerator, denominator = abs(float(seconds)).as_integer_ratio()
    nanos = (2 * numerator * _SECOND_NS + denominator) // (2 * denominator)
    if nanos == 0:
        return "0s"
    sign = "-" if seconds < 0 else ""
    for unit in ("ns", "\u00b5s", "ms"):
        if nanos < _UNITS_NS[unit] * 1000:
            return f"{sign}{_decimal(nanos, _UNITS_NS[unit])}{unit}"
    minutes, nanos = divmod(nanos, _UNITS_NS["m"])
    text = f"{_decimal(nanos, _SECOND_NS)}s"
    if minutes:
        hours, minutes = divmod(minutes, 60)
        text = f"{hours}h{minutes}m{text}" if hours else f"{minutes}m{text}"
    return sign + text


def _parse(text: str) -> Optional[int]:
    """Nanoseconds, or None if ``text`` is no duration."""
    total, at = 0, 0
    while at < len(text):
        number_end = _span(text, at, numeric=True)
        unit_end = _span(text, number_end, numeric=False)
        unit = text[number_end:unit_end]
        if not unit and at == 0:
            unit = "s"
        nanos = _times(text[at:number_end], _UNITS_NS.get(unit, 0))
        if nanos is None:
            return None
        total += nanos
        at = unit_end
    return total


def _span(text: str, start: int, *, numeric: bool) -> int:
    """Where the run of numeric (or of other) characters ends that begins at ``start``."""
    end = start
    while end < len(text) and (text[end] in "0123456789.") is numeric:
        end += 1
    return end


def _times(decimal: str, unit_ns: int) -> Optional[int]:
    """So many units in nanoseconds, or None if ``decimal`` is no number or the unit unknown."""
    whole, _, fraction = decimal.partition(".")
    if not unit_ns or "." in fraction or not (whole or fraction):
        return None
    divisor: int = 10 ** len(fraction)
    return int(whole + fraction) * unit_ns // divisor


def _decimal(nanos: int, unit_ns: int) -> str:
    whole, rest = divmod(nanos, unit_ns)
    if not rest:
        return str(whole)
    return f"{whole}.{rest:0{len(str(unit_ns)) - 1}d}".rstrip("0")
