"""Who dials whom: ``scheme://user:password@host`` and the notations without a scheme."""

from __future__ import annotations

from typing import Optional

from agentctl.redact.patterns import pattern
from agentctl.redact.printable import MARK
from agentctl.redact.spans import Span

_EDGES = " \n\"'`([{,<"


def find_user_infos(text: str) -> list[Span]:
    spans: list[Span] = []
    at = text.find("://")
    while at >= 0:
        begin = at + 3
        at = text.find("://", begin)
        piece = text[begin : at if at >= 0 else len(text)]
        found = pattern("user info").match(piece)
        if found is not None:
            spans.append((begin, begin + found.end() - 1))
    return spans


def find_dialled(text: str) -> list[Span]:
    """``user:password@tcp(host)/`` and ``user:password@host:port``."""
    spans: list[Span] = []
    for name in ("dialled", "dialled host"):
        last = 0
        for found in pattern(name).finditer(text):
            at = found.start()
            begin = max(last, 1 + max(text.rfind(edge, last, at) for edge in _EDGES))
            span = _account(text, begin, at, with_port=name == "dialled host")
            if span is not None:
                spans.append(span)
            last = found.end()
    return spans


def _account(text: str, begin: int, end: int, *, with_port: bool) -> Optional[Span]:
    word = text[begin:end]
    if "://" in word or MARK in word:
        return None
    key = word.find("=")
    if 0 <= key < word.find(":"):
        begin += key + 1
        word = text[begin:end]
    found = pattern("account").fullmatch(word)
    if found is None or (with_port and pattern("no account").search(found.group(1))):
        return None
    return begin, end
