"""One text or JSON value: whether it may hold a secret at all, and if so, without it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from agentctl.redact.families import BY_HEAD, BY_STEM
from agentctl.redact.keys import NAMES, SHORT, VALUES, flag_holds_a_secret, holds_a_secret
from agentctl.redact.printable import (
    ELLIPSIS,
    LIMIT,
    MARK,
    WINDOW,
    printable,
    shorten,
    without_edge,
)
from agentctl.redact.readings import looks_like

MAX_DEPTH = 8
MAX_NODES = 1000
"""Of a detail: deeper or larger is not for people."""

_PASSES = 4
"""A replacement may uncover the next; two passes are the rule, the last only confirms."""

_KEYS = ("pass", "pwd", "secret", "token", "key", "cred", "auth", "cookie", "sess", "connect.sid")
_BEFORE_VALUES = ("=", ":", "--", ">", "',", '",', " -", "'-", '"-', "assword '", 'assword "')
_SPOKEN = (
    *("bearer", "basic", "negotiate", "ssws", "apikey", "sharedkey"),
    *("aws4-", "hmac-", "signature", "cfg", "dockerc", "identified by", " password "),
    *("-u ", "-u,", "-u=", "-u'", '-u"', "-u`", "-u\n", "-u\\", "-user"),
)
_MARKED = {
    "=": ("sig", "digest", "hawk", "oauth", "vapid", "mac "),
    "@": ("://", "@("),
    "-": ("-----",),
    "\\": ("\\u00", "\\x", "\\n", "\\r", "\\t"),
    "%": ("%2", "%3", "%4", "%5", "%6", "%7"),
    "&": ("&#", "&quot;", "&apos;", "&lt;", "&amp;"),
}
"""By a character that they need: a text in which none is found (in lower case), nor a key
and what may stand before its value, holds nothing that any pattern finds."""

_LONG = 16
"""Letters and digits in a row: a word of so many may begin with a prefix that has no end."""
_WORD = 32
"""Characters of the shortest token that is known by something within."""
_STEMS = frozenset(BY_STEM)
_LOWER_STARTS = frozenset(("sk", "xx", "0/", "1/", "2/", "10", "pa", "sa"))
_APART = "".join(chr(code) if chr(code).isalnum() else " " for code in range(128))
"""For ``str.translate``: what is no letter and no digit parts words."""
_BOUNDS = {ord(char): " " for char in "\"'`<>()[]{},;=&|\n"}


def redact(text: str, limit: int = LIMIT) -> str:
    """One line without secrets and control characters, of at most ``limit`` characters.

    The result always encodes to UTF-8; redacting it again changes nothing.
    """
    if len(text) <= limit and text.isprintable() and not is_suspect(text):
        return text
    from agentctl.redact.known_secrets import replace_secrets  # few texts need it

    cut = len(text) > WINDOW
    if cut:
        text = without_edge(text[:WINDOW])
    shown = printable(text)
    text = replace_secrets(shown, may_hold_a_token)
    if text == shown and len(text) <= limit and not cut and "\n" not in text:
        return text
    text = text.replace("\n", " ")
    for _ in range(_PASSES):
        if cut or len(text) > limit:
            text = shorten(text, limit)
            cut = False
        again = replace_secrets(text, may_hold_a_token)
        if again == text:
            break
        text = again
    return text if len(text) <= limit else shorten(text, limit)


def redact_value(value: Any) -> Any:
    """A JSON value with each text in it redacted, in bounded depth and size.

    A key that speaks of a secret has its texts replaced whole.
    """
    return _Details().redacted(value, 0, secret=False)


class _Details:
    """One walk over a value, counting what it has seen."""

    def __init__(self) -> None:
        self._nodes = 0

    def redacted(self, value: Any, depth: int, *, secret: bool) -> Any:
        self._nodes += 1
        if value is None or isinstance(value, (bool, int)):
            return value
        if isinstance(value, (Mapping, list, tuple)):
            if depth >= MAX_DEPTH:
                return ELLIPSIS
            if isinstance(value, Mapping):
                return self._mapping(value, depth)
            return self._list(value, depth, secret=secret)
        if isinstance(value, float) and value - value == 0:
            return value  # JSON knows neither NaN nor infinity: those become texts
        return MARK if secret and value != "" else redact(str(value))

    def _list(self, value: Sequence[Any], depth: int, *, secret: bool) -> list[Any]:
        found: list[Any] = []
        flag = False
        for one in value:
            if self._nodes >= MAX_NODES:
                return [*found, ELLIPSIS]
            found.append(self.redacted(one, depth + 1, secret=secret or flag))
            flag = isinstance(one, str) and one.startswith("-") and flag_holds_a_secret(one)
        return found

    def _mapping(self, value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, one in value.items():
            if self._nodes >= MAX_NODES:
                found[ELLIPSIS] = ELLIPSIS
                break
            name = str(key)
            shown, secret = (_read_key if len(name) <= SHORT else _read_key.__wrapped__)(name)
            if name.lower() in VALUES:
                secret = holds_a_secret(_name_in(value))
            found[shown] = self.redacted(one, depth + 1, secret=secret)
        return found


@lru_cache(maxsize=512)
def _read_key(key: str) -> tuple[str, bool]:
    """As it is shown, and whether what it holds is a secret: once for each, they are few."""
    return redact(key), holds_a_secret(key[:WINDOW])


def _name_in(value: Mapping[Any, Any]) -> str:
    """What a record is the value of; empty for what is none."""
    names = (one for key, one in value.items() if str(key).lower() in NAMES)
    return str(next(names, ""))[:WINDOW]


def is_suspect(text: str) -> bool:
    """Whether any pattern may find something; for every text, so without a pattern."""
    plain = text if text.isascii() else looks_like(text)
    lowered = plain.lower()
    for word in _SPOKEN:
        if word in lowered:
            return True
    for key in _KEYS:
        if key in lowered:
            for mark in _BEFORE_VALUES:
                if mark in lowered:
                    return True
            break
    for needed, hints in _MARKED.items():
        if needed in lowered:
            for hint in hints:
                if hint in lowered:
                    return True
    return ("@" in lowered and _is_dialled(lowered)) or may_hold_a_token(plain)


def _is_dialled(text: str) -> bool:
    """``user:password@...``, and no image by its digest."""
    for after in text.split("@")[1:]:
        if ("(" in after or ":" in after or "/" in after) and not after.startswith("sha"):
            return True
    return False


def may_hold_a_token(text: str) -> bool:
    """Whether any form may be in the text; asked of every text, so without a pattern."""
    words = text.translate(_APART).split()
    if not _STEMS.isdisjoint(words):
        for stem in _STEMS.intersection(words):
            for family in BY_STEM[stem]:
                at = text.find(family.prefix)
                if at >= 0 and len(text) - at >= len(family.prefix) + family.least:
                    return True
    if max(map(len, words), default=0) >= _LONG:
        for word in words:
            if len(word) >= _LONG and word[:2] in BY_HEAD:
                for family in BY_HEAD[word[:2]]:
                    if word.startswith(family.prefix):
                        return True
    return len(text) >= _WORD and _holds_an_odd_word(text)


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
