"""For the tests of checks: a cluster's objects in, one component's verdict out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

from agentctl.catalog.loader import load
from agentctl.kube.evaluate import Evaluator
from agentctl.kube.resources import Cut, Seen
from agentctl.model import Item

EPOCH = 1_790_000_000.0
"""The API server's clock when the tests' objects are read; the monotonic one says 1000."""
SEEN = Seen(1000.0, EPOCH)

Object = dict[str, Any]


def component(check: str) -> str:
    """A catalog with one component that has one check, written in flow style."""
    return f"components: [{{name: it, checks: [{check}]}}]"


class Cluster:
    """An evaluator and what it has been told."""

    def __init__(
        self,
        catalog: str,
        namespaces: tuple[str, ...] = ("agents",),
        home: str = "agents",
        closer: Optional[Mapping[Cut, Cut]] = None,
    ) -> None:
        self.components = load(catalog.encode(), "test.yaml").without_probes().components
        self.evaluator = Evaluator(self.components, namespaces, home, closer=closer)
        for source in self.evaluator.view.sources:
            self.evaluator.view.replace(source, ())

    def has(self, source: str, *objects: Object, seen: Seen = SEEN) -> Cluster:
        """This is all there is of a source now."""
        spec = self.evaluator.view.sources[source].spec
        self.evaluator.view.replace(source, [spec.change(one, seen) for one in objects])
        return self

    def cannot_see(self, source: str, reason: str) -> Cluster:
        self.evaluator.view.mark_blind(source, reason)
        return self

    def item(self, name: str = "it", namespace: str = "agents", now: float = 1000.0) -> Item:
        self.evaluator.evaluate(None, now)
        return next(
            item
            for item in self.evaluator.items()
            if (item.component, item.namespace) == (name, namespace)
        )

    def says(self, name: str = "it", namespace: str = "agents", now: float = 1000.0) -> tuple:
        item = self.item(name, namespace, now)
        return item.status.value, item.message


def named(name: str, namespace: str = "agents", **more: Any) -> Object:
    """An object with its metadata; ``labels`` go there, the rest to the top."""
    metadata: Object = {"name": name, "namespace": namespace}
    for key in ("labels", "generation", "deletionTimestamp"):
        if key in more:
            metadata[key] = more.pop(key)
    return {"metadata": metadata, **more}


def deployment(
    name: str,
    desired: int = 2,
    ready: Optional[int] = None,
    available: Optional[int] = None,
    updated: Optional[int] = None,
    total: Optional[int] = None,
    generation: int = 3,
    observed: int = 3,
    exceeded: bool = False,
    labels: Optional[dict[str, str]] = None,
    spec: Optional[Object] = None,
) -> Object:
    ready = desired if ready is None else ready
    available = ready if available is None else available
    updated = desired if updated is None else updated
    status: Object = {
        "observedGeneration": observed,
        "replicas": max(updated, desired) if total is None else total,
        "readyReplicas": ready,
        "availableReplicas": available,
        "updatedReplicas": updated,
        "conditions": [
            {
                "type": "Progressing",
                "status": "False" if exceeded else "True",
                "reason": "ProgressDeadlineExceeded" if exceeded else "NewReplicaSetAvailable",
            }
        ],
    }
    selector = {"matchLabels": {"app": name}}
    return named(
        name,
        labels=labels or {},
        generation=generation,
        spec={"replicas": desired, "selector": selector, **(spec or {})},
        status=status,
    )


def pod(name: str, app: str, waiting: str = "", ready: bool = False, **metadata: Any) -> Object:
    state: Object = {"waiting": {"reason": waiting}} if waiting else {"running": {}}
    return named(
        name,
        labels={"app": app, "pod-template-hash": name},
        status={
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
            "containerStatuses": [{"name": "app", "ready": ready, "state": state}],
        },
        **metadata,
    )


def with_env(name: str, *env: Object, **container: Any) -> Object:
    spec = {"template": {"spec": {"containers": [{"name": "app", "env": [*env], **container}]}}}
    return deployment(name, spec=spec)
