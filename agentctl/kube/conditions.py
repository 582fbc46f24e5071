"""Conditions of a catalog: when a check holds (``when``), when a component is there (``present``).

A switch is a variable that a workload is given as one of 0, 1, true and false, literally.
Nothing else of a variable's value is ever looked at. No I/O.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Protocol

from agentctl.kube.check import Context, Fields, fill, place
from agentctl.kube.checks._workloads import Names, parse_kinds
from agentctl.kube.checks.endpoints import count, slices_of
from agentctl.kube.checks.env import setting
from agentctl.kube.cuts.objects import SWITCH_VALUES, cut_env, cut_switches
from agentctl.kube.resources import ENDPOINTSLICES, Need

UNSET = ("hold", "drop", "only")

WHEN_FIELDS = ("env", "of", "kinds", "is", "unset", "namespace")
PRESENT_FIELDS = ("env", "of", "kinds", "service", "namespace")


class Condition(Protocol):
    """What decides on a check or a component."""

    def needs(self, namespace: str) -> tuple[Need, ...]:
        """What it wants to know of the cluster."""

    def holds(self, context: Context) -> Optional[bool]:
        """None where that cannot be seen."""


@dataclass(frozen=True)
class Switch:
    """``when``: a variable is one of ``values`` on the first of the workloads that has it.

    ``unset`` says what is the case where none has it, or not as one of SWITCH_VALUES: the
    condition holds (``hold``), or not (``drop``), or it holds just then (``only``).
    """

    env: str
    workload: Names
    values: tuple[str, ...]
    unset: str = "hold"
    namespace: str = ""

    def needs(self, namespace: str) -> tuple[Need, ...]:
        where = place(self.namespace, namespace)
        return self.workload.needs(namespace, where, cut_switches)

    def holds(self, context: Context) -> Optional[bool]:
        where = place(self.namespace, context.namespace)
        found: Optional[str] = None
        for name in self.workload.names:
            one = Names((fill(name, context.namespace),), self.workload.kinds)
            switches = one.first(context.view, context.namespace, where, cut_switches)
            if switches.blind:
                return None
            mine = dict(switches.value or ())
            if self.env in mine:
                found = mine[self.env]
                break
        if not found:
            return self.unset != "drop"
        return self.unset != "only" and found in self.values


@dataclass(frozen=True)
class VariableSet:
    """``present``: one of these variables is set on a workload, to whatever it may be."""

    variables: tuple[str, ...]
    workload: Names
    namespace: str = ""

    def needs(self, namespace: str) -> tuple[Need, ...]:
        return self.workload.needs(namespace, place(self.namespace, namespace), cut_env)

    def holds(self, context: Context) -> Optional[bool]:
        where = place(self.namespace, context.namespace)
        found = self.workload.first(context.view, context.namespace, where, cut_env)
        if found.blind:
            return None
        return found.value is not None and setting(found.value, self.variables) is not None


@dataclass(frozen=True)
class ServiceThere:
    """``present``: a Service has endpoints, ready or not."""

    service: str
    namespace: str = ""

    def needs(self, namespace: str) -> tuple[Need, ...]:
        where = place(self.namespace, namespace)
        return (slices_of(fill(self.service, namespace), where),)

    def holds(self, context: Context) -> Optional[bool]:
        where = place(self.namespace, context.namespace)
        if context.view.blind(ENDPOINTSLICES, where):
            return None
        found = count(context, where, fill(self.service, context.namespace))
        return found is not None and found[1] > 0


def parse_when(fields: Fields) -> Switch:
    """Raises CatalogError."""
    unset = fields.choice("unset", UNSET, "hold")
    if unset == "only" and fields.has("is"):
        raise fields.fail("is", "no key 'is' where 'unset' is only")
    values = () if unset == "only" else fields.switches("is", SWITCH_VALUES)
    workload = Names(fields.names("of"), parse_kinds(fields))
    return Switch(fields.text("env"), workload, values, unset, fields.name("namespace", ""))


def parse_present(fields: Fields) -> Condition:
    """Raises CatalogError."""
    if fields.has("service"):
        if fields.has("env"):
            raise fields.fail("service", "one of the keys 'env' and 'service'")
        return ServiceThere(fields.name("service"), fields.name("namespace", ""))
    workload = Names(fields.names("of"), parse_kinds(fields))
    return VariableSet(fields.texts("env"), workload, fields.name("namespace", ""))
