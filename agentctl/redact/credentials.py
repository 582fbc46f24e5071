"""Credentials of HTTP: schemes and what follows them, and cookies."""

from __future__ import annotations

from typing import Any, Optional

from agentctl.redact.patterns import pattern
from agentctl.redact.printable import MARK
from agentctl.redact.spans import Span
from agentctl.redact.values import unquoted_end
from agentctl.redact.words import PROSE, SCHEMES


def authorization_end(text: str, begin: int, key: str) -> Optional[Span]:
    """``Authorization:`` with any scheme, its parameters included; None if it is prose."""
    scheme = pattern("scheme name").match(text, begin)
    if scheme is None:
        return begin, _parameters_end(text, begin) or unquoted_end(text, begin)
    at = _after_space(text, scheme.end())
    parameters = _parameters_end(text, at)
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
        return begin, unquoted_end(text, begin)
    return begin, unquoted_end(text, at)


def cookies_end(text: str, begin: int) -> Optional[Span]:
    if text.startswith("[", begin):
        return begin, unquoted_end(text, begin)
    found = pattern("cookies").match(text, begin)
    return (begin, found.end()) if found else None


def find_schemes(text: str) -> list[Span]:
    """``Bearer`` and its like with what follows, unless that is prose or asks for it."""
    spans = []
    for found in pattern("scheme").finditer(text):
        span = _credentials(text, found)
        if span is not None:
            spans.append(span)
    return spans


def _credentials(text: str, found: Any) -> Optional[Span]:
    scheme, space, value = found.groups()
    begin = found.start(3)
    if value.startswith(MARK) or pattern("challenge").match(value):
        return None
    parameters = _parameters_end(text, begin)
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


def _parameters_end(text: str, begin: int) -> Optional[int]:
    found = pattern("parameters").match(text, begin)
    return None if found is None or text.startswith(MARK, found.end() - 1) else found.end()


def _after_space(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at
