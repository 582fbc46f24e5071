"""A recorded stream of pods: the same bytes for the same seed.

The pods look as a real cluster's do, managedFields and all: 3 KB each, most of them
fine, some starting, failing or on their way out.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any, NamedTuple

NAMESPACE = "agents"
WORKLOAD = "agents"
POD_HASH = "7d9f8b6c5d"
MARKER = f"{WORKLOAD}-{POD_HASH}-00000"
"""The pod of the last change: crash-looping and first by name, so the worst of all."""

_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_TIME = "2026-01-30T18:15:00Z"
LABELS = {"app.kubernetes.io/instance": "agents", "app.kubernetes.io/name": "agents"}

MIXED = {"Running": 82, "CrashLoopBackOff": 5, "ContainerCreating": 5, "ImagePullBackOff": 3}
MIXED.update({"Pending": 3, "Terminating": 2})
HEALTHY = {"Running": 1}
CRASHING = {"CrashLoopBackOff": 1}
MIXES = {"mixed": MIXED, "healthy": HEALTHY, "crashing": CRASHING}

JSONObject = dict[str, Any]


class Recording(NamedTuple):
    """``items`` are the list's, ``lines`` the watch's, all encoded."""

    items: list[bytes]
    lines: list[bytes]


def record(seed: int, names: int, changes: int, mix: str) -> Recording:
    """A list of ``names`` pods and then ``changes`` to them, the last to ``MARKER``."""
    rng = random.Random(seed)
    known: dict[str, JSONObject] = {}
    while len(known) < names:
        name = f"{WORKLOAD}-{POD_HASH}-{''.join(rng.choices(_ALPHABET, k=5))}"
        known[name] = pod(name, _pick(rng, mix), len(known) + 1, rng)
    items = [encoded(one) for one in known.values()]
    return Recording(items, list(_changes(rng, known, changes, mix)))


def _changes(
    rng: random.Random, known: dict[str, JSONObject], count: int, mix: str
) -> Iterator[bytes]:
    names, gone = list(known), set[str]()
    for version in range(len(known) + 1, len(known) + count):
        name = rng.choice(names)
        kind = "ADDED" if name in gone else "MODIFIED"
        gone.discard(name)
        if kind == "MODIFIED" and mix == "mixed" and rng.random() < 0.05:
            kind = "DELETED"
            gone.add(name)
        yield event(kind, pod(name, _pick(rng, mix), version, rng))
    yield event("ADDED", pod(MARKER, "CrashLoopBackOff", len(known) + count, rng))


def _pick(rng: random.Random, mix: str) -> str:
    states = MIXES[mix]
    return rng.choices(list(states), list(states.values()))[0]


def event(kind: str, item: JSONObject) -> bytes:
    """A watch's line."""
    return encoded({"type": kind, "object": item}) + b"\n"


def encoded(value: JSONObject) -> bytes:
    """JSON as an API server writes it."""
    return json.dumps(value, separators=(",", ":")).encode()


