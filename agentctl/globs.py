"""Globs: patterns of names as ``fnmatch`` takes them, and what is wrong with one.

The same on every Python: before 3.10.5 a range that ends before it begins raises, and after that
means nothing.
"""

from __future__ import annotations

import string
from collections.abc import Iterator
from fnmatch import fnmatchcase

NAME_CHARACTERS = string.ascii_letters + string.digits + "-._:@"
"""What names of objects are made of, those of roles too."""


def fault(glob: str) -> str:
    """Why it can be no pattern of names; empty for one that can."""
    if not glob:
        return "it is empty"
    for token in _tokens(glob):
        if token == "[":
            return "no ] ends its ["
        if token[0] == "[" and (bad := _bad_range(token)):
            return f"its range {bad} ends before it begins"
    return ""


def may_begin(glob: str, prefix: str) -> bool:
    """Whether any name that is ``prefix`` and something after it could be meant."""
    tokens = [*_tokens(glob)]
    ends = _through(tokens, {0})
    for char in prefix:
        ends = _step(tokens, ends, char)
    known: set[int] = set()
    ahead = [end for at in ends for end in _further(tokens, at)]
    while ahead:
        at = ahead.pop()
        if at not in known:
            known.add(at)
            ahead += _further(tokens, at)
    return len(tokens) in known


def _tokens(glob: str) -> Iterator[str]:
    """``*``, ``?``, a set in brackets, or one character; a [ that nothing ends is one as well."""
    at = 0
    while at < len(glob):
        end = at + 1
        if glob[at] == "[":
            # A ] that comes first, after a ! or not, is one of the set.
            first = at + 2 if glob[at + 1 : at + 2] == "!" else at + 1
            end = glob.find("]", first + 1) + 1 or at + 1
        yield glob[at:end]
        at = end


def _bad_range(token: str) -> str:
    """A range of a set that ends before it begins; empty for none."""
    held = token[1:-1].removeprefix("!")
    at = 0
    while at < len(held):
        if held[at + 1 : at + 2] == "-" and at + 2 < len(held):
            if held[at] > held[at + 2]:
                return held[at : at + 3]
            at += 3
        else:
            at += 1
    return ""


def _through(tokens: list[str], ends: set[int]) -> set[int]:
    """Those as well to which nothing is needed."""
    found = set(ends)
    for at, token in enumerate(tokens):
        if token == "*" and at in found:
            found.add(at + 1)
    return found


def _step(tokens: list[str], ends: set[int], char: str) -> set[int]:
    """Where a character leads to."""
    on = set()
    for at in ends - {len(tokens)}:
        token = tokens[at]
        if token == "*":
            on.add(at)
        elif token in (char, "?") or (len(token) > 1 and fnmatchcase(char, token)):
            on.add(at + 1)
    return _through(tokens, on)


def _further(tokens: list[str], at: int) -> Iterator[int]:
    """Where some character of names leads to."""
    if at < len(tokens):
        token = tokens[at]
        if token == "*":
            yield at
            yield at + 1
        elif len(token) > 1:
            if any(fnmatchcase(char, token) for char in NAME_CHARACTERS):
                yield at + 1
        elif token == "?" or token in NAME_CHARACTERS:
            yield at + 1
