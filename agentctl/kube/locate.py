"""Locating of a resource: the version under which an API server serves it, and its scope.

Discovery of its group alone is asked: two small answers, which every authenticated user may
read (``system:discovery``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Optional

from agentctl.errors import NotFoundError, SourceError
from agentctl.kube.discovery import get_document
from agentctl.kube.reader import ApiReader
from agentctl.kube.resources import SERVED, Resource, WatchSpec
from agentctl.lazy_dataclass import replace
from agentctl.lenient_json import mapping, mappings, text
from agentctl.net.endpoint import Timeouts

ACCEPT = "application/json"
MAX_VERSIONS = 10


def locate(
    api: ApiReader, resource: Resource, timeouts: Optional[Timeouts] = None
) -> Optional[Resource]:
    """The resource with its version and scope; None where it is not served.

    The group's preferred version comes first. Raises SourceError as any read does.
    """
    root = f"/apis/{resource.group}"
    try:
        group = get_document(api, root, ACCEPT, timeouts=timeouts)
    except NotFoundError:
        return None
    preferred = text(mapping(group, "preferredVersion"), "version")
    others = (text(one, "version") for one in mappings(group, "versions"))
    versions = [one for one in dict.fromkeys((preferred, *others)) if one]
    for version in versions[:MAX_VERSIONS]:
        try:
            listed = get_document(api, f"{root}/{version}", ACCEPT, timeouts=timeouts)
        except NotFoundError:  # it went between the two questions
            continue
        for one in mappings(listed, "resources"):
            if one.get("name") == resource.plural:
                return replace(resource, version=version, namespaced=one.get("namespaced") is True)
    return None


def placed(
    api: ApiReader, specs: Iterable[WatchSpec], timeouts: Optional[Timeouts] = None
) -> Iterator[WatchSpec]:
    """The watches with their scope as the server has it, which permissions go by.

    What it does not serve, or does not tell of, stays as the catalog's names let one assume.
    """
    for spec in specs:
        found = None
        if _is_assumed(spec):
            try:
                found = locate(api, spec.resource, timeouts)
            except SourceError:  # the reviews, or the watch, tell of what lasts
                found = None
        if found is None or found.namespaced:
            yield spec
        else:
            resource = replace(spec.resource, namespaced=False)
            yield replace(spec, resource=resource, namespace="")


def _is_assumed(spec: WatchSpec) -> bool:
    """Whether it is in a namespace as far as the catalog goes, and nobody has asked."""
    resource = spec.resource
    unknown = not resource.version and resource.is_api and resource is not SERVED
    return unknown and spec.namespace != ""