def pod(name: str, state: str, version: int, rng: random.Random) -> JSONObject:
    """One pod in one of the states of ``MIXED``."""
    metadata: JSONObject = {
        "name": name,
        "generateName": f"{WORKLOAD}-{POD_HASH}-",
        "namespace": NAMESPACE,
        "uid": f"0b51b4d2-6c0e-4d7f-9c1e-{rng.getrandbits(48):012x}",
        "resourceVersion": str(version),
        "creationTimestamp": _TIME,
        "labels": {**LABELS, "pod-template-hash": POD_HASH},
        "annotations": {"kubectl.kubernetes.io/restartedAt": _TIME},
        "ownerReferences": [
            {
                "apiVersion": "apps/v1",
                "kind": "ReplicaSet",
                "name": f"{WORKLOAD}-{POD_HASH}",
                "uid": "5d3a3cf1-4b0c-4f0e-8f6b-6a1d1c7e2b90",
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ],
        "managedFields": _managed(),
    }
    if state == "Terminating":
        metadata["deletionTimestamp"] = _TIME
        metadata["deletionGracePeriodSeconds"] = 30
    return {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": metadata,
        "spec": _spec(),
        "status": _status(state, rng),
    }


def _managed() -> list[JSONObject]:
    container: JSONObject = {
        ".": {},
        "f:env": {".": {}, 'k:{"name":"DATABASE_URL"}': {".": {}, "f:name": {}}},
        "f:image": {},
        "f:imagePullPolicy": {},
        "f:name": {},
        "f:resources": {".": {}, "f:limits": {".": {}, "f:memory": {}}},
        "f:terminationMessagePath": {},
    }
    spec = {
        "f:containers": {'k:{"name":"app"}': container},
        "f:dnsPolicy": {},
        "f:restartPolicy": {},
        "f:schedulerName": {},
        "f:securityContext": {},
    }
    labels: JSONObject = {".": {}, **{f"f:{label}": {} for label in (*LABELS, "pod-template-hash")}}
    ready: JSONObject = {".": {}, "f:lastProbeTime": {}, "f:status": {}, "f:type": {}}
    status = {
        "f:conditions": {'k:{"type":"Ready"}': ready, 'k:{"type":"Initialized"}': ready},
        "f:containerStatuses": {},
        "f:phase": {},
        "f:podIP": {},
        "f:startTime": {},
    }
    common = {"operation": "Update", "apiVersion": "v1", "time": _TIME, "fieldsType": "FieldsV1"}
    written = {"f:metadata": {"f:generateName": {}, "f:labels": labels}, "f:spec": spec}
    return [
        {"manager": "kube-controller-manager", **common, "fieldsV1": written},
        {
            "manager": "kubelet",
            **common,
            "fieldsV1": {"f:status": status},
            "subresource": "status",
        },
    ]


def _spec() -> JSONObject:
    mount = "/var/run/secrets/kubernetes.io/serviceaccount"
    secret = {"secretKeyRef": {"name": "agents-db-app", "key": "uri"}}
    return {
        "volumes": [{"name": "kube-api-access-x7k2p", "projected": {"defaultMode": 420}}],
        "containers": [
            {
                "name": "app",
                "image": "registry.local/agents:1.0",
                "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
                "env": [{"name": "DATABASE_URL", "valueFrom": secret}],
                "resources": {"limits": {"memory": "512Mi"}, "requests": {"cpu": "100m"}},
                "volumeMounts": [
                    {"name": "kube-api-access-x7k2p", "readOnly": True, "mountPath": mount}
                ],
                "terminationMessagePath": "/dev/termination-log",
                "imagePullPolicy": "IfNotPresent",
            }
        ],
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "serviceAccountName": "agents",
        "nodeName": "worker-3",
        "securityContext": {},
        "schedulerName": "default-scheduler",
        "tolerations": [
            {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": "NoExecute"}
            for key in ("not-ready", "unreachable")
        ],
    }


def _status(state: str, rng: random.Random) -> JSONObject:
    ready = state in ("Running", "Terminating")
    waiting = state in ("CrashLoopBackOff", "ContainerCreating", "ImagePullBackOff")
    scheduled = state != "Pending"
    flags = {
        "Initialized": scheduled,
        "Ready": ready,
        "ContainersReady": ready,
        "PodScheduled": scheduled,
    }
    conditions = [
        {"type": kind, "status": str(flag), "lastProbeTime": None, "lastTransitionTime": _TIME}
        for kind, flag in flags.items()
    ]
    if not scheduled:
        conditions[-1]["reason"] = "Unschedulable"
    status: JSONObject = {
        "phase": "Running" if ready or state == "CrashLoopBackOff" else "Pending",
        "conditions": conditions,
        "qosClass": "Burstable",
    }
    if not scheduled:
        return status
    detail = {"reason": state, "message": f"back-off 5m0s restarting failed container ({state})"}
    running = {"waiting": detail} if waiting else {"running": {"startedAt": _TIME}}
    address = f"10.1.{rng.randrange(256)}.{rng.randrange(256)}"
    status.update(
        hostIP="10.0.0.13",
        podIP=address,
        podIPs=[{"ip": address}],
        startTime=_TIME,
        containerStatuses=[
            {
                "name": "app",
                "state": running,
                "lastState": {},
                "ready": ready,
                "restartCount": 0 if ready else rng.randrange(1, 50),
                "image": "registry.local/agents:1.0",
                "imageID": f"registry.local/agents@sha256:{'6f1d' * 16}",
                "containerID": f"containerd://{rng.getrandbits(256):064x}",
                "started": ready,
            }
        ],
    )
    return status
