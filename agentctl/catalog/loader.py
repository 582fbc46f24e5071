"""Catalog loader: from YAML to components, and the choice by ``--component``.

A catalog is data: components in the order of the output, each with its checks. The
kinds of check are the modules of ``agentctl.kube.checks``.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cache
from typing import Any, NamedTuple, Optional, Union

from agentctl import package
from agentctl.catalog.document import MAX_BYTES, Node, parse, short
from agentctl.catalog.fields import NodeFields
from agentctl.catalog.wording import guess
from agentctl.errors import CatalogError, UsageError
from agentctl.kube import checks
from agentctl.kube.check import Check, Subject
from agentctl.kube.components import Component, CycleError, evaluation_order
from agentctl.kube.conditions import (
    INSTALLED,
    PRESENT_FIELDS,
    WHEN_FIELDS,
    Condition,
    WorkloadThere,
    parse_present,
    parse_when,
)
from agentctl.lazy_dataclass import dataclass, field, replace
from agentctl.model import Status

DEFAULT = "agents.yaml"
SHIPPED = (
    *("agents", "argo-workflows", "argocd", "auto", "cert-manager", "cloudnative-pg"),
    *(
        "crossplane",
        "external-secrets",
        "flux",
        "ingress-nginx",
        "istio",
        "keda",
        "knative-serving",
    ),
    *("kubernetes", "linkerd", "metrics-server", "prometheus-operator", "tekton", "temporal"),
)
"""The catalogs in the package by name, as ``--catalog`` takes them."""

KEYS = ("name", "namespace", "components", "requires")
"""``requires`` is what ``agentctl catalog show`` adds, passed over when read again."""

COMPONENT_KEYS = ("name", "checks", "present", "optional", "namespace", "only")
EACH_KEYS = ("each", "checks", "present", "namespace", "only")
MAX_COMPONENTS = 1000
MAX_CHECKS = 50
MAX_CONDITIONS = 10
_COMPONENT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9:._/-]{0,99}\Z")


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


def load_default(probes: bool = False) -> Catalog:
    """The catalog that ships in the package; with ``probes`` it asks dependencies themselves."""
    return load(package.data("agentctl.catalog", DEFAULT), DEFAULT, probes)


class CatalogText(NamedTuple):
    """A catalog that was read already, as from a pipe; ``source`` is what errors call it."""

    source: str
    data: bytes


def load_chosen(given: Union[str, CatalogText], probes: bool = True) -> Catalog:
    """One by what ``--catalog`` says: a path, or the name of one that ships, or else a file's.

    A path has a slash or ends in ``.yaml``; nothing at all is the default. Raises CatalogError.
    """
    if isinstance(given, CatalogText):
        return _asking(load(given.data, given.source), probes)
    if given in ("", SHIPPED[0]):
        return load_default(probes)
    if given in SHIPPED:
        catalog = load(package.data("agentctl.catalog", f"{given}.yaml"), f"{given}.yaml")
    elif "/" in given or given.endswith(".yaml") or os.path.exists(given):
        catalog = load_file(given)
    else:
        raise CatalogError(
            f"no catalog {_near(given)}: give a file, or a name that 'agentctl catalog list' shows"
        )
    return _asking(catalog, probes)


def _asking(catalog: Catalog, probes: bool) -> Catalog:
    return catalog if probes else catalog.without_probes()


def _near(given: str) -> str:
    """A name that is none, and which it may have been: those with it inside, or one like it."""
    bare = given.lower().replace("_", "-")
    inside = [one for one in SHIPPED if bare and (bare in one or one in bare)]
    if not inside:
        return guess(bare, SHIPPED).replace(repr(bare), repr(short(given)), 1)
    return f"{short(given)!r} (did you mean {' or '.join(map(repr, inside))}?)"


def load_file(path: str) -> Catalog:
    """A user's catalog. Raises CatalogError."""
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CatalogError(f"{path}: cannot read the catalog: {reason}") from None
    return load(data, path)


def load(data: bytes, source: str, probes: bool = True) -> Catalog:
    """A catalog from its text; ``source`` is what errors call it. Raises CatalogError.

    Without ``probes`` those are passed over that stand beside other checks.
    """
    top = NodeFields(parse(data, source), source, "the catalog", KEYS)
    name = top.text("name", os.path.splitext(os.path.basename(source))[0])
    components: dict[str, Component] = {}
    following: list[tuple[str, int]] = []
    for node in top.mappings("components", MAX_COMPONENTS):
        if isinstance(node.value, dict) and "each" in node.value:
            for component in _templates(node, source, following, tuple(components)):
                components[component.name] = component
            continue
        fields = NodeFields(node, source, "a component", COMPONENT_KEYS)
        component = _component(fields, node, source, following, probes)
        if component.name in components:
            first = components[component.name].line
            got = f"{component.name!r} again (line {first})"
            raise fields.error(component.line, "each component name once", got)
        components[component.name] = component
    for followed, line in following:
        if followed not in components:
            got = guess(followed, tuple(components))
            raise top.error(line, "the name of a component", got)
    try:
        evaluation_order(tuple(components.values()))
    except CycleError as error:
        line = components[error.path[0]].line
        raise top.error(line, "components that follow no circle", str(error)) from None
    return Catalog(name, tuple(components.values()), _namespace(top))


def _namespace(top: NodeFields) -> str:
    name = top.name("namespace", "")
    if "{" in name or "." in name:
        raise top.fail("namespace", "the name of a namespace as 'namespace'")
    return name


