"""Workload lookup for checks: by the first of its names that exists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Optional

from agentctl.kube.check import NAME, Fields, fill
from agentctl.kube.resources import WORKLOADS, Cut, Need
from agentctl.kube.source_view import OddObjectError
from agentctl.kube.view import View
from agentctl.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from agentctl.kube.explain.finding import Finding

KINDS = WORKLOADS
DEFAULT_KINDS = ("Deployment",)


@dataclass(frozen=True)
class Found:
    """A workload's cut, or why there is none: ``blind``, or not there at all."""

    kind: str = ""
    value: Optional[Any] = None
    blind: str = ""


@dataclass(frozen=True)
class Names:
    """Workloads by name: of each name in turn, each kind in turn."""

    names: tuple[str, ...]
    kinds: tuple[str, ...] = DEFAULT_KINDS

    def needs(self, namespace: str, where: str, cut: Cut) -> tuple[Need, ...]:
        names = frozenset(fill(name, namespace) for name in self.names)
        return tuple(Need(KINDS[kind], where, cut, names=names) for kind in self.kinds)

    def first(self, view: View, namespace: str, where: str, cut: Cut) -> Found:
        """The first that exists; blind where an earlier one might, but cannot be seen."""
        for name in self.names:
            for kind in self.kinds:
                if reason := view.blind(KINDS[kind], where):
                    return Found(blind=reason)
                try:
                    value = view.get(KINDS[kind], where, cut, fill(name, namespace))
                except OddObjectError as error:
                    return Found(blind=str(error))
                if value is not None:
                    return Found(kind.lower(), value)
        return Found()

    def missing(self, namespace: str) -> str:
        """``deployment a or b not found``."""
        names = " or ".join(fill(name, namespace) for name in self.names)
        return f"{described(self.kinds)} {names} not found"


def described(kinds: Sequence[str]) -> str:
    return " or ".join(kind.lower() for kind in kinds)


def not_installed(kinds: Sequence[str], where: str) -> Finding:
    """What to do where there is none."""
    from agentctl.kube.explain.finding import Finding, kubectl

    resources = ",".join(f"{kind.lower()}s" for kind in kinds)
    return Finding(
        f"install it in namespace {where}, or say where it is (--namespace, --catalog)",
        (),
        {},
        (kubectl(where, "get", resources),),
    )


def parse_kinds(fields: Fields) -> tuple[str, ...]:
    return fields.choices("kinds", tuple(KINDS), DEFAULT_KINDS)


def subject_of(
    fields: Fields, field: str, kinds: Sequence[str], *others: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Under ``each`` the object that is found, as (name,) and (kind,), where ``field`` names none.

    Nothing where it does, or one of the ``others``. Raises CatalogError where what is found is
    none of ``kinds``.
    """
    subject = fields.subject
    if subject is None or any(map(fields.has, (field, *others))):
        return (), ()
    if subject.kind not in kinds:
        expected = f"{field!r}, or 'each' of {' or '.join(kinds)}"
        raise fields.fail("kind", f"{expected} (it finds {subject.kind})")
    return (NAME,), (subject.kind,)
