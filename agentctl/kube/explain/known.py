"""Remedies by resource: what to do about a well-known kind of object that is not well.

What no row is about is told by its conditions, its events and its controller's log.
"""

from __future__ import annotations

from agentctl.lazy_namedtuple import NamedTuple

Words = tuple[str, ...]


class Known(NamedTuple):
    """``remedy`` and ``commands`` may hold ``{name}``, that of the object.

    A command's words stand after kubectl, in the object's namespace; one that begins with
    ``-`` is for the cluster as a whole.
    """

    kind: str
    """What events call it."""
    remedy: str
    commands: tuple[Words, ...] = ()
    expired: str = ""
    """The remedy where it ends, or has ended, by itself."""


_FLUX = (
    "correct what the message names, mostly its address or the Secret that it refers to; then have "
    "it reconciled again"
)
_RECONCILE = (("annotate", "{of}", "{name}", "--overwrite", "reconcile.fluxcd.io/requestedAt=NOW"),)
_ISSUER = (
    "no certificate can be issued by {name}: its message says whether its account, its Secret or "
    "its server is at fault"
)
_STORE = (
    "secrets of store {name} cannot be read: correct its provider's address or the credentials "
    "that it refers to"
)
_PACKAGE = (
    "its message says whether package {name} cannot be fetched, or its pods do not run: see its "
    "revision"
)

