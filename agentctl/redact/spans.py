"""Where secrets stand in a text, and the text without them."""

from __future__ import annotations

from collections.abc import Iterable

from agentctl.redact.printable import MARK

Span = tuple[int, int]


def without(text: str, spans: Iterable[Span]) -> str:
    """``text`` with each of the parts, and what lies between two that overlap, as one mark."""
    parts: list[str] = []
    at = 0
    begin = end = -1
    for start, stop in sorted(spans):
        if start <= end:
            end = max(end, stop)
            continue
        if end > begin:
            parts += [text[at:begin], MARK]
            at = end
        begin, end = start, stop
    if end > begin:
        parts += [text[at:begin], MARK]
        at = end
    return "".join([*parts, text[at:]])


class Finds:
    """``str.find`` for positions that only grow: however often, one pass over the text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._next: dict[str, int] = {}

    def find(self, what: str, begin: int) -> int:
        found = self._next.get(what, -2)
        if found == -1 or found >= begin:
            return found
        found = self._text.find(what, begin)
        self._next[what] = found
        return found
