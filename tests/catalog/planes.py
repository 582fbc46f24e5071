"""Control planes as installed: objects made of the facts in tests/data/control_planes.yaml."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import yaml

from agentctl.apidouble.store import Store
from agentctl.demo import bodies

FACTS: dict[str, dict[str, Any]] = yaml.safe_load(
    (Path(__file__).parent.parent / "data" / "control_planes.yaml").read_text()
)
LEASES = {
    "argo-workflows": ["workflow-controller"],
    "cert-manager": [
        "kube-system/cert-manager-controller",
        "kube-system/cert-manager-cainjector-leader-election",
    ],
    "cloudnative-pg": ["db9c8771.cnpg.io"],
    "crossplane": ["crossplane-leader-election-core", "crossplane-leader-election-rbac"],
    "flux": [
        f"{one}-controller-leader-election"
        for one in ("source", "kustomize", "helm", "notification")
    ],
    "ingress-nginx": ["ingress-nginx-leader"],
    "keda": ["operator.keda.sh"],
    "knative-serving": [
        "controller.knative.dev.serving.pkg.reconciler.route.reconciler.00-of-01",
        "autoscaler-bucket-00-of-01",
        "webhook.webhookcertificates.00-of-01",
    ],
    "linkerd": ["policy-controller-write"],
    "tekton": [
        "tekton-pipelines-controller.github.com.tektoncd.pipeline.pkg.reconciler.taskrun.00-of-01"
    ],
}
JOBS = ("jobs.batch Job v1", "cronjobs.batch CronJob v1")
"""The double serves no Jobs of its own."""

READY = {"status": "True", "lastTransitionTime": "2026-11-01T00:00:00Z", "reason": "Fine"}


def install(store: Store, *names: str) -> None:
    """Put control planes into a double's store as if all of each ran; all where none is named."""
    for crd in JOBS:
        _put(store, _crd(crd))
    for name in names or FACTS:
        for one in objects(name):
            _put(store, one)


def _put(store: Store, one: dict[str, Any]) -> None:
    kind = one["kind"]
    plural = {"Lease": "leases", "EndpointSlice": "endpointslices", "Namespace": "namespaces"}
    metadata = one["metadata"]
    if kind == "Namespace":
        known = [stored.key for stored in store.objects(plural[kind])[0]]
        if any(key[-1] == metadata["name"] for key in known):
            return
    store.create(one)


def objects(name: str) -> Iterator[dict[str, Any]]:
    """All objects of one control plane, those of its namespaces first."""
    facts = FACTS[name]
    home = facts["namespace"]
    places = {home, *(_split(one, home)[0] for one in facts.get("Deployments", ()))}
    for place in sorted(places):
        yield bodies.namespace(place)
    for crd in facts.get("CustomResourceDefinitions", ()):
        yield _crd(crd)
    for kind in ("Deployment", "StatefulSet", "DaemonSet"):
        for one in facts.get(f"{kind}s", ()):
            yield _workload(kind, *_split(one, home))
    for service in facts.get("Services", ()):
        ((one, ports),) = service.items()
        yield from _service(*_split(one, home), ports)
    for kind in ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"):
        for configuration in facts.get(f"{kind}s", ()):
            ((one, service),) = configuration.items()
            yield _webhook(kind, one, service, home)
    for one in facts.get("APIServices", ()):
        yield _with("apiregistration.k8s.io/v1", "APIService", one, status=_conditions("Available"))
    for one in LEASES.get(name, ()):
        place, lease = _split(one, home)
        now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        yield bodies.lease(place, lease, "holder_1", 3600, now)


def _split(name: str, home: str) -> tuple[str, str]:
    place, slash, rest = name.partition("/")
    return (place, rest) if slash else (home, name)


def _with(version: str, kind: str, name: str, namespace: str = "", **more: Any) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name, "labels": {"app": name}}
    if namespace:
        metadata["namespace"] = namespace
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **more}


def _conditions(*types: str) -> dict[str, Any]:
    return {"conditions": [{"type": one, **READY} for one in types]}


def _crd(fact: str) -> dict[str, Any]:
    name, kind, version, *cluster = fact.split()
    plural, _, group = name.partition(".")
    spec = {
        "group": group,
        "names": {"plural": plural, "kind": kind, "singular": kind.lower()},
        "scope": "Cluster" if cluster else "Namespaced",
        "versions": [{"name": version, "served": True, "storage": True}],
    }
    established = _conditions("NamesAccepted", "Established")
    version = "apiextensions.k8s.io/v1"
    return _with(version, "CustomResourceDefinition", name, spec=spec, status=established)


def _workload(kind: str, namespace: str, name: str) -> dict[str, Any]:
    counts = {"replicas": 1, "readyReplicas": 1, "availableReplicas": 1, "updatedReplicas": 1}
    if kind == "DaemonSet":
        names = ("desiredNumberScheduled", "numberReady", "numberAvailable")
        counts = dict.fromkeys((*names, "updatedNumberScheduled"), 1)
    elif kind == "StatefulSet":
        counts = {**counts, "currentReplicas": 1}
    spec = {"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": {}}
    status = {"observedGeneration": 1, **counts, **_conditions("Available", "Progressing")}
    return _with("apps/v1", kind, name, namespace, spec=spec, status=status)


def _service(namespace: str, name: str, ports: list[Any]) -> Iterator[dict[str, Any]]:
    balanced = "LoadBalancer" in ports
    numbers = [one for one in ports if one != "LoadBalancer"]
    status = {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]} if balanced else {}}
    spec = {"type": "LoadBalancer" if balanced else "ClusterIP"}
    spec["ports"] = [{"name": f"p{one}", "port": one} for one in numbers]  # type: ignore[assignment]
    yield _with("v1", "Service", name, namespace, spec=spec, status=status)
    slice_ = _with(
        "discovery.k8s.io/v1",
        "EndpointSlice",
        f"{name}-1",
        namespace,
        addressType="IPv4",
        endpoints=[{"addresses": ["192.0.2.2"], "conditions": {"ready": True}}],
        ports=[{"name": f"p{one}", "port": one} for one in numbers],
    )
    slice_["metadata"]["labels"]["kubernetes.io/service-name"] = name
    yield slice_


def _webhook(kind: str, name: str, service: str, home: str) -> dict[str, Any]:
    client = {"caBundle": "Q0E=", "service": {"name": service, "namespace": home}}
    hook = {"name": f"{name}.example.org", "failurePolicy": "Fail", "clientConfig": client}
    return _with("admissionregistration.k8s.io/v1", kind, name, webhooks=[hook])
