"""Lenient reading of JSON: what is missing or of the wrong type is empty.

Nothing here raises.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

Labels = tuple[tuple[str, str], ...]
"""Sorted pairs; equal ones are one object."""

MAX_INT = 1 << 63
"""No count of Kubernetes is wider; JSON's numbers can be."""

PER_POD_LABELS = frozenset(
    (
        "pod-template-hash",
        "controller-revision-hash",
        "pod-template-generation",
        "statefulset.kubernetes.io/pod-name",
        "apps.kubernetes.io/pod-index",
    )
)
"""Labels that controllers add and no workload selects by: without them the pods of a
workload share one set of labels."""


def labels_of(metadata: Mapping[str, Any]) -> Labels:
    """An object's labels, without those that tell one pod of a workload from another."""
    return _interned(
        tuple(
            sorted(
                (key, value)
                for key, value in mapping(metadata, "labels").items()
                if key not in PER_POD_LABELS and isinstance(value, str)
            )
        )
    )


@lru_cache(maxsize=4096)
def _interned(labels: Labels) -> Labels:
    return labels


def mapping(item: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = item.get(key)
    return value if isinstance(value, dict) else {}


def mappings(item: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    value = item.get(key)
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def text(item: Mapping[str, Any], key: str) -> str:
    value = item.get(key)
    return value if isinstance(value, str) else ""


def number(item: Mapping[str, Any], key: str, default: int = 0) -> int:
    value = item.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) >= MAX_INT:
        return default
    return value
