"""Credentials of HTTP: schemes and what follows them, and cookies."""

from __future__ import annotations

from typing import Any, Optional

from agentctl.redact.patterns import pattern
from agentctl.redact.printable import MARK
from agentctl.redact.spans import Span
from agentctl.redact.values import ValueEnds
from agentctl.redact.words import PROSE, SCHEMES


def authorization_end(text: str, begin: int, key: str, values: ValueEnds) -> Optional[Span]:
    """``Authorization:`` with any scheme, its parameters included; None if it is prose."""
    scheme = pattern("scheme name").match(text, begin)
    if scheme is None:
        return begin, ParameterEnds(text).end(begin) or values.unquoted_end(begin)
    at = _after_space(text, scheme.end())
    parameters = ParameterEnds(text).end(at)
    if parameters is not None:
        return begin, parameters
    name = scheme.group()
    known = name.lower() in SCHEMES or "-hmac-" in name.lower()
    word = pattern("word").match(text, at)
    plain = word is not None and pattern("plain word").fullmatch(word.group())
    if plain and (plain.group(1) if known else name).lower() in PROSE:
        return None
    if plain and not known and name.islower() and key.islower():
        return None
    if (plain or word is None) and not known and (name.islower() or not name.isalpha()):
        return begin, values.unquoted_end(begin)
    return begin, values.unquoted_end(at)


def cookies_end(text: str, begin: int, values: ValueEnds) -> Optional[Span]:
    if text.startswith("[", begin):
        return begin, values.unquoted_end(begin)
    found = pattern("cookies").match(text, begin)
    return (begin, found.end()) if found else None


def find_schemes(text: str) -> list[Span]:
    """``Bearer`` and its like with what follows, unless that is prose or asks for it."""
    spans = []
    parameters = ParameterEnds(text)
    for found in pattern("scheme").finditer(text):
        span = _credentials(text, found, parameters)
        if span is not None:
            spans.append(span)
    return spans


def _credentials(text: str, found: Any, known: ParameterEnds) -> Optional[Span]:
    scheme, space, value = found.groups()
    begin = found.start(3)
    if value.startswith(MARK) or pattern("challenge").match(value):
        return None
    parameters = known.end(begin)
    name = scheme.lower()
    plain = pattern("plain word").fullmatch(value)
    if name == "basic":
        prose = plain is not None or not pattern("basic").match(value)
    elif name in ("bearer", "ssws", "apikey"):
        capital = scheme != name and not space.startswith(":")
        prose = plain is not None and (not capital or plain.group(1).lower() in PROSE)
        prose = prose or (value.rstrip(".,:").isdigit() and len(value) <= 5)
    elif name in ("negotiate", "sharedkey", "sharedkeylite"):
        prose = plain is not None or len(value) < 12
    else:
        return (begin, parameters) if parameters is not None and ":" not in space else None
    if prose:
        return None
    return begin, max(parameters or 0, found.end())


class ParameterEnds:
    """Where the parameters of one text end (``a=b, c="d"``); each is looked at once."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._ends: dict[int, int] = {}
        """By where a parameter begins: the end of the last that follows it."""

    def end(self, begin: int) -> Optional[int]:
        """None where none begins there, or what was redacted follows."""
        text, at, passed = self._text, begin, []
        end = begin
        while at not in self._ends:
            found = pattern("parameter").match(text, at)
            if found is None:
                return None
            passed.append(at)
            end = found.end()
            further = pattern("next parameter").match(text, end)
            if further is None:
                break
            at = further.end()
        else:
            end = self._ends[at]
        self._ends.update(dict.fromkeys(passed, end))
        return None if text.startswith(MARK, end - 1) else end


def _after_space(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at
