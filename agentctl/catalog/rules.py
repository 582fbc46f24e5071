"""Rules in catalogs: a list as it is written, the name of one, and those that ship by kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import NoReturn, Optional

from agentctl import package
from agentctl.catalog.document import Node, parse, short
from agentctl.catalog.wording import MAX_TEXT, guess, listed
from agentctl.errors import CatalogError
from agentctl.lazy_namedtuple import NamedTuple
from agentctl.rules.atom import Atom
from agentctl.rules.judge import ELSE, STATUSES, Rule, RuleList
from agentctl.rules.named import NAMES, named
from agentctl.rules.syntax import EXAMPLES, AtomError, parse_atom

SHIPPED = ("health.yaml", "operators/health.yaml")
MAX_RULES = 200
MAX_ATOMS = 20
SAYS = "says"
MAX_SAYS = 80


class ShippedRules(NamedTuple):
    """Rules for one kind. ``of`` is its full name, ``plural.group``."""

    of: str
    kind: str
    rules: RuleList

    @property
    def group(self) -> str:
        return self.of.partition(".")[2]


def parse_rules(node: Node, source: str, name: str = "") -> RuleList:
    """The rules of a field. Raises CatalogError with file, line and what was expected."""
    return _RulesReader(source).rules(node, name)


def parse_atoms(node: Node, source: str) -> tuple[Atom, ...]:
    """The atoms of a field, which must all hold. Raises CatalogError."""
    return _RulesReader(source).atoms(node)


@cache
def shipped() -> tuple[ShippedRules, ...]:
    """The rules that ship, kind by kind."""
    return tuple(one for file in SHIPPED for one in _of_file(file))


def shipped_kinds() -> dict[str, str]:
    """The kinds that have rules, each with its full name: of two alike the first."""
    found: dict[str, str] = {}
    for file in SHIPPED:
        for of, kind in _written(file).kinds:
            found.setdefault(kind, of)
    return found


def _of_file(file: str) -> Iterator[ShippedRules]:
    return (_read(file, of, kind) for of, kind in _written(file).kinds)


class _Written(NamedTuple):
    """The rules of a file as they are written: few are ever wanted."""

    kinds: dict[tuple[str, str], Node]
    """By full name and kind."""
    groups: dict[str, Node]
    """By what groups of resources end with, for all kinds of theirs that have no own ones."""


@cache
def _written(file: str) -> _Written:
    kinds: dict[tuple[str, str], Node] = {}
    groups: dict[str, Node] = {}
    for entry in parse(package.data("agentctl.catalog", file), file).value["kinds"].value:
        rules = entry.value["rules"]
        if "groups" in entry.value:
            groups.update((one.value.lstrip("*"), rules) for one in entry.value["groups"].value)
        else:
            kinds.update(((of.value, kind), rules) for kind, of in entry.value["of"].value.items())
    return _Written(kinds, groups)


@cache
def _read(file: str, of: str, kind: str) -> ShippedRules:
    rules = parse_rules(_written(file).kinds[of, kind], file, f"{kind} of {file}")
    return ShippedRules(of, kind, rules)


@cache
def _read_group(file: str, end: str) -> RuleList:
    return parse_rules(_written(file).groups[end], file, f"*{end} of {file}")


def _first(wanted: Callable[[str, str], bool], group: str) -> RuleList:
    """The rules whose full name and kind are wanted, or else the group's, or ``default``."""
    for file in SHIPPED:
        for of, kind in _written(file).kinds:
            if wanted(of, kind):
                return _read(file, of, kind).rules
    for file in SHIPPED:
        for end in _written(file).groups:
            if group.endswith(end):
                return _read_group(file, end)
    return named("default")


def rules_of(resource: str) -> RuleList:
    """The rules for a resource by its full name: those that ship for it, or else ``default``."""
    return _first(lambda of, kind: of == resource, resource.partition(".")[2])


