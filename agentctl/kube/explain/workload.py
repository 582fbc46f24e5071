"""Workload that is not fine: why, by its conditions and its pods, and what to do."""

from __future__ import annotations

from typing import Any, Optional

from agentctl.kube.check import Context
from agentctl.kube.cuts.facts import ContainerFacts, PodFacts, WorkloadFacts, cut_pod_facts
from agentctl.kube.cuts.objects import Workload
from agentctl.kube.explain.finding import Finding, Kubectl, Ref, kubectl
from agentctl.kube.resources import PODS
from agentctl.lazy_namedtuple import NamedTuple

SHOWN_PODS = 5

_IMAGE = ("ImagePullBackOff", "ErrImagePull", "ErrImageNeverPull", "InvalidImageName")
_CONFIG = ("CreateContainerConfigError", "CreateContainerError", "RunContainerError")
_KINDS = {
    "deployment": "Deployment",
    "statefulset": "StatefulSet",
    "daemonset": "DaemonSet",
}


class Advice(NamedTuple):
    remedy: str
    commands: tuple[Kubectl, ...]


def reasons(
    context: Context, where: str, kind: str, workload: Workload, known: Optional[WorkloadFacts]
) -> Finding:
    """All that is known; ``known`` are the workload's own facts."""
    pods = _pods(context, where, workload)
    facts: dict[str, Any] = {
        "replicas": {
            "desired": workload.desired,
            "ready": workload.ready,
            "available": workload.available,
            "updated": workload.updated,
        }
    }
    conditions = known.conditions if known else ()
    if conditions:
        facts["conditions"] = [one.to_json() for one in conditions]
    facts["pods"] = [pod.to_json() for pod in pods[:SHOWN_PODS]]
    if len(pods) > SHOWN_PODS:
        facts["more_pods"] = len(pods) - SHOWN_PODS
    advice = _advice(where, kind, workload, pods)
    made_by = dict.fromkeys([known.replicaset] if known and known.replicaset else [], "")
    made_by.update({name: pod.owner_uid for pod in pods if (name := _replicaset(pod))})
    about = [
        Ref(_KINDS[kind], workload.name, where, known.uids if known else ()),
        *(Ref("Pod", pod.name, where, pod.uids) for pod in pods[:SHOWN_PODS]),
        *(Ref("ReplicaSet", name, where, _where_known(uid)) for name, uid in made_by.items()),
    ]
    return Finding(advice.remedy, tuple(about), facts, advice.commands)


def _pods(context: Context, where: str, workload: Workload) -> list[PodFacts]:
    """The workload's pods that are not fine, the one that tells most first."""
    if context.view.blind(PODS, where):
        return []
    table = context.view.objects(PODS, where, cut_pod_facts)
    mine = [pod for pod in table.values() if workload.selector.matches(dict(pod.labels))]
    return sorted(mine, key=lambda pod: (-pod.rank, pod.name))


def _where_known(uid: str) -> tuple[str, ...]:
    return (uid,) if uid else ()


def _replicaset(pod: PodFacts) -> str:
    kind, _, name = pod.owner.partition("/")
    return name if kind == "ReplicaSet" else ""


def _advice(where: str, kind: str, workload: Workload, pods: list[PodFacts]) -> Advice:
    target = f"{kind}/{workload.name}"
    describe = kubectl(where, "describe", target)
    if workload.desired <= 0:
        up = kubectl(where, "scale", target, "--replicas=1")
        return Advice(f"nothing is to run: scale {target} up", (up, describe))
    if workload.paused and not pods:
        resume = kubectl(where, "rollout", "resume", target)
        return Advice("its rollout is paused: resume it", (resume, describe))
    if pods:
        advice = _of_pod(where, kind, workload, pods[0])
    elif workload.refused:
        advice = _of_refusal(where, workload.refused, describe)
    elif kind == "daemonset" and workload.ready < workload.desired:
        advice = Advice(
            "see which nodes have none of its pods, or one that is not ready",
            (kubectl(where, "get", "pods", "-o", "wide"), kubectl("", "get", "nodes"), describe),
        )
    elif workload.ready < workload.desired:
        advice = Advice(
            "pods are missing and none says why: the conditions, a quota or an admission "
            "webhook may",
            (describe,),
        )
    else:
        advice = Advice(
            "the rollout is under way: wait, or see what it waits for",
            (kubectl(where, "rollout", "status", target, "--timeout=60s"), describe),
        )
    if not workload.deadline_exceeded:
        return advice
    undo = kubectl(where, "rollout", "undo", target)
    remedy = f"{advice.remedy}; or go back to the revision before this one"
    return Advice(remedy, (*advice.commands, undo))