def _component(
    fields: NodeFields,
    node: Node,
    source: str,
    following: list[tuple[str, int]],
    probes: bool,
) -> Component:
    line = fields.line_of("name")
    name = fields.text("name")
    home = fields.name("namespace", "")
    if not _COMPONENT_NAME.match(name):
        expected = "a name of at most 100 letters, digits and ':._/-' as 'name'"
        raise fields.error(line, expected, repr(short(name)))
    declared = node.plain()
    entries = fields.mappings("checks", MAX_CHECKS)
    kept = entries if probes else [one for one in entries if not _is_probe(one)]
    if 0 < len(kept) < len(entries):
        entries, declared = kept, {**declared, "checks": [one.plain() for one in kept]}
    checks, conditions = _checks(entries, source, home, following)
    presence = _presence(fields, source, home)
    if fields.flag("optional"):
        presence = _optional(fields, checks)
    return Component(
        name,
        checks,
        line,
        declared,
        conditions=conditions,
        presence=presence,
        told=any(isinstance(one, INSTALLED) for one in presence),
        only=_only(fields),
    )


def _templates(
    node: Node, source: str, following: list[tuple[str, int]], known: Sequence[str]
) -> list[Component]:
    """A component with ``each``, as a template for each of its kinds."""
    from agentctl.catalog.each import FIELDS, default_checks, parse_each

    fields = NodeFields(node, source, "a component with 'each'", EACH_KEYS)
    declared = node.plain()
    home = fields.name("namespace", "")
    what = NodeFields(node.value["each"], source, "'each'", FIELDS, home)
    presence = _presence(fields, source, home)
    written = fields.mappings("checks", MAX_CHECKS) if fields.has("checks") else []
    found: list[Component] = []
    for one in parse_each(what):
        entries = written or default_checks(one, node.line)
        checks, conditions = _checks(entries, source, one.namespace, following, one)
        taken = sum(name.startswith(f"{one.noun}/*") for name in known)
        found.append(
            Component(
                f"{one.noun}/*{taken or ''}",
                checks,
                node.line,
                declared,
                conditions=conditions,
                presence=presence,
                only=_only(fields),
                each=one,
            )
        )
    return found


def _checks(
    entries: Sequence[Node],
    source: str,
    home: str,
    following: list[tuple[str, int]],
    subject: Optional[Subject] = None,
) -> tuple[tuple[Check, ...], tuple[tuple[Condition, ...], ...]]:
    """The checks of a component and, where any has one, the conditions of each."""
    parsed: list[Check] = []
    conditions: list[tuple[Condition, ...]] = []
    for entry in entries:
        check, when = _check(entry, source, home, subject)
        conditions.append(when)
        line_of_name = entry.key_lines.get("name", entry.line)
        following += [(followed, line_of_name) for followed in check.follows()]
        parsed.append(check)
    return tuple(parsed), tuple(conditions) if any(conditions) else ()


def _presence(fields: NodeFields, source: str, home: str) -> tuple[Condition, ...]:
    return tuple(
        parse_present(NodeFields(one, source, "a 'present' condition", PRESENT_FIELDS, home))
        for one in _one_or_more(fields, "present")
    )


def _only(fields: NodeFields) -> tuple[Status, ...]:
    return tuple(map(Status, fields.choices("only", [one.value for one in Status], ())))


def _optional(fields: NodeFields, parsed: Sequence[Check]) -> tuple[Condition, ...]:
    """What says that an optional component is installed: any workload that it checks."""
    if fields.has("present"):
        raise fields.fail("optional", "one of the keys 'optional' and 'present'")
    from agentctl.kube.checks.workload import WorkloadCheck

    found = [
        WorkloadThere(one.names, one.labels, one.kinds, one.namespace)
        for one in parsed
        if isinstance(one, WorkloadCheck)
    ]
    if not found:
        raise fields.fail("optional", "a check of kind workload beside 'optional'")
    return tuple(found)


def _is_probe(node: Node) -> bool:
    return isinstance(node.value, dict) and node.plain().get("kind") == "probe"


def _one_or_more(fields: NodeFields, field: str) -> list[Node]:
    """The mappings of a field that is one, or a list of them; none where it is not there."""
    node = fields.node(field)
    if node is None:
        return []
    return fields.mappings(field, MAX_CONDITIONS) if isinstance(node.value, list) else [node]


def _check(
    node: Node, source: str, home: str, subject: Optional[Subject]
) -> tuple[Check, tuple[Condition, ...]]:
    # Which fields are known depends on the kind, so that is read first.
    name = NodeFields(node, source, "a check", tuple(node.key_lines)).choice("kind", kinds())
    kind = check_kind(name)
    known_fields = ("kind", *kind.fields, "when")
    fields = NodeFields(node, source, f"a check of kind {name!r}", known_fields, home, subject)
    check: Check = kind.parse(fields)
    if check.asks and subject is not None:
        raise fields.fail("kind", "no check of kind 'probe' beside 'each'")
    when = tuple(
        parse_when(NodeFields(one, source, "a 'when' condition", WHEN_FIELDS, home, subject))
        for one in _one_or_more(fields, "when")
    )
    return check, when


class CheckKind(NamedTuple):
    """One kind of check, as its module declares it."""

    fields: tuple[str, ...]
    parse: Any


@cache
def kinds() -> tuple[str, ...]:
    """All kinds of check by name: the modules of ``agentctl.kube.checks``."""
    found = package.module_names(checks.__path__)
    return tuple(name for name in found if not name.startswith("_"))


@cache
def check_kind(name: str) -> CheckKind:
    """One kind. Imported when a catalog first has such a check: start-up is spared the others."""
    module = importlib.import_module(f"{checks.__name__}.{name}")
    return CheckKind(module.FIELDS, module.parse)
