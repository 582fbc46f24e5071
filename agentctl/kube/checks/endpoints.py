"""``endpoints``: a Service has endpoints that are ready."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

from agentctl.kube.check import Check, Context, Fields, Result, blind, fill, place, worst
from agentctl.kube.checks._workloads import KINDS, Names, parse_kinds, subject_of
from agentctl.kube.checks.env import setting
from agentctl.kube.cuts.objects import Endpoints, cut_endpoints, cut_env
from agentctl.kube.resources import ENDPOINTSLICES, Need
from agentctl.kube.selectors import LabelSelector, Requirement
from agentctl.lazy_dataclass import dataclass
from agentctl.model import Status

if TYPE_CHECKING:
    from agentctl.kube.explain.finding import Finding

KIND = "endpoints"
FIELDS = (
    *("service", "labels", "port", "namespace", "absent", "zero"),
    *("show_address", "unless_env"),
)

ABSENT = (Status.ERROR.value, Status.CONFIGURED.value, Status.DEGRADED.value)
SHOWN = 5
"""Services that are named beside the worst."""

SERVICE_LABEL = "kubernetes.io/service-name"


@dataclass(frozen=True)
class EndpointsCheck(Check):
    """Either ``service``, or the worst of all with ``labels``.

    ``port`` is the Service's, and only shown: slices know the pods' ports instead.

    ``zero`` is the status where all workloads that the Service selects are scaled to 0.

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
    zero: Optional[Status] = None

    def needs(self, namespace: str) -> tuple[Need, ...]:
        where = place(self.namespace, namespace)
        slices = Need(ENDPOINTSLICES, where, cut_endpoints, labels=self.labels)
        if self.labels is None:
            slices = slices_of(fill(self.service, namespace), where)
        needs = [slices]
        if self.zero is not None:
            from agentctl.kube.selects import needs_of_selection

            needs += needs_of_selection(where, tuple(KINDS))
        if self.unless is not None:
            needs += self.unless.needs(namespace, namespace, cut_env)
        return tuple(needs)

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
            message = "" if absent else f"no service with endpoints has {labels}"
            return Result(self.absent, message, missing=True)
        return worst(results)

    def explain(self, context: Context, result: Result) -> Finding:
        from agentctl.kube.cuts.facts import cut_endpoint_facts
        from agentctl.kube.explain.endpoints import none_labelled, not_ready

        where = place(self.namespace, context.namespace)
        named = self.services(context, where)
        if not named:
            return none_labelled(where, str(self.labels))
        judged = {name: self._judge(context, where, name).status for name in named}
        bad = [name for name in named if judged[name] is not Status.HEALTHY]
        bad.sort(key=lambda name: -judged[name].severity)
        service, *others = bad or named[:1]
        known: Any = context.view.objects(ENDPOINTSLICES, where, cut_endpoint_facts).values()
        unready = [pair for one in known if one.service == service for pair in one.unready]
        return not_ready(where, service, count(context, where, service), unready, others[:SHOWN])

    def _judge(self, context: Context, where: str, service: str) -> Result:
        address = f"{service}.{where}.svc.cluster.local:{self.port}"
        details = {"address": address} if self.show_address else {}
        counts = count(context, where, service)
        if (counts is None or not counts[0]) and self._at_zero(context, where, service):
            assert self.zero is not None, "nobody is asked otherwise"
            return Result(self.zero, "what it selects is scaled to 0", details)
        if counts is None:
            absent = self.absent is Status.CONFIGURED
            message = "" if absent else f"service {service} has no endpoints"
            return Result(self.absent, message, details, missing=True)
        ready, total = counts
        if ready == 0:
            return Result(Status.ERROR, f"{service}: no ready endpoints", details)
        if ready < total:
            message = f"{service}: {ready}/{total} endpoints ready"
            return Result(Status.DEGRADED, message, details)
        return Result(Status.HEALTHY, address if self.show_address else "", details)

    def _at_zero(self, context: Context, where: str, service: str) -> bool:
        if self.zero is None:
            return False
        from agentctl.kube.selects import selecting

        selected = selecting(context.view, where, tuple(KINDS)).get(service)
        return selected is not None and selected.at_zero


def slices_of(service: str, where: str) -> Need:
    """The EndpointSlices of one Service."""
    labels = LabelSelector((Requirement(SERVICE_LABEL, "In", frozenset((service,))),))
    return Need(ENDPOINTSLICES, where, cut_endpoints, labels=labels)


def count(context: Context, where: str, service: str) -> Optional[tuple[int, int]]:
    """(ready, total), None without a slice.

    A dual-stack Service lists each pod once for each address family: the family that
    is served best counts.
    """
    slices = context.view.group(ENDPOINTSLICES, where, cut_endpoints, service_of, service)
    families: dict[str, tuple[int, int]] = {}
    one: Endpoints
    for one in slices.values():
        ready, total = families.get(one.family, (0, 0))
        families[one.family] = (ready + one.ready, total + one.total)
    return max(families.values(), default=None)


def service_of(one: Endpoints) -> str:
    return one.service


def parse(fields: Fields) -> Check:
    unless = fields.group("unless_env", ("workload", "kinds", "variables"))
    if fields.has("labels"):
        for field in ("service", "port", "show_address"):
            if fields.has(field):
                raise fields.fail(field, f"either 'service' or 'labels', and no {field!r} then")
    by_labels = fields.has("labels")
    found, _ = subject_of(fields, "service", ("Service",), "labels")
    service = found[0] if found else "" if by_labels else fields.name("service")
    # Slices know the pods' ports instead: it is shown, and no more.
    wanted = not by_labels and (fields.has("port") or fields.flag("show_address"))
    return EndpointsCheck(
        service=service,
        port=fields.number("port", 1, 65535) if wanted else 0,
        namespace=fields.name("namespace", ""),
        absent=Status(fields.choice("absent", ABSENT, Status.ERROR.value)),
        show_address=fields.flag("show_address"),
        unless=Names(unless.names("workload"), parse_kinds(unless)) if unless else None,
        variables=unless.texts("variables") if unless else (),
        labels=fields.selector("labels"),
        zero=Status(fields.choice("zero", ABSENT)) if fields.has("zero") else None,
    )
