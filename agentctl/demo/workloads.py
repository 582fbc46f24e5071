"""Workload bodies (Deployments, ReplicaSets, pods), as controllers of a real cluster leave them.

Pure: everything that differs between objects comes in, times as RFC 3339 text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agentctl.demo.bodies import labels, owner_reference
from agentctl.model import JSONObject


def container(image: str, env: Sequence[JSONObject], ports: Mapping[str, int]) -> JSONObject:
    out: JSONObject = {"name": "app", "image": image}
    if ports:
        out["ports"] = [
            {"name": name, "containerPort": port, "protocol": "TCP"} for name, port in ports.items()
        ]
    if env:
        out["env"] = list(env)
    return {
        **out,
        "resources": {},
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "imagePullPolicy": "IfNotPresent",
    }


def pod_spec(containers: Sequence[JSONObject]) -> JSONObject:
    return {
        "containers": list(containers),
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "securityContext": {},
        "schedulerName": "default-scheduler",
    }


def deployment(
    namespace: str, name: str, selector: dict[str, str], app: JSONObject, replicas: int, now: str
) -> JSONObject:
    return {
        "kind": "Deployment",
        "apiVersion": "apps/v1",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": labels("agents"),
            "annotations": {"deployment.kubernetes.io/revision": "1"},
        },
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": selector},
            "template": {"metadata": {"labels": selector}, "spec": pod_spec([app])},
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"},
            },
            "revisionHistoryLimit": 10,
            "progressDeadlineSeconds": 600,
        },
        "status": deployment_status(name, 1, replicas, replicas, now, now),
    }


def deployment_status(
    name: str, generation: int, replicas: int, available: int, since: str, now: str
) -> JSONObject:
    """``since``: when the Deployment was made; ``now``: when availability last changed."""
    counts: JSONObject = {
        "observedGeneration": generation,
        "replicas": replicas,
        "updatedReplicas": replicas,
        "readyReplicas": available,
        "availableReplicas": available,
        "unavailableReplicas": replicas - available,
        "terminatingReplicas": 0,
    }
    # As in the API: what is zero is left out.
    status = {key: value for key, value in counts.items() if value or key.startswith("term")}
    minimum = available >= replicas
    condition = {
        "type": "Available",
        "status": "True" if minimum else "False",
        "lastUpdateTime": now,
        "lastTransitionTime": now,
        "reason": "MinimumReplicasAvailable" if minimum else "MinimumReplicasUnavailable",
        "message": f"Deployment {'has' if minimum else 'does not have'} minimum availability.",
    }
    progressing = {
        "type": "Progressing",
        "status": "True",
        "lastUpdateTime": since,
        "lastTransitionTime": since,
        "reason": "NewReplicaSetAvailable",
        "message": f'ReplicaSet "{name}-5cb7dcc7" has successfully progressed.',
    }
    return {**status, "conditions": [progressing, condition]}


def replicaset(owner: Mapping[str, Any], name: str, pod_hash: str) -> JSONObject:
    """The one ReplicaSet of a Deployment, all of its pods available."""
    spec, metadata = owner["spec"], owner["metadata"]
    selector = {**spec["selector"]["matchLabels"], "pod-template-hash": pod_hash}
    template = {**spec["template"], "metadata": {"labels": selector}}
    counts = ("replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas")
    return {
        "kind": "ReplicaSet",
        "apiVersion": "apps/v1",
        "metadata": {
            "name": name,
            "namespace": metadata["namespace"],
            "labels": selector,
            "annotations": {"deployment.kubernetes.io/desired-replicas": str(spec["replicas"])},
            "ownerReferences": [owner_reference(owner)],
        },
        "spec": {
            "replicas": spec["replicas"],
            "selector": {"matchLabels": selector},
            "template": template,
        },
        "status": {**dict.fromkeys(counts, spec["replicas"]), "observedGeneration": 1},
    }


def pod(owner: Mapping[str, Any], name: str, address: str, now: str) -> JSONObject:
    """A running pod of a ReplicaSet."""
    spec = owner["spec"]["template"]["spec"]
    return {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {
            "name": name,
            "generateName": name.rpartition("-")[0] + "-",
            "namespace": owner["metadata"]["namespace"],
            "labels": owner["spec"]["template"]["metadata"]["labels"],
            "ownerReferences": [owner_reference(owner)],
        },
        "spec": {
            **spec,
            "nodeName": "demo-node",
            "tolerations": [
                {
                    "key": f"node.kubernetes.io/{key}",
                    "operator": "Exists",
                    "effect": "NoExecute",
                    "tolerationSeconds": 300,
                }
                for key in ("not-ready", "unreachable")
            ],
            "priority": 0,
            "enableServiceLinks": True,
            "preemptionPolicy": "PreemptLowerPriority",
        },
        "status": pod_status(spec["containers"][0]["image"], address, now, now, restarts=0),
    }


def pod_status(image: str, address: str, started: str, now: str, restarts: int) -> JSONObject:
    """A running, ready pod; ``now`` is when it became ready."""
    state = {"running": {"startedAt": now}}
    return _pod_status(image, address, started, now, restarts, state, {}, True)


def crashing_pod_status(
    image: str, address: str, started: str, now: str, restarts: int
) -> JSONObject:
    """A pod whose only container waits to be restarted."""
    who = "back-off 10s restarting failed container=app"
    waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": who}}
    last = {
        "terminated": {"exitCode": 1, "reason": "Error", "startedAt": started, "finishedAt": now}
    }
    return _pod_status(image, address, started, now, restarts, waiting, last, False)


def _pod_status(
    image: str,
    address: str,
    started: str,
    now: str,
    restarts: int,
    state: JSONObject,
    last: JSONObject,
    ready: bool,
) -> JSONObject:
    conditions = []
    for kind in ("PodScheduled", "Initialized", "ContainersReady", "Ready"):
        changes = kind in {"ContainersReady", "Ready"}
        condition = {
            "type": kind,
            "status": "True" if ready or not changes else "False",
            "lastProbeTime": None,
            "lastTransitionTime": now if changes else started,
        }
        if changes and not ready:
            condition["reason"] = "ContainersNotReady"
            condition["message"] = "containers with unready status: [app]"
        conditions.append(condition)
    return {
        "phase": "Running",
        "conditions": conditions,
        "hostIP": "10.0.0.9",
        "podIP": address,
        "podIPs": [{"ip": address}],
        "startTime": started,
        "containerStatuses": [
            {
                "name": "app",
                "state": state,
                "lastState": last,
                "ready": ready,
                "restartCount": restarts,
                "image": image,
                "imageID": f"{image}@sha256:{'0' * 64}",
                "started": ready,
            }
        ],
        "qosClass": "BestEffort",
    }
