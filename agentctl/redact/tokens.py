"""Tokens that stand alone, known by the forms that their issuers made public."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple, Optional

from agentctl.redact.families import ALPHABETS, PREFIXED, UUID, WITHIN
from agentctl.redact.spans import Span

if TYPE_CHECKING:
    from re import Pattern


class Family(NamedTuple):
    """Tokens of one issuer and one kind."""

    name: str
    prefix: str
    alphabet: str
    least: int
    """Characters after the prefix, at least."""


def _stem(prefix: str) -> str:
    """The letters and digits that a prefix begins with."""
    for at, char in enumerate(prefix):
        if not char.isalnum():
            return prefix[:at]
    return prefix


def _families() -> tuple[Family, ...]:
    rows = (line.split() for line in PREFIXED.splitlines() if line)
    return tuple(Family(name, prefix, body, int(least)) for name, prefix, body, least in rows)


FAMILIES = _families()
_LONG = 16
"""Letters and digits in a row: a word of so many may begin with a prefix that has no end."""
_WORD = 32
"""Characters of the shortest token that is known by something within."""

_BY_STEM: dict[str, list[Family]] = {}
_BY_HEAD: dict[str, list[Family]] = {}
for _family in FAMILIES:
    _start = _stem(_family.prefix)
    if _start == _family.prefix:
        _BY_HEAD.setdefault(_start[:2], []).append(_family)
    else:
        _BY_STEM.setdefault(_start, []).append(_family)
_STEMS = frozenset(_BY_STEM)
_LOWER_STARTS = frozenset(("sk", "xx", "0/", "1/", "2/", "10", "pa", "sa"))
_APART = {code: " " for code in range(128) if not chr(code).isalnum()}
_BOUNDS = {ord(char): " " for char in "\"'`<>()[]{},;=&|\n"}


def may_hold_a_token(text: str) -> bool:
    """Whether any form may be in the text; asked of every text, so without a pattern."""
    words = text.translate(_APART).split()
    if not _STEMS.isdisjoint(words):
        for stem in _STEMS.intersection(words):
            for family in _BY_STEM[stem]:
                if family.prefix in text:
                    return True
    if max(map(len, words), default=0) >= _LONG:
        for word in words:
            if len(word) >= _LONG and word[:2] in _BY_HEAD:
                for family in _BY_HEAD[word[:2]]:
                    if word.startswith(family.prefix):
                        return True
    return _holds_an_odd_word(text)


def _holds_an_odd_word(text: str) -> bool:
    for word in text.split():
        if len(word) >= _WORD:
            for part in word.translate(_BOUNDS).split():
                if len(part) >= _WORD and _is_odd(part):
                    return True
    return False


def _is_odd(word: str) -> bool:
    """Whether a word may be a token by what is within: names of objects are lower case."""
    if "/12" in word and ":" in word:
        return True
    return not word.islower() or _may_be_lower(word) or _may_be_lower(word.rpartition("/")[2])


def _may_be_lower(word: str) -> bool:
    hexadecimal = not word[:32].strip("0123456789abcdef") and word[32:33] == "-"
    return hexadecimal or word[:2] in _LOWER_STARTS


def find_tokens(text: str) -> list[Span]:
    if not may_hold_a_token(text):
        return []
    spans: list[Span] = []
    at = 0
    for found in _compiled("[A-Za-z0-9]+").finditer(text):
        if found.start() < at:
            continue
        end = _prefixed_end(text, found.start(), found.group())
        if end is not None:
            spans.append((found.start(), end))
            at = end
    for found in _compiled(r"[^\s\"'`<>()\[\]{},;&|]{32,}").finditer(text):
        spans += [
            (found.start() + one.start(), found.start() + one.end())
            for one in _within().finditer(found.group())
        ]
    return spans


def _prefixed_end(text: str, start: int, word: str) -> Optional[int]:
    for family in (*_BY_STEM.get(word, ()), *_BY_HEAD.get(word[:2], ())):
        if text.startswith(family.prefix, start):
            body = _compiled(_body(family)).match(text, start + len(family.prefix))
            if body is not None:
                return int(_compiled("[A-Za-z0-9_]*").match(text, body.end()).end())  # type: ignore[union-attr]
    return None


def _body(family: Family) -> str:
    """What follows the prefix: never an end that may be a sentence's."""
    special = _SPECIAL.get(family.alphabet)
    if special is not None:
        return special.replace("LEAST", str(family.least))
    return f"{_NO_NAME}{ALPHABETS[family.alphabet]}{{{family.least},}}"


_NO_NAME = (
    r"(?![a-z]{3,64}(?:[\-_][a-z0-9]{1,64}){0,16}(?![A-Za-z0-9_\-])"
    r"|[A-Z]{3,64}(?:_[A-Z0-9]{1,64}){1,16}(?![A-Za-z0-9_\-]))"
)
"""Not ``-controller-7d9f8b6c5-x2x9z``, as names of objects and of settings go on."""

_SPECIAL = {
    "uuid": UUID,
    "upper-": "[A-Z0-9-]{LEAST,}",
    "hex-": "[0-9a-f-]{LEAST,}",
    "url+": r"(?=[a-z0-9_\-]{0,200}[A-Z])[A-Za-z0-9_\-=]{LEAST,}",
    "base64+": "[A-Za-z0-9+/]{LEAST,}",
    "fcm": r"[A-Za-z0-9_\-]{7}:[A-Za-z0-9_\-]{LEAST,}",
    "flyio": "[ar]_[A-Za-z0-9+/=]{LEAST,}",
    "yandex": r"[A-Za-z0-9_\-.=]{LEAST,}",
    "mixedalnum": "(?=[a-z0-9]{0,200}[A-Z])(?=[A-Za-z]{0,200}[0-9])[A-Za-z0-9_]{LEAST,}",
    "jwt": r"[A-Za-z0-9_\-+/]{LEAST,}={0,2}(?:\.[A-Za-z0-9_\-]*){0,4}",
}


@cache
def _within() -> Pattern[str]:
    forms = [line.split(None, 1)[1] for line in WITHIN.splitlines() if line]
    whole = "|".join(forms).replace("{UUID}", UUID)
    return _compiled(rf"(?<![A-Za-z0-9_.\-])(?:{whole})(?![A-Za-z0-9_])")


@cache
def _compiled(form: str) -> Pattern[str]:
    import re

    return re.compile(form, re.ASCII)
