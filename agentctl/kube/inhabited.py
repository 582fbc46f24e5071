"""Namespaces in which there is something of a catalog: those that hold a workload it names."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from agentctl.clock import Clock
from agentctl.errors import NotFoundError
from agentctl.kube.components import Component
from agentctl.kube.listwatch import ListWatch, WatchSettings
from agentctl.kube.reader import ApiReader
from agentctl.kube.resources import (
    DAEMONSETS,
    DEPLOYMENTS,
    STATEFULSETS,
    Need,
    Resource,
    Seen,
    WatchSpec,
)
from agentctl.lazy_dataclass import replace
from agentctl.lenient_json import mapping

WORKLOADS = (DEPLOYMENTS, STATEFULSETS, DAEMONSETS)
ANY = "any-namespace"
"""Any name: to see which kinds of workload a catalog names at all."""


def cut_labels(item: Mapping[str, Any], seen: Seen) -> Mapping[str, Any]:
    """What may decide whether an object is meant, beside its name."""
    return mapping(mapping(item, "metadata"), "labels")


def inhabited(components: Sequence[Component], api: ApiReader, clock: Clock) -> list[str]:
    """Their names, sorted; reads the metadata of all workloads of the kinds in question.

    Raises SourceError: NotFoundError where there is none.
    """
    found: set[str] = set()
    needs: dict[str, list[Need]] = {}
    for resource in dict.fromkeys(need.resource for need in _workloads(components, ANY)):
        for namespace, name, labels in listed(resource, api, clock):
            if namespace not in needs:
                needs[namespace] = _workloads(components, namespace)
            metadata = {"name": name, "labels": labels}
            if any(
                need.resource == resource and need.matches(metadata) for need in needs[namespace]
            ):
                found.add(namespace)
    if not found:
        raise NotFoundError(
            "no namespace holds a workload that the catalog names: check --context and --catalog"
        )
    return sorted(found)


def _workloads(components: Iterable[Component], namespace: str) -> list[Need]:
    """What a catalog wants to know of the workloads in the namespace that is watched."""
    return [
        need
        for component in components
        for need in component.needs(namespace)
        if need.resource in WORKLOADS and need.namespace == namespace
    ]


def listed(
    resource: Resource, api: ApiReader, clock: Clock, where: str = ""
) -> Iterable[tuple[str, str, Mapping[str, Any]]]:
    """Namespace, name and labels of each object, in a namespace or in all. Raises SourceError."""
    need = Need(resource, where, cut_labels)
    light = replace(resource, metadata_only=True)
    spec = WatchSpec(resource.plural, light, where, (need,), (cut_labels,))
    batch = ListWatch(spec, api, clock, WatchSettings(), random.Random()).list()
    return [(one.key.namespace, one.key.name, one.values[0]) for one in batch.changes]
