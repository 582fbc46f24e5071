"""RBAC: the narrowest permissions that a set of watches works with."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from agentctl.kube.components import Component
from agentctl.kube.evaluate import Evaluator
from agentctl.kube.resources import SERVED, WatchSpec
from agentctl.lazy_dataclass import dataclass

WATCH_VERBS = ("list", "watch")
"""Single objects are read by list and watch too, with a field selector on the name."""

RBAC_GROUP = "rbac.authorization.k8s.io"

DISCOVERY_URLS = ("/apis", "/apis/*")
"""One answer with aggregated discovery; older servers are asked group by group."""


@dataclass(frozen=True)
class Permission:
    """One row of RBAC. An empty ``namespace`` is cluster-wide."""

    group: str
    resource: str
    verbs: tuple[str, ...]
    namespace: str = ""
    names: tuple[str, ...] = ()
    """``resourceNames``; empty for all of them."""
    urls: tuple[str, ...] = ()
    """``nonResourceURLs``, in place of group and resource."""

    @property
    def noun(self) -> str:
        """As kubectl names it: ``deployments.apps``, or the URLs."""
        if self.urls:
            return ",".join(self.urls)
        return f"{self.resource}.{self.group}" if self.group else self.resource

    def rule(self) -> dict[str, Any]:
        """The row as a PolicyRule."""
        if self.urls:
            return {"nonResourceURLs": list(self.urls), "verbs": list(self.verbs)}
        rule: dict[str, Any] = {"apiGroups": [self.group], "resources": [self.resource]}
        if self.names:
            rule["resourceNames"] = list(self.names)
        rule["verbs"] = list(self.verbs)
        return rule


DISCOVERY = Permission("", "", ("get",), urls=DISCOVERY_URLS)


def permissions(specs: Iterable[WatchSpec]) -> tuple[Permission, ...]:
    """What the watches need, one row each, in their order; and discovery where that is asked."""
    specs = tuple(_of_api(specs))
    rows = tuple(_permission(spec) for spec in specs)
    if all(spec.resource.version for spec in specs) or any(row.urls for row in rows):
        return rows
    return (*rows, DISCOVERY)


def _of_api(specs: Iterable[WatchSpec]) -> list[WatchSpec]:
    """Without the probes, which ask no API."""
    return [spec for spec in specs if spec.resource.is_api or spec.resource is SERVED]


def _permission(spec: WatchSpec) -> Permission:
    if spec.resource is SERVED:
        return DISCOVERY
    name = spec.field_selector.partition("=")[2]
    names = (name,) if name else ()
    resource = spec.resource
    return Permission(resource.group, resource.plural, WATCH_VERBS, spec.namespace, names)


def roles(rows: Sequence[Permission], name: str = "agentctl") -> list[dict[str, Any]]:
    """The rows as a Role for each namespace and one ClusterRole, the latter first."""
    namespaces = dict.fromkeys(row.namespace for row in rows)
    return [
        _role(namespace, name, [row.rule() for row in rows if row.namespace == namespace])
        for namespace in sorted(namespaces)
    ]


def _role(namespace: str, name: str, rules: list[dict[str, Any]]) -> dict[str, Any]:
    metadata = {"name": name}
    if namespace:
        metadata["namespace"] = namespace
    return {
        "apiVersion": f"{RBAC_GROUP}/v1",
        "kind": "Role" if namespace else "ClusterRole",
        "metadata": metadata,
        "rules": rules,
    }


def grants(rows: Sequence[Permission], subject: str) -> list[dict[str, Any]]:
    """Roles with these rows and, where ``subject`` is known, their bindings to it.

    The name is made of the content: applying one set of rules takes none of another away.
    """
    content = repr((subject, rows)).encode()
    found = []
    for role in roles(rows, f"agentctl-watch-{zlib.crc32(content):08x}"):
        found.append(role)
        if subject:
            found.append(_binding(role, subject))
    return found


def _binding(role: dict[str, Any], subject: str) -> dict[str, Any]:
    return {
        "apiVersion": f"{RBAC_GROUP}/v1",
        "kind": f"{role['kind']}Binding",
        "metadata": dict(role["metadata"]),
        "roleRef": {
            "apiGroup": RBAC_GROUP,
            "kind": role["kind"],
            "name": role["metadata"]["name"],
        },
        "subjects": [_subject(subject)],
    }


def _subject(name: str) -> dict[str, str]:
    """A user by name; service accounts have a kind of their own in RBAC."""
    prefix, _, rest = name.partition("system:serviceaccount:")
    namespace, found, account = rest.partition(":")
    if found and not prefix:
        return {"kind": "ServiceAccount", "name": account, "namespace": namespace}
    return {"kind": "User", "name": name, "apiGroup": RBAC_GROUP}


class Declared(Protocol):
    """What is described: a catalog."""

    @property
    def name(self) -> str: ...
    @property
    def namespace(self) -> str: ...
    @property
    def hash(self) -> str: ...
    @property
    def components(self) -> tuple[Component, ...]: ...


def describe(catalog: Declared, namespaces: Sequence[str]) -> dict[str, Any]:
    """The catalog as plain data, in the form of its file, with what it requires.

    It can be loaded as a catalog again: ``requires`` is passed over then.
    """
    home = namespaces[0] if len(namespaces) == 1 else ""
    specs = Evaluator(catalog.components, namespaces, home).specs
    return {
        "name": catalog.name,
        **({"namespace": catalog.namespace} if catalog.namespace else {}),
        # One with several kinds is several components, and was written once.
        "components": [
            dict(declared)
            for declared in {
                id(one.declared): one.declared
                for one in catalog.components
                if one.shown and one.declared
            }.values()
        ],
        "requires": {
            "hash": catalog.hash,
            "namespaces": list(namespaces),
            "watches": [_watch(spec) for spec in _of_api(specs)],
            "permissions": roles(permissions(specs)),
        },
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
