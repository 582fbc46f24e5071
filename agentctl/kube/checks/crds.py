"""``crds``: custom resources are installed and served."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from agentctl.engine.messages import ObjectKey
from agentctl.kube.check import Check, Context, Fields, Result, blind, fill, worst
from agentctl.kube.cuts.objects import cut_crd, cut_served
from agentctl.kube.resources import CRDS, SERVED, Need
from agentctl.lazy_dataclass import dataclass
from agentctl.model import Status

if TYPE_CHECKING:
    from agentctl.kube.explain.finding import Finding

KIND = "crds"
FIELDS = ("names",)

SHOWN = 3
"""How many names a message lists; the details have them all."""


@dataclass(frozen=True)
class CrdsCheck(Check):
    """``names`` are full ones, ``plural.group``."""

    names: tuple[str, ...]

    def needs(self, namespace: str) -> tuple[Need, ...]:
        names = frozenset(self.names)
        return (
            Need(CRDS, "", cut_crd, names=names),
            Need(SERVED, "", cut_served, names=names),
        )

    def evaluate(self, context: Context) -> Result:
        view = context.view
        if reason := view.blind(CRDS, ""):
            return blind(reason)
        unserved_unknown = view.blind(SERVED, "")
        known = view.objects(CRDS, "", cut_crd)
        served = view.objects(SERVED, "", cut_served)
        missing, deleting, waiting, coming = [], [], [], []
        for name in self.names:
            key = ObjectKey("", name)
            state = known.get(key)
            if state is None:
                missing.append(name)
            elif state == "deleting":
                deleting.append(name)
            elif not unserved_unknown and served.get(key) is None:
                waiting.append(name)
            elif served.get(key) is False:
                coming.append(name)
        result = self._judge(missing, deleting, waiting, coming)
        if unserved_unknown:
            return worst((result, blind(unserved_unknown)))
        return result

    def explain(self, context: Context, result: Result) -> Finding:
        from agentctl.kube.cuts.facts import cut_crd_facts
        from agentctl.kube.explain.crds import not_served

        finalizers: list[str] = []
        for name in result.details.get("deleting_crds", ()):
            finalizers += context.view.get(CRDS, "", cut_crd_facts, name) or ()
        return not_served(result.details, finalizers)

    def _judge(
        self,
        missing: Sequence[str],
        deleting: Sequence[str],
        waiting: Sequence[str],
        coming: Sequence[str],
    ) -> Result:
        bad = len(missing) + len(deleting) + len(waiting)
        if not bad and not coming:
            return Result(Status.HEALTHY)
        parts, details = [], dict[str, Any]()
        for what, key, names in (
            ("missing CRDs", "missing_crds", missing),
            ("being deleted", "deleting_crds", deleting),
            ("not established", "unestablished_crds", waiting),
            ("established, not served yet", "unserved_crds", coming),
        ):
            if names:
                parts.append(f"{what}: {_listed(names)}")
                details[key] = list(names)
        status = Status.ERROR if bad == len(self.names) else Status.DEGRADED
        gone = len(missing) == len(self.names)
        return Result(status, "; ".join(parts), details, missing=gone)


def _listed(names: Sequence[str]) -> str:
    text = ", ".join(names[:SHOWN])
    more = len(names) - SHOWN
    return f"{text} and {more} more" if more > 0 else text


def parse(fields: Fields) -> Check:
    names = fields.names("names")
    if any(fill(name, "") != name for name in names):
        raise fields.fail("names", "full names of CRDs, which are in no namespace,")
    return CrdsCheck(names)
