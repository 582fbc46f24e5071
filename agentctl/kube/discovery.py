"""API discovery: which custom resources are served.

A CRD's metadata does not say whether the resource is served, and its body, which
does, may be 100 KB. Discovery names everything served in one answer (KEP-3352,
Kubernetes 1.27); older servers answer the same URL with the groups alone, and each
group of interest is asked for its own list.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, Optional

from agentctl.errors import NotFoundError, RefusedError, ServerError
from agentctl.kube.reader import ApiReader, json_object, parsed_bytes, refusal
from agentctl.kube.resources import CRDS
from agentctl.lenient_json import mapping, mappings, text
from agentctl.net.endpoint import Timeouts

PATH = "/apis"
ACCEPT = (
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,"
    "application/json"
)
MAX_BYTES = 16 << 20

FEW = 3
"""CRDs that are asked for one by one without looking first which exist."""

MAX_PAGES = 20

METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"

ESTABLISHED = ("Established", "True")


def served(api: ApiReader, wanted: Iterable[str]) -> frozenset[str]:
    """The full names (``plural.group``) served, of those wanted at least.

    Raises SourceError as any read of the API does.
    """
    answer = get_document(api, PATH)
    if answer.get("kind") == "APIGroupDiscoveryList":
        return from_aggregated(answer)
    names: set[str] = set()
    groups = {name.partition(".")[2] for name in wanted}
    for group, versions in group_versions(answer).items():
        if group in groups:
            for version in versions:
                # A group goes with its last CRD, also between the two questions.
                with suppress(NotFoundError):
                    names |= from_resource_list(get_document(api, f"{PATH}/{version}"), group)
    return frozenset(names)


def established(api: ApiReader, names: Iterable[str]) -> frozenset[str]:
    """Those of these CRDs that say themselves that they are established.

    Discovery follows a CRD by controllers of its own, late: what it does not name yet is
    asked for one by one, as each may be 100 KB. Needs the permission to list CRDs, as their
    watch does; where it is missing, none is. Raises DisconnectedError.
    """
    asked = sorted(names)
    try:
        if len(asked) > FEW:
            installed = _installed(api)
            asked = [name for name in asked if name in installed]
        return frozenset(name for name in asked if _is_established(api, name))
    except RefusedError:
        return frozenset()


def _installed(api: ApiReader) -> set[str]:
    """All CRDs there are, by their metadata."""
    found: set[str] = set()
    query = {"limit": "500"}
    for _ in range(MAX_PAGES):
        page = get_document(api, CRDS.path(""), METADATA_LIST, query)
        found |= {text(mapping(item, "metadata"), "name") for item in mappings(page, "items")}
        token = text(mapping(page, "metadata"), "continue")
        if not token:
            break
        query["continue"] = token
    return found


def _is_established(api: ApiReader, name: str) -> bool:
    query = {"fieldSelector": f"metadata.name={name}", "limit": "1"}
    answer = get_document(api, CRDS.path(""), "application/json", query)
    conditions = (
        condition
        for item in mappings(answer, "items")
        for condition in mappings(mapping(item, "status"), "conditions")
    )
    return any((one.get("type"), one.get("status")) == ESTABLISHED for one in conditions)


def from_aggregated(answer: Mapping[str, Any]) -> frozenset[str]:
    """Full names out of an APIGroupDiscoveryList."""
    names = set()
    for group in mappings(answer, "items"):
        metadata = group.get("metadata")
        suffix = metadata.get("name") if isinstance(metadata, dict) else None
        for version in mappings(group, "versions"):
            for resource in mappings(version, "resources"):
                names.add(f"{resource.get('resource')}.{suffix}")
    return frozenset(names)


def group_versions(answer: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Group to its ``group/version`` texts out of an APIGroupList."""
    if answer.get("kind") != "APIGroupList":
        raise ServerError(f"{PATH} is no API discovery: is this address an API server?")
    return {
        str(group.get("name")): tuple(
            str(version.get("groupVersion")) for version in mappings(group, "versions")
        )
        for group in mappings(answer, "groups")
    }


def from_resource_list(answer: Mapping[str, Any], group: str) -> set[str]:
    """Full names out of one group's APIResourceList; subresources are not names."""
    return {
        f"{resource.get('name')}.{group}"
        for resource in mappings(answer, "resources")
        if "/" not in str(resource.get("name"))
    }


def get_document(
    api: ApiReader,
    path: str,
    accept: str = ACCEPT,
    query: Optional[Mapping[str, str]] = None,
    timeouts: Optional[Timeouts] = None,
) -> dict[str, Any]:
    """One answer of the API in full. Raises SourceError as any read does."""
    budget = api.budget
    with budget.share() as share:
        with api.get(path, query or {}, accept, timeouts or Timeouts()) as response:
            if response.status != 200:
                raise refusal(response, "read", "API discovery")[0]
            body = response.read_all(MAX_BYTES, share=share)
        with budget.parsing:
            share.add(parsed_bytes(body))
            answer = json_object(body)
    if not answer:
        raise ServerError(f"{path} answered {body[:60]!r}: is this address an API server?")
    return answer
