"""Faults of many kinds in a running watch: each turns its line, and diagnose names it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, NamedTuple, Optional

import pytest

from agentctl.apidouble.kinds import (
    APISERVICES,
    CLAIMS,
    CRDS,
    CRONJOBS,
    DAEMONSETS,
    DEPLOYMENTS,
    ENDPOINTSLICES,
    JOBS,
    LEASES,
    NODES,
    SERVICES,
    STATEFULSETS,
    VALIDATING_WEBHOOKS,
)
from agentctl.model import format_time
from tests.apidouble.faulty import FaultyDouble
from tests.cli.inprocess import call
from tests.cli.program import Program

NS = "shop"
LAMP, TLS = "lamps.example.org", "certificates.cert-manager.io"
CATALOG = f"""\
name: shop
namespace: {NS}
components:
  - {{name: web, checks: [{{kind: workload, names: [web]}}]}}
  - {{name: quota, checks: [{{kind: workload, names: [api]}}]}}
  - {{name: gone, checks: [{{kind: workload, names: [worker]}}]}}
  - {{name: zero, checks: [{{kind: workload, names: [mail]}}]}}
  - {{name: db, checks: [{{kind: workload, names: [db], kinds: [StatefulSet]}}]}}
  - {{name: agent, checks: [{{kind: workload, names: [agent], kinds: [DaemonSet]}}]}}
  - {{name: leader, checks: [{{kind: lease, name: leader}}]}}
  - {{name: leaders, checks: [{{kind: lease, names: ["bucket-*"]}}]}}
  - {{name: service, checks: [{{kind: endpoints, service: web, port: 80}}]}}
  - {{name: services, checks: [{{kind: endpoints, labels: tier=front}}]}}
  - {{name: ca, checks: [{{kind: webhook, names: ["bundled-*"]}}]}}
  - {{name: hook, checks: [{{kind: webhook, names: [served]}}]}}
  - {{name: crd, checks: [{{kind: crds, names: [{LAMP}]}}]}}
  - {{name: kept, checks: [{{kind: crds, names: [shades.example.org]}}]}}
  - {{name: api, checks: [{{kind: resource, of: apiservices.apiregistration.k8s.io}}]}}
  - {{name: balancer, checks: [{{kind: resource, of: services, names: [front]}}]}}
  - {{name: schema, checks: [{{kind: resource, of: jobs.batch}}]}}
  - {{name: backup, checks: [{{kind: resource, of: cronjobs.batch}}]}}
  - {{name: volume, checks: [{{kind: resource, of: persistentvolumeclaims}}]}}
  - {{name: nodes, checks: [{{kind: resource, of: nodes}}]}}
  - {{name: issued, checks: [{{kind: resource, of: {TLS}, names: [shop]}}]}}
  - name: expiry
    checks:
      - kind: resource
        of: {TLS}
        names: [old]
        expires: {{at: .status.notAfter, warn: 7d}}
  - {{name: stuck, checks: [{{kind: resource, of: shades.example.org, rules: ready}}]}}
