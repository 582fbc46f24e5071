"""Kinds of objects as a catalog names them: ``Deployment``, or ``plural.group``."""

from __future__ import annotations

from typing import Optional

from agentctl.catalog.wording import guess
from agentctl.lazy_namedtuple import NamedTuple

KNOWN = {
    "Deployment": "deployments.apps",
    "StatefulSet": "statefulsets.apps",
    "DaemonSet": "daemonsets.apps",
    "ReplicaSet": "replicasets.apps",
    "Job": "jobs.batch",
    "CronJob": "cronjobs.batch",
    "Pod": "pods",
    "Service": "services",
    "PersistentVolumeClaim": "persistentvolumeclaims",
    "PersistentVolume": "persistentvolumes",
    "Node": "nodes",
    "Namespace": "namespaces",
    "Ingress": "ingresses.networking.k8s.io",
    "HorizontalPodAutoscaler": "horizontalpodautoscalers.autoscaling",
    "PodDisruptionBudget": "poddisruptionbudgets.policy",
    "APIService": "apiservices.apiregistration.k8s.io",
}
"""Those that are asked for most; for the others the rules that ship are looked at."""


class NamedKind(NamedTuple):
    """A kind as objects name it, and its resource's full name."""

    kind: str
    of: str


def kind_named(text: str) -> Optional[NamedKind]:
    """By the kind, or by ``plural.group``; None for a kind that nobody knows."""
    if text[:1].isupper():
        of = KNOWN.get(text) or _shipped().get(text)
        return None if of is None else NamedKind(text, of)
    kinds = {of: kind for kind, of in (*_shipped().items(), *KNOWN.items())}
    return NamedKind(kinds.get(text) or _singular(text.partition(".")[0]), text)


def nearest(text: str) -> str:
    """What was written, and which kind was probably meant."""
    return guess(text, (*KNOWN, *_shipped()))


def _shipped() -> dict[str, str]:
    from agentctl.catalog.rules import shipped_kinds

    return shipped_kinds()


def _singular(plural: str) -> str:
    """As plurals are formed: what an object calls its kind is not known before there is one."""
    if plural.endswith("ies") and len(plural) > 4:
        return f"{plural[:-3]}y"
    if plural.endswith(("sses", "xes", "ches", "shes")):
        return plural[:-2]
    return plural[:-1] if plural.endswith("s") and not plural.endswith("ss") else plural
