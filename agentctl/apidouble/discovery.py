"""Discovery documents: which groups, versions and resources are served right now.

The aggregated form (``apidiscovery.k8s.io`` v2 and v2beta1) and the legacy one, which is
one document for each group version.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from agentctl.apidouble.forms import accepted
from agentctl.apidouble.kinds import Kind
from agentctl.model import JSONObject

SCALE_KIND = {"group": "autoscaling", "version": "v1", "kind": "Scale"}
ACCESS_REVIEWS = Kind(
    "authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview",
    "selfsubjectaccessreview", namespaced=False,
)  # fmt: skip
SUBJECT_REVIEWS = Kind(
    "authentication.k8s.io", "v1", "selfsubjectreviews", "SelfSubjectReview",
    "selfsubjectreview", namespaced=False,
)  # fmt: skip
REVIEWS = (ACCESS_REVIEWS, SUBJECT_REVIEWS)
"""Questions to the API server about who asks; nothing of them is kept."""

_GROUPS = (
    "apps",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "batch",
    "apiextensions.k8s.io",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "admissionregistration.k8s.io",
    "apiregistration.k8s.io",
)


def aggregated_version(accept: str) -> str:
    """``v2`` or ``v2beta1`` where the client asks for aggregated discovery, else empty."""
    for media in accepted(accept):
        if not media.is_json:
            continue
        if media.parameters.get("as") == "APIGroupDiscoveryList":
            version = media.parameters.get("v", "")
            if version in {"v2", "v2beta1"}:
                return version
        elif not media.parameters.get("as"):
            return ""
    return ""


def aggregated(kinds: Sequence[Kind], core: bool, version: str) -> JSONObject:
    """All groups (or the core one) with their resources in one document."""
    items: list[JSONObject] = []
    for group in [""] if core else _group_names(kinds):
        versions = [
            {
                "version": served,
                "resources": [_aggregated_resource(kind) for kind in _of(kinds, group, served)],
                "freshness": "Current",
            }
            for served in _versions(kinds, group)
        ]
        items.append({"metadata": {"name": group} if group else {}, "versions": versions})
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": f"apidiscovery.k8s.io/{version}",
        "metadata": {},
        "items": items,
    }


def core_versions() -> JSONObject:
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}


def group_list(kinds: Sequence[Kind]) -> JSONObject:
    groups = [_group(kinds, name) for name in _group_names(kinds)]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def group(kinds: Sequence[Kind], name: str) -> JSONObject:
    """``/apis/GROUP``; empty where the group is not served."""
    if name not in _group_names(kinds):
        return {}
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(kinds, name)}


def resource_list(kinds: Sequence[Kind], group: str, version: str) -> JSONObject:
    """``/apis/GROUP/VERSION`` or ``/api/v1``; empty where that is not served."""
    found = _of(kinds, group, version)
    if not found:
        return {}
    resources = [entry for kind in found for entry in _legacy_resources(kind)]
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": f"{group}/{version}" if group else version,
        "resources": resources,
    }


def openapi_index(kinds: Sequence[Kind]) -> JSONObject:
    """``/openapi/v3``: kubectl looks here before it writes, for ``fieldValidation``."""
    roots = {_root(kind.group, kind.version) for kind in kinds}
    urls = {root: {"serverRelativeURL": f"/openapi/v3/{root}?hash=1"} for root in sorted(roots)}
    return {"paths": urls}


def openapi(kinds: Sequence[Kind], root: str) -> JSONObject:
    """One group version's OpenAPI: no schemas, only what may be patched and how."""
    paths: JSONObject = {}
    for kind in kinds:
        if _root(kind.group, kind.version) != root:
            continue
        where = "namespaces/{namespace}/" if kind.namespaced else ""
        gvk = {"group": kind.group, "version": kind.version, "kind": kind.kind}
        validation = {"name": "fieldValidation", "in": "query", "schema": {"type": "string"}}
        paths[f"/{root}/{where}{kind.plural}/{{name}}"] = {
            "patch": {
                "x-kubernetes-action": "patch",
                "x-kubernetes-group-version-kind": gvk,
                "parameters": [validation],
                "responses": {"200": {"description": "OK"}},
            }
        }
    info = {"title": "Kubernetes", "version": "demo"}
    return {"openapi": "3.0.0", "info": info, "paths": paths} if paths else {}


def _root(group: str, version: str) -> str:
    return f"apis/{group}/{version}" if group else f"api/{version}"


def _group_names(kinds: Sequence[Kind]) -> list[str]:
    custom = {kind.group for kind in kinds if kind.custom}
    return [*_GROUPS, *sorted(custom)] if kinds else []


def _versions(kinds: Iterable[Kind], group: str) -> list[str]:
    served = [kind.version for kind in (*kinds, *REVIEWS) if kind.group == group]
    return list(dict.fromkeys(served))


def _of(kinds: Iterable[Kind], group: str, version: str) -> list[Kind]:
    found = [k for k in (*kinds, *REVIEWS) if (k.group, k.version) == (group, version)]
    return sorted(found, key=lambda kind: kind.plural)


def _group(kinds: Sequence[Kind], name: str) -> JSONObject:
    versions = [
        {"groupVersion": f"{name}/{version}", "version": version}
        for version in _versions(kinds, name)
    ]
    return {"name": name, "versions": versions, "preferredVersion": versions[0]}


def _common(kind: Kind) -> JSONObject:
    """What both forms say of a resource by the same names; what is empty is left out."""
    found: JSONObject = {
        "verbs": ["create"] if kind in REVIEWS else list(kind.verbs),
        "shortNames": list(kind.short_names),
        "categories": list(kind.categories),
    }
    return {key: value for key, value in found.items() if value}


def _aggregated_resource(kind: Kind) -> JSONObject:
    own: JSONObject = {"group": "", "version": "", "kind": kind.kind}
    if kind.custom:
        own = {"group": kind.group, "version": kind.version, "kind": kind.kind}
    out: JSONObject = {
        "resource": kind.plural,
        "responseKind": own,
        "scope": "Namespaced" if kind.namespaced else "Cluster",
        "singularResource": kind.singular,
        **_common(kind),
    }
    if kind.subresources:
        out["subresources"] = [
            {
                "subresource": name,
                "responseKind": SCALE_KIND if name == "scale" else own,
                "verbs": ["get", "patch", "update"],
            }
            for name in kind.subresources
        ]
    return out


def _legacy_resources(kind: Kind) -> Iterable[JSONObject]:
    yield {
        "name": kind.plural,
        "singularName": kind.singular,
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        **_common(kind),
    }
    for name in kind.subresources:
        verbs = ["get", "patch", "update"]
        sub: JSONObject = {"name": f"{kind.plural}/{name}", "singularName": ""}
        sub["namespaced"] = kind.namespaced
        sub.update(SCALE_KIND if name == "scale" else {"kind": kind.kind})
        yield {**sub, "verbs": verbs}
