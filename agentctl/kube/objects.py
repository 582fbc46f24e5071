"""The cuts: from whole Kubernetes objects to the little that checks look at.

Each is a function ``(object, Seen) -> value or None``. They run in the producers'
threads, share nothing, and take whatever a server may say: what is missing, null or
of the wrong type counts as not said. No cut keeps the value of an env variable.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple, Optional

from agentctl.clock import format_time, parse_time
from agentctl.kube.resources import Seen
from agentctl.kube.selectors import LabelSelector

Labels = tuple[tuple[str, str], ...]
"""Sorted pairs; equal ones are one object."""

MAX_REASON = 80
"""A reason is one CamelCase word; a server that says more is cut short."""


MAX_HOLDER = 253
"""A holder is called after its pod; the API sets no limit."""

MAX_INT = 1 << 63
"""No count of Kubernetes is wider; JSON's numbers can be."""


class Workload(NamedTuple):
    """A Deployment, StatefulSet or DaemonSet: how far it is from what it should be."""

    name: str
    labels: Labels
    selector: LabelSelector
    generation: int
    observed: int
    """The generation that the counts below are about."""
    desired: int
    ready: int
    available: int
    updated: int
    update_goal: int
    """How many pods must be of the newest revision: fewer than desired where a
    StatefulSet's partition says so, none with OnDelete."""
    surplus: int
    """Pods of older revisions that a Deployment has still to take down."""
    deadline_exceeded: bool
    paused: bool


class EnvVar(NamedTuple):
    """How one variable is set: ``literal``, ``empty``, ``secret``, ``configmap``, ``field``.

    ``ref`` and ``key`` name the Secret or ConfigMap and its key, empty for the others.
    """

    name: str
    source: str
    ref: str = ""
    key: str = ""


class Env(NamedTuple):
    """The environment of a workload's containers, without a single value."""

    name: str
    variables: tuple[EnvVar, ...]
    imports: tuple[EnvVar, ...]
    """``envFrom``: whole Secrets and ConfigMaps, whose keys are not known."""


class PodTrouble(NamedTuple):
    """A pod that is not fine. The higher the rank, the more it tells of what is wrong."""

    rank: int
    name: str
    reason: str
    labels: Labels


class Lease(NamedTuple):
    """Who holds a lease, and since when by this host's monotonic clock."""

    name: str
    holder: str
    """Empty when it was released."""
    duration: Optional[float]
    renewed: str
    """The time of the last renewal, as the holder wrote it."""
    renewed_at: Optional[float]

    def expires_at(self, max_age: Optional[float] = None) -> Optional[float]:
        """Monotonic seconds; None when the lease does not say how long it lasts."""
        age = self.duration if max_age is None else max_age
        return None if self.renewed_at is None or age is None else self.renewed_at + age


class Endpoints(NamedTuple):
    """One EndpointSlice's counts."""

    service: str
    family: str
    ready: int
    total: int


def cut_workload(item: Mapping[str, Any], seen: Seen) -> Optional[Workload]:
    """The numbers of a rollout, by the rules of ``kubectl rollout status``."""
    metadata, spec, status = _map(item, "metadata"), _map(item, "spec"), _map(item, "status")
    updated = _int(status, "updatedReplicas")
    surplus = 0
    if "desiredNumberScheduled" in status:
        desired = _int(status, "desiredNumberScheduled")
        ready = _int(status, "numberReady")
        available = _int(status, "numberAvailable")
        updated = _int(status, "updatedNumberScheduled")
        goal = 0 if _strategy(spec) == "OnDelete" else desired
    else:
        desired = _int(spec, "replicas", 1)
        ready = _int(status, "readyReplicas")
        if "updateStrategy" in spec:
            # StatefulSets do not report availability before Kubernetes 1.22.
            available = _int(status, "availableReplicas", ready)
            goal = _stateful_goal(spec, status, desired)
        else:
            available = _int(status, "availableReplicas")
            goal = desired
            surplus = max(0, _int(status, "replicas") - updated)
    return Workload(
        name=_text(metadata, "name"),
        labels=_labels(metadata),
        selector=LabelSelector.from_spec(_map(spec, "selector")),
        generation=_int(metadata, "generation"),
        observed=_int(status, "observedGeneration"),
        desired=desired,
        ready=ready,
        available=available,
        updated=updated,
        update_goal=goal,
        surplus=surplus,
        deadline_exceeded=any(
            condition.get("type") == "Progressing"
            and condition.get("status") == "False"
            and condition.get("reason") == "ProgressDeadlineExceeded"
            for condition in _list(status, "conditions")
        ),
        paused=spec.get("paused") is True,
    )


def _strategy(spec: Mapping[str, Any]) -> str:
    return _text(_map(spec, "updateStrategy"), "type")


