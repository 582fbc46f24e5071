"""What is known of the cluster: the cut objects of every watch, and how old it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Optional

from agentctl.kube.resources import Cut, Resource, WatchSpec
from agentctl.sources.base import Change, ObjectKey

Table = dict[ObjectKey, Any]


@dataclass
class SourceView:
    """One watch's objects. ``blind`` says why nothing can be said on them, or is empty."""

    spec: WatchSpec
    tables: dict[Cut, Table] = field(default_factory=dict)
    blind: str = "no answer yet"

    def __post_init__(self) -> None:
        for cut in self.spec.tables:
            self.tables[cut] = {}


class View:
    """All that checks may look at. Written by the engine's thread only."""

    def __init__(self, specs: Iterable[WatchSpec]) -> None:
        self.sources = {spec.name: SourceView(spec) for spec in specs}
        self._by_place = {
            (source.spec.resource, source.spec.namespace): source
            for source in self.sources.values()
        }

    def source_of(self, resource: Resource, namespace: str) -> SourceView:
        """The watch of a resource; KeyError if no check asked for it."""
        return self._by_place[(resource, namespace if resource.namespaced else "")]

    def blind(self, resource: Resource, namespace: str) -> str:
        """Why nothing can be said of this resource; empty when it can."""
        return self.source_of(resource, namespace).blind

    def objects(self, resource: Resource, namespace: str, cut: Cut) -> Mapping[ObjectKey, Any]:
        """What one table holds, by key."""
        return self.source_of(resource, namespace).tables[cut]

    def get(self, resource: Resource, namespace: str, cut: Cut, name: str) -> Optional[Any]:
        """One object of a table, None if it is not there."""
        where = namespace if resource.namespaced else ""
        return self.objects(resource, namespace, cut).get(ObjectKey(where, name))

    def replace(self, source: str, changes: Iterable[Change]) -> bool:
        """Take a complete list in one step; True if any table differs afterwards."""
        view = self.sources[source]
        fresh: dict[Cut, Table] = {cut: {} for cut in view.spec.tables}
        for change in changes:
            for cut, value in zip(view.spec.tables, change.values):
                if value is not None:
                    fresh[cut][change.key] = value
        differs = fresh != view.tables
        view.tables = fresh
        return differs

    def apply(self, source: str, changes: Iterable[Change]) -> bool:
        """Take a watch's changes in order; True if any of them made a difference."""
        view = self.sources[source]
        differs = False
        for key, values in changes:
            for cut, value in zip(view.spec.tables, values):
                table = view.tables[cut]
                if value is None:
                    differs = table.pop(key, None) is not None or differs
                elif table.get(key) != value:
                    table[key] = value
                    differs = True
        return differs
