"""PEM: whole blocks, blocks without their end, and ends without their beginning."""

from __future__ import annotations

from agentctl.redact.patterns import pattern
from agentctl.redact.spans import Span


def find_pem(text: str) -> list[Span]:
    spans: list[Span] = []
    at = 0
    begin, end = text.find("-----BEGIN"), text.find("-----END")
    while begin >= 0 or end >= 0:
        start = begin
        if end < 0:
            stop = _end_of("pem body", text, begin)
        else:
            if not 0 <= begin < end:
                start = _body_before(text, at, end)
            stop = _end_of("pem end", text, end)
        spans.append((start, stop))
        at = stop
        if 0 <= begin < at:
            begin = text.find("-----BEGIN", at)
        if 0 <= end < at:
            end = text.find("-----END", at)
    return spans


def _end_of(name: str, text: str, start: int) -> int:
    found = pattern(name).match(text, start)
    return found.end() if found else start


def _body_before(text: str, start: int, end: int) -> int:
    """Where the lines of base64 begin that end at ``end``: the last may be short."""
    shortest = 1
    while end > start:
        word_end = len(text[start:end].rstrip()) + start if text[end - 1].isspace() else end
        begin = max(text.rfind(" ", start, word_end), text.rfind("\n", start, word_end)) + 1
        begin = max(begin, start)
        word = text[begin:word_end]
        if len(word) < shortest or not pattern("base64").fullmatch(word):
            return end
        end, shortest = begin, 40
    return start