def _stateful_goal(spec: Mapping[str, Any], status: Mapping[str, Any], desired: int) -> int:
    revision = _text(status, "updateRevision")
    if _strategy(spec) == "OnDelete" or (revision and revision == status.get("currentRevision")):
        return 0
    partition = _int(_map(_map(spec, "updateStrategy"), "rollingUpdate"), "partition")
    return max(0, desired - partition)


def cut_env(item: Mapping[str, Any], seen: Seen) -> Optional[Env]:
    """Which variables the containers get, and from where; of a name set twice, the last."""
    pod = _map(_map(_map(item, "spec"), "template"), "spec")
    variables: dict[str, EnvVar] = {}
    imports = []
    for container in _list(pod, "containers"):
        mine = {}
        for entry in _list(container, "env"):
            variable = _env_var(entry)
            mine[variable.name] = variable
        for variable in mine.values():
            known = variables.get(variable.name)
            if known is None or known.source == "empty":
                variables[variable.name] = variable
        for entry in _list(container, "envFrom"):
            prefix = _text(entry, "prefix")
            for kind, source in (("secretRef", "secret"), ("configMapRef", "configmap")):
                if name := _text(_map(entry, kind), "name"):
                    imports.append(EnvVar(prefix, source, name))
    name = _text(_map(item, "metadata"), "name")
    return Env(name, tuple(variables.values()), tuple(imports))


def _env_var(entry: Mapping[str, Any]) -> EnvVar:
    name = _text(entry, "name")
    origin = _map(entry, "valueFrom")
    for kind, source in (("secretKeyRef", "secret"), ("configMapKeyRef", "configmap")):
        if kind in origin:
            ref = _map(origin, kind)
            return EnvVar(name, source, _text(ref, "name"), _text(ref, "key"))
    if origin:
        return EnvVar(name, "field")
    return EnvVar(name, "literal" if entry.get("value") else "empty")


def cut_pod(item: Mapping[str, Any], seen: Seen) -> Optional[PodTrouble]:
    """What is wrong with a pod, in the words of kubectl's STATUS column; None if nothing is.

    Most pods are fine most of the time, and those cost no memory.
    """
    metadata, status = _map(item, "metadata"), _map(item, "status")
    deleted = bool(metadata.get("deletionTimestamp"))
    phase = _text(status, "phase")
    if phase == "Succeeded" or (phase == "Running" and not deleted and _is_ready(status)):
        return None
    reason, rank = _pod_reason(item, status, phase), _RANK_OTHER
    if deleted and phase != "Failed":
        reason = "Unknown" if status.get("reason") == "NodeLost" else "Terminating"
    elif reason in ("Running", "Completed"):
        reason = "NotReady"
    if phase == "Failed":
        rank = _RANK_DEAD
    else:
        word = reason[len("Init:") :] if reason.startswith("Init:") else reason
        rank = _RANKS.get(word, _RANK_WAITING if word[:1].isdigit() else _RANK_OTHER)
    reason = sys.intern(reason[:MAX_REASON] or "Unknown")
    return PodTrouble(rank, _text(metadata, "name"), reason, _labels(metadata))


_RANK_DEAD = 15
_RANK_WAITING = 30
_RANK_OTHER = 60
_RANKS = {
    "CrashLoopBackOff": 90,
    "ImagePullBackOff": 80,
    "ErrImagePull": 80,
    "ErrImageNeverPull": 80,
    "InvalidImageName": 80,
    "CreateContainerConfigError": 80,
    "CreateContainerError": 80,
    "RunContainerError": 80,
    "OOMKilled": 70,
    "Unschedulable": 50,
    "SchedulingGated": 50,
    "Unknown": 45,
    "NotReady": 40,
    "ContainerCreating": _RANK_WAITING,
    "PodInitializing": _RANK_WAITING,
    "Pending": _RANK_WAITING,
    "Completed": 20,
    "Terminating": 10,
}
"""A pod that is on its way, or gone already, explains less than one that fails."""


def _is_ready(status: Mapping[str, Any]) -> bool:
    for condition in _list(status, "conditions"):
        if condition.get("type") == "Ready":
            return condition.get("status") == "True"
    containers = _list(status, "containerStatuses")
    return bool(containers) and all(one.get("ready") is True for one in containers)


def _pod_reason(item: Mapping[str, Any], status: Mapping[str, Any], phase: str) -> str:
    """kubectl's ``printPod``, with Unschedulable for a Pending that says so."""
    reason = _text(status, "reason") or phase or "Unknown"
    initialized = False
    for condition in _list(status, "conditions"):
        kind, why = condition.get("type"), condition.get("reason")
        if kind == "PodScheduled" and why in ("SchedulingGated", "Unschedulable"):
            reason = str(why)
        initialized = initialized or (kind == "Initialized" and condition.get("status") == "True")
    waiting = _init_reason(item, status)
    if waiting:
        reason = waiting
    if not waiting or initialized:
        for container in reversed(_list(status, "containerStatuses")):
            reason = _container_reason(_map(container, "state")) or reason
    return reason


