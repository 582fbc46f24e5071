"""Cut of pods: what is wrong with one, in the words of kubectl's STATUS column."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, Optional

from agentctl.kube.resources import Seen
from agentctl.kube.selectors import Labels, labels_of
from agentctl.lazy_namedtuple import NamedTuple
from agentctl.lenient_json import mapping, mappings, number, text

MAX_REASON = 80
"""A reason is one CamelCase word; a server that says more is cut short."""


class PodTrouble(NamedTuple):
    """A pod that is not fine. The higher the rank, the more it tells of what is wrong."""

    rank: int
    name: str
    reason: str
    labels: Labels


def cut_pod(item: Mapping[str, Any], seen: Seen) -> Optional[PodTrouble]:
    """What is wrong with a pod, in the words of kubectl's STATUS column; None if nothing is.

    Most pods are fine most of the time, and those cost no memory.
    """
    metadata, status = mapping(item, "metadata"), mapping(item, "status")
    deleted = bool(metadata.get("deletionTimestamp"))
    phase = text(status, "phase")
    if phase == "Succeeded" or (phase == "Running" and not deleted and _is_ready(status)):
        return None
    reason = _pod_reason(item, status, phase)
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
    return PodTrouble(rank, text(metadata, "name"), reason, labels_of(metadata))


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
    conditions = status.get("conditions")
    if isinstance(conditions, list):
        for condition in conditions:
            if isinstance(condition, dict) and condition.get("type") == "Ready":
                return condition.get("status") == "True"
    containers = mappings(status, "containerStatuses")
    return bool(containers) and all(one.get("ready") is True for one in containers)


def _pod_reason(item: Mapping[str, Any], status: Mapping[str, Any], phase: str) -> str:
    """kubectl's ``printPod``, with Unschedulable for a Pending that says so."""
    reason = text(status, "reason") or phase or "Unknown"
    initialized = False
    for condition in mappings(status, "conditions"):
        kind, why = condition.get("type"), condition.get("reason")
        if kind == "PodScheduled" and why in ("SchedulingGated", "Unschedulable"):
            reason = str(why)
        initialized = initialized or (kind == "Initialized" and condition.get("status") == "True")
    waiting = _init_reason(item, status)
    if waiting:
        reason = waiting
    if not waiting or initialized:
        for container in reversed(mappings(status, "containerStatuses")):
            reason = _container_reason(mapping(container, "state")) or reason
    return reason


def _init_reason(item: Mapping[str, Any], status: Mapping[str, Any]) -> str:
    """The first init container that is not done, as ``Init:…``; empty when all are."""
    declared = mappings(mapping(item, "spec"), "initContainers")
    sidecars = {text(one, "name") for one in declared if one.get("restartPolicy") == "Always"}
    for index, container in enumerate(mappings(status, "initContainerStatuses")):
        state = mapping(container, "state")
        terminated = mapping(state, "terminated")
        if "terminated" in state and terminated.get("exitCode") == 0:
            continue
        if text(container, "name") in sidecars and container.get("started") is True:
            continue
        reason = _container_reason(state)
        if reason and reason != "PodInitializing":
            return f"Init:{reason}"
        return f"Init:{index}/{len(declared)}"
    return ""


def _container_reason(state: Mapping[str, Any]) -> str:
    if waiting := text(mapping(state, "waiting"), "reason"):
        return waiting
    terminated = mapping(state, "terminated")
    if not terminated:
        return ""
    if reason := text(terminated, "reason"):
        return reason
    if signal := number(terminated, "signal"):
        return f"Signal:{signal}"
    return f"ExitCode:{number(terminated, 'exitCode')}"
