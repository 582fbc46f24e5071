"""Secrets that are known by their form: PEM blocks, URLs, credentials, tokens."""

from __future__ import annotations

from typing import Any

from agentctl.redact.pairs import replace_pairs, speaks_of_a_secret
from agentctl.redact.patterns import PROSE, pattern
from agentctl.redact.printable import MARK


def replace_secrets(text: str) -> str:
    if "-----" in text:
        text = _pem(text)
    if "://" in text:
        text = _user_info(text)
    if "@tcp(" in text or "@unix(" in text:
        text = pattern("dsn").sub(MARK, text)
    if "=" in text or ":" in text:
        text = replace_pairs(text)
    if "--" in text:
        text = pattern("flag").sub(_flag, text)
    text = pattern("scheme").sub(_credentials, text)
    return pattern("token").sub(MARK, text)


def _pem(text: str) -> str:
    """Whole blocks, blocks without their end, and ends without their beginning."""
    parts, at = [], 0
    begin, end = text.find("-----BEGIN"), text.find("-----END")
    while begin >= 0 or end >= 0:
        start = begin
        if end < 0:
            stop = _end_of("pem body", text, begin)
        else:
            if not 0 <= begin < end:
                start = _body_before(text, at, end)
            stop = _end_of("pem end", text, end)
        parts += [text[at:start], MARK]
        at = stop
        if 0 <= begin < at:
            begin = text.find("-----BEGIN", at)
        if 0 <= end < at:
            end = text.find("-----END", at)
    return "".join([*parts, text[at:]])


def _end_of(name: str, text: str, start: int) -> int:
    found = pattern(name).match(text, start)
    return found.end() if found else start


def _body_before(text: str, start: int, end: int) -> int:
    """Where the lines of base64 begin that end at ``end``: the last may be short."""
    shortest = 1
    while end > start:
        word_end = len(text[start:end].rstrip()) + start if text[end - 1].isspace() else end
        begin = max(text.rfind(" ", start, word_end), text.rfind("\n", start, word_end)) + 1
        begin = max(begin, start)
        word = text[begin:word_end]
        if len(word) < shortest or not pattern("base64").fullmatch(word):
            return end
        end, shortest = begin, 40
    return start


def _user_info(text: str) -> str:
    first, *rest = text.split("://")
    parts = [first]
    for piece in rest:
        found = pattern("user info").match(piece)
        parts.append(f"{MARK}@{piece[found.end() :]}" if found else piece)
    return "://".join(parts)


def _flag(match: Any) -> str:
    """``--password hunter2``; flags are spoken of as well, so only what is no word."""
    flag, space, value = match.groups()
    if not speaks_of_a_secret(flag) or pattern("plain word").fullmatch(value):
        return str(match.group())
    return f"{flag}{space}{MARK}"


def _credentials(match: Any) -> str:
    """``Bearer`` and ``Basic`` with what follows, unless that is prose."""
    scheme, space, value = match.groups()
    if value.startswith(MARK) or pattern("challenge").match(value):
        return str(match.group())
    plain = pattern("plain word").fullmatch(value)
    if scheme.lower() == "basic":
        prose = plain is not None or not pattern("basic").match(value)
    else:
        prose = plain is not None and plain.group(1).lower() in PROSE
    if prose:
        return str(match.group())
    return f"{scheme}{space}{MARK}"