def rules_of_kind(group: str, kind: str) -> RuleList:
    """The same by group and kind, as an object has them."""
    wanted = (group, kind)
    return _first(lambda of, one: (of.partition(".")[2], one) == wanted, group)


class _RulesReader:
    def __init__(self, source: str) -> None:
        self._source = source

    def rules(self, node: Node, name: str) -> RuleList:
        value = node.value
        if isinstance(value, str):
            if value not in NAMES:
                self._fail(node.line, f"a list of rules, or {listed(NAMES)}", guess(value, NAMES))
            return named(value)
        if not isinstance(value, list) or not value:
            self._fail(node.line, f"a list of rules, or {listed(NAMES)}", node.described())
        if len(value) > MAX_RULES:
            self._fail(node.line, f"at most {MAX_RULES} rules", str(len(value)))
        otherwise: Optional[str] = None
        rules: list[Rule] = []
        for entry in value:
            if otherwise is not None:
                self._fail(entry.line, "nothing after 'else'", "one more rule")
            status, right, says = self._parts(entry)
            if status == ELSE:
                otherwise = self._otherwise(right)
            else:
                rules.append(self._rule(status, right, entry.line, rules, says))
        return RuleList(tuple(rules), otherwise, name)

    def _parts(self, entry: Node) -> tuple[str, Node, str]:
        """The status, what stands right of it, and what the rule says."""
        value = entry.value
        is_mapping = isinstance(value, dict)
        rest = {key: one for key, one in value.items() if key != SAYS} if is_mapping else {}
        if len(rest) != 1:
            got = f"{len(value)} keys" if is_mapping else entry.described()
            self._fail(entry.line, "one rule, as in 'healthy: [Ready=True]'", got)
        ((status, right),) = rest.items()
        known = (*STATUSES, ELSE)
        if status not in known:
            self._fail(entry.line, f"as a rule's status {listed(known)}", guess(status, known))
        if SAYS not in value:
            return status, right, ""
        node = value[SAYS]
        if status == ELSE or not isinstance(node.value, str) or not 0 < len(node.value) <= MAX_SAYS:
            expected = f"a text of 1 to {MAX_SAYS} characters as {SAYS!r}, beside a rule's status"
            self._fail(node.line, expected, node.described())
        return status, right, node.value

    def _otherwise(self, node: Node) -> str:
        if node.value not in STATUSES:
            self._fail(node.line, f"after 'else' {listed(STATUSES)}", node.described())
        return str(node.value)

    def atoms(self, node: Node) -> tuple[Atom, ...]:
        return self._rule("healthy", node, node.line, []).atoms

    def _rule(self, status: str, node: Node, line: int, before: list[Rule], says: str = "") -> Rule:
        entries = node.value if isinstance(node.value, list) else [node]
        if not entries:
            self._fail(line, "a list of atoms (for what no rule says: 'else')", "an empty list")
        if len(entries) > MAX_ATOMS:
            self._fail(line, f"at most {MAX_ATOMS} atoms", str(len(entries)))
        rule = Rule(status, tuple(self._atom(one, line) for one in entries), line, says)
        if rule.contradicts_itself():
            self._fail(line, "atoms that can all hold", rule.text)
        for one in before:
            if one.hides(rule):
                earlier = f"{rule.text}, though {one.text} (line {one.line}) is before it"
                self._fail(line, "a rule that can be reached", earlier)
        return rule

    def _atom(self, node: Node, line: int) -> Atom:
        # What is written by alias has the line of its anchor: the rule's own says more.
        line = max(node.line, line)
        if not isinstance(node.value, str):
            self._fail(line, f"an atom {EXAMPLES}", node.described())
        if len(node.value) > MAX_TEXT:
            self._fail(line, f"an atom of at most {MAX_TEXT} characters", str(len(node.value)))
        try:
            return parse_atom(node.value)
        except AtomError as error:
            self._fail(line, str(error), repr(short(node.value)))

    def _fail(self, line: int, expected: str, got: str) -> NoReturn:
        raise CatalogError(f"{self._source}:{line}: expected {expected}, got {got}")
