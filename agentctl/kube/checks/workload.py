"""``workload``: a Deployment, StatefulSet or DaemonSet has what it asks for.

The rules of a settled rollout are those of ``kubectl rollout status``. A workload that
is not fine is told with the pod that explains it best.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Optional

from agentctl.engine.messages import ObjectKey
from agentctl.kube.check import Check, Context, Fields, Result, blind, place, worst
from agentctl.kube.checks._workloads import (
    DEFAULT_KINDS,
    KINDS,
    Names,
    described,
    not_installed,
    parse_kinds,
    subject_of,
)
from agentctl.kube.cuts.objects import Workload, cut_workload
from agentctl.kube.cuts.pods import PodTrouble, cut_pod
from agentctl.kube.resources import PODS, Need
from agentctl.kube.selectors import Labels, LabelSelector
from agentctl.kube.source_view import OddObjectError
from agentctl.lazy_dataclass import dataclass, replace
from agentctl.model import Status

if TYPE_CHECKING:
    from agentctl.kube.explain.finding import Finding

KIND = "workload"
FIELDS = ("names", "labels", "kinds", "pods", "namespace", "absent", "zero")

AT_ZERO = "scaled to 0"
STUCK = "ProgressDeadlineExceeded"
CHOICES = (Status.ERROR.value, Status.CONFIGURED.value, Status.DEGRADED.value)


@dataclass(frozen=True)
class WorkloadCheck(Check):
    """Either the first of ``names`` that exists, or the worst of all with ``labels``.

    ``pods`` narrows the pods that are watched; those of a workload are told by its own
    selector in any case. ``absent`` is the status where there is none, ``zero`` that of one
    which is scaled to 0.
    """

    names: tuple[str, ...] = ()
    labels: Optional[LabelSelector] = None
    kinds: tuple[str, ...] = DEFAULT_KINDS
    pods: Optional[LabelSelector] = None
    namespace: str = ""
    absent: Status = Status.ERROR
    zero: Status = Status.ERROR

    @cached_property
    def _names(self) -> Names:
        return Names(self.names, self.kinds)

    def needs(self, namespace: str) -> tuple[Need, ...]:
        where = place(self.namespace, namespace)
        pods = Need(PODS, where, cut_pod, labels=self.pods)
        if self.labels is None:
            return (*self._names.needs(namespace, where, cut_workload), pods)
        workloads = (
            Need(KINDS[kind], where, cut_workload, labels=self.labels) for kind in self.kinds
        )
        return (*workloads, pods)

    def evaluate(self, context: Context) -> Result:
        if self.labels is not None:
            return self._by_labels(context, self.labels)
        where = place(self.namespace, context.namespace)
        found = self._names.first(context.view, context.namespace, where, cut_workload)
        if found.blind:
            return blind(found.blind)
        if found.value is None:
            return Result(self.absent, self._names.missing(context.namespace), missing=True)
        return self._with_pods(context, where, found.kind, found.value)

    def _by_labels(self, context: Context, labels: LabelSelector) -> Result:
        where = place(self.namespace, context.namespace)
        for kind in self.kinds:
            if reason := context.view.blind(KINDS[kind], where):
                return blind(reason)
        matching = self._matching(context, where, labels)
        if not matching:
            message = f"no {described(self.kinds)} matches {labels}"
            return Result(self.absent, message, missing=True)
        kind, workload = self._worst(context, where, matching)
        result = self._with_pods(context, where, kind, workload)
        if len(matching) == 1 or not result.message:
            return result
        return replace(result, message=f"{workload.name}: {result.message}")

    def _matching(
        self, context: Context, where: str, labels: LabelSelector
    ) -> list[tuple[str, Workload]]:
        """By name; kinds in lower case."""
        found = [
            (kind.lower(), one)
            for kind in self.kinds
            for one in context.view.objects(KINDS[kind], where, cut_workload).values()
            if labels.matches(dict(one.labels))
        ]
        return sorted(found, key=lambda pair: (pair[1].name, pair[0]))

    def explain(self, context: Context, result: Result) -> Finding:
        from agentctl.kube.cuts.facts import cut_workload_facts

        where = place(self.namespace, context.namespace)
        if self.labels is not None:
            matching = self._matching(context, where, self.labels)
        else:
            found = self._names.first(context.view, context.namespace, where, cut_workload)
            if found.blind:
                raise OddObjectError(found.blind)
            matching = [] if found.value is None else [(found.kind, found.value)]
        if not matching:
            return not_installed(self.kinds, where)
        kind, workload = self._worst(context, where, matching)
        resource = next(one for name, one in KINDS.items() if name.lower() == kind)
        facts = context.view.get(resource, where, cut_workload_facts, workload.name)
        from agentctl.kube.explain.workload import reasons

        return reasons(context, where, kind, workload, facts)

    def _with_pods(self, context: Context, where: str, kind: str, workload: Workload) -> Result:
        """The workload's verdict; one that is fine is only as sure as its pods are visible."""
        result = judge(kind, workload, None)
        unseen = context.view.blind(PODS, where)
        if unseen:
            result = worst((result, blind(unseen)))
        elif result.status is Status.HEALTHY:
            return Result(Status.HEALTHY, since=workload.well_since)
        elif troubles := context.view.derive(PODS, where, cut_pod, worst_by_labels):
            mine = [
                one for labels, one in troubles.items() if workload.selector.matches(dict(labels))
            ]
            result = judge(kind, workload, min(mine, key=_by_weight, default=None))
        at_zero = workload.desired <= 0 and result.message == AT_ZERO
        return replace(result, status=self.zero) if at_zero else result

    def _worst(
        self, context: Context, where: str, matching: Sequence[tuple[str, Workload]]
    ) -> tuple[str, Workload]:
        """Of equals the first."""
        return max(
            matching, key=lambda pair: self._with_pods(context, where, *pair).status.severity
        )


