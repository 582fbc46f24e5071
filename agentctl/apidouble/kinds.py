"""Kinds that the double serves: one ``Kind`` for each resource, built in or from a CRD."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from agentctl.lazy_dataclass import dataclass, field

VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
CUSTOM_VERBS = ("delete", "deletecollection", "get", "list", "patch", "create", "update", "watch")

_TEMPLATE = {"metadata": {}, "spec": {"containers": None}}


@dataclass(frozen=True)
class Kind:
    """One resource as discovery names it, and how its objects behave."""

    group: str
    version: str
    plural: str
    kind: str
    singular: str
    namespaced: bool = True
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()
    counts_generations: bool = False
    """Whether ``metadata.generation`` exists and grows with the spec."""
    custom: bool = False
    """Defined by a CRD: items of its lists carry their own kind and apiVersion."""
    zero: Mapping[str, Any] = field(default_factory=dict, compare=False)
    """What a bookmark carries beside its metadata: Go's zero value of the type."""
    printer_columns: tuple[Mapping[str, Any], ...] = field(default=(), compare=False)

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def list_kind(self) -> str:
        return f"{self.kind}List"

    @property
    def qualified(self) -> str:
        """As RBAC messages say it: ``deployments.apps``, ``pods``."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def verbs(self) -> tuple[str, ...]:
        return CUSTOM_VERBS if self.custom else VERBS


NAMESPACES = Kind(
    "", "v1", "namespaces", "Namespace", "namespace",
    namespaced=False, short_names=("ns",), subresources=("status",),
    zero={"spec": {}, "status": {}},
)  # fmt: skip
NODES = Kind(
    "", "v1", "nodes", "Node", "node",
    namespaced=False, short_names=("no",), subresources=("status",),
    zero={"spec": {}, "status": {}},
)  # fmt: skip
PODS = Kind(
    "", "v1", "pods", "Pod", "pod",
    short_names=("po",), categories=("all",), subresources=("status",), counts_generations=True,
    zero={"spec": {"containers": None}, "status": {}},
)  # fmt: skip
SERVICES = Kind(
    "", "v1", "services", "Service", "service",
    short_names=("svc",), categories=("all",), subresources=("status",),
    zero={"spec": {}, "status": {"loadBalancer": {}}},
)  # fmt: skip
CONFIGMAPS = Kind("", "v1", "configmaps", "ConfigMap", "configmap", short_names=("cm",))
EVENTS = Kind(
    "", "v1", "events", "Event", "event",
    short_names=("ev",),
    zero={"involvedObject": {}, "source": {}, "firstTimestamp": None, "lastTimestamp": None},
)  # fmt: skip
DEPLOYMENTS = Kind(
    "apps", "v1", "deployments", "Deployment", "deployment",
    short_names=("deploy",), categories=("all",), subresources=("scale", "status"),
    counts_generations=True,
    zero={
        "spec": {"replicas": 0, "selector": None, "template": _TEMPLATE, "strategy": {}},
        "status": {},
    },
)  # fmt: skip
STATEFULSETS = Kind(
    "apps", "v1", "statefulsets", "StatefulSet", "statefulset",
    short_names=("sts",), categories=("all",), subresources=("scale", "status"),
    counts_generations=True,
    zero={
        "spec": {"replicas": 0, "selector": None, "template": _TEMPLATE, "updateStrategy": {}},
        "status": {"replicas": 0},
    },
)  # fmt: skip
DAEMONSETS = Kind(
    "apps", "v1", "daemonsets", "DaemonSet", "daemonset",
    short_names=("ds",), categories=("all",), subresources=("status",), counts_generations=True,
    zero={
        "spec": {"selector": None, "template": _TEMPLATE, "updateStrategy": {}},
        "status": {
            "currentNumberScheduled": 0,
            "numberMisscheduled": 0,
            "desiredNumberScheduled": 0,
            "numberReady": 0,
        },
    },
)  # fmt: skip
REPLICASETS = Kind(
    "apps", "v1", "replicasets", "ReplicaSet", "replicaset",
    short_names=("rs",), categories=("all",), subresources=("scale", "status"),
    counts_generations=True,
    zero={
        "spec": {"replicas": 0, "selector": None, "template": _TEMPLATE},
        "status": {"replicas": 0},
    },
)  # fmt: skip
JOBS = Kind(
    "batch", "v1", "jobs", "Job", "job",
    categories=("all",), subresources=("status",), counts_generations=True,
    zero={"spec": {"template": _TEMPLATE}, "status": {}},
)  # fmt: skip
CRONJOBS = Kind(
    "batch", "v1", "cronjobs", "CronJob", "cronjob",
    short_names=("cj",), categories=("all",), subresources=("status",), counts_generations=True,
    zero={
        "spec": {"schedule": "", "jobTemplate": {"metadata": {}, "spec": {"template": _TEMPLATE}}},
        "status": {},
    },
)  # fmt: skip
CLAIMS = Kind(
    "", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", "persistentvolumeclaim",
    short_names=("pvc",), subresources=("status",), zero={"spec": {"resources": {}}, "status": {}},
)  # fmt: skip
LEASES = Kind("coordination.k8s.io", "v1", "leases", "Lease", "lease", zero={"spec": {}})
ENDPOINTSLICES = Kind(
    "discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", "endpointslice",
    counts_generations=True, zero={"addressType": "", "endpoints": None, "ports": None},
)  # fmt: skip
CRDS = Kind(
    "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition",
    "customresourcedefinition",
    namespaced=False, short_names=("crd", "crds"), categories=("api-extensions",),
    subresources=("status",), counts_generations=True,
    zero={
        "spec": {"group": "", "names": {"plural": "", "kind": ""}, "scope": "", "versions": None},
        "status": {
            "conditions": None,
            "acceptedNames": {"plural": "", "kind": ""},
            "storedVersions": None,
        },
    },
)  # fmt: skip

VALIDATING_WEBHOOKS = Kind(
    "admissionregistration.k8s.io", "v1", "validatingwebhookconfigurations",
    "ValidatingWebhookConfiguration", "validatingwebhookconfiguration",
    namespaced=False, categories=("api-extensions",), counts_generations=True,
)  # fmt: skip
MUTATING_WEBHOOKS = Kind(
    "admissionregistration.k8s.io", "v1", "mutatingwebhookconfigurations",
    "MutatingWebhookConfiguration", "mutatingwebhookconfiguration",
    namespaced=False, categories=("api-extensions",), counts_generations=True,
)  # fmt: skip
APISERVICES = Kind(
    "apiregistration.k8s.io", "v1", "apiservices", "APIService", "apiservice",
    namespaced=False, categories=("api-extensions",), subresources=("status",),
    zero={"spec": {}, "status": {}},
)  # fmt: skip

BUILT_IN = (
    CONFIGMAPS,
    EVENTS,
    NAMESPACES,
    NODES,
    CLAIMS,
    PODS,
    SERVICES,
    DAEMONSETS,
    DEPLOYMENTS,
    REPLICASETS,
    STATEFULSETS,
    CRONJOBS,
    JOBS,
    CRDS,
    LEASES,
    ENDPOINTSLICES,
    VALIDATING_WEBHOOKS,
    MUTATING_WEBHOOKS,
    APISERVICES,
)


def kinds_of_crd(crd: Mapping[str, Any]) -> Iterator[Kind]:
    """What a CRD makes the API serve: nothing unless established, or while it goes."""
    conditions = (crd.get("status") or {}).get("conditions") or ()
    established = any(c["type"] == "Established" and c["status"] == "True" for c in conditions)
    if not established or "deletionTimestamp" in crd["metadata"]:
        return
    spec = crd["spec"]
    names = spec["names"]
    for version in spec["versions"]:
        if version.get("served"):
            yield Kind(
                spec["group"],
                version["name"],
                names["plural"],
                names["kind"],
                names.get("singular") or names["kind"].lower(),
                namespaced=spec["scope"] == "Namespaced",
                short_names=tuple(names.get("shortNames") or ()),
                categories=tuple(names.get("categories") or ()),
                subresources=tuple(sorted(version.get("subresources") or ())),
                counts_generations=True,
                custom=True,
                printer_columns=tuple(version.get("additionalPrinterColumns") or ()),
            )
