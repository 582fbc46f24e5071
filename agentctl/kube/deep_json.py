"""Deep JSON: what Python's parser refuses of JSON that Kubernetes takes, left out of it.

An object may be nested ten thousand times, which no check looks into, and must not keep its list
from being read.
"""

from __future__ import annotations

import json
from typing import Any, Union

from agentctl.lazy_regex import regex

MAX_DEPTH = 100
MAX_DIGITS = 400
"""Python takes some thousands, and no number of Kubernetes has more than twenty."""

_TOKEN = regex(rb'(?s)"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)|[\[{]|[]}]')
"""A string without an end is one token, too: the rest is not looked through again and again."""


def parse_deep(data: bytes) -> Any:
    """The JSON value, without what is nested deeper than MAX_DEPTH.

    Raises ValueError for what is no JSON in UTF-8, RecursionError where brackets do not match.
    """
    return json.loads(shallow(data).decode("utf-8"), parse_int=_number)


def shallow(data: bytes) -> bytes:
    """The same JSON with null for each list and object that is nested deeper than MAX_DEPTH."""
    parts = []
    depth = start = 0
    for token in _TOKEN.finditer(data):
        mark = data[token.start()]
        if mark in b"[{":
            depth += 1
            if depth == MAX_DEPTH + 1:
                parts += [data[start : token.start()], b"null"]
        elif mark in b"]}":
            if depth == MAX_DEPTH + 1:
                start = token.end()
            depth -= 1
    return b"".join([*parts, data[start:]]) if depth == 0 else data


def _number(digits: str) -> Union[int, float]:
    return int(digits) if len(digits) <= MAX_DIGITS else float(digits)