"""

Edit = Callable[[dict[str, Any]], Any]


class Fault(NamedTuple):
    """What happens to which object, what its line says then, and what is to be done."""

    component: str
    status: str
    message: str
    remedy: str
    kind: Any
    name: str
    edit: Optional[Edit]
    """None: it is deleted."""


def when(**delta: float) -> str:
    return format_time(datetime.now(timezone.utc) + timedelta(**delta))


def condition(kind: str, status: str, reason: str = "") -> dict[str, str]:
    return {"type": kind, "status": status, "reason": reason}


def conditions(*found: dict[str, str]) -> Edit:
    return lambda item: item.setdefault("status", {}).update(conditions=list(found))


def status(**fields: Any) -> Edit:
    return lambda item: item.setdefault("status", {}).update(fields)


def unready(item: dict[str, Any]) -> None:
    for one in item["endpoints"]:
        one["conditions"]["ready"] = False


def quota(item: dict[str, Any]) -> None:
    refused = condition("ReplicaFailure", "True", "FailedCreate")
    refused["message"] = 'pods "api-1" is forbidden: exceeded quota: small, used: pods=2'
    item["status"].update(readyReplicas=0, availableReplicas=0, conditions=[refused])


def at_zero(item: dict[str, Any]) -> None:
    item["spec"]["replicas"] = 0
    counts = ("replicas", "readyReplicas", "availableReplicas", "updatedReplicas")
    item["status"].update(dict.fromkeys(counts, 0), observedGeneration=2)


def without_bundle(item: dict[str, Any]) -> None:
    del item["webhooks"][0]["clientConfig"]["caBundle"]


def of_older_generation(item: dict[str, Any]) -> None:
    item["spec"] = {"color": "red"}


FAULTS = (
    Fault("web", "error", "0/1 ready", "pods are missing", DEPLOYMENTS, "web",
          status(readyReplicas=0, availableReplicas=0)),
    Fault("quota", "error", "exceeded quota: small", "ResourceQuota allows no more",
          DEPLOYMENTS, "api", quota),
    Fault("gone", "error", "deployment worker not found", f"install it in namespace {NS}",
          DEPLOYMENTS, "worker", None),
    Fault("zero", "error", "scaled to 0", "scale deployment/mail up", DEPLOYMENTS, "mail", at_zero),
    Fault("db", "degraded", "1/2 ready", "pods are missing", STATEFULSETS, "db",
          status(readyReplicas=1, availableReplicas=1)),
    Fault("agent", "degraded", "2/3 ready", "see which nodes", DAEMONSETS, "agent",
          status(numberReady=2, numberAvailable=2)),
    Fault("leader", "degraded", "lease leader is not held", "gave it up", LEASES, "leader",
          lambda item: item["spec"].update(holderIdentity="")),
    Fault("leaders", "degraded", "lease bucket-b expired", "holder bucket-b-0 does not renew it",
          LEASES, "bucket-b", lambda item: item["spec"].update(renewTime=when(hours=-3))),
    Fault("service", "error", "web: no ready endpoints", "see why web-0 is not ready",
          ENDPOINTSLICES, "web-x", unready),
    Fault("services", "error", "front: no ready endpoints", "see why front-0 is not ready",
          ENDPOINTSLICES, "front-x", unready),
    Fault("ca", "error", "bundled-a: no caBundle: writes are refused", "CA bundle",
          VALIDATING_WEBHOOKS, "bundled-a", without_bundle),
    Fault("hook", "error", "served: no ready endpoints: writes are refused",
          "no pod behind Service hook", ENDPOINTSLICES, "hook-x", None),
    Fault("crd", "error", f"missing CRDs: {LAMP}", "install the missing CRDs", CRDS, LAMP, None),
    Fault("api", "unknown", "v1.metrics.example.org: progressing: Available=False (MissingEndp",
          "cannot ask what serves v1.metrics.example.org", APISERVICES, "v1.metrics.example.org",
          conditions(condition("Available", "False", "MissingEndpoints"))),
    Fault("balancer", "unknown", "front: progressing: the load balancer has no address yet",
          "gives addresses to load balancers", SERVICES, "front", status(loadBalancer={})),
    Fault("schema", "degraded", "schema: Failed=True (BackoffLimitExceeded)", "log of Job schema",
          JOBS, "schema", conditions(condition("Failed", "True", "BackoffLimitExceeded"))),
    Fault("backup", "degraded", "nightly: its last run failed", "last Job of CronJob nightly",
          CRONJOBS, "nightly", lambda item: item["status"].update(lastScheduleTime=when())),
    Fault("volume", "unknown", "data: progressing: not bound to a volume yet",
          "StorageClass of claim data", CLAIMS, "data", status(phase="Pending")),
    Fault("nodes", "error", "n1: Ready=Unknown (NodeStatusUnknown)", "whether node n1 is up",
          NODES, "n1", conditions(condition("Ready", "Unknown", "NodeStatusUnknown"))),
    Fault("issued", "degraded", "shop: Ready=False (DoesNotExist)", "CertificateRequest of shop",
          TLS, "shop", conditions(condition("Ready", "False", "DoesNotExist"))),
    Fault("expiry", "degraded", "old: expires at", "certificate old was not renewed in time",
          TLS, "old", status(notAfter=when(days=2))),
    Fault("stuck", "unknown", "s: progressing: its last change is not taken up yet (1 of 2)",
          "controller of s has not taken up", "shades.example.org", "s", of_older_generation),
)  # fmt: skip


def workload(kind: str, name: str, count: int, **status: Any) -> dict[str, Any]:
    counts = ("replicas", "readyReplicas", "availableReplicas", "updatedReplicas")
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": NS},
        "spec": {
            "replicas": count,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": []}},
        },
        "status": {"observedGeneration": 1, **dict.fromkeys(counts, count), **status},
    }


def made(version: str, kind: str, name: str, namespace: str = NS, **more: Any) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name, **({"namespace": namespace} if namespace else {})}
    metadata.update({key: more.pop(key) for key in ("labels",) if key in more})
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **more}


def slice_of(service: str, **labels: str) -> dict[str, Any]:
    labels["kubernetes.io/service-name"] = service
    pod = {"kind": "Pod", "name": f"{service}-0", "namespace": NS}
    endpoint = {"addresses": ["10.0.0.1"], "conditions": {"ready": True}, "targetRef": pod}
    body = {"addressType": "IPv4", "endpoints": [endpoint], "ports": []}
    found = made("discovery.k8s.io/v1", "EndpointSlice", f"{service}-x", labels=labels)
    return {**found, **body}


def lease(name: str) -> dict[str, Any]:
    spec = {"holderIdentity": f"{name}-0_u", "leaseDurationSeconds": 3600, "renewTime": when()}
    return made("coordination.k8s.io/v1", "Lease", name, spec=spec)


def hook(name: str) -> dict[str, Any]:
    client = {"caBundle": "Q0E=", "service": {"name": "hook", "namespace": NS, "path": "/"}}
    webhooks = [{"name": f"{name}.example.org", "clientConfig": client, "sideEffects": "None"}]
    version = "admissionregistration.k8s.io/v1"
    return made(version, "ValidatingWebhookConfiguration", name, "", webhooks=webhooks)


def definition(full_name: str, kind: str) -> dict[str, Any]:
    plural, _, group = full_name.partition(".")
    names = {"plural": plural, "kind": kind, "listKind": f"{kind}List", "singular": kind.lower()}
    versions = [{"name": "v1", "served": True, "storage": True, "subresources": {"status": {}}}]
    spec = {"group": group, "scope": "Namespaced", "names": names, "versions": versions}
    established = {"conditions": [condition("Established", "True")], "acceptedNames": names}
    version = "apiextensions.k8s.io/v1"
    return made(version, "CustomResourceDefinition", full_name, "", spec=spec, status=established)


def objects() -> Iterator[dict[str, Any]]:
    """All that the catalog names, and well."""
    for name in ("web", "api", "worker", "mail"):
        yield workload("Deployment", name, 1)
    yield workload("StatefulSet", "db", 2, currentReplicas=2)
    counts = ("currentNumberScheduled", "desiredNumberScheduled", "numberReady")
    scheduled = dict.fromkeys((*counts, "updatedNumberScheduled", "numberAvailable"), 3)
    yield workload("DaemonSet", "agent", 3, **scheduled)
    yield from map(lease, ("leader", "bucket-a", "bucket-b"))
    yield from (slice_of("web"), slice_of("front", tier="front"), slice_of("hook"))
    yield from map(hook, ("bundled-a", "served"))
    for full_name, kind in ((LAMP, "Lamp"), ("shades.example.org", "Shade"), (TLS, "Certificate")):
        yield definition(full_name, kind)
    good = {"conditions": [condition("Available", "True")]}
    served = {"service": {"name": "metrics", "namespace": NS}, "group": "metrics.example.org"}
    yield made("apiregistration.k8s.io/v1", "APIService", "v1.metrics.example.org", "",
               spec=served, status=good)  # fmt: skip
    yield made("v1", "Service", "front", spec={"type": "LoadBalancer"},
               status={"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}})  # fmt: skip
    complete = {"conditions": [condition("Complete", "True")], "startTime": when()}
    yield made("batch/v1", "Job", "schema", spec={}, status=complete)
    times = {"lastScheduleTime": when(hours=-2), "lastSuccessfulTime": when(hours=-1)}
    yield made("batch/v1", "CronJob", "nightly", spec={"schedule": "0 3 * * *"}, status=times)
    yield made("v1", "PersistentVolumeClaim", "data", spec={}, status={"phase": "Bound"})
    ready = {"conditions": [condition("Ready", "True")]}
    yield made("v1", "Node", "n1", "", spec={}, status=ready)
    for name in ("shop", "old"):
        status = {**ready, "notAfter": when(days=80)}
        yield made("cert-manager.io/v1", "Certificate", name, spec={}, status=status)
    yield made("example.org/v1", "Shade", "s", spec={"color": "blue"},
               status={**ready, "observedGeneration": 1})  # fmt: skip


class Shop(NamedTuple):
    double: FaultyDouble
    home: Path

    @property
    def flags(self) -> tuple[str, ...]:
        return ("--catalog", str(self.home / "shop.yaml"), "--kubeconfig", str(self.home / "k"))


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    double = FaultyDouble()
    for one in objects():
        double.store.create(one)
    (tmp_path / "shop.yaml").write_text(CATALOG)
    with double:
        double.kubeconfig(tmp_path / "k")
        yield Shop(double, tmp_path)


def test_each_fault_turns_its_line_and_is_named_with_what_to_do(shop: Shop) -> None:
    namespaced = {fault.component: NS for fault in FAULTS}
    for cluster_wide in ("api", "nodes", "ca", "crd"):
        namespaced[cluster_wide] = ""
    with Program("status", "watch", "-o", "ndjson", *shop.flags, home=shop.home) as run:
        snapshot = run.wait_for(lambda event: event["type"] == "snapshot")
        assert {item["component"]: item["message"] for item in snapshot["items"]} == {
            item["component"]: "" for item in snapshot["items"]
        }
        assert {item["status"] for item in snapshot["items"]} == {"healthy"}
        for fault in FAULTS:
            where = namespaced[fault.component]
            if fault.edit is None:
                shop.double.store.delete(fault.kind, where, fault.name)
            else:
                shop.double.store.update(fault.kind, where, fault.name, fault.edit)
        for fault in FAULTS:

            def told(event: Any, fault: Fault = fault) -> bool:
                return any(
                    (item["component"], item["status"]) == (fault.component, fault.status)
                    and fault.message in item["message"]
                    for item in event.get("changes", ())
                )

            run.wait_for(told)
        changed = {item["component"] for event in run.events for item in event.get("changes", ())}
        assert changed == {fault.component for fault in FAULTS}
    done = call("diagnose", "-o", "json", *shop.flags, home=shop.home)
    assert done.code == 0, done.stderr
    items = {item["component"]: item for item in json.loads(done.stdout)["items"]}
    for fault in FAULTS:
        item = items[fault.component]
        assert fault.message in item["message"]
        (reason,) = item["details"]["diagnosis"]
        assert fault.remedy in reason["remedy"], fault.component
        assert reason["commands"] or fault.edit is None
    assert "diagnosis" not in items["kept"].get("details", {})
