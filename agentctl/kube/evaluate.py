"""Evaluator: which components have to be judged again, and their items.

A component is judged again when something that its checks or conditions have read is another now,
when its own verdict said that it may change by now, or when a component it follows is judged
again. Of those checks and conditions only the ones are asked that have read it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Callable, Optional

from agentctl.engine.messages import ObjectKey
from agentctl.kube.check import Context, Result
from agentctl.kube.components import Component, evaluation_order
from agentctl.kube.cuts.objects import cut_namespace
from agentctl.kube.judged import JudgedComponent, Memo, Memos
from agentctl.kube.rechecks import Rechecks
from agentctl.kube.resources import NAMESPACES, SERVED, Cut, WatchSpec, plan
from agentctl.kube.view import View
from agentctl.lazy_dataclass import replace
from agentctl.lazy_namedtuple import NamedTuple
from agentctl.model import Item, ItemKey

if TYPE_CHECKING:
    from agentctl.kube.members import Members

Redact = Callable[[str], str]

REMEMBERED = 256
"""Characters of a text whose redaction is remembered."""

WHOLE, FOUND = "", "?"
"""In the place of a member's name: the unit and all its members; which members it has."""


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

    ``components`` come in output order. ``home`` is the namespace whose sources go by their
    plural alone. ``redact`` is applied to every text before anyone sees it. ``closer`` gives the
    cuts to keep beside those of the checks (``facts``). ``cluster`` is its name among several.
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
        self._known = lru_cache(maxsize=64)(redact)
        """The same texts come again and again: short ones are redacted once."""
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
        self._results: dict[str, dict[str, Result]] = {name: {} for name in namespaces}
        self._dirty: dict[int, set[str]] = defaultdict(set)
        """The members to be judged again, by their unit."""
        self._memos = {name: Memos(self.view) for name in namespaces}
        self._members = self._members_of(components)
        self._found = {index: self._found_by(index) for index in self._members}
        self._components: dict[int, dict[str, JudgedComponent]] = {
            index: {} if index in self._members else {WHOLE: self._component(index, WHOLE)}
            for index in range(len(self._units))
        }
        self._items: dict[Place, Item] = {}
        self._shown: Optional[list[Item]] = []
        self._places: dict[Place, int] = {}
        """Where in that list the item of each place is."""
        self._rechecks = Rechecks()
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
        return self._rechecks.next

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

        Those of a template stand under its noun. Probes are not among them: one that has nobody
        to ask says nothing, and is no worse for it.
        """
        said = {spec.name for spec in self.specs if spec.resource.is_api or spec.resource == SERVED}
        found: dict[ItemKey, list[str]] = {}
        for index, (component, namespace, *_) in enumerate(self._units):
            name = component.name if component.each is None else component.each.noun
            sources = found.setdefault(ItemKey(namespace, name, self._cluster), [])
            sources += [one for one, at in self._resting.items() if index in at and one in said]
        return {key: tuple(sources) for key, sources in found.items()}

    def resting_on(self, source: str) -> list[str]:
        """The names of the components whose verdict rests on a source, once a namespace."""
        return [self._units[index].component.name for index in sorted(self._resting[source])]

    def context(self, namespace: str, now: float) -> Context:
        """What the checks of a namespace look at."""
        return Context(self.view, namespace, now, self._results[namespace])

    def items(self) -> list[Item]:
        """All that has been evaluated, in output order; the same list while it is the same."""
        if self._shown is None:
            known: set[ItemKey] = set()
            self._places = {}
            self._shown = []
            for at in sorted(self._items):
                item = self._items[at]
                # ``each`` may have found it before.
                if not self._members or item.key not in known:
                    known.add(item.key)
                    self._places[at] = len(self._shown)
                    self._shown.append(item)
        return self._shown

    def evaluate(self, sources: Optional[Iterable[str]], now: float) -> list[Item]:
        """Judge again what has read anything that is another now, or is due by ``now``.

        And all that rests on ``sources``; None for everything. Returns the items, in output order.
        """
        self.gone = False
        if sources is None:
            self._mark(range(len(self._units)))
        for source in sources or ():
            self._mark(self._resting[source])
        for index, member in self._rechecks.due(now):
            self._soil(index, member)
        dirty, self._dirty = self._dirty, defaultdict(set)
        judged: list[Place] = []
        context: Optional[Context] = None
        for index in sorted(dirty):  # namespace by namespace
            namespace = self._units[index].namespace
            if context is None or context.namespace != namespace:
                context = self.context(namespace, now)
            judged += self._judge(index, dirty[index], context)
        found: dict[ItemKey, Item] = {}
        for at in sorted(judged):
            if (item := self._items.get(at)) is not None:
                found[item.key] = item
        return list(found.values())

    def component(self, namespace: str, name: str) -> Optional[Component]:
        """The one of this name as it is now; None where there is none."""
        for index, unit in enumerate(self._units):
            if unit.namespace == namespace:
                if unit.component.each is None and unit.component.name == name:
                    return unit.component
                if index in self._members and name in self._members[index].now:
                    return self._members[index].now[name]
        return None

    def _component(self, index: int, member: str) -> JudgedComponent:
        """The one of a unit, or of one of its members, from now on."""
        component, namespace, _, _ = self._units[index]
        if member:
            component = self._members[index].now[member]
        tell = partial(self._soil, index, member)
        return JudgedComponent(component, self._memos[namespace], tell)

    def _found_by(self, index: int) -> Memo[tuple[str, ...]]:
        """The names of a unit's members, worked out anew when they may be others."""
        memo = Memo(self._members[index].wanted, self.view)
        memo.tells[index] = partial(self._soil, index, FOUND)
        return memo

    def _mark(self, units: Iterable[int]) -> None:
        for index in units:
            self._dirty[index].add(WHOLE)

    def _soil(self, index: int, member: str) -> None:
        """Have a unit judged again, or one of its members, and what follows it."""
        for other in self._units[index].dependents:
            self._dirty[other].add(member if other == index else WHOLE)

    def _judge(self, index: int, members: set[str], context: Context) -> list[Place]:
        """Judge a unit again, or some of its members; returns the places of their items."""
        component, namespace, place, _ = self._units[index]
        names: Iterable[str] = (WHOLE,)
        if index in self._members:
            names = self._judged_of(index, members, context)
        places = []
        for name in names:
            at = Place(place, name)
            one = self._components[index][name]
            result, shown = one.judge(context)
            if not shown:
                self._hide(at)
                one.item = None
            elif one.item is None or one.result != result:
                one.item = self._item(one.component, namespace, result)
                self._show(at, one.item)
            one.result = result
            self._rechecks.set((index, name), result.recheck_at)
            if not name:
                self._results[namespace][component.name] = result
            places.append(at)
        return places

    def _judged_of(self, index: int, dirty: set[str], context: Context) -> Iterable[str]:
        """The members to be judged, once those that are gone are."""
        members, judged = self._members[index], self._components[index]
        gone = members.take(self._found[index](context))
        if gone is None:
            return list(members.now) if WHOLE in dirty else dirty & judged.keys()
        for name in gone:
            judged.pop(name).drop()
            self._rechecks.set((index, name), None)
            self._hide(Place(self._units[index].place, name))
        new = [name for name in members.now if name not in judged]
        for name in new:
            judged[name] = self._component(index, name)
        return list(members.now) if WHOLE in dirty else {*new, *(dirty & judged.keys())}

    def _show(self, at: Place, item: Item) -> None:
        """An item in its place. A list that was given away stays as it is."""
        if at not in self._items:
            self._shown = None
        elif self._shown is not None and at in self._places:
            self._shown = self._shown.copy()
            self._shown[self._places[at]] = item
        self._items[at] = item

    def _hide(self, at: Place) -> None:
        if self._items.pop(at, None) is not None:
            self.gone = True
            self._shown = None

    def _item(self, component: Component, namespace: str, result: Result) -> Item:
        details = dict(result.details)
        for key, value in details.items():
            if not isinstance(value, (int, float)):  # as most are
                details[key] = self._redacted(value)
        if component.static:
            details["static"] = True  # verdicts leave it out
        return Item(
            component.name,
            namespace,
            result.status,
            self._redacted(result.message),
            details,
            self._cluster,
            self._redacted(result.since),
        )

    def _redacted(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._known(value) if len(value) <= REMEMBERED else self._redact(value)
        if isinstance(value, (list, tuple)):
            return [self._redacted(one) for one in value]
        if isinstance(value, Mapping):
            return {key: self._redacted(one) for key, one in value.items()}
        return value


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
