"""Cuts for explanations: what ``diagnose`` keeps of an object beside what its check keeps.

Each stands beside the cut of a check (``CLOSER``), over the same watch: nothing more is
asked of the API, no other permission is needed, and ``status`` and the server keep none
of it. What is well leaves nothing, and texts are cut, so that memory stays in bounds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Optional

from agentctl.kube.cuts.jobs import cut_cronjob, cut_run
from agentctl.kube.cuts.objects import (
    cut_crd,
    cut_endpoints,
    cut_lease,
    cut_namespace,
    cut_workload,
)
from agentctl.kube.cuts.pods import cut_pod
from agentctl.kube.resources import Cut, Seen
from agentctl.kube.selectors import Labels
from agentctl.lazy_namedtuple import NamedTuple
from agentctl.lazy_regex import regex
from agentctl.lenient_json import mapping, mappings, number, text
from agentctl.model import JSONObject

MAX_TEXT = 300
MAX_CONDITIONS = 8
MAX_CONTAINERS = 8
MAX_UNREADY = 10

MIRROR = "kubernetes.io/config.mirror"
"""What a kubelet calls the pod of a manifest of its own: that is the uid in its events."""

_REPLICASET = regex(r'[Rr]eplica ?[Ss]et "([a-z0-9.-]{1,253})"')


class ConditionFacts(NamedTuple):
    type: str
    status: str
    reason: str
    message: str

    def to_json(self) -> JSONObject:
        return {key: value for key, value in self._asdict().items() if value}


class WorkloadFacts(NamedTuple):
    conditions: tuple[ConditionFacts, ...]
    replicaset: str
    """Whose events tell why no pod could be made; known from a condition only."""
    uids: tuple[str, ...] = ()


class Termination(NamedTuple):
    """How a container ended."""

    reason: str
    exit_code: int
    message: str
    at: str

    def to_json(self) -> JSONObject:
        out: JSONObject = {"reason": self.reason, "exit_code": self.exit_code}
        out.update({k: v for k, v in (("message", self.message), ("at", self.at)) if v})
        return out


class ContainerFacts(NamedTuple):
    """A container that is not ready, or has been restarted."""

    name: str
    init: bool
    image: str
    restarts: int
    waiting: str
    message: str
    ended: Optional[Termination]

    def to_json(self) -> JSONObject:
        out: JSONObject = {"name": self.name}
        if self.init:
            out["init"] = True
        out.update(image=self.image, restarts=self.restarts)
        if self.waiting:
            out["waiting"] = {"reason": self.waiting}
            if self.message:
                out["waiting"]["message"] = self.message
        if self.ended is not None:
            out["last_termination"] = self.ended.to_json()
        return out


class PodFacts(NamedTuple):
    """A pod that is not fine, with all that says why."""

    rank: int
    name: str
    reason: str
    labels: Labels
    message: str
    owner: str
    """``kind/name`` of what made it; empty if nothing did."""
    conditions: tuple[ConditionFacts, ...]
    containers: tuple[ContainerFacts, ...]
    uids: tuple[str, ...] = ()
    owner_uid: str = ""

    def to_json(self) -> JSONObject:
        out: JSONObject = {"name": self.name, "reason": self.reason}
        if self.message:
            out["message"] = self.message
        out["containers"] = [one.to_json() for one in self.containers]
        if self.conditions:
            out["conditions"] = [one.to_json() for one in self.conditions]
        return out


class NamespaceFacts(NamedTuple):
    """What a namespace that is going waits for."""

    conditions: tuple[ConditionFacts, ...]
    finalizers: tuple[str, ...]


class EndpointFacts(NamedTuple):
    """The endpoints of one slice that are not ready: (address, pod, the pod's uid); each of them
    may be empty."""

    service: str
    unready: tuple[tuple[str, str, str], ...]


def cut_workload_facts(item: Mapping[str, Any], seen: Seen) -> Optional[WorkloadFacts]:
    conditions = _conditions(mapping(item, "status"))
    found = (_REPLICASET.search(one.message) for one in conditions)
    name = next((match[1] for match in found if match), "")
    return WorkloadFacts(conditions, name, uids_of(item)) if conditions else None


def uids_of(item: Mapping[str, Any]) -> tuple[str, ...]:
    """What its events may call it."""
    metadata = mapping(item, "metadata")
    known = (text(metadata, "uid"), text(mapping(metadata, "annotations"), MIRROR))
    return tuple(one[:MAX_TEXT] for one in known if one)


def cut_pod_facts(item: Mapping[str, Any], seen: Seen) -> Optional[PodFacts]:
    trouble = cut_pod(item, seen)
    if trouble is None:
        return None
    metadata, status = mapping(item, "metadata"), mapping(item, "status")
    owners = (one for one in mappings(metadata, "ownerReferences") if one.get("controller"))
    maker = next(owners, {})
    owner = f"{text(maker, 'kind')}/{text(maker, 'name')}" if maker else ""
    containers = [
        found
        for key in ("initContainerStatuses", "containerStatuses")
        for one in mappings(status, key)
        if (found := _container(one, key.startswith("init"))) is not None
    ]
    conditions = tuple(one for one in _conditions(status) if one.status != "True")
    return PodFacts(
        *trouble,
        message=_short(text(status, "message")),
        owner=owner[: 2 * MAX_TEXT],
        conditions=conditions,
        containers=tuple(containers[:MAX_CONTAINERS]),
        uids=uids_of(item),
        owner_uid=text(maker, "uid")[:MAX_TEXT],
    )


def _container(status: Mapping[str, Any], init: bool) -> Optional[ContainerFacts]:
    restarts = number(status, "restartCount")
    state = mapping(status, "state")
    waiting = mapping(state, "waiting")
    ended = _ended(mapping(state, "terminated")) or _ended(
        mapping(mapping(status, "lastState"), "terminated")
    )
    done = init and ended is not None and ended.exit_code == 0 and not waiting
    if done or (status.get("ready") is True and not restarts):
        return None
    return ContainerFacts(
        text(status, "name")[:MAX_TEXT],
        init,
        text(status, "image")[:MAX_TEXT],
        restarts,
        _short(text(waiting, "reason")),
        _short(text(waiting, "message")),
        ended,
    )


def _ended(terminated: Mapping[str, Any]) -> Optional[Termination]:
    if not terminated:
        return None
    code = number(terminated, "exitCode")
    return Termination(
        _short(text(terminated, "reason")) or ("Completed" if code == 0 else "Error"),
        code,
        _short(text(terminated, "message")),
        text(terminated, "finishedAt")[:40],
    )


def cut_namespace_facts(item: Mapping[str, Any], seen: Seen) -> Optional[NamespaceFacts]:
    metadata, spec = mapping(item, "metadata"), mapping(item, "spec")
    if not metadata.get("deletionTimestamp"):
        return None
    conditions = tuple(one for one in _conditions(mapping(item, "status")) if one.status == "True")
    finalizers = (*_texts(metadata.get("finalizers")), *_texts(spec.get("finalizers")))
    return NamespaceFacts(conditions, finalizers)


def cut_crd_facts(item: Mapping[str, Any], seen: Seen) -> Optional[tuple[str, ...]]:
    """The finalizers of one that is being deleted: what its deletion waits for."""
    metadata = mapping(item, "metadata")
    return _texts(metadata.get("finalizers")) if metadata.get("deletionTimestamp") else None


def cut_endpoint_facts(item: Mapping[str, Any], seen: Seen) -> Optional[EndpointFacts]:
    unready = []
    for endpoint in mappings(item, "endpoints"):
        if mapping(endpoint, "conditions").get("ready") is False:
            target = mapping(endpoint, "targetRef")
            pod = text(target, "name") if target.get("kind") == "Pod" else ""
            address = next(iter(_texts(endpoint.get("addresses"))), "")
            uid = text(target, "uid") if pod else ""
            unready.append((address, pod[:MAX_TEXT], uid[:MAX_TEXT]))
    if not unready:
        return None
    labels = mapping(mapping(item, "metadata"), "labels")
    service = text(labels, "kubernetes.io/service-name")
    return EndpointFacts(service, tuple(unready[:MAX_UNREADY]))


def cut_lease_uids(item: Mapping[str, Any], seen: Seen) -> Optional[tuple[str, ...]]:
    return uids_of(item) or None


def cut_cronjob_uids(item: Mapping[str, Any], seen: Seen) -> Optional[tuple[str, ...]]:
    return uids_of(item) or None


def cut_run_uids(item: Mapping[str, Any], seen: Seen) -> Optional[tuple[str, ...]]:
    """Those of a run that failed."""
    run = cut_run(item, seen)
    return (uids_of(item) or None) if run is not None and run.failure else None


def _conditions(status: Mapping[str, Any]) -> tuple[ConditionFacts, ...]:
    return tuple(
        ConditionFacts(
            _short(text(one, "type")),
            _short(text(one, "status")),
            _short(text(one, "reason")),
            _short(text(one, "message")),
        )
        for one in mappings(status, "conditions")[:MAX_CONDITIONS]
    )


def _texts(value: object) -> tuple[str, ...]:
    items: Iterable[object] = value[:MAX_CONDITIONS] if isinstance(value, list) else ()
    return tuple(one[:MAX_TEXT] for one in items if isinstance(one, str))


def _short(value: str) -> str:
    return value if len(value) <= MAX_TEXT else value[: MAX_TEXT - 1] + "…"


CLOSER: Mapping[Cut, Cut] = {
    cut_workload: cut_workload_facts,
    cut_pod: cut_pod_facts,
    cut_namespace: cut_namespace_facts,
    cut_crd: cut_crd_facts,
    cut_endpoints: cut_endpoint_facts,
    cut_lease: cut_lease_uids,
    cut_cronjob: cut_cronjob_uids,
    cut_run: cut_run_uids,
}
"""From a check's cut to the closer one over the same objects."""
