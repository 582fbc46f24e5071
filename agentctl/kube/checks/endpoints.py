"""``endpoints``: a Service has endpoints that are ready."""

from __future__ import annotations

from typing import Any, Optional

from agentctl.kube.check import Check, Context, Fields, Result, blind, fill, place, worst
from agentctl.kube.checks._workloads import Names, parse_kinds
from agentctl.kube.checks.env import setting
from agentctl.kube.cuts.facts import cut_endpoint_facts
from agentctl.kube.cuts.objects import Endpoints, cut_endpoints, cut_env
from agentctl.kube.explain.finding import Finding, Ref, kubectl
from agentctl.kube.resources import ENDPOINTSLICES, Need
from agentctl.kube.selectors import LabelSelector, Requirement
from agentctl.lazy_dataclass import dataclass
from agentctl.model import Status

KIND = "endpoints"
FIELDS = ("service", "labels", "port", "namespace", "absent", "show_address", "unless_env")

ABSENT = (Status.ERROR.value, Status.CONFIGURED.value, Status.DEGRADED.value)
SHOWN = 5
"""Endpoints that are named."""

SERVICE_LABEL = "kubernetes.io/service-name"


@dataclass(frozen=True)
class EndpointsCheck(Check):
    """Either ``service``, or the worst of all with ``labels``.

    ``port`` is the Service's, and only shown: slices know the pods' ports instead.

    With ``unless`` and ``variables`` the check is passed over when one of these is set
    on that workload: then the address points elsewhere.
    """

    service: str
    port: int
    namespace: str = ""
    absent: Status = Status.ERROR
    show_address: bool = False
    unless: Optional[Names] = None
    variables: tuple[str, ...] = ()
    labels: Optional[LabelSelector] = None

    def needs(self, namespace: str) -> tuple[Need, ...]:
        where = place(self.namespace, namespace)
        slices = Need(ENDPOINTSLICES, where, cut_endpoints, labels=self.labels)
        if self.labels is None:
            slices = slices_of(fill(self.service, namespace), where)
        if self.unless is None:
            return (slices,)
        return (slices, *self.unless.needs(namespace, namespace, cut_env))

    def evaluate(self, context: Context) -> Result:
        if self.unless is not None:
            found = self.unless.first(context.view, context.namespace, context.namespace, cut_env)
            if found.blind:
                return blind(found.blind)
            if found.value is not None and setting(found.value, self.variables) is not None:
                return Result(Status.CONFIGURED)
        where = place(self.namespace, context.namespace)
        if reason := context.view.blind(ENDPOINTSLICES, where):
            return blind(reason)
        if self.labels is not None:
            return self._by_labels(context, where, self.labels)
        return self._judge(context, where, fill(self.service, context.namespace))

    def services(self, context: Context, where: str) -> list[str]:
        """Those that it is about, by name."""
        if self.labels is None:
            return [fill(self.service, context.namespace)]
        slices: Any = context.view.objects(ENDPOINTSLICES, where, cut_endpoints).values()
        return sorted({one.service for one in slices if self.labels.matches(dict(one.labels))})

    def _by_labels(self, context: Context, where: str, labels: LabelSelector) -> Result:
        results = [self._judge(context, where, name) for name in self.services(context, where)]
        if not results:
            absent = self.absent is Status.CONFIGURED
            return Result(self.absent, "" if absent else f"no service with endpoints has {labels}")
        return worst(results)

    def explain(self, context: Context, result: Result) -> Finding:
        where = place(self.namespace, context.namespace)
        named = self.services(context, where)
        bad = [name for name in named if self._judge(context, where, name).message]
        service = next(iter([*bad, *named]), str(self.labels))
        about = (Ref("Service", service, where),)
        look = kubectl(where, "get", "service", service, "-o", "wide")
        counts = count(context, where, service)
        if counts is None or not counts[1]:
            return Finding(
                f"make Service {service}, or have its selector name pods that run",
                about,
                {},
                (look, kubectl(where, "get", "pods", "--show-labels")),
            )
        facts: dict[str, Any] = {"ready": counts[0], "endpoints": counts[1]}
        known: Any = context.view.objects(ENDPOINTSLICES, where, cut_endpoint_facts).values()
        unready = [pair for one in known if one.service == service for pair in one.unready]
        # A dual-stack pod is listed once for each address family.
        pods = list(dict.fromkeys(pod for _, pod in unready if pod))[:SHOWN]
        facts["not_ready"] = [
            {key: value for key, value in (("address", address), ("pod", pod)) if value}
            for address, pod in unready[:SHOWN]
        ]
        look = kubectl(where, "get", "endpointslices", "-l", f"{SERVICE_LABEL}={service}")
        describe = [kubectl(where, "describe", "pod", pod) for pod in pods[:1]]
        return Finding(
            f"see why {pods[0] if pods else 'the endpoints'} is not ready: its readiness probe "
            "fails, or it does not run",
            (*about, *(Ref("Pod", pod, where) for pod in pods)),
            facts,
            (*describe, look),
        )

    def _judge(self, context: Context, where: str, service: str) -> Result:
        address = f"{service}.{where}.svc.cluster.local:{self.port}"
        details = {"address": address} if self.show_address else {}
        counts = count(context, where, service)
        if counts is None:
            absent = self.absent is Status.CONFIGURED
            message = "" if absent else f"service {service} has no endpoints"
            return Result(self.absent, message, details)
        ready, total = counts
        if ready == 0:
            return Result(Status.ERROR, f"{service}: no ready endpoints", details)
        if ready < total:
            message = f"{service}: {ready}/{total} endpoints ready"
            return Result(Status.DEGRADED, message, details)
        return Result(Status.HEALTHY, address if self.show_address else "", details)


def slices_of(service: str, where: str) -> Need:
    """The EndpointSlices of one Service."""
    labels = LabelSelector((Requirement(SERVICE_LABEL, "In", frozenset((service,))),))
    return Need(ENDPOINTSLICES, where, cut_endpoints, labels=labels)


def count(context: Context, where: str, service: str) -> Optional[tuple[int, int]]:
    """(ready, total), None without a slice.

    A dual-stack Service lists each pod once for each address family: the family that
    is served best counts.
    """
    families: dict[str, tuple[int, int]] = {}
    slices: Any = context.view.objects(ENDPOINTSLICES, where, cut_endpoints).values()
    one: Endpoints
    for one in slices:
        if one.service == service:
            ready, total = families.get(one.family, (0, 0))
            families[one.family] = (ready + one.ready, total + one.total)
    return max(families.values(), default=None)


def parse(fields: Fields) -> Check:
    unless = fields.group("unless_env", ("workload", "kinds", "variables"))
    if fields.has("labels"):
        for field in ("service", "port", "show_address"):
            if fields.has(field):
                raise fields.fail(field, f"either 'service' or 'labels', and no {field!r} then")
    by_labels = fields.has("labels")
    return EndpointsCheck(
        service="" if by_labels else fields.name("service"),
        port=0 if by_labels else fields.number("port", 1, 65535),
        namespace=fields.name("namespace", ""),
        absent=Status(fields.choice("absent", ABSENT, Status.ERROR.value)),
        show_address=fields.flag("show_address"),
        unless=Names(unless.names("workload"), parse_kinds(unless)) if unless else None,
        variables=unless.texts("variables") if unless else (),
        labels=fields.selector("labels"),
    )
