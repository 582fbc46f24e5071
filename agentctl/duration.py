"""Durations as Go writes them: ``500ms``, ``1m30s``, ``2h``."""

from __future__ import annotations

from fractions import Fraction

_UNITS = {
    "ns": Fraction(1, 10**9),
    "us": Fraction(1, 10**6),
    "µs": Fraction(1, 10**6),
    "μs": Fraction(1, 10**6),
    "ms": Fraction(1, 1000),
    "s": Fraction(1),
    "m": Fraction(60),
    "h": Fraction(3600),
}
"""Both characters for micro are in use; Go accepts both (time.ParseDuration)."""

MAX_S = 10 * 365 * 24 * 3600.0
MAX_LENGTH = 100


def parse_duration(text: str) -> float:
    """Seconds; a bare number is seconds too.

    Raises ValueError, whose message names the accepted form, for anything else:
    negative, empty, over ten years, without a unit where one is needed.
    """
    seconds = _parse(text) if 0 < len(text) <= MAX_LENGTH else None
    if seconds is None or seconds > MAX_S:
        limit = ", at most ten years" if seconds is not None else ""
        raise ValueError(
            f"expected a duration such as 500ms, 30s, 1m30s or 2h{limit}, got {text[:40]!r}"
        )
    return float(seconds)


def _parse(text: str) -> Fraction | None:
    number, rest = _number(text)
    if number is not None and not rest:
        return number
    total = Fraction(0)
    rest = text
    while rest:
        number, rest = _number(rest)
        if number is None:
            return None
        letters = 0
        while letters < len(rest) and rest[letters] not in "0123456789.":
            letters += 1
        unit = _UNITS.get(rest[:letters])
        if unit is None:
            return None
        total += number * unit
        rest = rest[letters:]
    return total


def _number(text: str) -> tuple[Fraction | None, str]:
    """The decimal number that ``text`` starts with, and what follows it."""
    end = 0
    while end < len(text) and text[end] in "0123456789.":
        end += 1
    digits = text[:end]
    if digits.count(".") > 1 or not digits.strip("."):
        return None, text
    whole, _, fraction = digits.partition(".")
    return Fraction(int(whole + fraction or "0"), 10 ** len(fraction)), text[end:]


def format_duration(seconds: float) -> str:
    """As Go prints a time.Duration, rounded to the nanosecond: ``2m0s``, ``1.5s``, ``500ms``."""
    nanos = round(Fraction(seconds) * 10**9)
    if nanos == 0:
        return "0s"
    for unit, size in (("ns", 1), ("µs", 10**3), ("ms", 10**6)):
        if nanos < 10**9 and nanos < size * 1000:
            return _decimal(nanos, size) + unit
    minutes, nanos = divmod(nanos, 60 * 10**9)
    text = _decimal(nanos, 10**9) + "s"
    if minutes:
        hours, minutes = divmod(minutes, 60)
        text = f"{minutes}m{text}"
        if hours:
            text = f"{hours}h{text}"
    return text


def _decimal(value: int, size: int) -> str:
    whole, rest = divmod(value, size)
    if not rest:
        return str(whole)
    width = len(str(size)) - 1
    return f"{whole}.{rest:0{width}d}".rstrip("0")
