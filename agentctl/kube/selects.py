"""Selection of pods by Services: which Services select a workload's pods, by their templates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Optional

from agentctl.kube.resources import SERVICES, WORKLOADS, Need, Seen
from agentctl.kube.selectors import Labels, labels_of
from agentctl.kube.source_view import Table
from agentctl.kube.view import View
from agentctl.lazy_namedtuple import NamedTuple
from agentctl.lenient_json import mapping, number


class Template(NamedTuple):
    """The labels that a workload gives its pods, and whether it is to have none of those."""

    labels: Labels
    at_zero: bool


class SelectedWorkloads(NamedTuple):
    """The workloads that a Service selects, ``kind/name``, and whether all are scaled to 0."""

    workloads: tuple[str, ...]
    at_zero: bool


def cut_selector(item: Mapping[str, Any], seen: Seen) -> Optional[Labels]:
    """A Service's selector; None for one without."""
    selector = mapping(mapping(item, "spec"), "selector")
    if not selector or mapping(item, "spec").get("type") == "ExternalName":
        return None
    return tuple(sorted((key, value) for key, value in selector.items() if isinstance(value, str)))


def cut_template(item: Mapping[str, Any], seen: Seen) -> Optional[Template]:
    """A Deployment's, StatefulSet's or DaemonSet's."""
    spec, status = mapping(item, "spec"), mapping(item, "status")
    metadata = mapping(mapping(spec, "template"), "metadata")
    if "desiredNumberScheduled" in status:
        at_zero = number(status, "desiredNumberScheduled") == 0
    else:
        at_zero = number(spec, "replicas", 1) == 0
    return Template(labels_of(metadata), at_zero)


def needs_of_selection(where: str, kinds: Sequence[str]) -> tuple[Need, ...]:
    """What has to be known of Services and workloads."""
    workloads = (Need(WORKLOADS[kind], where, cut_template) for kind in kinds)
    return (Need(SERVICES, where, cut_selector), *workloads)


def selecting(view: View, where: str, kinds: Sequence[str]) -> Mapping[str, SelectedWorkloads]:
    """The Services that select any workload of these kinds, by name."""
    resources = (SERVICES, *(WORKLOADS[kind] for kind in kinds))
    cuts = (cut_selector, *(cut_template for _ in kinds))
    names = tuple(kind.lower() for kind in kinds)

    def relate(services: Table, *tables: Table) -> Mapping[str, SelectedWorkloads]:
        return _related(services, dict(zip(names, tables)))

    key = ("selecting", where, names)
    return view.relate(key, [(one, where, cut) for one, cut in zip(resources, cuts)], relate)


def _related(services: Table, workloads: Mapping[str, Table]) -> dict[str, SelectedWorkloads]:
    by_label: dict[tuple[str, str], list[tuple[str, Template]]] = {}
    for kind, table in workloads.items():
        for key, template in sorted(table.items()):
            for label in template.labels:
                by_label.setdefault(label, []).append((f"{kind}/{key.name}", template))
    found = {}
    for key, selector in services.items():
        # The label that the fewest have says which are worth a look.
        few = min((by_label.get(label, []) for label in selector), key=len, default=[])
        wanted = set(selector)
        mine = [(name, one) for name, one in few if wanted <= set(one.labels)]
        if mine:
            names = tuple(name for name, _ in mine)
            found[key.name] = SelectedWorkloads(names, all(one.at_zero for _, one in mine))
    return found
