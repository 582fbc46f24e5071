"""Generation of a catalog: what ``each`` finds just now, written out one by one, to be edited.

What is there for good, as workloads and Services are, becomes a component of its own. What comes
and goes, as Jobs that failed, which ``each`` finds by ``where``, ``unless`` or ``only``, stays
``each``. No I/O.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Any, Optional

import yaml

from agentctl.catalog.each import DEFAULT_CHECKS
from agentctl.catalog.fields import is_object_name
from agentctl.engine.messages import ObjectKey
from agentctl.kube.check import NAME
from agentctl.kube.components import Component
from agentctl.kube.cuts.objects import Workload, cut_workload
from agentctl.kube.each import Each
from agentctl.kube.evaluate import Evaluator
from agentctl.kube.resources import WORKLOADS
from agentctl.kube.selects import selecting
from agentctl.lazy_namedtuple import NamedTuple
from agentctl.model import JSONObject
from agentctl.redact.printable import legible

WIDTH = 100
MAX_LABELS = 4
"""How many labels a comment names."""


class Written(NamedTuple):
    """One component of the new catalog, and what is said above it."""

    declared: JSONObject
    comments: tuple[str, ...] = ()


def entries(components: Sequence[Component], evaluator: Evaluator, namespace: str) -> list[Written]:
    """The components of the new catalog, by what the evaluator's view holds."""
    found: list[Written] = []
    kept: set[int] = set()
    names = {one.name for one in components}
    for component in components:
        if component.each is None or _comes_and_goes(component):
            if component.declared and id(component.declared) not in kept:
                kept.add(id(component.declared))
                found.append(Written(dict(component.declared), tuple(_of_kept(component))))
            continue
        for one in _explicit(component, component.each, evaluator, namespace):
            if one.declared.get("name") not in names:
                names.add(one.declared.get("name", ""))
                found.append(one)
    return found


def unseen(components: Sequence[Component], evaluator: Evaluator, namespace: str) -> list[str]:
    """Why kinds that would be written out could not be listed."""
    reasons = [
        one.each.blind(evaluator.view, namespace) for one in components if one.each is not None
    ]
    return list(dict.fromkeys(filter(None, reasons)))


def text_of(name: str, namespace: str, written: Sequence[Written], comments: Sequence[str]) -> str:
    """The file."""
    lines = [f"# {legible(one, '?')}".rstrip() for one in comments]
    lines += [f"name: {_flow(name)}", f"namespace: {_flow(namespace)}", "components:"]
    for one in written:
        for comment in one.comments:
            lines += wrap(
                legible(comment, "?"), WIDTH, initial_indent="  # ", subsequent_indent="  #   "
            )
        lines += _component_lines(one.declared)
    return "\n".join(lines) + "\n"


def _comes_and_goes(component: Component) -> bool:
    each = component.each
    return each is not None and bool(component.only or each.cut.where or each.cut.unless)


def _of_kept(component: Component) -> Iterator[str]:
    if component.each is not None:
        yield f"{component.each.kind}: found as they come and go, not written out one by one."


def _explicit(
    template: Component, each: Each, evaluator: Evaluator, namespace: str
) -> Iterator[Written]:
    found = each.found(evaluator.view, namespace)
    if found.unlisted or found.left_out:
        why = found.unlisted or f"there are {found.left_out} more than {each.most}"
        declared = {**template.declared, "each": {**template.declared["each"]}}
        declared["each"]["kinds"] = [each.kind]
        yield Written(declared, (f"{each.kind}: not written out: {why}",))
        return
    for name in filter(is_object_name, found.names):  # of others, no catalog could speak
        about = tuple(_about(each, evaluator, namespace, name))
        yield Written(explicit(template, each, name), about)


def explicit(template: Component, each: Each, name: str) -> JSONObject:
    """The component of one object, as a catalog has it that names it."""
    given = template.declared
    checks = given.get("checks") or [{"kind": DEFAULT_CHECKS.get(each.kind, "resource")}]
    made: JSONObject = {"name": f"{each.noun}/{name}"}
    if each.namespace:
        made["namespace"] = each.namespace
    made.update((key, given[key]) for key in ("present", "within") if key in given)
    made["checks"] = [_named(_filled(check, name), each, name) for check in checks]
    return made


def _named(check: JSONObject, each: Each, name: str) -> JSONObject:
    """A check that names its object, where it is about the one that is found."""
    kind = check["kind"]
    own: Mapping[str, tuple[tuple[str, ...], JSONObject]] = {
        "workload": (("names", "labels"), {"names": [name], "kinds": [each.kind]}),
        "endpoints": (("service", "labels"), {"service": name}),
        "cronjob": (("name",), {"name": name}),
        "resource": (("of",), {"of": each.resource.full_name, "names": [name]}),
    }
    fields, added = own.get(kind, ((), {}))
    if not added or any(field in check for field in fields):
        return check
    return {"kind": kind, **added, **{key: one for key, one in check.items() if key != "kind"}}


def _filled(value: Any, name: str) -> Any:
    if isinstance(value, str):
        return value.replace(NAME, name)
    if isinstance(value, list):
        return [_filled(one, name) for one in value]
    if isinstance(value, dict):
        return {key: _filled(one, name) for key, one in value.items()}
    return value


def _about(each: Each, evaluator: Evaluator, namespace: str, name: str) -> Iterator[str]:
    """Where it is from, and what was seen of it."""
    where = each.at(namespace)
    if each.kind in WORKLOADS:
        workload = _workload(each, evaluator, where, name)
        if workload is not None:
            labels = [f"{key}={value}" for key, value in workload.labels[:MAX_LABELS]]
            told = f"; labels {', '.join(labels)}" if labels else ""
            count = f"{workload.available} of {workload.desired} available"
            yield f"{each.resource.full_name} {name}: {count}{told}"
            return
    if each.selects:
        selected = selecting(evaluator.view, where, each.selects).get(name)
        workloads = selected.workloads[:MAX_LABELS] if selected is not None else ()
        yield f"{each.resource.full_name} {name}: its selector means {', '.join(workloads)}"
        return
    yield f"{each.resource.full_name} {name}"


def _workload(each: Each, evaluator: Evaluator, where: str, name: str) -> Optional[Workload]:
    try:
        table = evaluator.view.objects(each.resource, where, cut_workload)
    except KeyError:  # its checks do not look at that
        return None
    found: Optional[Workload] = table.get(ObjectKey(where, name))
    return found


def _component_lines(declared: JSONObject) -> Iterator[str]:
    """A component in block style, what is in it in flow style."""
    first = True
    for key, value in declared.items():
        lead = "  - " if first else "    "
        first = False
        if key == "checks":
            yield f"{lead}checks:"
            yield from (f"      - {_flow(one)}" for one in value)
        else:
            yield f"{lead}{key}: {_flow(value)}"


def _flow(value: Any) -> str:
    """On one line."""
    text = yaml.safe_dump(
        value, default_flow_style=True, width=1 << 20, sort_keys=False, allow_unicode=True
    )
    return str(text).removesuffix("\n...\n").strip() if isinstance(value, str) else text.strip()
