"""Writes of the API: create, update, patch, delete.

What controllers do in a real cluster (pods of a Deployment, endpoints of a Service)
nobody does here; only what the API server and its garbage collection do is done.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable, Optional

from agentctl.apidouble import failures
from agentctl.apidouble.failures import ApiFailure
from agentctl.apidouble.kinds import CRDS, DEPLOYMENTS, NAMESPACES, PODS, Kind
from agentctl.apidouble.objects import Stored
from agentctl.apidouble.patching import APPLY, patched
from agentctl.apidouble.reading import Selection
from agentctl.apidouble.store import Store
from agentctl.kube.selectors import LabelSelector
from agentctl.model import JSONObject, format_time

CRD_FINALIZER = "customresourcecleanup.apiextensions.k8s.io"


class ObjectWriter:
    """Writes to one store with the semantics of the API."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def create(self, kind: Kind, namespace: str, body: JSONObject) -> Stored:
        """POST to a collection. Raises ApiFailure: 400, 404, 409, 422."""
        self._check_body(kind, namespace, "", body)
        metadata = dict(body.get("metadata") or {})
        if not metadata.get("name") and not metadata.get("generateName"):
            raise ApiFailure(422, f'{kind.kind} "" is invalid: metadata.name: Required value')
        if kind.namespaced:
            self._store.stored(NAMESPACES, "", namespace)
            metadata["namespace"] = namespace
        metadata.pop("resourceVersion", None)
        metadata.pop("creationTimestamp", None)
        new = _defaulted(kind, {**body, "metadata": metadata})
        stored = self._store.create(new, kind)
        if kind is CRDS:
            return self.establish(stored.key.name)
        return stored

    def replace(
        self, kind: Kind, namespace: str, name: str, body: JSONObject, subresource: str
    ) -> Stored:
        """PUT. Raises ApiFailure: 400, 404, 409."""
        self._check_body(kind, namespace, name, body)
        return self._change(kind, namespace, name, subresource, lambda old: body)

    def patch(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        patch: Any,
        content_type: str,
        subresource: str,
    ) -> tuple[Stored, bool]:
        """PATCH; also whether it was created, which server-side apply may do."""
        if content_type == APPLY and isinstance(patch, dict):
            try:
                self._store.stored(kind, namespace, name)
            except ApiFailure:
                return self.create(kind, namespace, patch), True

        def change(old: JSONObject) -> JSONObject:
            return patched(old, patch, content_type)

        return self._change(kind, namespace, name, subresource, change), False

    def delete(self, kind: Kind, namespace: str, name: str) -> Stored:
        """DELETE of one object, with all that goes with it."""
        if kind is CRDS:
            return self.delete_crd(name)
        if kind is NAMESPACES:
            return self._delete_namespace(name)
        stored = self._store.delete(kind, namespace, name)
        self._collect_garbage(stored)
        return stored

    def delete_all(self, kind: Kind, namespace: str, query: Mapping[str, str]) -> list[Stored]:
        """DELETE of a collection."""
        selection = Selection.parse(namespace, query)
        found = [s for s in self._store.objects(kind)[0] if selection.matches(s)]
        return [self.delete(kind, stored.key.namespace, stored.key.name) for stored in found]

    def establish(self, name: str) -> Stored:
        """What the CRD controllers do with a new CRD: accept its names, then serve it."""
        now = format_time(self._store.now())
        accepted = _condition("NamesAccepted", now, "NoConflicts", "no conflicts found")
        established = _condition(
            "Established", now, "InitialNamesAccepted", "the initial names have been accepted"
        )

        def accept(crd: JSONObject) -> None:
            names = dict(crd["spec"]["names"])
            versions = [v["name"] for v in crd["spec"]["versions"] if v.get("storage")]
            crd["status"] = {
                "conditions": [accepted],
                "acceptedNames": names,
                "storedVersions": versions,
            }

        def serve(crd: JSONObject) -> None:
            crd["status"]["conditions"].append(established)
            crd["metadata"]["finalizers"] = [CRD_FINALIZER]

        self._store.update(CRDS, "", name, accept)
        return self._store.update(CRDS, "", name, serve)

    def delete_crd(self, name: str) -> Stored:
        """A CRD goes in three steps: marked, its custom resources removed, gone."""
        served = [k for k in self._store.kinds() if k.custom and k.qualified == name]
        marked = self._store.delete(CRDS, "", name)
        if "deletionTimestamp" not in marked.metadata:
            return marked
        for kind in served:
            self.delete_all(kind, "", {})
        now = format_time(self._store.now())
        message = "removed all instances"
        gone = {**_condition("Terminating", now, "InstanceDeletionCompleted", message)}
        gone["status"] = "False"

        def finish(crd: JSONObject) -> None:
            crd["status"]["conditions"].append(gone)

        def release(crd: JSONObject) -> None:
            crd["metadata"]["finalizers"] = []

        self._store.update(CRDS, "", name, finish)
        self._store.update(CRDS, "", name, release)
        return marked

    def _delete_namespace(self, name: str) -> Stored:
        now = format_time(self._store.now())

        def terminate(namespace: JSONObject) -> None:
            namespace["metadata"]["deletionTimestamp"] = now
            namespace["status"] = {"phase": "Terminating"}

        def release(namespace: JSONObject) -> None:
            namespace["spec"] = {}

        marked = self._store.update(NAMESPACES, "", name, terminate)
        for kind in self._store.kinds():
            if kind.namespaced:
                self.delete_all(kind, name, {})
        self._store.update(NAMESPACES, "", name, release)
        return marked

    def _collect_garbage(self, owner: Stored) -> None:
        uid = owner.metadata["uid"]
        for kind in self._store.kinds():
            for stored in self._store.objects(kind)[0]:
                owners = stored.metadata.get("ownerReferences") or ()
                if any(reference.get("uid") == uid for reference in owners):
                    self.delete(kind, stored.key.namespace, stored.key.name)

    def _change(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        subresource: str,
        change: Callable[[JSONObject], Optional[JSONObject]],
    ) -> Stored:
        def limited(old: JSONObject) -> JSONObject:
            if subresource == "scale":
                wanted = change(scale_of(kind, old)) or {}
                spec = {**old["spec"], "replicas": int((wanted.get("spec") or {})["replicas"])}
                return {**old, "spec": spec}
            new = change(old) or old
            if subresource == "status":
                return {**old, "status": new.get("status") or {}}
            if "status" in kind.subresources and "status" in old:
                return {**new, "status": old["status"]}
            return new

        return self._store.update(kind, namespace, name, limited)

    def _check_body(self, kind: Kind, namespace: str, name: str, body: JSONObject) -> None:
        metadata = body.get("metadata") or {}
        if namespace and metadata.get("namespace", namespace) != namespace:
            raise ApiFailure(
                400, "the namespace of the provided object does not match the namespace sent on "
                "the request",
            )  # fmt: skip
        if name and metadata.get("name", name) != name:
            raise ApiFailure(400, "the name of the object does not match the name on the URL")
        given = body.get("kind", kind.kind)
        if given not in {kind.kind, "Scale"}:
            raise ApiFailure(400, f'"{given}" cannot be handled as a "{kind.kind}"')


