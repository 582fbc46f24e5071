"""Pairs of key and value: ``password=...``, ``"token": "..."``, ``name: X`` with ``value: ...``."""

from __future__ import annotations

from typing import Any, Optional

from agentctl.redact.credentials import authorization_end, cookies_end
from agentctl.redact.keys import (
    NAMES,
    VALUES,
    ends_as_a_secret,
    holds_a_secret,
    is_authorization,
    is_cookie,
)
from agentctl.redact.patterns import pattern
from agentctl.redact.printable import MARK
from agentctl.redact.spans import Finds, Span
from agentctl.redact.values import Opened, ValueEnds, block_span, opened
from agentctl.redact.words import PROSE

_RECORD = 200
"""Characters between the name of a record and its value, other fields included."""

_BEFORE = 24
"""Characters before a key that tell whether it stands in prose."""


def find_pairs(text: str) -> list[Span]:
    return _Pairs(text).found()


class _Pairs:
    """One walk over the pairs of a text, from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._finds = Finds(text)
        self._values = ValueEnds(text)
        self._named = -1
        """Where the last ``name: ...`` of a record ends that holds a secret; -1 for none."""

    def found(self) -> list[Span]:
        text, pair = self._text, pattern("pair")
        spans: list[Span] = []
        at = 0
        while True:
            found = pair.search(text, at)
            if found is None:
                return spans
            at = found.end()
            span = self._span(found)
            if span is not None and span[1] > span[0]:
                spans.append(span)
                at = max(at, span[1])

    def _span(self, found: Any) -> Optional[Span]:
        text, begin = self._text, found.end()
        quote = opened(text, begin)
        key = found.group(1).lower().rpartition(".")[2]
        if key in NAMES:
            name = pattern("name").match(text, begin)
            self._named = name.end() if name and holds_a_secret(name.group(1)) else -1
        if not (
            (key in VALUES and self._is_named_a_secret(found, quote))
            or self._holds_a_secret(found, quote)
        ):
            return None
        if quote is not None:
            return self._values.quoted(quote)
        if key in VALUES:
            return begin, self._field_end(begin) or self._values.unquoted_end(begin)
        return self._unquoted(found)

    def _is_named_a_secret(self, found: Any, quote: Optional[Opened]) -> bool:
        text, begin = self._text, found.end()
        named, self._named = self._named, -1
        if 0 <= found.start() - named <= _RECORD and named >= 0:
            return text.find("}", named, found.start()) < 0
        if quote is not None:
            end = self._values.quoted(quote)[1]
        else:
            end = self._values.unquoted_end(begin)
        after = pattern("named before").match(text, end)
        return after is not None and holds_a_secret(after.group(1))

    def _field_end(self, begin: int) -> Optional[int]:
        """Go prints a value of several words as it is, up to the next field."""
        end = self._finds.find("ValueFrom:", begin)
        if end <= begin or self._text[end - 1] not in ", ":
            return None
        other = self._finds.find("Name:", begin)
        return None if 0 <= other < end else end - 1

    def _unquoted(self, found: Any) -> Optional[Span]:
        text, begin = self._text, found.end()
        key, separator = found.group(1), found.group(3)
        if separator == ":":
            block = block_span(text, found)
            if block is not None:
                return block
        if is_authorization(key):
            return authorization_end(text, begin, key, self._values)
        if is_cookie(key):
            return cookies_end(text, begin, self._values)
        if text[begin - 1].isspace() and self._is_empty(found):
            return None
        count = key.lower().endswith("tokens") and text[begin : begin + 1].isdigit()
        if count or pattern("no secret").match(text, begin):
            return None
        return begin, self._values.unquoted_end(begin)

    def _is_empty(self, found: Any) -> bool:
        """Whether what follows ``password=`` after a space is the next pair already."""
        text, begin = self._text, found.end()
        if not pattern("next pair").match(text, begin):
            return False
        separator = found.start(3)
        if "\n" in text[separator:begin] or pattern("next field").match(text, begin):
            return True
        return found.group(3) != ":" and not text[separator - 1].isspace()

    def _holds_a_secret(self, found: Any, quote: Optional[Opened]) -> bool:
        text, begin = self._text, found.end()
        key, closing, separator = found.groups()
        start = found.start(1)
        if key.lower() == "auth":
            return self._is_encoded(quote.begin if quote else begin)
        if ":" not in separator or (closing and quote):
            named = closing and self._stands_in_prose(start, "quoted name")
            return not named and holds_a_secret(key)
        if closing and self._stands_in_prose(start, "prose before"):
            return False
        # A word before a colon may as well be a pod, a resource, an image or a URL's scheme.
        if text.startswith("//", begin) or not self._is_spoken_of(key, start):
            return False
        if text[start - 1 : start] == "/":
            return text[begin - 1].isspace() and bool(
                not text.endswith("checksum/", 0, start)
                and pattern("bare secret").match(text, begin)
            )
        return bool(quote) or not self._is_prose(begin, key)

    def _is_encoded(self, at: int) -> bool:
        return bool(pattern("encoded").match(self._text, at)) or self._text.startswith(MARK, at)

    def _stands_in_prose(self, start: int, how: str) -> bool:
        return bool(pattern(how).search(self._text, max(0, start - _BEFORE), start))

    def _is_spoken_of(self, key: str, start: int) -> bool:
        if key.lower() in ("key", "keys"):
            return self._stands_in_prose(start, "spaced key")
        return ends_as_a_secret(key)

    def _is_prose(self, begin: int, key: str) -> bool:
        """Whether what follows ``token:`` reads as a sentence, or as a reason."""
        if is_authorization(key):
            return False
        found = pattern("words").match(self._text, begin)
        password = "pass" in key.lower() or "pwd" in key.lower()
        if found is None:
            return not password and bool(pattern("count").match(self._text, begin))
        first, after = found.group(1), found.group(2)
        if first.lower() in PROSE or pattern("reason").fullmatch(first):
            return True
        return bool(after) and not password
