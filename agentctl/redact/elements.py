"""XML: ``<password>...</password>``, ``<add key="Password" value="..."/>`` and property lists."""

from __future__ import annotations

from typing import Any, Optional

from agentctl.redact.keys import ends_as_a_secret, holds_a_secret
from agentctl.redact.patterns import pattern
from agentctl.redact.spans import Finds, Span


def find_elements(text: str) -> list[Span]:
    finds = Finds(text)
    spans = [
        span for found in pattern("element").finditer(text) if (span := _content(found, finds))
    ]
    for found in pattern("plist").finditer(text):
        if holds_a_secret(found.group(1)):
            spans.append((found.end(), _end(found, finds, "</")))
    return spans


def _content(found: Any, finds: Finds) -> Optional[Span]:
    name, attributes = found.groups()
    if not ends_as_a_secret(name):
        named = pattern("named attribute").search(attributes) if attributes else None
        if named is None or not holds_a_secret(named.group(1)):
            return None
    begin = found.end()
    if found.group().endswith("CDATA["):
        return begin, _end(found, finds, "]]>")
    # In prose <password> is a placeholder: an element begins right away.
    first = found.string[begin : begin + 1]
    if first in ("", "<") or (first.isspace() and finds.find("</", begin) < 0):
        return None
    return begin, _end(found, finds, "</")


def _end(found: Any, finds: Finds, closer: str) -> int:
    end = finds.find(closer, found.end())
    return len(found.string) if end < 0 else end
