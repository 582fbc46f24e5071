"""Pairs of key and value: ``password=...``, ``"token": "..."``, ``x-api-key: ...``."""

from __future__ import annotations

from typing import Any, Optional

from agentctl.redact.patterns import PROSE, pattern
from agentctl.redact.printable import MARK


def replace_pairs(text: str) -> str:
    pair = pattern("pair")
    parts, at, search = [], 0, 0
    while True:
        found = pair.search(text, search)
        if found is None:
            break
        search = found.end()
        begin = _secret_value(text, found)
        if begin is None:
            continue
        end = _value_end(text, begin)
        quote = text[begin - 1] if text[begin - 1 : begin] in _QUOTES else ""
        if end > begin and (quote or not text.startswith(MARK, begin)):
            parts += [text[at:begin], MARK]
            at = end
        search = max(search, end)
    return "".join([*parts, text[at:]])


_QUOTES = ('"', "'", "`")


def _secret_value(text: str, found: Any) -> Optional[int]:
    """Where the value begins that is to be replaced, after its quote; None for none."""
    begin: int = found.end()
    quoted = pattern("quote").match(text, begin)
    if not _holds_a_secret(text, found, bool(quoted)):
        return None
    if quoted:
        return quoted.end()
    after_space = text[begin - 1].isspace()
    if after_space and pattern("next pair").match(text, begin):
        return None
    count = found.group(1).lower().endswith("tokens") and text[begin : begin + 1].isdigit()
    return None if count or pattern("no secret").match(text, begin) else begin


def _holds_a_secret(text: str, found: Any, quoted: bool) -> bool:
    key, closing, separator = found.groups()
    if ":" not in separator or (closing and quoted):
        return speaks_of_a_secret(key)
    # A word before a colon may as well be a pod, a resource, an image or a URL's scheme.
    start, begin = found.start(1), found.end()
    image = text[start - 1 : start] == "/" and not text[begin - 1].isspace()
    if image or text.startswith("//", begin) or not _ends_as_a_secret(text, start, key):
        return False
    return quoted or not _is_prose(text, begin, key)


def speaks_of_a_secret(key: str) -> bool:
    """Whether a key that is assigned to holds a secret rather than says something of one."""
    return bool(pattern("secret key").search(key)) and not pattern("about").search(key)


def _ends_as_a_secret(text: str, start: int, key: str) -> bool:
    """The same of a word before a colon, which may as well be a pod or a resource."""
    if key.lower() in ("key", "keys"):
        return bool(pattern("spaced key").search(text, max(0, start - 16), start))
    last = key.rstrip(".").rpartition(".")[2]
    return bool(pattern("secret end").search(last)) and not pattern("about").search(last)


def _is_prose(text: str, begin: int, key: str) -> bool:
    """Whether what follows ``token:`` reads as a sentence, or as a reason."""
    found = pattern("words").match(text, begin)
    if found is None:
        return False
    if "authorization" in key.lower():
        return False
    first, after = found.group(1), found.group(2)
    if first.lower() in PROSE or pattern("reason").fullmatch(first):
        return True
    password = "pass" in key.lower() or "pwd" in key.lower()
    return bool(after) and not password


def _value_end(text: str, begin: int) -> int:
    """Where the value ends that begins at ``begin``, its closing quote not included."""
    if text[begin - 1 : begin] in _QUOTES:
        return _quoted_end(text, begin)
    if text.startswith("[", begin) and not text.startswith(MARK, begin):
        stop = text.find("]", begin)
        return len(text) if stop < 0 else stop + 1
    if text.startswith(MARK, begin):
        return begin + len(MARK)
    found = pattern("value").match(text, begin)
    if found is None:
        return begin
    end = int(found.end())
    end = begin + max(len(text[begin:end].rstrip(")]}>\"'`.,;:")), 1)
    return end + 1 if text.startswith(MARK, end + 1 - len(MARK)) else end


def _quoted_end(text: str, begin: int) -> int:
    """A quote that was escaped n times ends at the next one escaped as often."""
    quote = text[begin - 1]
    depth = _backslashes(text, begin - 1)
    at = text.find(quote, begin)
    while at >= 0:
        count = min(_backslashes(text, at), at - begin)
        if count % (2 * (depth + 1)) == depth:
            return at - depth
        at = text.find(quote, at + 1)
    return len(text)


def _backslashes(text: str, at: int) -> int:
    start = at
    while start > 0 and text[start - 1] == "\\":
        start -= 1
    return at - start
