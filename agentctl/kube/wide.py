"""Wide watches: one of a resource in all namespaces, in place of one a namespace.

What it brings is told apart by namespace at once, and is then what the narrow watches would
have brought: nothing else knows of it. Those stand in where it is not permitted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from agentctl.engine.messages import Change
from agentctl.kube.resources import Resource, Seen, WatchSpec
from agentctl.lazy_dataclass import dataclass, field
from agentctl.lenient_json import text


@dataclass(frozen=True)
class WideSpec(WatchSpec):
    """``parts`` are the narrow watches in whose place it is, by namespace."""

    parts: Mapping[str, WatchSpec] = field(default_factory=dict, compare=False)

    wide: ClassVar[bool] = True

    def change(self, item: Mapping[str, Any], seen: Seen) -> Change:
        """Cut one object for the tables of its namespace; of another nothing is kept."""
        metadata = item.get("metadata") or {}
        part = self.parts.get(text(metadata, "namespace"))
        return Change(self.key(metadata), ()) if part is None else part.change(item, seen)

    def deletion(self, item: Mapping[str, Any]) -> Change:
        metadata = item.get("metadata") or {}
        part = self.parts.get(text(metadata, "namespace"))
        return Change(self.key(metadata), ()) if part is None else part.deletion(item)


def widened(specs: Iterable[WatchSpec], cluster: str = "") -> list[WideSpec]:
    """The wide watch of each resource that is wanted in several namespaces.

    Resources that discovery has yet to tell are watched one by one.
    """
    grouped: dict[Resource, list[WatchSpec]] = {}
    for spec in specs:
        if spec.resource.namespaced and spec.resource.version and spec.namespace:
            grouped.setdefault(spec.resource, []).append(spec)
    prefix = f"{cluster}:" if cluster else ""
    found = []
    for resource, group in grouped.items():
        if len(group) > 1:
            needs = tuple(need for spec in group for need in spec.needs)
            parts = {spec.namespace: spec for spec in group}
            found.append(WideSpec(prefix + resource.noun, resource, "", needs, (), parts))
    return found


def split(
    parts: Mapping[str, str], changes: Sequence[Change]
) -> Iterator[tuple[str, list[Change]]]:
    """What a wide watch brought, for each of ``parts`` (names of narrow ones by namespace)."""
    by_namespace: dict[str, list[Change]] = {}
    for change in changes:
        by_namespace.setdefault(change.key.namespace, []).append(change)
    for namespace, name in parts.items():
        yield name, by_namespace.get(namespace, [])
