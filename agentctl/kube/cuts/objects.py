"""Cuts of objects for checks: deployments, CRDs, leases, endpoints and the like.

Each is a function ``(object, Seen) -> value or None``. They run in the producers'
threads, share nothing, and take whatever a server may say (see ``lenient_json``). No cut
keeps the value of an env variable. That of pods is in ``pods``.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, Optional

from agentctl.kube.resources import Seen
from agentctl.kube.selectors import Labels, LabelSelector, labels_of
from agentctl.lazy_namedtuple import NamedTuple
from agentctl.lazy_regex import regex
from agentctl.lenient_json import mapping, mappings, number, text
from agentctl.model import format_time, parse_time

MAX_PHASE = 80
MAX_HOLDER = 253
MAX_TIME = 40
"""A phase is one word and a holder is called after its pod; the API sets no limits."""


SWITCH_VALUES = ("0", "1", "true", "false")
"""Of a variable that is a switch: no other value is ever looked at."""


_TURNED = "lastTransitionTime"
_POD_NAME = regex(r'(?i)^pods? "[^"]*" is (?:forbidden|invalid): ')
MAX_REFUSAL = 300
"""Characters of an API server's reason."""


class Workload(NamedTuple):
    """A Deployment, StatefulSet or DaemonSet: how far it is from what it should be."""

    name: str
    labels: Labels
    selector: LabelSelector
    generation: int
    observed: int
    """The generation that the counts below are about."""
    desired: int
    ready: int
    available: int
    updated: int
    update_goal: int
    """How many pods must be of the newest revision: fewer than desired where a
    StatefulSet's partition says so, none with OnDelete."""
    surplus: int
    """Pods of older revisions that a Deployment has still to take down."""
    deadline_exceeded: bool
    paused: bool
    refused: str = ""
    """Why the API server takes no pod of it (a quota, a webhook); empty where it does."""
    well_since: str = ""
    """When it became available, and ``ill_since`` when it ceased to be so, or to progress: one
    of them, as the API writes times; empty where no condition tells."""
    ill_since: str = ""


class EnvVar(NamedTuple):
    """How one variable is set: ``literal``, ``empty``, ``secret``, ``configmap``, ``field``.

    ``ref`` and ``key`` name the Secret or ConfigMap and its key, empty for the others.
    """

    name: str
    source: str
    ref: str = ""
    key: str = ""


class Env(NamedTuple):
    """The environment of a workload's containers, without a single value."""

    name: str
    variables: tuple[EnvVar, ...]
    imports: tuple[EnvVar, ...]
    """``envFrom``: whole Secrets and ConfigMaps, whose keys are not known."""


class Lease(NamedTuple):
    """Who holds a lease, and since when by this host's monotonic clock."""

    name: str
    holder: str
    """Empty when it was released."""
    duration: Optional[float]
    renewed: str
    """The time of the last renewal, as the holder wrote it."""
    renewed_at: Optional[float]
    version: str = ""
    """Of the last change, which is a renewal as a rule."""

    def expires_at(self, max_age: Optional[float] = None) -> Optional[float]:
        """Monotonic seconds; None when the lease does not say how long it lasts."""
        age = self.duration if max_age is None else max_age
        return None if self.renewed_at is None or age is None else self.renewed_at + age


class Endpoints(NamedTuple):
    """One EndpointSlice's counts."""

    service: str
    family: str
    ready: int
    total: int
    labels: Labels = ()
    """Those of its Service, which its controller copies."""


def cut_workload(item: Mapping[str, Any], seen: Seen) -> Optional[Workload]:
    """The numbers of a rollout, by the rules of ``kubectl rollout status``."""
    metadata, spec, status = (
        mapping(item, "metadata"),
        mapping(item, "spec"),
        mapping(item, "status"),
    )
    none: Mapping[str, Any] = {}
    well = ill = stalled = refused = none
    for one in reversed(mappings(status, "conditions")):  # of two of a type the first counts
        turned = one.get("type"), one.get("status")
        if turned == ("Available", "True"):
            well = one
        elif turned == ("Available", "False"):
            ill = one
        elif turned == ("Progressing", "False"):
            stalled = one
        elif turned == ("ReplicaFailure", "True"):
            refused = one
    updated = number(status, "updatedReplicas")
    surplus = 0
    if "desiredNumberScheduled" in status:
        desired = number(status, "desiredNumberScheduled")
        ready = number(status, "numberReady")
        available = number(status, "numberAvailable")
        updated = number(status, "updatedNumberScheduled")
        goal = 0 if _strategy(spec) == "OnDelete" else desired
    else:
        desired = number(spec, "replicas", 1)
        ready = number(status, "readyReplicas")
        if "updateStrategy" in spec:
            # StatefulSets do not report availability before Kubernetes 1.22.
            available = number(status, "availableReplicas", ready)
            goal = _stateful_goal(spec, status, desired)
        else:
            available = number(status, "availableReplicas")
            goal = desired
            surplus = max(0, number(status, "replicas") - updated)
    return Workload(
        name=text(metadata, "name"),
        labels=labels_of(metadata),
        selector=LabelSelector.from_spec(mapping(spec, "selector")),
        generation=number(metadata, "generation"),
        observed=number(status, "observedGeneration"),
        desired=desired,
        ready=ready,
        available=available,
        updated=updated,
        update_goal=goal,
        surplus=surplus,
        deadline_exceeded=stalled.get("reason") == "ProgressDeadlineExceeded",
        paused=spec.get("paused") is True,
        refused=_refused(refused) if refused else "",
        well_since=text(well, _TURNED)[:MAX_TIME],
        ill_since=(text(ill, _TURNED) or text(stalled, _TURNED))[:MAX_TIME],
    )


