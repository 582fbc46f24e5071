"""Control plane of the demo: the standard agents install, and what can happen to it.

The layout is that of the chart ``agents``: two Deployments of two pods, a leader lease,
their Services, Temporal in a namespace of its own, and the custom resource definitions.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import Any

from agentctl.apidouble.kinds import CRDS, DEPLOYMENTS, ENDPOINTSLICES, LEASES, PODS
from agentctl.apidouble.store import Store
from agentctl.apidouble.writing import ObjectWriter
from agentctl.demo import bodies, workloads
from agentctl.demo.bodies import Endpoint
from agentctl.demo.crds import DEFINITIONS, SIGNALS, crd
from agentctl.demo.warnings import warn
from agentctl.model import JSONObject, format_time

LEASE = "agents-controller-leader"
LEASE_DURATION_S = 30
IMAGE = "registry.local/agents:1.0"
_TEMPORAL_IMAGE = "registry.local/temporal:1.24"

_DATABASE = {"secretKeyRef": {"name": "agents-db-app", "key": "uri"}}
_AGENTS_ENV = (
    {"name": "AGENTS_GRPC_ENABLED", "value": "1"},
    {"name": "AGENTS_CONTROLLER_ENABLED", "value": "0"},
    {"name": "AGENTS_ORCHESTRATION_CONTROLLER_ENABLED", "value": "0"},
    {"name": "AGENTS_SUPPORTING_CONTROLLER_ENABLED", "value": "0"},
    {"name": "DATABASE_URL", "valueFrom": _DATABASE},
)
_CONTROLLERS_ENV = ({"name": "AGENTS_CONTROLLER_ENABLED", "value": "1"},)


class ControlPlane:
    """The install in one store; each method is one thing that happens to it, done at once.

    The names of pods are fixed, so that a demo can be talked about.
    """

    def __init__(
        self,
        store: Store,
        namespace: str = "agents",
        temporal_namespace: str = "temporal",
        lease_duration_s: int = LEASE_DURATION_S,
    ) -> None:
        self.store = store
        self.namespace = namespace
        self.temporal_namespace = temporal_namespace
        self.lease_duration_s = lease_duration_s
        self.agents_pods = ("agents-5cb7dcc7-5wcxb", "agents-5cb7dcc7-sd2gm")
        self.controller_pods = (
            "agents-controllers-54b7cbbcd-k7v9p",
            "agents-controllers-54b7cbbcd-x2x7k",
        )
        self.temporal_pods = (
            "temporal-frontend-6d9f7c4b8-2qzhn",
            "temporal-frontend-6d9f7c4b8-wm4tl",
        )
        self._addresses = dict(
            zip(
                (*self.agents_pods, *self.controller_pods, *self.temporal_pods),
                (f"10.1.0.{last}" for last in range(1, 7)),
            )
        )
        self._writer = ObjectWriter(store)

    def install(self) -> None:
        """Make everything, all of it healthy."""
        home, temporal = self.namespace, self.temporal_namespace
        for name in dict.fromkeys(("default", home, temporal)):
            self.store.create(bodies.namespace(name))
        for definition in DEFINITIONS:
            self._writer.create(CRDS, "", crd(definition))
        app = workloads.container(IMAGE, _AGENTS_ENV, {"http": 8080, "grpc": 50051})
        self._workload(home, "agents", app, self.agents_pods)
        app = workloads.container(IMAGE, _CONTROLLERS_ENV, {})
        self._workload(home, "agents-controllers", app, self.controller_pods)
        app = workloads.container(_TEMPORAL_IMAGE, (), {"rpc": 7233})
        self._workload(temporal, "temporal-frontend", app, self.temporal_pods)
        self._service(home, "agents", "agents", {"http": 8080}, self.agents_pods)
        self._service(home, "agents-grpc", "agents", {"grpc": 50051}, self.agents_pods)
        self._service(
            temporal, "temporal-frontend", "temporal-frontend", {"rpc": 7233}, self.temporal_pods
        )
        holder = f"{self.controller_pods[0]}_{uuid.UUID(int=0x5EED, version=4)}"
        self.store.create(
            bodies.lease(home, LEASE, holder, self.lease_duration_s, self._precise_now())
        )

    def renew_lease(self) -> None:
        """The leader says that it is still there."""
        now = self._precise_now()

        def renew(lease: JSONObject) -> None:
            lease["spec"]["renewTime"] = now

        self.store.update(LEASES, self.namespace, LEASE, renew)

    def temporal_degrades(self) -> None:
        """One of Temporal's two endpoints is no longer ready."""
        self._set_endpoints(self.temporal_namespace, self.temporal_pods, not_ready=1)

    def temporal_recovers(self) -> None:
        self._set_endpoints(self.temporal_namespace, self.temporal_pods)

    def controller_crashes(self) -> None:
        """The second controller pod crash-loops; the leader stays."""
        pod = self.controller_pods[1]
        self._set_pod(pod, workloads.crashing_pod_status, restarted=1)
        self._set_available("agents-controllers", 1)
        message = f"Back-off restarting failed container app in pod {pod}_{self.namespace}"
        self._warn(self.namespace, pod, "BackOff", message)

    def controller_recovers(self) -> None:
        self._set_pod(self.controller_pods[1], workloads.pod_status)
        self._set_available("agents-controllers", 2)

    def grpc_degrades(self, not_ready: int = 1) -> None:
        """So many of the two ``agents`` pods are no longer ready."""
        self._set_endpoints(self.namespace, self.agents_pods, not_ready)

    def grpc_recovers(self) -> None:
        self._set_endpoints(self.namespace, self.agents_pods)

    def crd_vanishes(self, name: str = SIGNALS) -> None:
        """A CRD is deleted, in the steps of a real one; discovery follows."""
        self._writer.delete_crd(name)

    def crd_returns(self, name: str = SIGNALS) -> None:
        """A CRD is made anew, with another uid."""
        found = next(definition for definition in DEFINITIONS if definition.name == name)
        self._writer.create(CRDS, "", crd(found))

    def _workload(self, namespace: str, name: str, app: JSONObject, pods: Sequence[str]) -> None:
        now = self._now()
        selector = bodies.labels(name)
        made = self.store.create(
            workloads.deployment(namespace, name, selector, app, len(pods), now)
        )
        owner_name = pods[0].rpartition("-")[0]
        pod_hash = owner_name.rpartition("-")[2]
        owner = self.store.create(workloads.replicaset(made.obj, owner_name, pod_hash))
        for pod in pods:
            self.store.create(workloads.pod(owner.obj, pod, self._addresses[pod], now))

    def _service(
        self, namespace: str, name: str, app: str, ports: dict[str, int], pods: Sequence[str]
    ) -> None:
        address = f"10.96.0.{10 + len(self.store.objects('services')[0])}"
        labels = bodies.labels(app)
        made = self.store.create(bodies.service(namespace, name, labels, ports, address))
        endpoints = [Endpoint(self._addresses[pod], pod) for pod in pods]
        self.store.create(bodies.endpointslice(made.obj, f"{name}-8ddw6", endpoints))

    def _set_endpoints(self, namespace: str, pods: Sequence[str], not_ready: int = 0) -> None:
        ready = len(pods) - not_ready
        endpoints = [Endpoint(self._addresses[p], p, i < ready) for i, p in enumerate(pods)]
        value = bodies.slice_endpoints(namespace, endpoints)
        for one in endpoints[ready:]:
            self._warn(namespace, one.pod, "Unhealthy", "Readiness probe failed: timeout after 1s")

        def change(found: JSONObject) -> None:
            found["endpoints"] = value

        for stored in self.store.objects(ENDPOINTSLICES)[0]:
            targets = {e["targetRef"]["name"] for e in stored.obj["endpoints"]}
            if stored.key.namespace == namespace and targets == set(pods):
                self.store.update(ENDPOINTSLICES, namespace, stored.key.name, change)

    def _warn(self, namespace: str, pod: str, reason: str, message: str) -> None:
        warn(self.store, self.store.stored(PODS, namespace, pod), reason, message, "kubelet")

    def _set_pod(self, name: str, status: Callable[..., JSONObject], restarted: int = 0) -> None:
        now, address = self._now(), self._addresses[name]

        def change(pod: JSONObject) -> None:
            old = pod["status"]
            restarts = old["containerStatuses"][0]["restartCount"] + restarted
            pod["status"] = status(IMAGE, address, old["startTime"], now, restarts)

        self.store.update(PODS, self.namespace, name, change)

    def _set_available(self, name: str, available: int) -> None:
        now = self._now()

        def change(found: JSONObject) -> None:
            metadata: dict[str, Any] = found["metadata"]
            found["status"] = workloads.deployment_status(
                name,
                metadata["generation"],
                found["spec"]["replicas"],
                available,
                metadata["creationTimestamp"],
                now,
            )

        self.store.update(DEPLOYMENTS, self.namespace, name, change)

    def _now(self) -> str:
        return format_time(self.store.now())

    def _precise_now(self) -> str:
        return self.store.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
