"""Members of ``each``: the components that stand for objects just now, in one namespace."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Optional

from agentctl.kube.components import Component
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
        self._seen: Optional[list[int]] = None
        self.now: dict[str, Component] = {}

    def refresh(self, view: View) -> tuple[str, ...]:
        """Take what is there now; returns the names that are gone."""
        needs = self._each.needs(self._namespace)
        at = [(view.source_of(need.resource, need.namespace), need.cut) for need in needs]
        seen = [source.changes[cut] for source, cut in at]
        if seen == self._seen:
            return ()
        self._seen = seen
        return self._take(list(self._wanted(view)))

    def clear(self) -> tuple[str, ...]:
        """There is none now; returns the names that are gone."""
        self._seen = None
        return self._take(())

    def _wanted(self, view: View) -> Iterable[str]:
        """The names there should be; that of the kind stands for what is not told by itself."""
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

    def _take(self, names: Iterable[str]) -> tuple[str, ...]:
        before, whole = self.now, self._each.noun
        self.now = {name: before.get(name) or self._made(name, whole) for name in names}
        return tuple(name for name in before if name not in self.now)

    def _made(self, name: str, whole: str) -> Component:
        if name == whole:
            return self._template.as_a_whole()
        return self._template.of(name[len(whole) + 1 :])
