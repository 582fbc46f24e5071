"""What may be seen at all: one line, printable, of bounded length."""

from __future__ import annotations

from typing import Any

from agentctl.redact.patterns import pattern

MARK = "[redacted]"
ELLIPSIS = "\u2026"

LIMIT = 1024
"""Characters of a message: more than that is a log, not a message."""

WINDOW = 64 * 1024
"""Characters that are looked at; a longer text is a peer that misbehaves."""

EDGE = 4096
"""How far back from the window's end a cut secret may begin and not be recognised: any
that begins earlier is longer than every pattern's minimum."""


def without_edge(text: str) -> str:
    """Drop the last word: it may be half a secret that no pattern knows any more."""
    edge = len(text) - EDGE
    space = max(text.rfind(" ", edge), text.rfind("\n", edge))
    return text[: space if space >= 0 else edge]


def legible(text: str, instead: str = " ") -> str:
    """The same with ``instead`` for each character that cannot be printed."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else instead for char in text)


def printable(text: str) -> str:
    if text.isprintable():
        return text
    return pattern("unseen").sub(_seen, text.replace("\r\n", "\n").replace("\r", "\n"))


def _seen(match: Any) -> str:
    char = match.group()
    if char in "\u2028\u2029\u0085\x0b\x0c":
        return "\n"
    if "\ud800" <= char <= "\udfff":
        return "\ufffd"
    return "" if char >= "\u2000" else " "


def shorten(text: str, limit: int) -> str:
    end = min(len(text), limit - len(ELLIPSIS))
    mark = text.rfind(MARK, max(0, end - len(MARK) + 1), end + len(MARK) - 1)
    if 0 <= mark < end < mark + len(MARK):
        end = mark
    return text[:end] + ELLIPSIS
