"""Text width on a terminal, and text cut to a width. No I/O."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import lru_cache

ELLIPSIS = "…"
_RESET = "\x1b[0m"

Piece = tuple[str, str]
"""A text and the escape sequence that dresses it, empty for none."""


def width(text: str) -> int:
    """Columns: two for what is wide (UAX #11), none for what combines with the one before."""
    return len(text) if text.isascii() else sum(map(_width, text))


def clean(text: str) -> str:
    """One line that drives no terminal: whatever cannot be printed is a space."""
    if text.isprintable():
        return text
    return "".join(char if _is_harmless(char) else " " for char in text)


def cut(text: str, columns: int) -> str:
    """The text, or its beginning and an ellipsis; never wider than ``columns``."""
    if width(text) <= columns:
        return text
    room = columns - 1
    if room < 0:
        return ""
    kept, used = [], 0
    for char in text:
        used += _width(char)
        if used > room:
            break
        kept.append(char)
    return "".join(kept) + ELLIPSIS


def wrapped(text: str, columns: int) -> list[str]:
    """The text in lines that are no wider, broken between words where it can be."""
    lines, left = [""], max(1, columns)
    for word in text.split():
        gap = 1 if lines[-1] else 0
        if gap + width(word) > left and gap:
            lines.append("")
            left, gap = max(1, columns), 0
        lines[-1] += " " * gap
        left -= gap
        for char in word:
            if _width(char) > left:
                lines.append("")
                left = max(1, columns)
            lines[-1] += char
            left -= _width(char)
    return lines


def line(pieces: Iterable[Piece], columns: int) -> str:
    """Pieces in a row, cut to a width, each in its dress; no blanks at the end."""
    pieces = list(pieces)
    while pieces and not pieces[-1][0].strip(" "):
        pieces.pop()
    out, left = [], columns
    for text, dress in pieces:
        shown = cut(text, left)
        left -= width(shown)
        out.append(f"{dress}{shown}{_RESET}" if dress and shown else shown)
        if shown != text:
            break
    return "".join(out)


@lru_cache(maxsize=4096)
def _width(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _is_harmless(char: str) -> bool:
    return char.isprintable() or char == "\u200d"  # joins emoji to one
