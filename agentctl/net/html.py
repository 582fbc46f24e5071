"""HTML pages as text: what a person would see of one that came in place of an answer. No I/O.

However hostile the page, each character is looked at a fixed number of times.
"""

from __future__ import annotations

import string

from agentctl.redact.spans import Finds

MAX_TAG = 500
"""Characters of one tag."""

MAX_SPACE = 100
"""White space before the end of an element's last tag."""

_HIDDEN = ("script", "style", "head")
"""Elements of which nothing is shown."""

_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def without_tags(text: str) -> str:
    """The text with a blank for each tag, and for each element of which nothing is shown."""
    lower = text.translate(_LOWER)
    finds = Finds(lower)
    parts: list[str] = []
    at = 0
    begin = finds.find("<", 0)
    while begin >= 0:
        end = finds.find(">", begin)
        if end < 0:
            break
        name = _hidden(lower, begin + 1)
        if end - begin - 1 > MAX_TAG + len(name):
            begin = finds.find("<", begin + 1)
            continue
        parts += [text[at:begin], " "]
        at = max(end + 1, _element_end(lower, finds, name, end) if name else 0)
        begin = finds.find("<", at)
    return "".join([*parts, text[at:]])


def _hidden(lower: str, at: int) -> str:
    """The name of an element that is not shown; empty for others."""
    for name in _HIDDEN:
        if lower.startswith(name, at):
            after = lower[at + len(name) : at + len(name) + 1]
            return "" if after.isalnum() or after == "_" else name
    return ""


def _element_end(lower: str, finds: Finds, name: str, at: int) -> int:
    """Where ``</name>`` ends that comes first after ``at``; 0 for nowhere."""
    tag = f"</{name}"
    begin = finds.find(tag, at)
    while begin >= 0:
        after = begin + len(tag)
        rest = lower[after : after + MAX_SPACE + 1]
        if rest.lstrip()[:1] == ">":
            return after + rest.index(">") + 1
        begin = finds.find(tag, after)
    return 0
