"""Components of a catalog read from its nodes: their checks, conditions and templates.

The kinds of check are the modules of ``agentctl.kube.checks``.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from functools import cache
from typing import Any, Optional

from agentctl import package
from agentctl.catalog.document import Node, short
from agentctl.catalog.fields import NodeFields
from agentctl.kube import checks
from agentctl.kube.check import GLOB, Check, Subject
from agentctl.kube.components import Component
from agentctl.kube.conditions import (
    INSTALLED,
    PRESENT_FIELDS,
    WHEN_FIELDS,
    Condition,
    WorkloadThere,
    parse_present,
    parse_when,
)
from agentctl.lazy_namedtuple import NamedTuple
from agentctl.lazy_regex import regex
from agentctl.model import Status

COMPONENT_KEYS = ("name", "checks", "present", "optional", "namespace", "only", "within")
EACH_KEYS = ("each", "checks", "present", "namespace", "only", "within")
WITHIN_KEYS = ("name", "present")
MAX_CHECKS = 50
MAX_CONDITIONS = 10
MAX_NAME = 320
"""Characters of a component's name: a kind, a slash, and an object's name of 253."""

_COMPONENT_NAME = regex(rf"[A-Za-z0-9][A-Za-z0-9:._/-]{{0,{MAX_NAME - 1}}}\Z")


def is_name(text: str) -> bool:
    """Whether a component may be called so."""
    return bool(_COMPONENT_NAME.match(text))


class Followed(NamedTuple):
    """A component that a check follows, and where that is written."""

    name: str
    line: int
    source: str


def components_of(
    node: Node, source: str, following: list[Followed], known: Sequence[str], probes: bool
) -> list[Component]:
    """A component, or one for each kind of ``each``. Raises CatalogError.

    ``known`` are names that are taken. What it follows is added to ``following``.
    """
    if isinstance(node.value, dict) and "each" in node.value:
        return templates_of(node, source, following, known)
    fields = NodeFields(node, source, "a component", COMPONENT_KEYS)
    return [component_of(fields, node, source, following, probes)]


def component_of(
    fields: NodeFields,
    node: Node,
    source: str,
    following: list[Followed],
    probes: bool,
) -> Component:
    line = fields.line_of("name")
    name = fields.text("name")
    home = fields.name("namespace", "")
    if not is_name(name):
        expected = f"a name of at most {MAX_NAME} letters, digits and ':._/-' as 'name'"
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
        **_within(fields, source),
    )


def templates_of(
    node: Node, source: str, following: list[Followed], known: Sequence[str]
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
                **_within(fields, source),
            )
        )
    return found


def _checks(
    entries: Sequence[Node],
    source: str,
    home: str,
    following: list[Followed],
    subject: Optional[Subject] = None,
) -> tuple[tuple[Check, ...], tuple[tuple[Condition, ...], ...]]:
    """The checks of a component and, where any has one, the conditions of each."""
    parsed: list[Check] = []
    conditions: list[tuple[Condition, ...]] = []
    for entry in entries:
        check, when = _check(entry, source, home, subject)
        conditions.append(when)
        line_of_name = entry.key_lines.get("name", entry.line)
        following += [Followed(name, line_of_name, source) for name in check.follows()]
        parsed.append(check)
    return tuple(parsed), tuple(conditions) if any(conditions) else ()


def _presence(fields: NodeFields, source: str, home: str) -> tuple[Condition, ...]:
    return tuple(
        parse_present(NodeFields(one, source, "a 'present' condition", PRESENT_FIELDS, home))
        for one in _one_or_more(fields, "present")
    )


def _within(fields: NodeFields, source: str) -> dict[str, Any]:
    """The catalog that it is of, where that has a ``present`` of its own."""
    node = fields.node("within")
    if node is None:
        return {}
    within = NodeFields(node, source, "'within'", WITHIN_KEYS)
    name = within.text("name")
    if not is_name(name):
        expected = f"a name of at most {MAX_NAME} letters, digits and ':._/-' as 'name'"
        raise within.fail("name", expected)
    scope = _presence(within, source, fields.name("namespace", ""))
    if not scope:
        raise within.fail("present", "a condition as 'present'")
    return {"within": name, "scope": scope}


def _only(fields: NodeFields) -> tuple[Status, ...]:
    return tuple(map(Status, fields.choices("only", [one.value for one in Status], ())))


def _optional(fields: NodeFields, parsed: Sequence[Check]) -> tuple[Condition, ...]:
    """What says that an optional component is installed: any workload that it checks.

    A webhook that it names does, too: without its workload, all writes may be refused.
    """
    if fields.has("present"):
        raise fields.fail("optional", "one of the keys 'optional' and 'present'")
    from agentctl.kube.checks.webhook import WebhookCheck, WebhooksThere
    from agentctl.kube.checks.workload import WorkloadCheck

    found: list[Condition] = [
        WorkloadThere(one.names, one.labels, one.kinds, one.namespace)
        for one in parsed
        if isinstance(one, WorkloadCheck)
    ]
    if not found:
        raise fields.fail("optional", "a check of kind workload beside 'optional'")
    for one in parsed:
        if isinstance(one, WebhookCheck):
            names = tuple(name for name in one.names if not GLOB.search(name))
            if names:
                found.append(WebhooksThere(names, one.kinds))
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
