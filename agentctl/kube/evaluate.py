"""Evaluator: which components have to be judged again, and their items.

A component is judged again when a source it rests on has news, when its own verdict
said that it may change by now, or when a component it follows is judged again. Of that
only the checks and conditions are asked whose own tables have changed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from itertools import chain
from typing import Any, Callable, NamedTuple, Optional, Union

from agentctl.engine.messages import ObjectKey
from agentctl.kube.check import Check, Context, Result, worst
from agentctl.kube.conditions import Condition
from agentctl.kube.cuts.objects import cut_namespace
from agentctl.kube.memo import Memo
from agentctl.kube.resources import NAMESPACES, Cut, Need, WatchSpec, plan
from agentctl.kube.view import SourceView, View
from agentctl.lazy_dataclass import dataclass, field, replace
from agentctl.model import Item, Status

log = logging.getLogger(__name__)

Redact = Callable[[str], str]
Holds = Callable[[Condition], Optional[bool]]
"""Whether a condition holds; None where that cannot be seen."""


@dataclass(frozen=True)
class Component:
    """A named part of the control plane and the checks that make up its health."""

    name: str
    checks: tuple[Check, ...]
    line: int = field(default=0, compare=False)
    """Where the catalog declares it."""
    declared: Mapping[str, Any] = field(default_factory=dict, compare=False)
    """The same as plain data, as it was written."""
    shown: bool = True
    """False for one that is judged only because another follows it."""
    conditions: tuple[tuple[Condition, ...], ...] = ()
    """For each check those that must all hold, or it is left out."""
    presence: tuple[Condition, ...] = ()
    """One of these must hold, or there is no such component; none: it is always there."""
    told: bool = False
    """Where none holds it is ``configured``, "not installed", and not left out."""

    def needs(self, namespace: str) -> Iterator[Need]:
        """What its checks and conditions want to know."""
        for check in self.checks:
            yield from check.needs(namespace)
        for condition in (*chain(*self.conditions), *self.presence):
            yield from condition.needs(namespace)

    def active(self, holds: Holds) -> Sequence[Check]:
        """The checks that hold: those whose conditions do, or cannot be seen."""
        if not self.conditions:
            return self.checks
        return [
            check
            for check, mine in zip(self.checks, self.conditions)
            if all(holds(one) is not False for one in mine)
        ]

    def is_there(self, holds: Holds) -> Optional[bool]:
        """Whether there is such a component; None where that cannot be seen."""
        if not self.presence:
            return True
        found = [holds(one) for one in self.presence]
        return True if True in found else (None if None in found else False)

    @cached_property
    def static(self) -> bool:
        """Nothing of the cluster decides on it."""
        return not any(self.needs("")) and not self.follows()

    def follows(self) -> tuple[str, ...]:
        """The components that must be judged before this one."""
        return tuple(dict.fromkeys(name for check in self.checks for name in check.follows()))


class CycleError(ValueError):
    """Components follow each other in a circle; ``path`` names them, the first one twice."""

    def __init__(self, path: tuple[str, ...]) -> None:
        super().__init__(" -> ".join(path))
        self.path = path


def evaluation_order(components: Sequence[Component]) -> tuple[Component, ...]:
    """Those that are followed before those that follow; else as given.

    Raises CycleError, and KeyError for a component that follows one not given.
    """
    by_name = {component.name: component for component in components}
    done: dict[str, Component] = {}
    for start in components:
        # A stack instead of recursion: a chain may be as long as the catalog.
        path: dict[str, None] = {}
        stack = [start.name]
        while stack:
            name = stack[-1]
            ahead = [one for one in by_name[name].follows() if one not in done]
            if name in done or not ahead:
                done.setdefault(name, by_name[name])
                path.pop(name, None)
                stack.pop()
                continue
            path[name] = None
            if ahead[0] in path:
                circle = list(path)
                raise CycleError((*circle[circle.index(ahead[0]) :], ahead[0]))
            stack.append(ahead[0])
    return tuple(done.values())


class _Unit(NamedTuple):
    """One component in one namespace."""

    component: Component
    namespace: str
    place: int
    """Its place in the output: namespaces outer, the catalog's order inner."""
    dependents: tuple[int, ...]
    """The units to judge again with it, itself included, in evaluation order."""