KNOWN: dict[str, Known] = {
    "services": Known(
        "Service",
        "whoever gives addresses to load balancers (the cloud's controller, or MetalLB) has given "
        "Service {name} none: see whether it runs, its log, and quotas of the cloud",
        (("get", "service", "{name}", "-o", "wide"),),
    ),
    "ingresses.networking.k8s.io": Known(
        "Ingress",
        "no ingress controller has taken up Ingress {name}: see whether the one of its class runs",
        (("-", "get", "ingressclasses"),),
    ),
    "persistentvolumeclaims": Known(
        "PersistentVolumeClaim",
        "see whether the StorageClass of claim {name} exists, its provisioner runs, and a pod uses "
        "the claim, where volumes wait for that; of a lost volume, restore a backup",
        (("-", "get", "storageclasses"),),
    ),
    "persistentvolumes": Known(
        "PersistentVolume",
        "volume {name} could not be provisioned or reclaimed: its message says why",
    ),
    "jobs.batch": Known(
        "Job",
        "the log of Job {name} says why it failed; then delete it and have it made again: a failed "
        "Job is not tried again",
        (
            ("logs", "job/{name}", "--all-containers", "--tail=50"),
            ("delete", "job", "{name}"),
        ),
    ),
    "cronjobs.batch": Known(
        "CronJob",
        "see the log of the last Job of CronJob {name}; to try it now, make a Job of it",
        (
            ("get", "jobs", "--sort-by=.metadata.creationTimestamp"),
            ("create", "job", "--from=cronjob/{name}", "{name}-again"),
        ),
    ),
    "apiservices.apiregistration.k8s.io": Known(
        "APIService",
        "the API server cannot ask what serves {name}: see whether the pods behind its Service "
        "run, and its CA bundle. Meanwhile nothing of that API can be read, and namespaces cannot "
        "be deleted",
        (("-", "get", "apiservice", "{name}", "-o", "jsonpath={.spec.service}"),),
    ),
    "nodes": Known(
        "Node",
        "see whether node {name} is up and its kubelet runs (journalctl -u kubelet on it); of a "
        "pressure, free what it names",
        (
            (
                *("-", "get", "pods", "-A", "-o", "wide"),
                *("--field-selector", "spec.nodeName={name}"),
            ),
        ),
    ),
    "customresourcedefinitions.apiextensions.k8s.io": Known(
        "CustomResourceDefinition",
        "the API server does not serve {name} as it is: where another definition has the same "
        "names, one of both must go; else correct its schema",
        (("-", "get", "crd", "{name}", "-o", "jsonpath={.status.conditions}"),),
    ),
    "poddisruptionbudgets.policy": Known(
        "PodDisruptionBudget",
        "see why fewer pods are healthy than budget {name} asks for: until then no node with one "
        "of them can be drained",
        (("get", "pods", "-o", "wide"),),
    ),
    "pods": Known("Pod", "see the log and the events of pod {name}"),
    "deployments.apps": Known("Deployment", "see why pods of deployment {name} are not available"),
    "statefulsets.apps": Known(
        "StatefulSet",
        "its pods are made one after the other: see why the first of {name} that is not ready is "
        "not",
        (("get", "pods", "-o", "wide"),),
    ),
    "daemonsets.apps": Known(
        "DaemonSet",
        "see on which nodes the pods of {name} are missing or not ready",
        (("get", "pods", "-o", "wide"), ("-", "get", "nodes")),
    ),
    "replicasets.apps": Known("ReplicaSet", "see why pods of replicaset {name} are not available"),
    "horizontalpodautoscalers.autoscaling": Known(
        "HorizontalPodAutoscaler",
        "autoscaler {name} cannot read its metric or its target: see whether metrics-server (or "
        "the adapter of the metric) answers",
        (("-", "get", "apiservices"),),
    ),
    "certificates.cert-manager.io": Known(
        "Certificate",
        "see the CertificateRequest of {name}, and with ACME its Order and Challenge: they have "
        "the issuer's answer",
        (("get", "certificaterequests,orders,challenges"),),
        "certificate {name} was not renewed in time: see its CertificateRequest and its issuer, "
        "and whether cert-manager runs",
    ),
    "issuers.cert-manager.io": Known("Issuer", _ISSUER),
    "clusterissuers.cert-manager.io": Known("ClusterIssuer", _ISSUER),
    "applications.argoproj.io": Known(
        "Application",
        "see which of the resources of application {name} is not well, or cannot be compared",
        (
            (
                *("get", "applications.argoproj.io", "{name}"),
                *("-o", "jsonpath={.status.conditions}{.status.resources}"),
            ),
        ),
    ),
    "gitrepositories.source.toolkit.fluxcd.io": Known("GitRepository", _FLUX, _RECONCILE),
    "helmrepositories.source.toolkit.fluxcd.io": Known("HelmRepository", _FLUX, _RECONCILE),
    "ocirepositories.source.toolkit.fluxcd.io": Known("OCIRepository", _FLUX, _RECONCILE),
    "kustomizations.kustomize.toolkit.fluxcd.io": Known("Kustomization", _FLUX, _RECONCILE),
    "helmreleases.helm.toolkit.fluxcd.io": Known("HelmRelease", _FLUX, _RECONCILE),
    "secretstores.external-secrets.io": Known("SecretStore", _STORE),
    "clustersecretstores.external-secrets.io": Known("ClusterSecretStore", _STORE),
    "externalsecrets.external-secrets.io": Known(
        "ExternalSecret",
        "the secret of {name} cannot be fetched: see its store, and whether the key that it asks "
        "for is there",
        (("get", "secretstores.external-secrets.io"),),
    ),
    "providers.pkg.crossplane.io": Known(
        "Provider", _PACKAGE, (("-", "get", "providerrevisions.pkg.crossplane.io"),)
    ),
    "functions.pkg.crossplane.io": Known(
        "Function", _PACKAGE, (("-", "get", "functionrevisions.pkg.crossplane.io"),)
    ),
    "clusters.postgresql.cnpg.io": Known(
        "Cluster",
        "see the pods of database cluster {name} and the log of its operator; leave a failover or "
        "a switchover its time",
        (("get", "pods", "-l", "cnpg.io/cluster={name}", "-o", "wide"),),
    ),
    "prometheuses.monitoring.coreos.com": Known(
        "Prometheus", "see the pods of {name}, and the log of the operator", (("get", "pods"),)
    ),
}
"""By full name, ``plural.group``."""

USUAL = "its conditions say why; then see its events and the log of its controller"
EXPIRED = "renew {name}: see why whoever should have done so has not"
