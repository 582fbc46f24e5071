"""A parser of what a monitoring plugin prints, by the Monitoring Plugins guidelines.

Stricter than any that is in use: what it takes, all of them take.
"""

from __future__ import annotations

import re
from typing import NamedTuple

CODES = {"OK": 0, "WARNING": 1, "CRITICAL": 2, "UNKNOWN": 3}
NUMBER = r"-?\d+(?:\.\d+)?"
UOM = r"(?:s|ms|us|%|B|KB|MB|TB|c)?"
RANGE = rf"@?(?:(?:~|{NUMBER})?:)?(?:{NUMBER})?"
DATUM = re.compile(
    rf"(?:'(?P<quoted>(?:[^'=]|'')+)'|(?P<plain>[^\s'=]+))="
    rf"(?:(?P<value>{NUMBER})(?P<uom>{UOM})|U)"
    rf"(?:;(?P<warn>{RANGE})(?:;(?P<crit>{RANGE})(?:;(?P<min>{NUMBER})?(?:;(?P<max>{NUMBER})?)?)?)?)?"
    r"(?:\s+|$)"
)


class Datum(NamedTuple):
    value: float
    uom: str
    warn: str
    crit: str


class PluginLine(NamedTuple):
    code: int
    text: str
    data: dict[str, Datum]


def parse(output: str) -> PluginLine:
    """Raises AssertionError for what is no such line."""
    assert output.endswith("\n")
    line = output[:-1]
    assert line.isprintable(), line
    assert line.count("|") == 1, line
    text, _, rest = line.partition("|")
    match = re.fullmatch(r"AGENTCTL (OK|WARNING|CRITICAL|UNKNOWN) - (\S.*?) ", text)
    assert match, line
    data = {}
    at, rest = 0, rest.strip()
    while at < len(rest):
        datum = DATUM.match(rest, at)
        assert datum, rest[at:]
        data[datum["quoted"] or datum["plain"]] = Datum(
            float(datum["value"]), datum["uom"] or "", datum["warn"] or "", datum["crit"] or ""
        )
        at = datum.end()
    assert data, line
    return PluginLine(CODES[match[1]], match[2], data)


def alerts(datum: Datum) -> str:
    """Which of the ranges the value is outside of, the worse first; empty for none."""
    for name, limit in (("CRITICAL", datum.crit), ("WARNING", datum.warn)):
        if limit and not 0 <= datum.value <= float(limit):
            return name
    return ""
