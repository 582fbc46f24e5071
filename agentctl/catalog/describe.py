"""The catalog in force as plain data: what is judged, watched and has to be permitted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agentctl.catalog.loader import Catalog
from agentctl.kube.evaluate import Evaluator
from agentctl.kube.permissions import permissions, roles
from agentctl.kube.resources import WatchSpec


def describe(catalog: Catalog, namespaces: Sequence[str]) -> dict[str, Any]:
    """``catalog`` in the form of its file, ``watches``, and ``permissions`` as RBAC roles."""
    home = namespaces[0] if len(namespaces) == 1 else ""
    specs = Evaluator(catalog.components, namespaces, home).specs
    return {
        "catalog": {
            "name": catalog.name,
            "hash": catalog.hash,
            "components": [dict(one.declared) for one in catalog.components if one.shown],
        },
        "namespaces": list(namespaces),
        "watches": [_watch(spec) for spec in specs],
        "permissions": roles(permissions(specs)),
    }


def _watch(spec: WatchSpec) -> dict[str, Any]:
    row = {
        "source": spec.name,
        "group": spec.resource.group,
        "namespace": spec.namespace,
        "fieldSelector": spec.field_selector,
        "labelSelector": spec.label_selector,
    }
    return {key: value for key, value in row.items() if value}
