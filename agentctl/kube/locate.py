"""Locating of a resource: the version under which an API server serves it, and its scope.

Discovery of its group alone is asked: two small answers, which every authenticated user may
read (``system:discovery``).
"""

from __future__ import annotations

from typing import Optional

from agentctl.errors import NotFoundError
from agentctl.kube.discovery import get_document
from agentctl.kube.reader import ApiReader
from agentctl.kube.resources import Resource
from agentctl.lazy_dataclass import replace
from agentctl.lenient_json import mapping, mappings, text

ACCEPT = "application/json"
MAX_VERSIONS = 10


def locate(api: ApiReader, resource: Resource) -> Optional[Resource]:
    """The resource with its version and scope; None where it is not served.

    The group's preferred version comes first. Raises SourceError as any read does.
    """
    root = f"/apis/{resource.group}"
    try:
        group = get_document(api, root, ACCEPT)
    except NotFoundError:
        return None
    preferred = text(mapping(group, "preferredVersion"), "version")
    others = (text(one, "version") for one in mappings(group, "versions"))
    versions = [one for one in dict.fromkeys((preferred, *others)) if one]
    for version in versions[:MAX_VERSIONS]:
        try:
            listed = get_document(api, f"{root}/{version}", ACCEPT)
        except NotFoundError:  # it went between the two questions
            continue
        for one in mappings(listed, "resources"):
            if one.get("name") == resource.plural:
                return replace(resource, version=version, namespaced=one.get("namespaced") is True)
    return None