class Evaluator:
    """The state of all components in some namespaces. For the engine's thread only.

    ``components`` come in output order. ``home`` is the namespace whose sources go by
    their plural alone. ``redact`` is applied to every text before anyone sees it.
    ``closer`` gives the cuts to keep beside those of the checks (see ``facts``).
    ``cluster`` is its name where several are watched.
    """

    def __init__(
        self,
        components: Sequence[Component],
        namespaces: Sequence[str],
        home: str,
        redact: Redact = str,
        closer: Optional[Mapping[Cut, Cut]] = None,
        cluster: str = "",
    ) -> None:
        self._redact = redact
        self._cluster = cluster
        self.several = len(namespaces) > 1
        """Whether more than one namespace is watched."""
        self._units = _units(components, namespaces)
        needs = {
            index: list(unit.component.needs(unit.namespace))
            for index, unit in enumerate(self._units)
        }
        for wanted in needs.values():
            if closer is not None:
                wanted += [
                    replace(need, cut=one)
                    for need in wanted
                    for one in (closer.get(need.cut) or getattr(need.cut, "closer", None),)
                    if one is not None
                ]
        in_order = sorted(needs, key=lambda index: self._units[index].place)
        self.specs: tuple[WatchSpec, ...] = plan(
            (need for index in in_order for need in needs[index]), home, cluster
        )
        self.view = View(self.specs)
        self._resting: dict[str, set[int]] = {spec.name: set() for spec in self.specs}
        for index, wanted in needs.items():
            for need in wanted:
                source = self.view.source_of(need.resource, need.namespace).spec.name
                self._resting[source].update(self._units[index].dependents)
        self._memos: dict[tuple[str, int], Callable[[Context], Any]] = {}
        for namespace in namespaces:
            self._remember(components, namespace)
        self._results: dict[str, dict[str, Result]] = {name: {} for name in namespaces}
        self._items: dict[int, Item] = {}
        self._recheck: dict[int, float] = {}

    @property
    def next_recheck(self) -> Optional[float]:
        """When (monotonic seconds) to evaluate again even if nothing is heard."""
        return min(self._recheck.values(), default=None)

    def missing_namespaces(self) -> list[str]:
        """Those watched that the API says do not exist; none if no check looks at them."""
        try:
            blind = self.view.blind(NAMESPACES, "")
            there = self.view.objects(NAMESPACES, "", cut_namespace)
        except KeyError:
            return []
        if blind:
            return []
        return [name for name in self._results if ObjectKey("", name) not in there]

    def context(self, namespace: str, now: float) -> Context:
        """What the checks of a namespace look at."""
        return Context(self.view, namespace, now, self._results[namespace])

    def items(self) -> list[Item]:
        """All that has been evaluated, in output order."""
        return [self._items[place] for place in sorted(self._items)]

    def evaluate(self, sources: Optional[Iterable[str]], now: float) -> list[Item]:
        """Judge again what rests on ``sources`` (None for everything) or is due by ``now``.

        Returns the items judged, changed or not, in output order.
        """
        if sources is None:
            dirty = set(range(len(self._units)))
        else:
            dirty = set[int]().union(*(self._resting[source] for source in sources))
            for index, due in self._recheck.items():
                if due <= now:
                    dirty.update(self._units[index].dependents)
        for index in sorted(dirty):
            self._judge(index, now)
        judged = self._in_output_order(dirty)
        return [self._items[unit.place] for unit in judged if unit.place in self._items]

    def _remember(self, components: Sequence[Component], namespace: str) -> None:
        """A memo for each check, and one for all equal conditions."""
        conditions: dict[Condition, Memo[Optional[bool]]] = {}
        for component in components:
            for condition in (*chain(*component.conditions), *component.presence):
                if condition not in conditions:
                    tables = self._tables(condition, namespace)
                    conditions[condition] = Memo(condition.holds, tables)
                self._memos[namespace, id(condition)] = conditions[condition]
            for check in component.checks:
                ask = partial(verdict, check)
                # What it follows is judged right before it, and costs it nothing to read.
                keep = not check.follows()
                memo = Memo(ask, self._tables(check, namespace)) if keep else ask
                self._memos[namespace, id(check)] = memo

    def _tables(
        self, part: Union[Check, Condition], namespace: str
    ) -> list[tuple[SourceView, Cut]]:
        return [
            (self.view.source_of(need.resource, need.namespace), need.cut)
            for need in part.needs(namespace)
        ]

    def _in_output_order(self, indexes: Iterable[int]) -> list[_Unit]:
        units = [self._units[index] for index in indexes]
        return sorted((unit for unit in units if unit.component.shown), key=lambda unit: unit.place)

    def _judge(self, index: int, now: float) -> None:
        component, namespace, place, _ = self._units[index]
        results = self._results[namespace]
        context = self.context(namespace, now)

        def holds(condition: Condition) -> Optional[bool]:
            answer: Optional[bool] = self._memos[namespace, id(condition)](context)
            return answer

        there = component.is_there(holds)
        absent = there is False and component.told
        if not component.told and (there is False or (there is None and place not in self._items)):
            self._items.pop(place, None)
            self._recheck.pop(index, None)
            results[component.name] = Result(Status.CONFIGURED, "not there")
            return
        active = () if absent else component.active(holds)
        results_of = [self._memos[namespace, id(check)](context) for check in active]
        if any(one.asked for one in results_of):
            told = [one for one in results_of if one.status is not Status.CONFIGURED]
            results_of = sorted(told, key=lambda one: not one.asked)
        result = worst(results_of)
        if not active:
            why = "not installed" if absent else "none of its checks holds"
            result = Result(Status.CONFIGURED, why)
        if result.recheck_at is None:
            self._recheck.pop(index, None)
        else:
            self._recheck[index] = result.recheck_at
        if component.shown and (place not in self._items or results[component.name] != result):
            self._items[place] = self._item(component, namespace, result)
        results[component.name] = result

    def _item(self, component: Component, namespace: str, result: Result) -> Item:
        details = {key: self._redacted(value) for key, value in result.details.items()}
        if component.static:
            details["static"] = True  # verdicts leave it out
        message = self._redact(result.message)
        return Item(
            component.name,
            namespace,
            result.status,
            message,
            details,
            self._cluster,
            self._redact(result.since),
        )

    def _redacted(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._redact(value)
        if isinstance(value, Mapping):
            return {key: self._redacted(one) for key, one in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._redacted(one) for one in value]
        return value


def verdict(check: Check, context: Context) -> Result:
    try:
        return check.evaluate(context)
    except Exception as error:  # a broken check must not end the stream
        log.debug("check %r failed", check, exc_info=True)
        return Result(Status.UNKNOWN, f"internal error: {type(error).__name__}: {error}")


def _units(components: Sequence[Component], namespaces: Sequence[str]) -> list[_Unit]:
    """One for each component and namespace, in evaluation order."""
    ordered = evaluation_order(components)
    output = {component.name: index for index, component in enumerate(components)}
    index_of = {component.name: index for index, component in enumerate(ordered)}
    dependents: list[set[int]] = [{index} for index in range(len(ordered))]
    for index in range(len(ordered) - 1, -1, -1):
        for name in ordered[index].follows():
            dependents[index_of[name]] |= dependents[index]
    size = len(ordered)
    return [
        _Unit(
            component,
            namespace,
            base + output[component.name],
            tuple(base + one for one in sorted(dependents[index])),
        )
        for base, namespace in ((size * at, name) for at, name in enumerate(namespaces))
        for index, component in enumerate(ordered)
    ]