def scale_of(kind: Kind, obj: JSONObject) -> JSONObject:
    """The Scale of a workload."""
    if "scale" not in kind.subresources:
        raise failures.not_found(kind, obj["metadata"]["name"])
    names = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    selector = LabelSelector.from_spec(obj["spec"].get("selector") or {})
    replicas = (obj.get("status") or {}).get("replicas", 0)
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {name: obj["metadata"][name] for name in names if name in obj["metadata"]},
        "spec": {"replicas": obj["spec"].get("replicas", 1)},
        "status": {"replicas": replicas, "selector": str(selector)},
    }


def _condition(kind: str, now: str, reason: str, message: str) -> JSONObject:
    return {
        "type": kind,
        "status": "True",
        "lastTransitionTime": now,
        "reason": reason,
        "message": message,
    }


def _defaulted(kind: Kind, body: JSONObject) -> JSONObject:
    """The defaults that watchers rely on; a status cannot be given at creation."""
    new = {**body}
    if "status" in kind.subresources:
        new["status"] = {}
    spec = dict(new.get("spec") or {})
    if kind is NAMESPACES:
        labels = {"kubernetes.io/metadata.name": new["metadata"].get("name", "")}
        new["metadata"]["labels"] = {**(new["metadata"].get("labels") or {}), **labels}
        new["spec"] = {"finalizers": ["kubernetes"]}
        new["status"] = {"phase": "Active"}
    elif kind is PODS:
        new["status"] = {"phase": "Pending", "qosClass": "BestEffort"}
    elif kind is CRDS:
        names = dict(spec["names"])
        names.setdefault("singular", names["kind"].lower())
        names.setdefault("listKind", names["kind"] + "List")
        new["spec"] = {**spec, "names": names, "conversion": {"strategy": "None"}}
    elif "scale" in kind.subresources and not kind.custom:
        spec.setdefault("replicas", 1)
        if kind is DEPLOYMENTS:
            rolling = {"maxUnavailable": "25%", "maxSurge": "25%"}
            spec.setdefault("strategy", {"type": "RollingUpdate", "rollingUpdate": rolling})
            spec.setdefault("revisionHistoryLimit", 10)
            spec.setdefault("progressDeadlineSeconds", 600)
        new["spec"] = spec
    return new
