"""Detection: which catalogs' control planes are installed on a cluster, and in which namespaces.

A control plane is known by the workloads and the custom resources that its catalog names for the
components that must be there. Only names and labels of workloads are read, and discovery.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Optional, Protocol

from agentctl.clock import Clock
from agentctl.errors import ForbiddenError, NotFoundError
from agentctl.kube.components import Component
from agentctl.kube.discovery import served
from agentctl.kube.inhabited import ANY, WORKLOADS, listed
from agentctl.kube.reader import ApiReader
from agentctl.kube.resources import CRDS, NAMESPACES, Need, Resource
from agentctl.lazy_namedtuple import NamedTuple

INSTALLED, PARTLY, CRDS_ALONE = "installed", "partly", "CRDs alone"
"""All that must be there is; some of it is; its custom resources are served, and no more."""

BUILT_IN = ("apps", "batch", "policy", "autoscaling", "k8s.io")
"""Ends of groups that every cluster serves: they tell nothing."""

Metadata = Mapping[str, Any]


class Recognisable(Protocol):
    """What is looked for: a catalog."""

    @property
    def name(self) -> str: ...
    @property
    def namespace(self) -> str: ...
    @property
    def components(self) -> tuple[Component, ...]: ...


class Unseen(NamedTuple):
    """What could not be looked at, and why."""

    what: str
    why: str


class Sight(NamedTuple):
    """What a cluster shows. ``served`` is None where discovery cannot be read."""

    workloads: Mapping[Resource, Mapping[str, Sequence[Metadata]]]
    """By kind and namespace."""
    served: Optional[frozenset[str]]
    unseen: tuple[Unseen, ...]
    blind: bool = False
    """No workload could be looked at anywhere."""
    places: tuple[str, ...] = ()
    """The only namespaces that were looked at; empty for all."""
    closed: frozenset[tuple[Resource, str]] = frozenset()
    """Kinds of workloads that may not be listed, and where."""

    def has(self, need: Need) -> bool:
        """Whether there is what a check wants to know of."""
        found = self.workloads.get(need.resource, {}).get(need.namespace, ())
        return any(need.matches(metadata) for metadata in found)


class Detected(NamedTuple):
    """One control plane. ``found`` and ``missing`` are components that have workloads."""

    catalog: str
    namespace: str
    state: str
    found: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    crds: tuple[str, ...] = ()
    """The custom resources of the catalog that are served."""
    hidden: bool = False
    """Whether its workloads could not be looked at, where the catalog has them."""


def is_recognisable(catalog: Recognisable) -> bool:
    """Whether it names anything but the namespace: what it finds by ``each`` tells nothing."""
    named = (check for one in catalog.components if one.each is None for check in one.checks)
    return any(need.resource != NAMESPACES for check in named for need in check.needs(ANY))


def look(
    api: ApiReader, clock: Clock, catalogs: Sequence[Recognisable], namespaces: Sequence[str] = ()
) -> Sight:
    """Look at a cluster: in these namespaces, or in all; where that is forbidden, in the catalogs'.

    Raises SourceError for all but a refused permission.
    """
    found: dict[Resource, dict[str, list[Metadata]]] = {}
    usual = _usual(catalogs)
    refused: dict[str, tuple[list[str], str]] = {}
    shut: set[tuple[Resource, str]] = set()
    blind = True
    for resource in WORKLOADS:
        mine: dict[str, list[Metadata]] = {}
        closed: list[str] = []
        why = ""
        asked = list(namespaces) or [""]
        while asked:
            where = asked.pop(0)
            try:
                for namespace, name, labels in listed(resource, api, clock, where):
                    mine.setdefault(namespace, []).append({"name": name, "labels": labels})
                blind = False
            except (ForbiddenError, NotFoundError) as error:
                why = why or error.message
                if where:
                    closed.append(where)
                else:
                    asked = list(usual)
        found[resource] = mine
        shut.update((resource, where) for where in closed)
        if why:
            place = _where(closed, () if namespaces else usual)
            refused.setdefault(place, ([], why))[0].append(resource.plural)
    unseen = [Unseen(f"{', '.join(what)}{where}", why) for where, (what, why) in refused.items()]
    names: Optional[frozenset[str]] = None
    try:
        names = served(api, {one for catalog in catalogs for one in custom(catalog)})
    except (ForbiddenError, NotFoundError) as error:
        unseen.append(Unseen("which custom resources are served", error.message))
    return Sight(found, names, tuple(unseen), blind, tuple(namespaces), frozenset(shut))


def _where(closed: Sequence[str], usual: Sequence[str]) -> str:
    """`` outside of argo, argocd``: where something was not seen, though in usual places."""
    if not usual:
        return f" in {', '.join(closed)}"
    seen = [one for one in usual if one not in closed]
    return f" outside of {', '.join(seen)}" if seen else ""


def detected(catalogs: Iterable[Recognisable], sight: Sight) -> list[Detected]:
    """The control planes that are there, in the order of the catalogs; the usual place first."""
    return [one for catalog in catalogs for one in _of_one(catalog, sight)]


def _of_one(catalog: Recognisable, sight: Sight) -> Iterator[Detected]:
    wanted = custom(catalog)
    crds = tuple(one for one in wanted if sight.served is not None and one in sight.served)
    gone = bool(wanted) and sight.served is not None and not crds
    parts = [one for one in catalog.components if _is_wanted(one)]
    elsewhere = bool(sight.places) and catalog.namespace not in sight.places
    if not parts:
        if not gone and not elsewhere:
            yield Detected(catalog.name, catalog.namespace, INSTALLED, crds=crds)
        return
    rows = []
    for namespace in _places(catalog, parts, sight):
        there = [any(map(sight.has, workloads(one, namespace))) for one in parts]
        found = tuple(one.name for one, is_there in zip(parts, there) if is_there)
        missing = tuple(one.name for one, is_there in zip(parts, there) if not is_there)
        state = PARTLY if missing else INSTALLED
        rows.append(Detected(catalog.name, namespace, state, found, missing, crds))
    # Names as common as "controller": elsewhere most of them must be there, and the resources.
    kept = [one for one in rows if not one.missing or (not gone and _is_likely(one, catalog))]
    kept = [one for one in kept if one.namespace == catalog.namespace or not gone]
    if any(not one.missing for one in kept):
        kept = [one for one in kept if not one.missing]
    if not kept and crds and not elsewhere:
        needs = [need for one in parts for need in workloads(one, catalog.namespace)]
        hidden = any((need.resource, need.namespace) in sight.closed for need in needs)
        kept = [Detected(catalog.name, catalog.namespace, CRDS_ALONE, crds=crds, hidden=hidden)]
    yield from kept


def _is_likely(row: Detected, catalog: Recognisable) -> bool:
    return row.namespace == catalog.namespace or len(row.found) > len(row.missing)


def _places(catalog: Recognisable, parts: Sequence[Component], sight: Sight) -> list[str]:
    """The namespaces that hold a workload that must be there, the usual one first."""
    needs = [need for one in parts for need in workloads(one, ANY) if need.namespace == ANY]
    found = {
        namespace
        for need in needs
        for namespace, there in sight.workloads.get(need.resource, {}).items()
        if any(need.matches(metadata) for metadata in there)
    }
    return sorted(found, key=lambda one: (one != catalog.namespace, one))


def workloads(component: Component, namespace: str) -> list[Need]:
    """The workloads that a component's own checks name."""
    return [
        need
        for check in component.checks
        for need in check.needs(namespace)
        if need.resource in WORKLOADS and (need.names is not None or need.labels is not None)
    ]


def custom(catalog: Recognisable) -> list[str]:
    """The custom resources, by full name, that must be there."""
    found: dict[str, None] = {}
    for component in catalog.components:
        if component.presence or component.each is not None:
            continue
        for need in (need for check in component.checks for need in check.needs(ANY)):
            if need.resource == CRDS:
                found.update(dict.fromkeys(sorted(need.names or ())))
            elif not need.resource.version and not need.resource.group.endswith(BUILT_IN):
                found[need.resource.full_name] = None
    return [one for one in found if "." in one]


def _is_wanted(component: Component) -> bool:
    return component.each is None and not component.presence and bool(workloads(component, ANY))


def _usual(catalogs: Iterable[Recognisable]) -> list[str]:
    """The namespaces that catalogs look into."""
    found: dict[str, None] = {}
    for catalog in catalogs:
        for component in catalog.components:
            for need in workloads(component, catalog.namespace):
                found[need.namespace] = None
    return [one for one in found if one]
