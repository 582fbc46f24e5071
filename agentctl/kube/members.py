"""Members of ``each``: the components that stand for objects just now, in one namespace."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Optional

from agentctl.kube.check import Context
from agentctl.kube.components import Component
from agentctl.kube.conditions import Condition, held
from agentctl.kube.view import View


class Members:
    """The components of a template in one namespace, by name and in order.

    ``taken`` are names that the catalog has given to components of its own.
    """

    def __init__(self, template: Component, namespace: str, taken: frozenset[str]) -> None:
        assert template.each is not None, "a template"
        self._template = template
        self._each = template.each
        self._namespace = namespace
        self._taken = taken
        self.now: dict[str, Component] = {}
        self._names: Sequence[str] = ()

    def wanted(self, context: Context) -> tuple[str, ...]:
        """The names there should be now."""
        template = self._template

        def holds(condition: Condition) -> Optional[bool]:
            return held(condition, context)

        there = template.in_scope(holds) and template.is_there(holds) is not False
        return tuple(self._wanted(context.view)) if there else ()

    def take(self, names: Sequence[str]) -> Optional[tuple[str, ...]]:
        """Have these from now on; returns the names that are gone, None where all is as it was."""
        if names is self._names:
            return None
        self._names = names
        before, whole = self.now, self._each.noun
        self.now = {name: before.get(name) or self._made(name, whole) for name in names}
        return tuple(name for name in before if name not in self.now)

    def _wanted(self, view: View) -> Iterable[str]:
        """Of what is there; that of the kind stands for what is not told by itself."""
        whole = self._each.noun
        found = self._each.found(view, self._namespace)
        listed = [name for name in self.now if name != whole]
        if found.unlisted and listed and self._each.blind(view, self._namespace):
            return listed  # what was there is unknown, not gone: its checks say so
        if found.unlisted:
            return [whole]
        names = [f"{whole}/{name}" for name in found.names]
        if found.left_out:
            names.append(whole)
        return [name for name in names if name not in self._taken]

    def _made(self, name: str, whole: str) -> Component:
        if name == whole:
            return self._template.as_a_whole()
        return self._template.of(name[len(whole) + 1 :])
