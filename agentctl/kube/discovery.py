"""Which custom resources are served, as API discovery tells it.

A CRD's metadata does not say whether the resource is served, and its body, which
does, may be 100 KB. Discovery names everything served in one answer (KEP-3352,
Kubernetes 1.27); older servers answer the same URL with the groups alone, and each
group of interest is asked for its own list.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from agentctl.errors import NotFoundError, ServerError
from agentctl.kube.api import ApiReader, Timeouts, json_object, refusal
from agentctl.kube.resources import CRDS

PATH = "/apis"
ACCEPT = (
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,"
    "application/json"
)
MAX_BYTES = 16 << 20

MAX_ASKED = 10
"""CRDs that are asked for one by one: each may be 100 KB and more."""

ESTABLISHED = ("Established", "True")


def served(api: ApiReader, wanted: Iterable[str]) -> frozenset[str]:
    """The full names (``plural.group``) served, of those wanted at least.

    Raises SourceError as any read of the API does.
    """
    answer = _get(api, PATH)
    if answer.get("kind") == "APIGroupDiscoveryList":
        return from_aggregated(answer)
    names: set[str] = set()
    groups = {name.partition(".")[2] for name in wanted}
    for group, versions in group_versions(answer).items():
        if group in groups:
            for version in versions:
                # A group goes with its last CRD, also between the two questions.
                with suppress(NotFoundError):
                    names |= from_resource_list(_get(api, f"{PATH}/{version}"), group)
    return frozenset(names)


def established(api: ApiReader, names: Iterable[str]) -> frozenset[str]:
    """Those of these CRDs that say themselves that they are established.

    Discovery follows a CRD by controllers of its own, late: what it does not name yet is
    asked for one by one, a few at most. Needs the permission to list CRDs, as their watch
    does; where it is missing, none is. Raises DisconnectedError.
    """
    found: set[str] = set()
    for name in sorted(names)[:MAX_ASKED]:
        query = {"fieldSelector": f"metadata.name={name}", "limit": "1"}
        with api.get(CRDS.path(""), query, "application/json", Timeouts()) as response:
            if response.status != 200:
                return frozenset(found)
            answer = json_object(response.read_all(MAX_BYTES))
        for item in _dicts(answer.get("items")):
            status = item.get("status")
            conditions = _dicts(status.get("conditions")) if isinstance(status, dict) else []
            if any((one.get("type"), one.get("status")) == ESTABLISHED for one in conditions):
                found.add(name)
    return frozenset(found)


def from_aggregated(answer: Mapping[str, Any]) -> frozenset[str]:
    """Full names out of an APIGroupDiscoveryList."""
    names = set()
    for group in _dicts(answer.get("items")):
        metadata = group.get("metadata")
        suffix = metadata.get("name") if isinstance(metadata, dict) else None
        for version in _dicts(group.get("versions")):
            for resource in _dicts(version.get("resources")):
                names.add(f"{resource.get('resource')}.{suffix}")
    return frozenset(names)


def group_versions(answer: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Group to its ``group/version`` texts out of an APIGroupList."""
    if answer.get("kind") != "APIGroupList":
        raise ServerError(f"{PATH} is no API discovery: is this address an API server?")
    return {
        str(group.get("name")): tuple(
            str(version.get("groupVersion")) for version in _dicts(group.get("versions"))
        )
        for group in _dicts(answer.get("groups"))
    }


def from_resource_list(answer: Mapping[str, Any], group: str) -> set[str]:
    """Full names out of one group's APIResourceList; subresources are not names."""
    return {
        f"{resource.get('name')}.{group}"
        for resource in _dicts(answer.get("resources"))
        if "/" not in str(resource.get("name"))
    }


def _dicts(value: object) -> list[dict[str, Any]]:
    items = value if isinstance(value, list) else []
    return [item for item in items if isinstance(item, dict)]


def _get(api: ApiReader, path: str) -> dict[str, Any]:
    with api.get(path, {}, ACCEPT, Timeouts()) as response:
        if response.status != 200:
            raise refusal(response, "read", "API discovery")[0]
        body = response.read_all(MAX_BYTES)
    answer = json_object(body)
    if not answer:
        raise ServerError(f"{path} answered {body[:60]!r}: is this address an API server?")
    return answer
