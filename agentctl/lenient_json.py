"""Lenient reading of JSON: what is missing or of the wrong type is empty.

Nothing here raises.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MAX_INT = 1 << 63
"""No count of Kubernetes is wider; JSON's numbers can be."""


def mapping(item: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = item.get(key)
    return value if isinstance(value, dict) else {}


def mappings(item: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    value = item.get(key)
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def text(item: Mapping[str, Any], key: str) -> str:
    value = item.get(key)
    return value if isinstance(value, str) else ""


def texts(item: Mapping[str, Any], key: str) -> list[str]:
    value = item.get(key)
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def number(item: Mapping[str, Any], key: str, default: int = 0) -> int:
    value = item.get(key)
    return value if type(value) is int and -MAX_INT < value < MAX_INT else default
