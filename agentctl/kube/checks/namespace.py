"""``namespace``: it exists and is not being deleted."""

from __future__ import annotations

from dataclasses import dataclass

from agentctl.kube.checks import Check, Context, Fields, Result, blind, place
from agentctl.kube.objects import cut_namespace
from agentctl.kube.resources import NAMESPACES, Need
from agentctl.model import Status

KIND = "namespace"
FIELDS = ("name",)


@dataclass(frozen=True)
class NamespaceCheck:
    """``name`` is empty for the watched namespace."""

    name: str = ""

    def needs(self, namespace: str) -> tuple[Need, ...]:
        names = frozenset((place(self.name, namespace),))
        return (Need(NAMESPACES, "", cut_namespace, names=names),)

    def follows(self) -> tuple[str, ...]:
        return ()

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


def parse(fields: Fields) -> Check:
    return NamespaceCheck(fields.name("name", ""))
