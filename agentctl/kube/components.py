"""Components of a catalog: a name, its checks and conditions, and the order of judging them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any, Callable, Optional

from agentctl.kube.check import Check, Context, Result
from agentctl.kube.conditions import Condition, unseen
from agentctl.kube.resources import Need
from agentctl.lazy_dataclass import dataclass, field, replace
from agentctl.model import Status

if TYPE_CHECKING:  # few catalogs have any
    from agentctl.kube.each import Each

NOT_INSTALLED = "not installed"

Holds = Callable[[Condition], Optional[bool]]
"""Whether a condition holds; None where that cannot be seen."""


_ALONE: dict[str, Any] = {"each": None, "presence": (), "scope": ()}
"""What a template decides for all of its components, and none of them again."""


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
    within: str = ""
    """The catalog that it is a part of, where that need not be installed."""
    scope: tuple[Condition, ...] = ()
    """One of these must hold, or that catalog is not there, and nothing of it is told."""
    speaks: bool = False
    """It says then, in one line for all, that its catalog is not installed."""
    only: tuple[Status, ...] = ()
    """With which statuses it is shown; none: with all."""
    each: Optional[Each] = None
    """What it is a template for: one component for every object that is found."""

    def needs(self, namespace: str) -> Iterator[Need]:
        """What its checks and conditions want to know."""
        if self.each is None:
            yield from self._needs(namespace)
            return
        from agentctl.kube.each import of_any

        yield from self.each.needs(namespace)
        for need in self._needs(namespace):
            yield of_any(need, self.each)

    def _needs(self, namespace: str) -> Iterator[Need]:
        for check in self.checks:
            yield from check.needs(namespace)
        for condition in self.all_conditions:
            yield from condition.needs(namespace)

    def of(self, name: str) -> Component:
        """The component of the object of this name, of one that has ``each``."""
        from agentctl.kube.each import bind
        from agentctl.redact.printable import legible

        assert self.each is not None, "a template"
        return replace(
            self,
            # Some kinds may be called anything, and terminals do what they are told.
            name=f"{self.each.noun}/{legible(name, '?')}",
            checks=bind(self.checks, name),
            conditions=bind(self.conditions, name),
            **_ALONE,
        )

    def as_a_whole(self) -> Component:
        """What stands for objects of ``each`` that are not told one by one."""
        assert self.each is not None, "a template"
        checks = (self.each.as_a_whole(),)
        return replace(self, name=self.each.noun, checks=checks, conditions=(), only=(), **_ALONE)

    @property
    def all_conditions(self) -> tuple[Condition, ...]:
        return (*chain(*self.conditions), *self.presence, *self.scope)

    def is_silent(self, scoped: bool, there: Optional[bool], was_told: bool) -> bool:
        """Whether there is no such component, and nothing is told in its place."""
        if not scoped or (self.speaks and not self.checks):
            return scoped or not self.speaks
        return not self.told and (there is False or (there is None and not was_told))

    def active(self, holds: Holds) -> Sequence[int]:
        """Which of the checks hold: those whose conditions do, or cannot be seen."""
        if not self.conditions:
            return range(len(self.checks))
        return [
            place
            for place, mine in enumerate(self.conditions)
            if all(holds(one) is not False for one in mine)
        ]

    def is_there(self, holds: Holds) -> Optional[bool]:
        """Whether there is such a component; None where that cannot be seen."""
        return _any(self.presence, holds)

    def in_scope(self, holds: Holds) -> bool:
        """Whether its catalog is there, or that cannot be seen."""
        return _any(self.scope, holds) is not False

    def unseen_presence(self, context: Context, results: Sequence[Result]) -> Iterator[Need]:
        """What cannot be seen, where nothing but that says whether it is installed at all."""
        if self.told and all(one.missing or one.status is Status.UNKNOWN for one in results):
            yield from unseen(self.presence, context)

    @cached_property
    def static(self) -> bool:
        """Nothing of the cluster decides on it."""
        return not any(self.needs("")) and not self.follows()

    def follows(self) -> tuple[str, ...]:
        """The components that must be judged before this one."""
        return tuple(dict.fromkeys(name for check in self.checks for name in check.follows()))


def _any(conditions: Sequence[Condition], holds: Holds) -> Optional[bool]:
    """Whether one of them holds; None where that cannot be seen, True where there are none."""
    if not conditions:
        return True
    found = [holds(one) for one in conditions]
    return True if True in found else (None if None in found else False)


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
