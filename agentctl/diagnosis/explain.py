"""Reasons of an item that is not fine: what its checks find in the engine's state.

Pure; on the engine's thread, as the state belongs to it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Optional

from agentctl.engine.verdict import GOOD, decisive
from agentctl.kube.check import Check, Context, Result
from agentctl.kube.components import NOT_INSTALLED, Component
from agentctl.kube.conditions import held
from agentctl.kube.evaluate import Evaluator
from agentctl.kube.explain.finding import Explains, Finding, kubectl
from agentctl.kube.judged import verdict
from agentctl.kube.resources import SERVED, WatchSpec
from agentctl.kube.source_view import OddObjectError
from agentctl.lazy_dataclass import dataclass
from agentctl.model import Item, Status


@dataclass(frozen=True)
class Reason:
    """One check that is not fine, or one watch that cannot be seen."""

    check: str
    result: Result
    finding: Finding
    blind: Optional[WatchSpec] = None
    """The watch of which nothing is known."""


class Explainer:
    """``components`` are those of the evaluator, which has the closer cuts."""

    def __init__(
        self, components: Sequence[Component], evaluator: Evaluator, named: bool = False
    ) -> None:
        """``named``: these components were asked for, so that what is not there is told too."""
        self._components = {one.name: one for one in components}
        self._evaluator = evaluator
        self._named = named

    def reasons(self, item: Item, now: float) -> list[Reason]:
        """Why an item is what it is; none for one that is fine or fixed by the catalog."""
        absent = self._named and item.message == NOT_INSTALLED
        if not absent and not needs_diagnosis(item):
            return []
        component = self._evaluator.component(item.namespace, item.component)
        if component is None:
            return []
        context = self._evaluator.context(item.namespace, now)
        return [_absent(component, context)] if absent else list(self._of(component, context))

    def _of(self, component: Component, context: Context) -> Iterator[Reason]:
        blind: dict[str, None] = {}
        places = component.active(lambda condition: held(condition, context))
        checks = [component.checks[place] for place in places]
        results = [verdict(check, context) for check in checks]
        for need in component.unseen_presence(context, results):
            spec = context.view.source_of(need.resource, need.namespace).spec
            if spec.name not in blind:
                blind[spec.name] = None
                reason = context.view.blind(spec.resource, spec.namespace)
                yield Reason("present", Result(Status.UNKNOWN, reason), _unseen(spec), spec)
        unsure = bool(blind)
        for check, result in zip(checks, results):
            if result.status in GOOD or (unsure and result.missing):
                continue
            kind = kind_of(check)
            for name in check.follows():
                yield from self._followed(name, kind, result, context)
            unseen = [spec for spec in self._unseen(check, context) if spec.name not in blind]
            for spec in unseen:
                blind[spec.name] = None
                reason = context.view.blind(spec.resource, spec.namespace)
                yield Reason(kind, Result(Status.UNKNOWN, reason), _unseen(spec), spec)
            if check.follows() or (blind and result.status is Status.UNKNOWN):
                continue
            yield Reason(kind, result, _explained(check, context, result))

    def _followed(self, name: str, kind: str, result: Result, context: Context) -> Iterator[Reason]:
        """The reasons of what it follows, in full where that is not shown itself."""
        other = self._components[name]
        if other.shown:
            finding = Finding(f"see {name}", (), {"follows": name})
            yield Reason(kind, result, finding)
        else:
            yield from self._of(other, context)

    def _unseen(self, check: Check, context: Context) -> Iterator[WatchSpec]:
        view = context.view
        for need in check.needs(context.namespace):
            if view.blind(need.resource, need.namespace):
                yield view.source_of(need.resource, need.namespace).spec


def _absent(component: Component, context: Context) -> Reason:
    from agentctl.kube.explain.presence import not_there

    needs = [
        need
        for one in (*component.presence, *component.scope)
        for need in one.needs(context.namespace)
    ]
    where = next((need.namespace for need in needs if need.namespace), context.namespace)
    return Reason("present", Result(Status.CONFIGURED, NOT_INSTALLED), not_there(needs, where))


def needs_diagnosis(item: Item) -> bool:
    """Whether there is anything to explain."""
    return item.status not in GOOD and bool(decisive([item]))


def kind_of(check: Check) -> str:
    """What the catalog calls this kind of check."""
    module = sys.modules[type(check).__module__]
    return str(getattr(module, "KIND", ""))


def _explained(check: Check, context: Context, result: Result) -> Finding:
    if isinstance(check, Explains):
        try:
            return check.explain(context, result)
        except OddObjectError as error:
            remedy = (
                "this is a fault of agentctl's own: run it with --debug and report what it logs"
            )
            return Finding(remedy, facts={"internal_error": str(error)})
        except Exception as error:  # a diagnosis that fails must not end the stream
            failed = f"{type(error).__name__}: {error}"
            return Finding("the check cannot explain itself", facts={"internal_error": failed})
    return Finding("the catalog says so" if not check.needs("") else "see its objects")


def _unseen(spec: WatchSpec) -> Finding:
    everywhere = ("-A",) if spec.resource.namespaced and not spec.namespace else ()
    look = kubectl(spec.namespace, "get", spec.resource.full_name, *everywhere)
    if spec.resource == SERVED:
        look = kubectl("", "get", "--raw", "/apis")
    return Finding(
        "while it cannot be seen nothing can be said: see whether kubectl can",
        (),
        {"source": spec.name},
        (look,),
    )
