"""RBAC by Kubernetes' own rules, written from its documentation and not from our code.

A request becomes attributes as in ``k8s.io/apiserver/pkg/endpoints/request`` and is held
against each rule as in ``k8s.io/component-helpers/auth/rbac/validation``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple


class Asked(NamedTuple):
    """A request as RBAC sees it; ``path`` alone where it is not about a resource."""

    verb: str
    path: str = ""
    group: str = ""
    resource: str = ""
    namespace: str = ""
    name: str = ""


def asked(path: str, query: Mapping[str, str]) -> Asked:
    """What a GET asks for."""
    parts = [part for part in path.split("/") if part]
    if parts[:1] == ["api"]:
        group, rest = "", parts[2:]
    elif parts[:1] == ["apis"]:
        group, rest = "".join(parts[1:2]), parts[3:]
    else:
        group, rest = "", []
    if not rest:
        return Asked("get", path)
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2:
        namespace, rest = rest[1], rest[2:]
    name = "".join(rest[1:2])
    verb = "get" if name else "list"
    if not name:
        field = re.fullmatch(r"metadata\.name=([^,]+)", query.get("fieldSelector", ""))
        name = field[1] if field else ""
        verb = "watch" if query.get("watch") in ("1", "true") else "list"
    return Asked(verb, "", group, rest[0], namespace, name)


class Granted(NamedTuple):
    """One rule of a role, where it holds: everywhere if ``namespace`` is empty."""

    namespace: str
    rule: Mapping[str, Sequence[str]]

    def allows(self, request: Asked) -> bool:
        if request.verb not in self.rule["verbs"] and "*" not in self.rule["verbs"]:
            return False
        if request.path:
            urls = self.rule.get("nonResourceURLs", ())
            return not self.namespace and any(_covers(url, request.path) for url in urls)
        names = self.rule.get("resourceNames", ())
        return (
            self.namespace in ("", request.namespace)
            and _holds(self.rule.get("apiGroups", ()), request.group)
            and _holds(self.rule.get("resources", ()), request.resource)
            and (not names or request.name in names)
        )


def granted(documents: Sequence[Mapping[str, Any]], account: tuple[str, str]) -> list[Granted]:
    """The rules that bindings give to a service account (namespace, name)."""
    roles = {_id(one): one for one in documents if one["kind"] in ("Role", "ClusterRole")}
    found = []
    for binding in documents:
        if binding["kind"] not in ("RoleBinding", "ClusterRoleBinding"):
            continue
        if account not in list(_accounts(binding)):
            continue
        where = binding["metadata"].get("namespace", "")
        to = binding["roleRef"]
        home = where if to["kind"] == "Role" else ""
        role = roles.get((to["kind"], home, to["name"]))
        found += [Granted(where, rule) for rule in (role or {}).get("rules", ())]
    return found


def allowed(rules: Sequence[Granted], request: Asked) -> bool:
    return any(rule.allows(request) for rule in rules)


def _id(role: Mapping[str, Any]) -> tuple[str, str, str]:
    return role["kind"], role["metadata"].get("namespace", ""), role["metadata"]["name"]


def _accounts(binding: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for subject in binding.get("subjects", ()):
        if subject["kind"] == "ServiceAccount":
            yield subject["namespace"], subject["name"]


def _holds(listed: Sequence[str], wanted: str) -> bool:
    return "*" in listed or wanted in listed


def _covers(pattern: str, path: str) -> bool:
    """A pattern may end in ``*``, and there alone it means anything."""
    return pattern == path or (pattern.endswith("*") and path.startswith(pattern[:-1]))
