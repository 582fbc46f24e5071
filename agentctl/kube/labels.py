"""Labels of an object, as far as workloads select by them: equal ones are kept once."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from agentctl.lenient_json import mapping

Labels = tuple[tuple[str, str], ...]
"""Sorted pairs; equal ones are one object."""

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
