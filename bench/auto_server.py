"""A namespace of many workloads as a server: each list is encoded once, and then sent as it is.

    python -m bench.auto_server DIRECTORY WORKLOADS

Writes ``kubeconfig`` into the directory and prints ``ready``. Two pods a workload, a Service and
its EndpointSlice for each, a claim for each fifth, a Job for each third, a CronJob for each tenth;
all objects of the size that real ones have. It ends with stdin.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agentctl.apidouble.answers import ApiAnswer
from agentctl.apidouble.double import ApiDouble
from agentctl.apidouble.routes import ResourceTarget
from agentctl.apidouble.wire import AcceptedConnection, Request
from bench.recording import NAMESPACE, pod

JSONObject = dict[str, Any]

KINDS = ("Deployment", "Deployment", "Deployment", "StatefulSet", "DaemonSet")


class RememberingDouble(ApiDouble):
    """Answers what was asked before with the same bytes: a server in Go would cost as little."""

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[tuple[str, str, str], ApiAnswer] = {}

    def _answer(
        self, connection: AcceptedConnection, request: Request, target: ResourceTarget
    ) -> None:
        key = (request.path, repr(request.query), request.headers.get("accept", ""))
        known = self._known.get(key) if request.method == "GET" else None
        if known is None:
            answer = self.api.answer(request, target)
            if not isinstance(answer, ApiAnswer):
                self._follow(connection, self._stream(connection, answer))
                return
            known = self._known[key] = answer
        self._send(connection, known)


def objects(workloads: int) -> Iterator[JSONObject]:
    """All there is."""
    rng = random.Random(workloads)
    yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    for number in range(workloads):
        name = f"app-{number:03}"
        labels = {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "bench"}
        yield workload(KINDS[number % len(KINDS)], name, labels)
        for replica in range(2):
            one = pod(f"{name}-{rng.getrandbits(40):010x}-{replica}", "Running", 1, rng)
            one["metadata"]["labels"] = {**labels, "pod-template-hash": "7d9f8b6c5d"}
            yield one
        yield of("v1", "Service", name, labels, spec={"selector": labels, "ports": ports()})
        yield of(
            "discovery.k8s.io/v1",
            "EndpointSlice",
            f"{name}-x2x4x",
            {"kubernetes.io/service-name": name, **labels},
            addressType="IPv4",
            ports=ports(),
            endpoints=[{"addresses": ["10.1.2.3"], "conditions": {"ready": True}}] * 2,
        )
        if number % 5 == 0:
            bound = {"phase": "Bound", "accessModes": ["ReadWriteOnce"]}
            yield of("v1", "PersistentVolumeClaim", name, labels, status=bound)
        if number % 3 == 0:
            done = {"conditions": [{"type": "Complete", "status": "True"}], "succeeded": 1}
            spec = {"template": template(labels)}
            yield of("batch/v1", "Job", f"{name}-once", labels, spec=spec, status=done)
        if number % 10 == 0:
            job = {"spec": {"template": template(labels)}}
            spec = {"schedule": "@hourly", "jobTemplate": job}
            yield of("batch/v1", "CronJob", name, labels, spec=spec)


def of(version: str, kind: str, name: str, labels: JSONObject, **more: Any) -> JSONObject:
    fields = {"f:metadata": {"f:labels": {f"f:{key}": {} for key in labels}}, "f:spec": {}}
    managed = {"manager": "helm", "operation": "Update", "fieldsType": "FieldsV1"}
    metadata = {
        "name": name,
        "namespace": NAMESPACE,
        "labels": labels,
        "annotations": {"meta.helm.sh/release-name": name, "checksum/config": "6f1d" * 16},
        "managedFields": [{**managed, "apiVersion": version, "fieldsV1": fields}] * 2,
    }
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **more}


def workload(kind: str, name: str, labels: JSONObject) -> JSONObject:
    selector = {"matchLabels": labels}
    spec: JSONObject = {"replicas": 2, "selector": selector, "template": template(labels)}
    status: JSONObject = {"observedGeneration": 1, "replicas": 2, "readyReplicas": 2}
    status.update(availableReplicas=2, updatedReplicas=2)
    if kind != "Deployment":
        spec["updateStrategy"] = {"type": "RollingUpdate"}
    if kind == "DaemonSet":
        del spec["replicas"]
        status = {"observedGeneration": 1, "desiredNumberScheduled": 2, "numberReady": 2}
        status.update(numberAvailable=2, updatedNumberScheduled=2, currentNumberScheduled=2)
    available = {"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable"}
    status["conditions"] = [{**available, "lastTransitionTime": "2026-01-30T18:15:00Z"}]
    return of("apps/v1", kind, name, labels, spec=spec, status=status)


def template(labels: JSONObject) -> JSONObject:
    made = pod("template", "Running", 1, random.Random(1))
    return {"metadata": {"labels": labels}, "spec": made["spec"]}


def ports() -> list[JSONObject]:
    return [{"name": "http", "port": 8080, "protocol": "TCP"}]


def main() -> None:
    directory, count = Path(sys.argv[1]), int(sys.argv[2])
    with RememberingDouble() as double:
        for one in objects(count):
            double.store.create(one)
        double.kubeconfig(directory / "kubeconfig", namespace=NAMESPACE)
        print("ready", flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