def _refused(condition: Mapping[str, Any]) -> str:
    """Of ReplicaFailure. The name of the pod that was not made is another at each try."""
    message = _POD_NAME.sub("", text(condition, "message"), count=1)[:MAX_REFUSAL]
    return ": ".join(part for part in (text(condition, "reason"), message) if part)


def _strategy(spec: Mapping[str, Any]) -> str:
    return text(mapping(spec, "updateStrategy"), "type")


def _stateful_goal(spec: Mapping[str, Any], status: Mapping[str, Any], desired: int) -> int:
    revision = text(status, "updateRevision")
    if _strategy(spec) == "OnDelete" or (revision and revision == status.get("currentRevision")):
        return 0
    partition = number(mapping(mapping(spec, "updateStrategy"), "rollingUpdate"), "partition")
    return max(0, desired - partition)


def cut_env(item: Mapping[str, Any], seen: Seen) -> Optional[Env]:
    """Which variables the containers get, and from where; of a name set twice, the last."""
    pod = mapping(mapping(mapping(item, "spec"), "template"), "spec")
    variables: dict[str, EnvVar] = {}
    imports = []
    for container in mappings(pod, "containers"):
        mine = {}
        for entry in mappings(container, "env"):
            variable = _env_var(entry)
            mine[variable.name] = variable
        for variable in mine.values():
            known = variables.get(variable.name)
            if known is None or known.source == "empty":
                variables[variable.name] = variable
        for entry in mappings(container, "envFrom"):
            prefix = text(entry, "prefix")
            for kind, source in (("secretRef", "secret"), ("configMapRef", "configmap")):
                if name := text(mapping(entry, kind), "name"):
                    imports.append(EnvVar(prefix, source, name))
    name = text(mapping(item, "metadata"), "name")
    return Env(name, tuple(variables.values()), tuple(imports))


def _env_var(entry: Mapping[str, Any]) -> EnvVar:
    name = text(entry, "name")
    origin = mapping(entry, "valueFrom")
    for kind, source in (("secretKeyRef", "secret"), ("configMapKeyRef", "configmap")):
        if kind in origin:
            ref = mapping(origin, kind)
            return EnvVar(name, source, text(ref, "name"), text(ref, "key"))
    if origin:
        return EnvVar(name, "field")
    return EnvVar(name, "literal" if entry.get("value") else "empty")


def cut_switches(item: Mapping[str, Any], seen: Seen) -> tuple[tuple[str, str], ...]:
    """The variables that are switches, and their values; "" for what containers dispute."""
    pod = mapping(mapping(mapping(item, "spec"), "template"), "spec")
    switches: dict[str, str] = {}
    for container in mappings(pod, "containers"):
        mine: dict[str, str] = {}
        for entry in mappings(container, "env"):
            mine[text(entry, "name")] = text(entry, "value")
        for name, value in mine.items():
            if value in SWITCH_VALUES:  # all else is nobody's business
                switches[name] = value if switches.get(name, value) == value else ""
    return tuple(sorted(switches.items()))


def cut_lease(item: Mapping[str, Any], seen: Seen) -> Optional[Lease]:
    """A lease, its age taken on the API server's clock: this host's may be wrong, or jump."""
    metadata, spec = mapping(item, "metadata"), mapping(item, "spec")
    seconds = number(spec, "leaseDurationSeconds")
    renewed, renewed_at = "", None
    try:
        moment = parse_time(text(spec, "renewTime"))
        renewed = format_time(moment)
        # A holder whose clock is ahead has renewed now, not in the future.
        renewed_at = seen.monotonic - max(0.0, seen.server_time - moment.timestamp())
    except (ValueError, OverflowError):
        pass
    return Lease(
        name=text(metadata, "name"),
        holder=text(spec, "holderIdentity")[:MAX_HOLDER],
        duration=float(seconds) if seconds > 0 else None,
        renewed=renewed,
        renewed_at=renewed_at,
        version=text(metadata, "resourceVersion"),
    )


def cut_endpoints(item: Mapping[str, Any], seen: Seen) -> Optional[Endpoints]:
    """The endpoints of one slice; an endpoint on its way out counts only while ready.

    ``ready: null`` is ready, and ``endpoints: null`` is none (discovery.k8s.io/v1).
    """
    labels = mapping(mapping(item, "metadata"), "labels")
    ready = total = 0
    for endpoint in mappings(item, "endpoints"):
        conditions = mapping(endpoint, "conditions")
        is_ready = conditions.get("ready") is not False
        ready += is_ready
        total += is_ready or conditions.get("terminating") is not True
    service = sys.intern(text(labels, "kubernetes.io/service-name"))
    family = sys.intern(text(item, "addressType"))
    return Endpoints(service, family, ready, total, labels_of(mapping(item, "metadata")))


def cut_namespace(item: Mapping[str, Any], seen: Seen) -> Optional[str]:
    """A namespace's phase, ``Active`` or ``Terminating``."""
    if mapping(item, "metadata").get("deletionTimestamp"):
        return "Terminating"
    return sys.intern(text(mapping(item, "status"), "phase")[:MAX_PHASE] or "Active")


def cut_crd(item: Mapping[str, Any], seen: Seen) -> Optional[str]:
    """``present`` or ``deleting``, which is all that a CRD's metadata tells."""
    return "deleting" if mapping(item, "metadata").get("deletionTimestamp") else "present"


def cut_served(item: Mapping[str, Any], seen: Seen) -> Optional[bool]:
    """True for what discovery names; False for a CRD that is established, and not served yet."""
    return item.get("served") is not False
