"""Self reviews: who we are to an API server, and which permissions it grants us.

A review is a POST that stores nothing (SelfSubjectAccessReview, SelfSubjectReview); every
authenticated user may ask for them of himself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Optional

from agentctl.errors import AgentctlError, ForbiddenError, NotFoundError
from agentctl.kube.rbac import Permission
from agentctl.kube.reader import ApiReader, json_object, refusal
from agentctl.lazy_dataclass import dataclass, replace
from agentctl.lazy_namedtuple import NamedTuple
from agentctl.lenient_json import mapping, text
from agentctl.model import JSONObject
from agentctl.net.endpoint import Timeouts

ACCESS = "authorization.k8s.io/v1", "SelfSubjectAccessReview"
SUBJECT = (
    ("authentication.k8s.io/v1", "SelfSubjectReview"),
    ("authentication.k8s.io/v1beta1", "SelfSubjectReview"),
)
"""Kubernetes 1.28 and later, and 1.27."""

PATIENT = Timeouts()

MAX_BYTES = 1 << 20
MAX_NAME = 253


@dataclass(frozen=True)
class Grant:
    """A permission that is needed, and which of its verbs are not granted."""

    permission: Permission
    missing: tuple[str, ...]


@dataclass(frozen=True)
class Access:
    """What is granted to whom. ``subject`` is empty where the API does not tell."""

    subject: str
    grants: tuple[Grant, ...]

    @property
    def missing(self) -> tuple[Permission, ...]:
        """What has to be granted still."""
        return tuple(
            replace(one.permission, verbs=one.missing) for one in self.grants if one.missing
        )


class ClusterAccessReview(NamedTuple):
    """What one of several clusters grants, or why that is not known."""

    cluster: str
    kube_context: str
    access: Optional[Access]
    failure: Optional[AgentctlError] = None


def access(
    api: ApiReader, permissions: Iterable[Permission], timeouts: Timeouts = PATIENT
) -> Access:
    """Ask for each verb of each permission. Raises SourceError as any read does."""
    subject = whoami(api, timeouts)
    found = []
    for permission in permissions:
        missing = [
            verb
            for verb in permission.verbs
            if not all(_allowed(api, one, timeouts) for one in _questions(permission, verb))
        ]
        found.append(Grant(permission, tuple(missing)))
    return Access(subject, tuple(found))


def whoami(api: ApiReader, timeouts: Timeouts = PATIENT) -> str:
    """The name that the API server knows us by; empty where it does not tell."""
    for version, kind in SUBJECT:
        try:
            answer = _review(api, version, kind, {}, timeouts)
        except (NotFoundError, ForbiddenError):
            continue
        user = mapping(mapping(answer, "status"), "userInfo")
        return text(user, "username")[:MAX_NAME]
    return ""


def _questions(permission: Permission, verb: str) -> Iterator[JSONObject]:
    """The specs of the reviews that one verb takes: a review is about one name."""
    if permission.urls:
        for url in permission.urls:
            yield {"nonResourceAttributes": {"path": url, "verb": verb}}
        return
    attributes = {
        "namespace": permission.namespace,
        "verb": verb,
        "group": permission.group,
        "resource": permission.resource,
    }
    names: Sequence[str] = permission.names or ("",)
    for name in names:
        asked = {**attributes, "name": name}
        yield {"resourceAttributes": {key: value for key, value in asked.items() if value}}


def _allowed(api: ApiReader, spec: Mapping[str, Any], timeouts: Timeouts) -> bool:
    answer = _review(api, *ACCESS, {"spec": spec}, timeouts)
    return mapping(answer, "status").get("allowed") is True


def _review(
    api: ApiReader, version: str, kind: str, body: Mapping[str, Any], timeouts: Timeouts
) -> JSONObject:
    review = {"apiVersion": version, "kind": kind, **body}
    path = f"/apis/{version}/{kind.lower()}s"
    with api.post(path, review, timeouts) as response:
        if response.status not in (200, 201):
            raise refusal(response, "ask for", "a review of our own access")[0]
        return json_object(response.read_all(MAX_BYTES))
