"""Secrets that stand behind a word instead of a separator: flags, argument lists, SQL."""

from __future__ import annotations

from typing import Any, Optional

from agentctl.redact.credentials import authorization_end, cookies_end
from agentctl.redact.keys import flag_holds_a_secret, is_authorization, is_cookie
from agentctl.redact.patterns import pattern
from agentctl.redact.spans import Span
from agentctl.redact.values import ValueEnds, opened
from agentctl.redact.words import PROSE


def find_arguments(text: str) -> list[Span]:
    spans: list[Span] = []
    values = ValueEnds(text)
    if "-" in text:
        for found in pattern("flag").finditer(text):
            span = _flag(text, found, values)
            if span is not None:
                spans.append(span)
        if "-u" in text or "-U" in text:
            for found in pattern("login").finditer(text):
                user, password = found.groups()
                if not (user.isdigit() and password.isdigit()):
                    spans.append(found.span(2))
    for found in pattern("told").finditer(text):
        quote = opened(text, found.end())
        if quote is not None:
            spans.append(values.quoted(quote))
        else:
            spans.append((found.end(), values.unquoted_end(found.end())))
    return spans


def find_header_items(text: str) -> list[Span]:
    """``("authorization", "...")``, as lists of headers are printed."""
    spans: list[Span] = []
    values = ValueEnds(text)
    for found in pattern("header item").finditer(text):
        quote = opened(text, found.end())
        if quote is None:
            continue
        begin, end = values.quoted(quote)
        if not pattern("header name").fullmatch(text, begin, end):
            spans.append((begin, end))
    return spans


def _flag(text: str, found: Any, values: ValueEnds) -> Optional[Span]:
    flag, closing, gap, opening = found.groups()
    if not gap or not flag_holds_a_secret(flag) or (closing and not opening):
        return None
    if opening:
        return _quoted(text, found.end(), values)
    return None if "," in gap else _unquoted(text, found.end(), flag, values)


def _quoted(text: str, begin: int, values: ValueEnds) -> Optional[Span]:
    quote = opened(text, begin)
    if quote is None or pattern("flag name").match(text, quote.begin):
        return None
    return values.quoted(quote)


def _unquoted(text: str, begin: int, flag: str, values: ValueEnds) -> Optional[Span]:
    if text[begin : begin + 1] in ("-", "", "[") or pattern("no secret").match(text, begin):
        return None
    if is_authorization(flag):
        return authorization_end(text, begin, flag, values)
    if is_cookie(flag):
        return cookies_end(text, begin, values)
    end = values.unquoted_end(begin)
    plain = pattern("plain word").fullmatch(text, begin, end)
    if plain and (plain.group(1).lower() in PROSE or not _ends_the_command(text, end)):
        return None
    return begin, end


def _ends_the_command(text: str, at: int) -> bool:
    """Whether a flag's plain word is its value: prose would go on with words."""
    rest = text[at : at + 2]
    return not rest or rest[0] in "\n\"'`])}" or rest == " -"