def _by_weight(trouble: PodTrouble) -> tuple[int, str]:
    return -trouble.rank, trouble.name


def worst_by_labels(table: Mapping[ObjectKey, PodTrouble]) -> dict[Labels, PodTrouble]:
    """The worst pod of each set of labels: 10,000 pods have few.

    Equal labels are nearly always one object (``selectors.labels_of``), whose identity is
    cheaper to look up than its hash.
    """
    by_identity: dict[int, PodTrouble] = {}
    for pod in table.values():
        place = id(pod.labels)
        best = by_identity.get(place)
        if best is None or _is_worse(pod, best):
            by_identity[place] = pod
    found: dict[Labels, PodTrouble] = {}
    for pod in by_identity.values():
        best = found.get(pod.labels)
        if best is None or _is_worse(pod, best):
            found[pod.labels] = pod
    return found


def _is_worse(one: PodTrouble, other: PodTrouble) -> bool:
    return one.rank > other.rank or (one.rank == other.rank and one.name < other.name)


def judge(kind: str, workload: Workload, pod: Optional[PodTrouble]) -> Result:
    """One workload's verdict, told with the pod that explains it best."""
    desired, available = workload.desired, workload.available
    details = {
        "workload": f"{kind}/{workload.name}",
        "ready": workload.ready,
        "desired": desired,
    }
    settled = workload.observed >= workload.generation
    if desired <= 0 and settled:
        if kind == "daemonset":
            return Result(Status.CONFIGURED, "no node to run on", details)
        return Result(Status.ERROR, AT_ZERO, details)
    said = _shortage(workload) or _rollout(workload, settled)
    if workload.deadline_exceeded:
        said = f"{said}; {STUCK}" if said else STUCK
    if not said:
        return Result(Status.HEALTHY)
    if workload.refused:
        said += f"; {workload.refused}"
    elif pod is not None:
        said += f"; {pod.name}: {pod.reason}"
    down = available <= 0 < desired
    status = Status.ERROR if down else Status.DEGRADED
    return Result(status, said, details, since=workload.ill_since)


def _shortage(workload: Workload) -> str:
    if workload.available >= workload.desired:
        return ""
    if workload.ready == workload.available:
        return f"{workload.ready}/{workload.desired} ready"
    return f"{workload.available}/{workload.desired} available"


def _rollout(workload: Workload, settled: bool) -> str:
    paused = " (paused)" if workload.paused else ""
    if not settled:
        return f"rolling out: change not yet taken up{paused}"
    if workload.updated < workload.update_goal or workload.surplus:
        return f"rolling out: {workload.updated}/{workload.desired} updated{paused}"
    return ""


def parse(fields: Fields) -> Check:
    names, kinds = subject_of(fields, "names", tuple(KINDS), "labels", "kinds")
    if not names and fields.has("names") == fields.has("labels"):
        raise fields.fail("names", "either 'names' or 'labels'")
    return WorkloadCheck(
        names=names or (fields.names("names") if fields.has("names") else ()),
        labels=fields.selector("labels"),
        kinds=kinds or parse_kinds(fields),
        pods=fields.selector("pods"),
        namespace=fields.name("namespace", ""),
        absent=Status(fields.choice("absent", CHOICES, Status.ERROR.value)),
        zero=Status(fields.choice("zero", CHOICES, Status.ERROR.value)),
    )
