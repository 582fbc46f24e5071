"""Where a value begins and ends, however it is quoted."""

from __future__ import annotations

from typing import Any, Optional

from agentctl.lazy_namedtuple import NamedTuple
from agentctl.redact.patterns import pattern
from agentctl.redact.printable import ELLIPSIS, MARK
from agentctl.redact.spans import Span


class Opened(NamedTuple):
    """An opening quote: where it stands, where the value begins, and what closes it."""

    start: int
    begin: int
    closer: str
    """One quote, three, two (as CSV doubles them), or these with backslashes before."""


def opened(text: str, at: int) -> Optional[Opened]:
    found = pattern("quote").match(text, at)
    if found is None:
        return None
    closer = found.group()
    begin = found.end()
    if len(closer) == 1 and text[begin : begin + 1] == closer:
        after = text[begin + 1 : begin + 2]
        if after and (after.isalnum() or after in "_+/$-"):
            return Opened(at, begin + 1, closer * 2)
    if len(closer) > 1 and closer[0] == "\\" and text.startswith(closer * 2, begin):
        return Opened(at, begin + 2 * len(closer), closer * 3)
    return Opened(at, begin, closer)


class ValueEnds:
    """Where the values of one text end. However often that is asked, each character is looked at a
    fixed number of times: what is within a value without quotes ends where that does."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._run = self._run_end = self._bare_end = -1
        """The last value without quotes: its place, and its end without what ends a sentence."""
        self._bracket = (0, -1)
        """From where on the next ] was looked for, and its place."""
        self._joined: dict[int, int] = {}

    def quoted(self, quote: Opened) -> Span:
        """The value within its quotes; with them where it goes on right behind them."""
        text = self._text
        if len(quote.closer) > 1 and quote.closer.lstrip("\\")[1:]:
            end = text.find(quote.closer, quote.begin)
            return quote.begin, len(text) if end < 0 else end
        end = _closing(text, quote)
        if end == len(text) or quote.closer[0] == "\\":
            return quote.begin, end
        whole = self._joined_end(end + 1)
        return (quote.begin, end) if whole == end + 1 else (quote.start, whole)

    def unquoted_end(self, begin: int) -> int:
        text = self._text
        if text.startswith("[", begin) and not text.startswith(MARK, begin):
            if not self._bracket[0] <= begin <= self._bracket[1]:
                stop = text.find("]", begin)
                self._bracket = begin, len(text) if stop < 0 else stop
            return min(self._bracket[1] + 1, len(text))
        if text.startswith(MARK + ELLIPSIS, begin):
            return begin + len(MARK)
        inside = self._run < begin < self._run_end
        if not inside or pattern("scheme before").match(text, begin):
            found = pattern("value").match(text, begin)
            if found is None:
                return begin
            self._run, self._run_end = begin, found.end()
            bare = text[begin : self._run_end].rstrip(")]}>\"'`.,;:")
            self._bare_end = begin + len(bare)
        end = max(self._bare_end, begin + 1)
        return end + 1 if text.startswith(MARK, end + 1 - len(MARK)) else end

    def _joined_end(self, at: int) -> int:
        """Shells and SQL join what follows a closing quote without a space."""
        text, passed = self._text, []
        while at not in self._joined:
            passed.append(at)
            char = text[at : at + 1]
            other = char in ('"', "'") and text[at - 1] != char
            if other or text.startswith("''", at - 1):
                end = text.find(char, at + 1)
                at = len(text) if end < 0 else end + 1
            elif char.isalnum():
                at = self.unquoted_end(at)
                if text[at : at + 1] not in ('"', "'"):
                    break
            else:
                break
        else:
            at = self._joined[at]
        self._joined.update(dict.fromkeys(passed, at))
        return at


def _closing(text: str, quote: Opened) -> int:
    """A quote that was escaped n times ends at the next one escaped as often."""
    mark, depth = quote.closer[-1], len(quote.closer) - 1
    at = text.find(mark, quote.begin)
    while at >= 0:
        count = min(_backslashes(text, at), at - quote.begin)
        if count % (2 * (depth + 1)) == depth:
            return at - depth
        at = text.find(mark, at + 1)
    return len(text)


def _backslashes(text: str, at: int) -> int:
    start = at
    while start > 0 and text[start - 1] == "\\":
        start -= 1
    return at - start


def block_span(text: str, found: Any) -> Optional[Span]:
    """A YAML block: ``key: |`` or ``key:``, and the lines that are further in than the key."""
    begin, separator = found.end(), found.start(3)
    block = pattern("block").match(text, begin)
    if block is None:
        gap = text[separator:begin]
        if "\n" not in gap or pattern("next pair").match(text, begin):
            return None
        start = begin - len(gap.rpartition("\n")[2])
    elif text.startswith("\n", block.end()):
        start = block.end() + 1
    elif block.end() == len(text):
        return None
    else:
        following = pattern("block key").search(text, block.end())
        return begin, following.start() if following else len(text)
    column = _column(text, found.start(1))
    end = begin if block is None else block.end()
    for line in pattern("block line").finditer(text, start):
        indent, rest = line.groups()
        listed = block is None and rest.startswith("- ") and len(indent) == column
        if rest and len(indent) <= column and not listed:
            break
        if rest:
            end = line.end(2)
        if line.end() == len(text):
            break
    return (begin, end) if end > begin else None


def _column(text: str, at: int) -> int:
    """How far in a key stands; where something stands before it, how far in that does."""
    start = text.rfind("\n", 0, at) + 1
    before = text[start:at]
    key_is_first = not before.lstrip(" \t-\"'?")
    return len(before) if key_is_first else len(before) - len(before.lstrip())
