"""Axis of times (UTC): round ones, and how to write them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from agentctl.lazy_namedtuple import NamedTuple

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
STEPS_S = (
    *(1, 2, 5, 10, 15, 30),
    *(_MINUTE * each for each in (1, 2, 5, 10, 15, 30)),
    *(_HOUR * each for each in (1, 2, 3, 6, 12)),
    *(_DAY * each for each in (1, 2, 7, 14, 30, 90, 365, 3650, 36500)),
)
"""What people count in."""

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Tick(NamedTuple):
    """A round time: milliseconds from the start of the axis, and its label."""

    at: int
    label: str


def ticks(start: datetime, span: int, most: int) -> list[Tick]:
    """At most ``most`` round times within ``span`` milliseconds from ``start``."""
    if span <= 0 or most < 1:
        return []
    step_s = next((step for step in STEPS_S if span / 1000 / step <= most), STEPS_S[-1])
    began = round((start - _EPOCH) / timedelta(milliseconds=1))
    step = step_s * 1000
    first = -began % step
    found = []
    for at in range(first, span + 1, step)[:most]:
        try:
            found.append(Tick(at, _label(start + timedelta(milliseconds=at), step_s)))
        except OverflowError:
            break
    return found


def _label(moment: datetime, step_s: int) -> str:
    if step_s >= _DAY:
        return moment.strftime("%Y-%m-%d" if step_s > 300 * _DAY else "%m-%d")
    if (moment.hour, moment.minute, moment.second) == (0, 0, 0):
        return moment.strftime("%m-%d")
    return moment.strftime("%H:%M:%S" if step_s < _MINUTE else "%H:%M")


def period(start: datetime, end: datetime) -> str:
    """From when to when: the date once where it is one day."""
    first = start.strftime("%Y-%m-%d %H:%M:%S")
    same = start.date() == end.date()
    return f"{first} to {end.strftime('%H:%M:%S' if same else '%Y-%m-%d %H:%M:%S')} UTC"
