"""Conditions of a catalog: when a check holds (``when``), when a component is there (``present``).

A switch is a variable that a workload is given as one of 0, 1, true and false, literally.
Nothing else of a variable's value is ever looked at. No I/O.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Optional, Protocol

from agentctl.debug_log import DebugLog
from agentctl.kube.check import Context, Fields, fill, place
from agentctl.kube.checks._workloads import KINDS, Names, parse_kinds
from agentctl.kube.checks.endpoints import count, slices_of
from agentctl.kube.checks.env import setting
from agentctl.kube.cuts.objects import (
    SWITCH_VALUES,
    cut_crd,
    cut_env,
    cut_switches,
    cut_workload,
)
from agentctl.kube.resources import CRDS, ENDPOINTSLICES, Need
from agentctl.kube.selectors import LabelSelector
from agentctl.lazy_dataclass import dataclass

log = DebugLog(__name__)

UNSET = ("hold", "drop", "only")

WHEN_FIELDS = ("env", "of", "kinds", "is", "unset", "namespace")
PRESENT_FIELDS = ("env", "of", "kinds", "service", "crd", "workload", "namespace")


class Condition(Protocol):
    """What decides on a check or a component."""

    def needs(self, namespace: str) -> tuple[Need, ...]:
        """What it wants to know of the cluster."""

    def holds(self, context: Context) -> Optional[bool]:
        """None where that cannot be seen."""


def held(condition: Condition, context: Context) -> Optional[bool]:
    """Whether a condition holds; None where it cannot say that, for whatever reason."""
    try:
        return condition.holds(context)
    except Exception:  # a broken condition, or an odd object, must not end the stream
        log.debug("condition %r failed", condition, exc_info=True)
        return None


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


@dataclass(frozen=True)
class CrdThere:
    """``present``: a custom resource definition is installed (``plural.group``)."""

    crd: str

    def needs(self, namespace: str) -> tuple[Need, ...]:
        return (Need(CRDS, "", cut_crd, names=frozenset((self.crd,))),)

    def holds(self, context: Context) -> Optional[bool]:
        if context.view.blind(CRDS, ""):
            return None
        return context.view.get(CRDS, "", cut_crd, self.crd) is not None


@dataclass(frozen=True)
class WorkloadThere:
    """``present``, ``optional``: a workload is there, by one of its names or by its labels."""

    names: tuple[str, ...] = ()
    labels: Optional[LabelSelector] = None
    kinds: tuple[str, ...] = ("Deployment",)
    namespace: str = ""

    def needs(self, namespace: str) -> tuple[Need, ...]:
        where = place(self.namespace, namespace)
        if self.labels is None:
            return Names(self.names, self.kinds).needs(namespace, where, cut_workload)
        return tuple(
            Need(KINDS[kind], where, cut_workload, labels=self.labels) for kind in self.kinds
        )

    def holds(self, context: Context) -> Optional[bool]:
        where, view = place(self.namespace, context.namespace), context.view
        if self.labels is None:
            names = Names(self.names, self.kinds)
            found = names.first(view, context.namespace, where, cut_workload)
            return None if found.blind else found.value is not None
        if any(view.blind(KINDS[kind], where) for kind in self.kinds):
            return None
        return any(
            self.labels.matches(dict(one.labels))
            for kind in self.kinds
            for one in view.objects(KINDS[kind], where, cut_workload).values()
        )


INSTALLED = (CrdThere, WorkloadThere)
"""Where one of these does not hold the component is told as not installed, and not left out."""


def unseen(conditions: Iterable[Condition], context: Context) -> Iterator[Need]:
    """What cannot be seen of that on which these rest, where it leaves them open."""
    for condition in conditions:
        if held(condition, context) is None:
            for need in condition.needs(context.namespace):
                if context.view.blind(need.resource, need.namespace):
                    yield need


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
    given = [key for key in ("env", "service", "crd", "workload") if fields.has(key)]
    if len(given) > 1:
        raise fields.fail(given[1], "one of the keys 'env', 'service', 'crd' and 'workload'")
    if given == ["crd"]:
        for key in ("of", "kinds", "namespace"):
            if fields.has(key):
                raise fields.fail(key, f"no key {key!r} beside 'crd'")
        return CrdThere(fields.name("crd"))
    namespace = fields.name("namespace", "")
    if given == ["service"]:
        return ServiceThere(fields.name("service"), namespace)
    if given == ["workload"]:
        if fields.has("of"):
            raise fields.fail("of", "no key 'of' beside 'workload'")
        return WorkloadThere((fields.name("workload"),), None, parse_kinds(fields), namespace)
    workload = Names(fields.names("of"), parse_kinds(fields))
    return VariableSet(fields.texts("env"), workload, namespace)
