"""Text without the secrets in it, whatever notation they are written in."""

from __future__ import annotations

from collections.abc import Callable

from agentctl.redact.arguments import find_arguments, find_header_items
from agentctl.redact.credentials import find_schemes
from agentctl.redact.dialled import find_dialled, find_user_infos
from agentctl.redact.elements import find_elements
from agentctl.redact.pairs import find_pairs
from agentctl.redact.pem import find_pem
from agentctl.redact.readings import TextReading, readings
from agentctl.redact.spans import Span, without
from agentctl.redact.tokens import find_tokens

_ARGUMENTS = ("--", " -", "'-", '"-', "assword ", "identified by", "IDENTIFIED BY", "login ")


def replace_secrets(text: str, may_hold_a_token: Callable[[str], bool]) -> str:
    """``may_hold_a_token`` spares most texts the search for tokens, which costs most."""
    spans: list[Span] = []
    for reading in readings(text):
        spans += [reading.span(*span) for span in _find(reading, may_hold_a_token)]
    return without(text, spans) if spans else text


def _find(reading: TextReading, may_hold_a_token: Callable[[str], bool]) -> list[Span]:
    """Every finder that may find something: each needs some character to begin with."""
    text = reading.text
    spans: list[Span] = []
    if "-----" in text:
        spans += find_pem(text)
    if "://" in text:
        spans += find_user_infos(text)
    if "@" in text:
        spans += find_dialled(text)
    if "=" in text or ":" in text:
        spans += find_pairs(text)
    if any(mark in text for mark in _ARGUMENTS):
        spans += find_arguments(text)
    if '",' in text or "'," in text:
        spans += find_header_items(text)
    if "<" in text:
        spans += find_elements(text)
    spans += find_schemes(text)
    if may_hold_a_token(text):
        spans += find_tokens(text)
    return spans
