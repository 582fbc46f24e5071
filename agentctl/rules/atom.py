"""Atoms: the smallest questions of a rule, on a condition, a field or the items of a list.

``str`` of an atom is its text in a catalog, which ``syntax.parse_atom`` reads again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property, lru_cache
from typing import Any, Optional, Union

from agentctl.lazy_dataclass import dataclass
from agentctl.lazy_regex import regex
from agentctl.rules import scope as scopes
from agentctl.rules.scope import CONDITIONS, Path, Scope, is_there, scalar, told

PRESENT, ABSENT, IS, IS_NOT = "", "!", "=", "!="
STATUS: Path = ("status",)
EACH, AT, INSIDE = "[*]", "", ".**"

_PLAIN = regex(r"[^\s|'\"()=](?:[^|'\"()]*[^\s|'\"()])?\Z")
_UTC = regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?Z\Z")
_KEY_ESCAPED = regex(r"([^A-Za-z0-9_/-])")


class Atom:
    """One question. Answers for any JSON, in time linear in what it looks at."""

    wants: Path = ()
    """Something must stand at this path, or it does not hold."""

    def holds(self, scope: Scope) -> bool:
        raise NotImplementedError

    def why(self, scope: Scope) -> str:
        """What was found, for a message, where it holds."""
        return str(self)

    def message(self, scope: Scope) -> str:
        """The text that stands beside what was found; empty where there is none."""
        return ""

    def paths(self) -> Iterator[Path]:
        """What it looks at, from its scope."""
        raise NotImplementedError


@dataclass(frozen=True)
class ConditionAtom(Atom):
    """``Type``, ``!Type``, ``Type=Status|Status(Reason|Reason)`` and the same with ``!=``.

    A ``*`` in the type stands for any text: then any condition with such a type will do. One
    in a reason does so too.
    """

    type: str
    op: str = PRESENT
    statuses: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()

    def holds(self, scope: Scope) -> bool:
        return (self._match(scope) is not None) != (self.op == ABSENT) or self._by_absence(scope)

    def _by_absence(self, scope: Scope) -> bool:
        """``!=`` holds where there is no such condition, unless a reason is asked for."""
        if self.op != IS_NOT or self.reasons:
            return False
        if "*" not in self.type:
            return self.type not in scope.conditions
        return not any(_is_like(self.type, kind) for kind in scope.conditions)

    def _match(self, scope: Scope) -> Optional[str]:
        """The type of the condition that it is about, if one answers the question."""
        conditions = scope.conditions
        if "*" not in self.type:
            found = conditions.get(self.type)
            return self.type if found is not None and self._fits(found) else None
        for kind, one in conditions.items():
            if _is_like(self.type, kind) and self._fits(one):
                return kind
        return None

    def _fits(self, found: scopes.FoundCondition) -> bool:
        if not self.statuses:
            return True
        if (found.status in self.statuses) != (self.op == IS):
            return False
        return not self.reasons or any(_is_like(one, found.reason) for one in self.reasons)

    def why(self, scope: Scope) -> str:
        kind = self._match(scope)
        return f"no condition {self.type}" if kind is None else _told(kind, scope.conditions[kind])

    def message(self, scope: Scope) -> str:
        kind = self._match(scope)
        return "" if kind is None else scope.conditions[kind].message

    def paths(self) -> Iterator[Path]:
        yield CONDITIONS

    def __str__(self) -> str:
        if self.op == ABSENT:
            return f"!{self.type}"
        reasons = f"({_values(self.reasons)})" if self.reasons else ""
        return f"{self.type}{self.op}{_values(self.statuses)}{reasons}"


@dataclass(frozen=True)
class AnyAtom(Atom):
    """``any=Status``: any condition at all has one of these statuses."""

    statuses: tuple[str, ...]

    def holds(self, scope: Scope) -> bool:
        return any(one.status in self.statuses for one in scope.conditions.values())

    def why(self, scope: Scope) -> str:
        for kind, found in scope.conditions.items():
            if found.status in self.statuses:
                return _told(kind, found)
        return str(self)

    def paths(self) -> Iterator[Path]:
        yield CONDITIONS

    def __str__(self) -> str:
        return f"any={_values(self.statuses)}"


@dataclass(frozen=True)
class FieldAtom(Atom):
    """``.path``, ``!.path``, ``.path=value|value`` and the same with ``!=``.

    Numbers and booleans are compared as text. ``!=`` holds where there is no such field.
    """

    path: Path
    op: str = PRESENT
    values: tuple[str, ...] = ()

    @property
    def wants(self) -> Path:  # type: ignore[override]
        return self.path if self.op in (PRESENT, IS) else ()

    def holds(self, scope: Scope) -> bool:
        value = scopes.field(scope.item, self.path)
        if not self.values:
            return is_there(value) != (self.op == ABSENT)
        return (value is not None and scalar(value) in self._values) == (self.op == IS)

    @cached_property
    def _values(self) -> frozenset[str]:
        return frozenset(self.values)

    def why(self, scope: Scope) -> str:
        value = scopes.field(scope.item, self.path)
        if not is_there(value):
            return "no status yet" if self.path == STATUS else f"no {path_text(self.path)}"
        if self.path == CONDITIONS and (worst := unwell(scope)):
            return worst
        text = scalar(value)
        return path_text(self.path) + ("" if text is None else f"={told(text)}")

    def message(self, scope: Scope) -> str:
        *above, key = self.path
        texts = (
            scopes.text_at(scope.item, (*above, one))
            for one in ("message", f"{key}Message", f"{key}Reason", "reason")
            if one != key
        )
        return next(filter(None, texts), "")

    def paths(self) -> Iterator[Path]:
        yield self.path

    def __str__(self) -> str:
        if self.op == ABSENT:
            return f"!{path_text(self.path)}"
        return f"{path_text(self.path)}{self.op}{_values(self.values)}"


@dataclass(frozen=True)
class LessAtom(Atom):
    """``.path<.path`` or ``.path<number``: numbers, also as texts, of which what is missing counts
    as 0 and a list as its length, or two times in UTC."""

    path: Path
    limit: Union[Path, int, float]

    def holds(self, scope: Scope) -> bool:
        mine, limit = self._sides(scope)
        if isinstance(mine, str) or isinstance(limit, str):
            times = _time(mine), _time(limit)
            if times[0] is not None and times[1] is not None:
                return times[0] < times[1]
        left, right = _number(mine), _number(limit)
        return left is not None and right is not None and left < right

    def _sides(self, scope: Scope) -> tuple[Any, Any]:
        limit = self.limit
        other = scopes.field(scope.item, limit) if isinstance(limit, tuple) else limit
        return scopes.field(scope.item, self.path), other

    def why(self, scope: Scope) -> str:
        mine, limit = (_counted(one) for one in self._sides(scope))
        return f"{path_text(self.path)}={mine}, less than {limit}"

    def paths(self) -> Iterator[Path]:
        yield self.path
        if isinstance(self.limit, tuple):
            yield self.limit

    def __str__(self) -> str:
        limit = path_text(self.limit) if isinstance(self.limit, tuple) else str(self.limit)
        return f"{path_text(self.path)}<{limit}"


@dataclass(frozen=True)
class SameAtom(Atom):
    """``.path==.path``: both are there and alike; ``.path!==.path``: they are not alike.

    What is missing on both sides is neither.
    """

    path: Path
    other: Path
    op: str = IS

    def holds(self, scope: Scope) -> bool:
        mine, other = (_text_of(scope, one) for one in (self.path, self.other))
        if mine is None or other is None:
            return self.op == IS_NOT and mine is not other
        return (mine == other) == (self.op == IS)

    def why(self, scope: Scope) -> str:
        mine, other = (_text_of(scope, one) or "none" for one in (self.path, self.other))
        beside = f"{'as' if self.op == IS else 'but'} {path_text(self.other)}={told(other)}"
        return f"{path_text(self.path)}={told(mine)}, {beside}"

    def paths(self) -> Iterator[Path]:
        yield from (self.path, self.other)

    def __str__(self) -> str:
        return f"{path_text(self.path)}{self.op}={path_text(self.other)}"


@dataclass(frozen=True)
class ItemsAtom(Atom):
    """``.list[*]:atom`` asks any item of a list; ``.path:atom`` what stands there, and
    ``.path.**:atom`` everything inside it.

    Inside, conditions and paths are those of the item.
    """

    path: Path
    inner: Atom
    among: str = EACH

    @property
    def wants(self) -> Path:  # type: ignore[override]
        return self.path

    def holds(self, scope: Scope) -> bool:
        return any(self.inner.holds(one) for one in self._scopes(scope))

    def _scopes(self, scope: Scope) -> Iterable[Scope]:
        if self.among == INSIDE:
            return scope.inside(self.path)
        value: Any = scopes.field(scope.item, self.path)
        items = (value if isinstance(value, list) else ()) if self.among == EACH else (value,)
        return (Scope.of_item(one, scope.generation) for one in items if isinstance(one, dict))

    def why(self, scope: Scope) -> str:
        for one in self._scopes(scope):
            if self.inner.holds(one):
                return f"{path_text(self.path)}: {self.inner.why(one)}"
        return str(self)

    def message(self, scope: Scope) -> str:
        found = (one for one in self._scopes(scope) if self.inner.holds(one))
        return next((self.inner.message(one) for one in found), "")

    def paths(self) -> Iterator[Path]:
        if self.among != AT:  # the items are kept whole
            yield self.path
            return
        for path in self.inner.paths():
            yield (*self.path, *(path[1:] if path == CONDITIONS else path))

    def __str__(self) -> str:
        return f"{path_text(self.path)}{self.among}:{self.inner}"


def unwell(scope: Scope) -> str:
    """The condition that says most against its object: Ready before others; empty for none."""
    bad = [(kind, one) for kind, one in scope.conditions.items() if one.status != "True"]
    rank = {"Ready": 0, "Available": 1}
    bad.sort(key=lambda pair: (rank.get(pair[0], 2), pair[1].status != "False"))
    return _told(*bad[0]) if bad else ""


def _told(kind: str, found: scopes.FoundCondition) -> str:
    """``Ready=False (Reason): message``."""
    reason = f" ({told(found.reason)})" if found.reason else ""
    message = f": {told(found.message)}" if found.message else ""
    return f"{told(kind)}={told(found.status)}{reason}{message}"


def path_text(path: Iterable[str]) -> str:
    """``.status.phase``; what is no plain character of a key is escaped with a backslash."""
    return "".join("." + _KEY_ESCAPED.sub(r"\\\1", key) for key in path)


def _time(value: Any) -> Optional[str]:
    """A time as a text that sorts as times do."""
    return value[:-1] if isinstance(value, str) and _UTC.match(value) else None


def _text_of(scope: Scope, path: Path) -> Optional[str]:
    return scalar(scopes.field(scope.item, path))


def _counted(value: Any) -> str:
    return str(len(value)) if isinstance(value, list) else scalar(value) or "0"


def _number(value: Any) -> Union[int, float, None]:
    if value is None:
        return 0
    if isinstance(value, str):  # some write numbers so, and annotations are texts
        return scopes.whole(value)
    if isinstance(value, list):
        return len(value)
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _values(values: Iterable[str]) -> str:
    return "|".join(one if _PLAIN.match(one) else _quoted(one) for one in values)


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


@lru_cache(maxsize=4096)
def _is_like(glob: str, kind: str) -> bool:
    """Whether a text matches a glob; by pieces, as a regex may take long for some texts."""
    head, *rest = glob.split("*")
    if not rest or not kind.startswith(head):
        return kind == glob
    at = len(head)
    for piece in rest[:-1]:
        at = kind.find(piece, at)
        if at < 0:
            return False
        at += len(piece)
    return len(kind) - len(rest[-1]) >= at and kind.endswith(rest[-1])
