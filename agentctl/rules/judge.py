"""Rule lists: which status an object has by the first rule that holds.

Before all rules come what no list has to say: an object that is being deleted, and a status
that is of an older generation, are progressing. What no rule recognises is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, Optional

from agentctl.lazy_dataclass import dataclass, field
from agentctl.lazy_namedtuple import NamedTuple
from agentctl.rules import scope as scopes
from agentctl.rules.atom import (
    ABSENT,
    INSIDE,
    IS,
    IS_NOT,
    PRESENT,
    AnyAtom,
    Atom,
    ConditionAtom,
    FieldAtom,
    ItemsAtom,
    unwell,
)
from agentctl.rules.scope import CONDITIONS, Path, Scope, text_at, told, whole

STATUSES = (
    "healthy",
    "configured",
    "degraded",
    "error",
    "unknown",
    "progressing",
    "suspended",
)

DELETED = "being deleted"
OLDER = "a status of an older generation"
NO_RULE = "no rule holds"
MESSAGE = ("status", "message")
NOTHING_KNOWN = "its status says nothing that the rules know"
ELSE = "else"

MAX_RULE = 160
"""Characters of a rule as it is told."""

MAX_KNOWN = 1000
MAX_REMEMBERED = 32
"""Of how many sets of conditions, of at most how many each, it is remembered what they mean:
most objects of a kind have the same."""

BUILT_IN: tuple[Path, ...] = (
    ("metadata", "deletionTimestamp"),
    ("metadata", "generation"),
    ("metadata", "creationTimestamp"),
    ("status", "observedGeneration"),
    CONDITIONS,
)
"""What is read of every object, whatever its rules are."""


@dataclass(frozen=True)
class Rule:
    """A status and the atoms that must all hold for it; ``line`` is where it is written."""

    status: str
    atoms: tuple[Atom, ...]
    line: int = field(default=0, compare=False)
    says: str = field(default="", compare=False)
    """What it means, in words for a message; empty for what its atoms found."""

    @cached_property
    def text(self) -> str:
        """As it is written in a catalog, bounded."""
        whole = told(f"{self.status}: [{', '.join(map(str, self.atoms))}]")
        return whole if len(whole) <= MAX_RULE else f"{whole[: MAX_RULE - 2]}…]"

    @cached_property
    def rests_on_conditions(self) -> bool:
        """Whether nothing but the types, statuses and reasons of conditions decide."""
        return all(isinstance(atom, (ConditionAtom, AnyAtom)) for atom in self.atoms)

    def contradicts_itself(self) -> bool:
        """Whether two of its atoms cannot hold together."""
        return any(
            _excludes(one, other)
            for index, one in enumerate(self.atoms)
            for other in self.atoms[index + 1 :]
        )

    def hides(self, later: Rule) -> bool:
        """Whether it holds wherever a later one would, which then is never reached."""
        return set(self.atoms) <= set(later.atoms)


class Judgement(NamedTuple):
    """What rules make of an object.

    ``rule`` is the text of the one that decided, ``why`` what was found, for a message: of
    what is healthy it is empty.
    """

    status: str
    rule: str
    why: str = ""
    place: Optional[int] = None
    """Which of the rules it was, from 0; None for what is built in."""


@dataclass(frozen=True)
class RuleList:
    """Rules in order; ``otherwise`` is the status where none holds, None for unknown."""

    rules: tuple[Rule, ...]
    otherwise: Optional[str] = None
    name: str = ""
    """What it is called, where it has a name."""

    def judge(self, item: Mapping[str, Any], generation: bool = True) -> Judgement:
        """The status of an object. Never raises. ``generation`` False takes any status for new."""
        metadata = scopes.field(item, ("metadata",))
        newest = None
        if isinstance(metadata, dict):
            if metadata.get("deletionTimestamp"):
                return Judgement("progressing", DELETED, DELETED)
            newest = whole(metadata.get("generation")) if generation else None
        if newest is not None:
            observed = whole(scopes.field(item, ("status", "observedGeneration")))
            if observed is not None and observed < newest:
                return _older(observed, newest)
        scope = Scope(item, CONDITIONS, newest)
        if not scope.conditions and scope.outdated:
            return _older(None, newest)
        place = self._first(scope)
        if place is not None:
            rule = self.rules[place]
            why = "" if rule.status == "healthy" else _why(rule, scope)
            return Judgement(rule.status, rule.text, why, place)
        if self.otherwise is not None:
            why = "" if self.otherwise == "healthy" else unwell(scope) or NOTHING_KNOWN
            return Judgement(self.otherwise, f"{ELSE}: {self.otherwise}", why)
        return Judgement("unknown", NO_RULE, NOTHING_KNOWN)

    def _first(self, scope: Scope) -> Optional[int]:
        """The first rule that holds; what rests on conditions alone is remembered."""
        first = self._first_by_conditions(scope)
        for place, rule in self._candidates(scope):
            if first is not None and first < place:
                break
            if all(atom.holds(scope) for atom in rule.atoms):
                return place
        return first

    def _first_by_conditions(self, scope: Scope) -> Optional[int]:
        signature = tuple((kind, one[0], one[1]) for kind, one in scope.conditions.items())
        try:
            return self._known[signature]
        except KeyError:
            pass
        first = next(
            (
                place
                for place, rule in self._by_conditions
                if all(atom.holds(scope) for atom in rule.atoms)
            ),
            None,
        )
        if len(signature) <= MAX_REMEMBERED:
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            self._known[signature] = first
        return first

    @cached_property
    def _known(self) -> dict[tuple[tuple[str, str, str], ...], Optional[int]]:
        return {}

    @cached_property
    def _by_conditions(self) -> list[tuple[int, Rule]]:
        return [(at, rule) for at, rule in enumerate(self.rules) if rule.rests_on_conditions]

    def _candidates(self, scope: Scope) -> list[tuple[int, Rule]]:
        """Those that rest on fields, without the many that want what is not there."""
        always, by_key, by_inside = self._by_fields
        found = list(always)
        for top, wanting in by_key.items():
            value = scopes.field(scope.item, (top,))
            if isinstance(value, dict):
                for key in value.keys() & wanting.keys():
                    found += wanting[key]
        for path, rules in by_inside.items():
            if scope.inside(path):
                found += rules
        found.sort(key=_place)
        return found

    @cached_property
    def _by_fields(self) -> _ByFields:
        always: list[tuple[int, Rule]] = []
        by_key: dict[str, dict[str, list[tuple[int, Rule]]]] = {}
        by_inside: dict[Path, list[tuple[int, Rule]]] = {}
        for place, rule in enumerate(self.rules):
            if rule.rests_on_conditions:
                continue
            first = rule.atoms[0]
            wanted = next((atom.wants for atom in rule.atoms if len(atom.wants) > 1), ())
            if wanted:
                by_key.setdefault(wanted[0], {}).setdefault(wanted[1], []).append((place, rule))
            elif isinstance(first, ItemsAtom) and first.among == INSIDE:
                by_inside.setdefault(first.path, []).append((place, rule))
            else:
                always.append((place, rule))
        return always, by_key, by_inside

    def atoms(self) -> Iterator[Atom]:
        for rule in self.rules:
            yield from rule.atoms


_Placed = list[tuple[int, Rule]]
_ByFields = tuple[_Placed, dict[str, dict[str, _Placed]], dict[Path, _Placed]]
"""Rules and their places: those always asked, those that want something at two keys, and those
that look at everything inside of something."""


def _place(candidate: tuple[int, Rule]) -> int:
    return candidate[0]


def _older(observed: Optional[int], newest: Optional[int]) -> Judgement:
    seen = "" if observed is None else f" ({observed} of {newest})"
    return Judgement("progressing", OLDER, f"its last change is not taken up yet{seen}")


def _why(rule: Rule, scope: Scope) -> str:
    """What says most of the rule's atoms, with the message that stands beside it."""
    first = rule.atoms[:2]
    found = rule.says or ", ".join(dict.fromkeys(atom.why(scope) for atom in first))
    if rule.says or not any(isinstance(atom, ConditionAtom) for atom in first):
        messages = (*(atom.message(scope) for atom in first), text_at(scope.item, MESSAGE))
        if message := next(filter(None, messages), ""):
            found += f": {told(message)}"
    return told(found)


def _excludes(one: Atom, other: Atom) -> bool:
    if isinstance(one, ConditionAtom) and isinstance(other, ConditionAtom):
        if one.type != other.type or "*" in one.type:
            return False
        if one.op == IS == other.op and one.reasons and other.reasons:
            return not set(one.reasons) & set(other.reasons)
        return _opposed(one.op, one.statuses, other.op, other.statuses)
    if isinstance(one, FieldAtom) and isinstance(other, FieldAtom) and one.path == other.path:
        return _opposed(one.op, one.values, other.op, other.values)
    return False


def _opposed(op: str, mine: Iterable[str], other_op: str, others: Iterable[str]) -> bool:
    mine, others = set(mine), set(others)
    if {op, other_op} in ({PRESENT, ABSENT}, {IS, ABSENT}):
        return True
    if op == IS == other_op:
        return not mine & others
    if {op, other_op} == {IS, IS_NOT}:
        wanted, refused = (mine, others) if op == IS else (others, mine)
        return wanted <= refused
    return False
