"""Evaluator: which components have to be judged again, and their items.

A component is judged again when a source it rests on has news, when its own verdict
said that it may change by now, or when a component it follows is judged again. Of that
only the checks and conditions are asked whose own tables have changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Callable, NamedTuple, Optional, Union

from agentctl.debug_log import DebugLog
from agentctl.engine.messages import ObjectKey
from agentctl.kube.check import Check, Context, Result, blind, worst
from agentctl.kube.components import Component, evaluation_order
from agentctl.kube.conditions import Condition
from agentctl.kube.cuts.objects import cut_namespace
from agentctl.kube.memo import Memo
from agentctl.kube.resources import NAMESPACES, Cut, WatchSpec, plan
from agentctl.kube.view import SourceView, View
from agentctl.lazy_dataclass import replace
from agentctl.model import Item, ItemKey, Status

if TYPE_CHECKING:
    from agentctl.kube.members import Members

log = DebugLog(__name__)

Redact = Callable[[str], str]
Ask = Callable[[Context], Result]


class Place(NamedTuple):
    """Where an item stands in the output; ``member`` is its name among those of ``each``."""

    unit: int
    member: str = ""


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
        self._memos: dict[tuple[str, int], Memo[Optional[bool]]] = {}
        for namespace in namespaces:
            self._remember(components, namespace)
        self._results: dict[str, dict[str, Result]] = {name: {} for name in namespaces}
        self._members = self._members_of(components)
        self._asks: dict[Place, list[Ask]] = {}
        self._judged: dict[Place, Result] = {}
        self._items: dict[Place, Item] = {}
        self._recheck: dict[int, float] = {}
        self.gone = False
        """Whether the last evaluation took an item away."""

    def _members_of(self, components: Sequence[Component]) -> dict[int, Members]:
        """Those of each unit that is a template."""
        taken = frozenset(one.name for one in components if one.each is None)
        if len(taken) == len(components):
            return {}
        from agentctl.kube.members import Members

        return {
            index: Members(unit.component, unit.namespace, taken)
            for index, unit in enumerate(self._units)
            if unit.component.each is not None
        }

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

    def sources(self) -> dict[ItemKey, tuple[str, ...]]:
        """The names of the sources that each component's verdict rests on.

        Those of a template stand under its noun, once for all that it finds.
        """
        found: dict[ItemKey, list[str]] = {}
        for index, (component, namespace, *_) in enumerate(self._units):
            name = component.name if component.each is None else component.each.noun
            sources = found.setdefault(ItemKey(namespace, name, self._cluster), [])
            sources += [one for one, resting in self._resting.items() if index in resting]
        return {key: tuple(sources) for key, sources in found.items()}

    def context(self, namespace: str, now: float) -> Context:
        """What the checks of a namespace look at."""
        return Context(self.view, namespace, now, self._results[namespace])

    def items(self) -> list[Item]:
        """All that has been evaluated, in output order."""
        return self._unique(self._items[at] for at in sorted(self._items))

    def evaluate(self, sources: Optional[Iterable[str]], now: float) -> list[Item]:
        """Judge again what rests on ``sources`` (None for everything) or is due by ``now``.

        Returns the items judged, changed or not, in output order.
        """
        self.gone = False
        if sources is None:
            dirty = set(range(len(self._units)))
        else:
            dirty = set[int]().union(*(self._resting[source] for source in sources))
            for index, due in self._recheck.items():
                if due <= now:
                    dirty.update(self._units[index].dependents)
        judged = [place for index in sorted(dirty) for place in self._judge(index, now)]
        return self._unique(self._items[at] for at in sorted(judged) if at in self._items)

    def component(self, namespace: str, name: str) -> Optional[Component]:
        """The one of this name as it is now; None where there is none."""
        for index, unit in enumerate(self._units):
            if unit.namespace == namespace:
                if unit.component.each is None and unit.component.name == name:
                    return unit.component
                if index in self._members and name in self._members[index].now:
                    return self._members[index].now[name]
        return None

    def _unique(self, items: Iterable[Item]) -> list[Item]:
        """Without those that ``each`` has found before."""
        if not self._members:
            return list(items)
        found: dict[ItemKey, Item] = {}
        for item in items:
            found.setdefault(item.key, item)
        return list(found.values())

    def _remember(self, components: Sequence[Component], namespace: str) -> None:
        """A memo for each check, and one for all equal conditions."""
        conditions: dict[Condition, Memo[Optional[bool]]] = {}
        for component in components:
            for condition in component.all_conditions:
                if condition not in conditions:
                    tables = self._tables(condition, namespace)
                    conditions[condition] = Memo(condition.holds, tables)
                self._memos[namespace, id(condition)] = conditions[condition]

    def _asked(self, component: Component, namespace: str) -> list[Ask]:
        """How its checks are asked: only where something has changed."""
        asks: list[Ask] = []
        for check in component.checks:
            ask = partial(verdict, check)
            # What it follows is judged right before it, and costs it nothing to read.
            asks.append(ask if check.follows() else Memo(ask, self._tables(check, namespace)))
        return asks

    def _tables(
        self, part: Union[Check, Condition], namespace: str
    ) -> list[tuple[SourceView, Cut]]:
        return [
            (self.view.source_of(need.resource, need.namespace), need.cut)
            for need in part.needs(namespace)
        ]

    def _judge(self, index: int, now: float) -> list[Place]:
        """Judge a unit again; returns the places of its items."""
        component, namespace, place, _ = self._units[index]
        members = self._members.get(index)
        if members is None:
            result = self._judge_one(component, namespace, Place(place), now)
            self._results[namespace][component.name] = result
            self._expect(index, [result])
            return [Place(place)]
        holds = partial(self._holds, self.context(namespace, now))
        there = component.in_scope(holds) and component.is_there(holds) is not False
        for name in members.refresh(self.view) if there else members.clear():
            at = Place(place, name)
            self._asks.pop(at, None)
            self._judged.pop(at, None)
            self._hide(at)
        places = {name: Place(place, name) for name in members.now}
        self._expect(
            index,
            [
                self._judge_one(one, namespace, places[name], now)
                for name, one in members.now.items()
            ],
        )
        return list(places.values())

    def _expect(self, index: int, results: Iterable[Result]) -> None:
        """Judge a unit again when the first of these verdicts may change by itself."""
        moments = (one.recheck_at for one in results)
        first = min((one for one in moments if one is not None), default=None)
        if first is None:
            self._recheck.pop(index, None)
        else:
            self._recheck[index] = first

    def _hide(self, at: Place) -> None:
        if self._items.pop(at, None) is not None:
            self.gone = True

    def _holds(self, context: Context, condition: Condition) -> Optional[bool]:
        memo = self._memos.get((context.namespace, id(condition)))
        return condition.holds(context) if memo is None else memo(context)

    def _judge_one(self, component: Component, namespace: str, at: Place, now: float) -> Result:
        """Judge a component again, by those of its checks that hold, and keep its item."""
        context = self.context(namespace, now)
        holds = partial(self._holds, context)
        scoped = component.in_scope(holds)
        there = component.is_there(holds) if scoped else False
        absent = there is False and (component.told or component.speaks)
        if component.is_silent(scoped, there, at in self._items):
            self._hide(at)
            return Result(Status.CONFIGURED, "not there")
        if at not in self._asks:
            self._asks[at] = self._asked(component, namespace)
        active = () if absent else component.active(holds)
        results_of = [self._asks[at][place](context) for place in active]
        if any(one.asked for one in results_of):
            told = [one for one in results_of if one.status is not Status.CONFIGURED]
            results_of = sorted(told, key=lambda one: not one.asked)
        results_of = [one for one in results_of if not one.nothing] or results_of
        result = worst(results_of)
        if there is None and result.status.severity > Status.UNKNOWN.severity:
            for need in component.unseen_presence(context, results_of):
                reason = self.view.blind(need.resource, need.namespace)
                result = blind(f"whether it is installed cannot be seen: {reason}")
        if not active:
            why = "not installed" if absent else "none of its checks holds"
            result = Result(Status.CONFIGURED, why)
        if not component.shows(result) or any(one.early for one in results_of):
            self._hide(at)
        elif at not in self._items or self._judged[at] != result:
            self._items[at] = self._item(component, namespace, result)
        self._judged[at] = result
        return result

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
