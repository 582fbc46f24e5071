"""Content of a catalog: its components in the order of the output, and the choice of some."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from agentctl.errors import UsageError
from agentctl.kube.components import Component, evaluation_order
from agentctl.lazy_dataclass import dataclass, field, replace


@dataclass(frozen=True)
class Catalog:
    """Components in output order; some may be there only because others follow them."""

    name: str
    components: tuple[Component, ...]
    namespace: str = ""
    """Where the control plane usually is; empty where the catalog does not say."""
    hash: str = field(init=False)
    """The same for the same content, however it is formatted or where it is."""

    def __post_init__(self) -> None:
        content = [[one.shown, dict(one.declared)] for one in self.components]
        data = json.dumps(content, sort_keys=True, ensure_ascii=False).encode("utf-8", "replace")
        object.__setattr__(self, "hash", hashlib.sha256(data).hexdigest()[:16])

    @property
    def names(self) -> tuple[str, ...]:
        """The components that are shown, in order."""
        return tuple(one.name for one in self.components if one.shown)

    def without_probes(self) -> Catalog:
        """The same where no dependency is asked: a component of probes alone is configured.

        What else there is stays as it is, and so does its hash.
        """
        return replace(self, components=tuple(_without_probes(one) for one in self.components))

    def probed_at(self, addresses: Mapping[str, str]) -> Catalog:
        """The same, with these components' probes asking elsewhere (``HOST:PORT``)."""
        return replace(
            self,
            components=tuple(
                replace(
                    one,
                    checks=tuple(
                        check.asking(addresses[one.name]) if check.asks else check
                        for check in one.checks
                    ),
                )
                if one.name in addresses
                else one
                for one in self.components
            ),
        )

    def select(self, globs: Sequence[str]) -> Catalog:
        """The components whose name matches one of the globs; no globs are all of them.

        What they follow comes along, but is not shown. Raises UsageError if a glob
        matches nothing.
        """
        if not globs:
            return self
        components = [one if one.each is None else _told(one, globs) for one in self.components]
        for glob in globs:
            if not any(_matches(one, [glob]) for one in components):
                known = ", ".join(self.names)
                raise UsageError(f"no component matches {glob!r}; there are: {known}")
        shown = {one.name for one in components if one.shown and _matches(one, globs)}
        wanted = set(shown)
        for component in reversed(evaluation_order(components)):
            if component.name in wanted:
                wanted.update(component.follows())
        return replace(
            self,
            components=tuple(
                replace(one, shown=one.name in shown) for one in components if one.name in wanted
            ),
        )


def _matches(component: Component, globs: Sequence[str]) -> bool:
    """Whether one of the globs means it, or any that it is a template for."""
    if component.each is not None:
        return component.each.may_tell(globs)
    return component.shown and any(fnmatchcase(component.name, glob) for glob in globs)


def _told(component: Component, globs: Sequence[str]) -> Component:
    """A template that tells no others than those that a glob means."""
    assert component.each is not None, "a template"
    return replace(component, each=replace(component.each, globs=tuple(globs)))


def _without_probes(component: Component) -> Component:
    kept = [at for at, check in enumerate(component.checks) if not check.asks]
    if len(kept) == len(component.checks):
        return component
    if not kept:
        return replace(component, checks=tuple(check.unasked() for check in component.checks))
    declared = [component.declared["checks"][at] for at in kept]
    conditions = tuple(component.conditions[at] for at in kept) if component.conditions else ()
    return replace(
        component,
        checks=tuple(component.checks[at] for at in kept),
        declared={**component.declared, "checks": declared},
        conditions=conditions if any(conditions) else (),
    )
