"""``namespace``: it exists and is not being deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

from agentctl.kube.check import Check, Context, Fields, Result, blind, place
from agentctl.kube.cuts.objects import cut_namespace
from agentctl.kube.resources import NAMESPACES, Need
from agentctl.lazy_dataclass import dataclass
from agentctl.model import Status

if TYPE_CHECKING:
    from agentctl.kube.explain.finding import Finding

KIND = "namespace"
FIELDS = ("name",)


@dataclass(frozen=True)
class NamespaceCheck(Check):
    """``name`` is empty for the watched namespace."""

    name: str = ""

    def needs(self, namespace: str) -> tuple[Need, ...]:
        names = frozenset((place(self.name, namespace),))
        return (Need(NAMESPACES, "", cut_namespace, names=names),)

    def evaluate(self, context: Context) -> Result:
        if reason := context.view.blind(NAMESPACES, ""):
            return blind(reason)
        name = place(self.name, context.namespace)
        phase = context.view.get(NAMESPACES, "", cut_namespace, name)
        if phase is None:
            return Result(Status.ERROR, f'namespace "{name}" not found')
        if phase != "Active":
            return Result(Status.ERROR, f'namespace "{name}" is {phase}')
        return Result(Status.HEALTHY)

    def explain(self, context: Context, result: Result) -> Finding:
        from agentctl.kube.cuts.facts import NamespaceFacts, cut_namespace_facts
        from agentctl.kube.explain.finding import Finding, kubectl

        name = place(self.name, context.namespace)
        look = kubectl("", "get", "namespace", name, "-o", "yaml")
        if context.view.get(NAMESPACES, "", cut_namespace, name) is None:
            return Finding(
                "create it and install the control plane there, or say where it is "
                "(--namespace, --context)",
                (),
                {},
                (kubectl("", "create", "namespace", name), kubectl("", "get", "namespaces")),
            )
        known: Optional[NamespaceFacts] = context.view.get(
            NAMESPACES, "", cut_namespace_facts, name
        )
        facts: dict[str, Any] = {}
        if known is not None:
            facts["conditions"] = [one.to_json() for one in known.conditions]
            facts["finalizers"] = list(known.finalizers)
        return Finding(
            "it is being deleted: its conditions say what is left in it; when it is gone, create "
            "it again and install anew",
            (),
            facts,
            (look,),
        )


def parse(fields: Fields) -> Check:
    return NamespaceCheck(fields.name("name", fields.name("namespace", "")))