def _of_refusal(where: str, refused: str, describe: Kubectl) -> Advice:
    """The API server takes no more pods: by whose rule, and whom to ask."""
    if "exceeded quota" in refused:
        return Advice(
            "a ResourceQuota allows no more pods: raise it, or free what it counts",
            (kubectl(where, "describe", "resourcequota"), describe),
        )
    if "webhook" in refused:
        hooks = "validatingwebhookconfigurations,mutatingwebhookconfigurations"
        return Advice(
            "an admission webhook refuses the pods: see the one that the message names",
            (kubectl("", "get", hooks), describe),
        )
    return Advice("the API server refuses the pods: do what its message asks for", (describe,))


def _of_pod(where: str, kind: str, workload: Workload, pod: PodFacts) -> Advice:
    describe = kubectl(where, "describe", f"pod/{pod.name}")
    target = f"{kind}/{workload.name}"
    container = next((one for one in pod.containers if one.waiting or one.ended), None)
    if container is None:
        return _of_waiting_pod(pod, describe)
    name = container.name
    if container.waiting in _IMAGE:
        return Advice(
            f"image {container.image} cannot be pulled: correct its name, or the pull secret",
            (describe, kubectl(where, "set", "image", target, f"{name}=IMAGE")),
        )
    if container.waiting in _CONFIG:
        return Advice(
            f"container {name} cannot be made: create the Secret or ConfigMap that it asks for, "
            "or correct its command",
            (describe,),
        )
    if container.ended is not None:
        return _of_ended(where, target, pod, container, describe)
    if container.waiting in ("ContainerCreating", "PodInitializing"):
        remedy = "its containers are being made: if that lasts, its events say what is waited for"
        return Advice(remedy, (describe,))
    logs = kubectl(where, "logs", pod.name, "-c", name, "--tail=50")
    return Advice(f"see why container {name} waits ({container.waiting})", (describe, logs))


def _of_ended(
    where: str, target: str, pod: PodFacts, container: ContainerFacts, describe: Kubectl
) -> Advice:
    name, ended = container.name, container.ended
    assert ended is not None
    if ended.reason == "OOMKilled":
        limit = kubectl(where, "set", "resources", target, "-c", name, "--limits=memory=SIZE")
        remedy = f"container {name} needs more memory than its limit: raise the limit"
        return Advice(remedy, (limit, describe))
    logs = kubectl(where, "logs", pod.name, "-c", name, "--previous", "--tail=50")
    return Advice(
        f"container {name} ended with exit code {ended.exit_code} ({ended.reason}): the end of "
        "its log says why",
        (logs, describe),
    )


def _of_waiting_pod(pod: PodFacts, describe: Kubectl) -> Advice:
    if pod.reason in ("Unschedulable", "SchedulingGated"):
        nodes = kubectl("", "get", "nodes")
        remedy = "no node takes the pod: make room, or correct what it asks of a node"
        return Advice(remedy, (describe, nodes))
    if pod.reason == "NotReady":
        return Advice(
            "it runs and is not ready: its readiness probe, or a readiness gate, says no",
            (describe, Kubectl(describe.namespace, ("logs", pod.name, "--tail=50"))),
        )
    if pod.reason == "Terminating":
        remedy = "it is on its way out: if that lasts, a finalizer or its node holds it"
        return Advice(remedy, (describe,))
    return Advice(f"see why pod {pod.name} is {pod.reason}", (describe,))
