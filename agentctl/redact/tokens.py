"""Tokens that stand alone, known by the forms that their issuers made public."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Optional

from agentctl.redact.families import ALPHABETS, BY_HEAD, BY_STEM, UUID, WITHIN, Family
from agentctl.redact.spans import Span

if TYPE_CHECKING:
    from re import Pattern


def find_tokens(text: str) -> list[Span]:
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
    for family in (*BY_STEM.get(word, ()), *BY_HEAD.get(word[:2], ())):
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