def _init_reason(item: Mapping[str, Any], status: Mapping[str, Any]) -> str:
    """The first init container that is not done, as ``Init:…``; empty when all are."""
    declared = _list(_map(item, "spec"), "initContainers")
    sidecars = {_text(one, "name") for one in declared if one.get("restartPolicy") == "Always"}
    for index, container in enumerate(_list(status, "initContainerStatuses")):
        state = _map(container, "state")
        terminated = _map(state, "terminated")
        if "terminated" in state and terminated.get("exitCode") == 0:
            continue
        if _text(container, "name") in sidecars and container.get("started") is True:
            continue
        reason = _container_reason(state)
        if reason and reason != "PodInitializing":
            return f"Init:{reason}"
        return f"Init:{index}/{len(declared)}"
    return ""


def _container_reason(state: Mapping[str, Any]) -> str:
    if waiting := _text(_map(state, "waiting"), "reason"):
        return waiting
    terminated = _map(state, "terminated")
    if not terminated:
        return ""
    if reason := _text(terminated, "reason"):
        return reason
    if signal := _int(terminated, "signal"):
        return f"Signal:{signal}"
    return f"ExitCode:{_int(terminated, 'exitCode')}"


def cut_lease(item: Mapping[str, Any], seen: Seen) -> Optional[Lease]:
    """A lease, its age taken on the API server's clock: this host's may be wrong, or jump."""
    spec = _map(item, "spec")
    seconds = _int(spec, "leaseDurationSeconds")
    renewed, renewed_at = "", None
    try:
        moment = parse_time(_text(spec, "renewTime"))
        renewed = format_time(moment)
        # A holder whose clock is ahead has renewed now, not in the future.
        renewed_at = seen.monotonic - max(0.0, seen.server_time - moment.timestamp())
    except (ValueError, OverflowError):
        pass
    return Lease(
        name=_text(_map(item, "metadata"), "name"),
        holder=_text(spec, "holderIdentity")[:MAX_HOLDER],
        duration=float(seconds) if seconds > 0 else None,
        renewed=renewed,
        renewed_at=renewed_at,
    )


def cut_endpoints(item: Mapping[str, Any], seen: Seen) -> Optional[Endpoints]:
    """The endpoints of one slice; an endpoint on its way out counts only while ready.

    ``ready: null`` is ready, and ``endpoints: null`` is none (discovery.k8s.io/v1).
    """
    labels = _map(_map(item, "metadata"), "labels")
    ready = total = 0
    for endpoint in _list(item, "endpoints"):
        conditions = _map(endpoint, "conditions")
        is_ready = conditions.get("ready") is not False
        ready += is_ready
        total += is_ready or conditions.get("terminating") is not True
    service = sys.intern(_text(labels, "kubernetes.io/service-name"))
    return Endpoints(service, sys.intern(_text(item, "addressType")), ready, total)


def cut_namespace(item: Mapping[str, Any], seen: Seen) -> Optional[str]:
    """A namespace's phase, ``Active`` or ``Terminating``."""
    if _map(item, "metadata").get("deletionTimestamp"):
        return "Terminating"
    return sys.intern(_text(_map(item, "status"), "phase")[:MAX_REASON] or "Active")


def cut_crd(item: Mapping[str, Any], seen: Seen) -> Optional[str]:
    """``present`` or ``deleting``, which is all that a CRD's metadata tells."""
    return "deleting" if _map(item, "metadata").get("deletionTimestamp") else "present"


def cut_served(item: Mapping[str, Any], seen: Seen) -> Optional[bool]:
    """What discovery names is served."""
    return True


PER_POD_LABELS = frozenset(
    (
        "pod-template-hash",
        "controller-revision-hash",
        "pod-template-generation",
        "statefulset.kubernetes.io/pod-name",
        "apps.kubernetes.io/pod-index",
    )
)
"""Labels that controllers add and no workload selects by: without them the pods of a
workload share one set of labels."""


def _labels(metadata: Mapping[str, Any]) -> Labels:
    return _interned(
        tuple(
            sorted(
                (str(key), str(value))
                for key, value in _map(metadata, "labels").items()
                if key not in PER_POD_LABELS
            )
        )
    )


@lru_cache(maxsize=4096)
def _interned(labels: Labels) -> Labels:
    return labels


def _map(item: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = item.get(key)
    return value if isinstance(value, dict) else {}


def _list(item: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    value = item.get(key)
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _text(item: Mapping[str, Any], key: str) -> str:
    value = item.get(key)
    return value if isinstance(value, str) else ""


def _int(item: Mapping[str, Any], key: str, default: int = 0) -> int:
    value = item.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) >= MAX_INT:
        return default
    return value
