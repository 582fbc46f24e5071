"""Fields of a catalog's mapping, read with their types; each mistake with its line."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn, Optional

from agentctl.catalog.document import Node, short
from agentctl.catalog.wording import MAX_TEXT, guess, listed
from agentctl.duration import parse_duration
from agentctl.errors import CatalogError
from agentctl.kube.check import NAME, Subject, fill
from agentctl.kube.selectors import LabelSelector
from agentctl.lazy_dataclass import replace
from agentctl.lazy_regex import regex

if TYPE_CHECKING:
    from agentctl.rules.atom import Atom
    from agentctl.rules.judge import RuleList

MAX_NAMES = 500
DAY_S = 86400.0
_NAME_GLOB = regex(r"[-a-z0-9.*?\[\]!:]+\Z")
_DNS_NAME = regex(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\Z")


def is_object_name(text: str) -> bool:
    """Whether a check may name an object so."""
    return bool(_DNS_NAME.match(text)) and len(text) <= 253


def _is_name_glob(text: str) -> bool:
    from agentctl.globs import fault

    return bool(_NAME_GLOB.match(text)) and not fault(text)


class NodeFields:
    """See ``agentctl.kube.check.Fields``; ``what`` names the mapping in errors.

    ``home`` is the namespace that counts where the mapping names none, ``subject`` what the
    mapping is a template for.
    """

    def __init__(
        self,
        node: Node,
        source: str,
        what: str,
        known: Sequence[str],
        home: str = "",
        subject: Optional[Subject] = None,
    ) -> None:
        self._source = source
        self._what = what
        self._home = home
        self._subject = subject
        self.line = node.line
        if not isinstance(node.value, dict):
            self._raise(node.line, f"a mapping for {what}", node.described())
        self._values: dict[str, Node] = node.value
        self._key_lines = node.key_lines
        for key in self._values:
            if key not in known:
                self._raise(self.line_of(key), f"as key {listed(known)}", guess(key, known))

    @property
    def subject(self) -> Optional[Subject]:
        return self._subject

    def line_of(self, field: str) -> int:
        return self._key_lines.get(field, self.line)

    def node(self, field: str) -> Optional[Node]:
        """The raw value, None if not there."""
        return self._values.get(field)

    def has(self, field: str) -> bool:
        return field in self._values

    def text(self, field: str, default: Optional[str] = None) -> str:
        node = self._values.get(field)
        if node is None and default is not None:
            return default
        return self._text(self._required(field, "a text"), field, "a text")

    def name(self, field: str, default: Optional[str] = None) -> str:
        node = self._values.get(field)
        if node is None and default is not None:
            return self._home or default if field == "namespace" else default
        return self._name(self._required(field, "a name"), field)

    def names(self, field: str) -> tuple[str, ...]:
        nodes = self._list(field, "names")
        return self._distinct(field, nodes, [self._name(node, field) for node in nodes])

    def texts(self, field: str) -> tuple[str, ...]:
        nodes = self._list(field, "texts")
        return self._distinct(field, nodes, [self._text(node, field, "a text") for node in nodes])

    def globs(self, field: str, of: str, filled: bool = False) -> tuple[str, ...]:
        globs = self.texts(field)
        probes = map(self._probe, globs) if filled else globs
        if not all(map(_is_name_glob, probes)):
            raise self.fail(field, f"names of {of}, in which * stands for any text, as {field!r}")
        return globs

    def number(self, field: str, low: int, high: int) -> int:
        expected = f"a whole number from {low} to {high}"
        node = self._required(field, expected)
        value = node.value
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            self._raise(self.line_of(field), f"{expected} as {field!r}", node.described())
        return value

    def seconds(self, field: str) -> Optional[float]:
        node = self._values.get(field)
        if node is None:
            return None
        value, seconds = node.value, 0.0
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            seconds = float(value)
        elif isinstance(value, str):
            with suppress(ValueError):
                seconds = _duration(value)
        if not 0 < seconds < 1e9:
            expected = f"a duration such as 45s or 1m30s as {field!r}"
            self._raise(self.line_of(field), expected, node.described())
        return seconds

    def flag(self, field: str) -> bool:
        node = self._values.get(field)
        if node is None:
            return False
        if not isinstance(node.value, bool):
            self._raise(self.line_of(field), f"true or false as {field!r}", node.described())
        return node.value

    def choice(self, field: str, choices: Sequence[str], default: Optional[str] = None) -> str:
        node = self._values.get(field)
        if node is None and default is not None:
            return default
        return self._choice(self._required(field, listed(choices)), field, choices)

    def choices(
        self, field: str, choices: Sequence[str], default: tuple[str, ...]
    ) -> tuple[str, ...]:
        if field not in self._values:
            return default
        nodes = self._list(field, "names")
        return self._distinct(field, nodes, [self._choice(node, field, choices) for node in nodes])

    def switches(self, field: str, values: Sequence[str], expected: str = "") -> tuple[str, ...]:
        nodes = self._list(field, "values")
        plain = [replace(node, value=_as_written(node.value)) for node in nodes]
        return self._distinct(
            field, nodes, [self._choice(one, field, values, expected) for one in plain]
        )

    def selector(self, field: str) -> Optional[LabelSelector]:
        node = self._values.get(field)
        if node is None:
            return None
        expected = "a label selector"
        text = self._text(node, field, expected)
        try:
            selector = LabelSelector.parse(text)
        except ValueError as error:
            self._raise(self.line_of(field), f"{expected} as {field!r}", str(error))
        return selector

    def namespaces(self, field: str) -> tuple[str, ...]:
        node = self._values.get(field)
        if node is None:
            return (self._home,) if self._home else ()
        if node.value == "all":
            return ("",)
        if not isinstance(node.value, list):
            expected = f"'all' or a list of namespaces as {field!r}"
            self._raise(self.line_of(field), expected, node.described())
        return self.names(field)

    def rules(self, field: str, resource: str) -> RuleList:
        from agentctl.catalog.rules import parse_rules, rules_of

        node = self._values.get(field)
        return rules_of(resource) if node is None else parse_rules(node, self._source)

    def atoms(self, field: str) -> tuple[Atom, ...]:
        """A list of atoms that must all hold; none if not there."""
        from agentctl.catalog.rules import parse_atoms

        node = self._values.get(field)
        return () if node is None else parse_atoms(node, self._source)

    def group(self, field: str, known: Sequence[str]) -> Optional[NodeFields]:
        node = self._values.get(field)
        if node is None:
            return None
        return NodeFields(node, self._source, repr(field), known, self._home, self._subject)

    def mappings(self, field: str, most: int) -> list[Node]:
        """A list of one to ``most`` entries, whatever they are."""
        return self._list(field, "entries", most)

    def fail(self, field: str, expected: str) -> CatalogError:
        node = self._values.get(field)
        return self.error(self.line_of(field), expected, node.described() if node else "nothing")

    def error(self, line: int, expected: str, got: str) -> CatalogError:
        where = "" if self._what in expected else f" in {self._what}"
        return CatalogError(f"{self._source}:{line}: expected {expected}{where}, got {got}")

    def _raise(self, line: int, expected: str, got: str) -> NoReturn:
        raise self.error(line, expected, got)

    def _required(self, field: str, expected: str) -> Node:
        node = self._values.get(field)
        if node is None:
            self._raise(self.line, f"{expected} as {field!r}", "no such key")
        return node

    def _text(self, node: Node, field: str, expected: str) -> str:
        value = node.value
        if not isinstance(value, str) or not value.strip():
            got = "an empty text" if isinstance(value, str) else node.described()
            self._raise(self._place(node, field), f"{expected} as {field!r}", got)
        if len(value) > MAX_TEXT:
            expected = f"at most {MAX_TEXT} characters as {field!r}"
            self._raise(self._place(node, field), expected, str(len(value)))
        return value

    def _name(self, node: Node, field: str) -> str:
        expected = "a name of lowercase letters, digits, '-' and '.'"
        value = self._text(node, field, expected)
        if self._subject is not None and NAME in value and field in ("namespace", "in"):
            # Watches are the same whatever is found.
            expected = f"one namespace for all that 'each' finds as {field!r}"
            self._raise(self._place(node, field), expected, repr(short(value)))
        if not is_object_name(self._probe(value)):
            self._raise(self._place(node, field), f"{expected} as {field!r}", repr(short(value)))
        return value

    def _probe(self, value: str) -> str:
        """What may stand for something, with that put in: what is a name with "x" is one with any
        DNS label."""
        filled = fill(value, "x")
        return filled if self._subject is None else filled.replace(NAME, "x")

    def _choice(self, node: Node, field: str, choices: Sequence[str], expected: str = "") -> str:
        value = node.value
        expected = f"{expected or listed(choices)} as {field!r}"
        if not isinstance(value, str):
            line = self._place(node, field)
            self._raise(line, expected, node.described())
        if value not in choices:
            line = self._place(node, field)
            self._raise(line, expected, guess(value, choices))
        return value

    def _list(self, field: str, of: str, most: int = MAX_NAMES) -> list[Node]:
        expected = f"a list of {of}"
        node = self._required(field, expected)
        value = node.value
        if not isinstance(value, list):
            self._raise(self.line_of(field), f"{expected} as {field!r}", node.described())
        if not value:
            self._raise(self.line_of(field), f"{expected} as {field!r}", "an empty list")
        if len(value) > most:
            expected = f"at most {most} {of} as {field!r}"
            self._raise(self.line_of(field), expected, str(len(value)))
        return value

    def _distinct(self, field: str, nodes: list[Node], values: list[str]) -> tuple[str, ...]:
        seen: set[str] = set()
        for node, value in zip(nodes, values):
            if value in seen:
                expected = f"each of {field!r} once"
                self._raise(self._place(node, field), expected, f"{short(value)!r} again")
            seen.add(value)
        return tuple(values)

    def _place(self, node: Node, field: str) -> int:
        # A value written by alias has its anchor's line: the key says more.
        return max(node.line, self.line_of(field))


def _duration(text: str) -> float:
    """Seconds; days may come before what Go knows: ``7d``, ``1d12h``. Raises ValueError."""
    days, mark, rest = text.partition("d")
    if not mark or not days.isascii() or not days.isdigit() or len(days) > 5:
        return parse_duration(text)
    return int(days) * DAY_S + (parse_duration(rest) if rest else 0.0)


def _as_written(value: object) -> object:
    """YAML's own numbers and booleans as the text that a variable has."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else value
