"""YAML with line numbers: as much of YAML as a catalog needs.

The document is built from the parser's events and not by the library's loader: that
way every value knows its line, duplicate keys are found, and neither nesting nor
aliases can make a small file large. Plain scalars are read by YAML 1.2's core schema,
so that ``on`` and ``1:30`` are text.
"""

from __future__ import annotations

from typing import Any, NoReturn, Optional, Union

import yaml

from agentctl.errors import CatalogError
from agentctl.lazy_dataclass import dataclass, field
from agentctl.lazy_regex import regex

MAX_BYTES = 1 << 20
MAX_DEPTH = 16
MAX_NODES = 100_000
"""With every alias counted as large as what it stands for."""

_INTEGER = regex(r"[-+]?[0-9]{1,18}\Z")
_FLOAT = regex(r"[-+]?(?:\.[0-9]{1,40}|[0-9]{1,40}\.[0-9]{0,40})(?:[eE][-+]?[0-9]{1,3})?\Z")
_CONSTANTS = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}

_TOO_DEEP = regex(rf"(?:[\[{{]\s{{0,100}}){{{MAX_DEPTH + 1}}}")

_TAB_FIRST = regex(r"[ -]*\t")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
"""What some editors and shells begin a file with."""

_NO_TAG_END = "whitespace or line break"

Scalar = Union[str, int, float, bool, None]


@dataclass
class Node:
    """A value and the line it starts on. ``value`` is a scalar, a list of nodes or a
    mapping of text to nodes."""

    value: Any
    line: int
    weight: int = 1
    key_lines: dict[str, int] = field(default_factory=dict)

    def plain(self) -> Any:
        """The same without lines."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def described(self) -> str:
        """What it is, for "got …"."""
        if isinstance(self.value, dict):
            return "a mapping"
        if isinstance(self.value, list):
            return "a list"
        if self.value is None:
            return "nothing"
        if isinstance(self.value, bool):
            return "true" if self.value else "false"
        if isinstance(self.value, (int, float)):
            return f"the number {self.value}"
        return f"the text {short(self.value)!r}"


def short(text: str) -> str:
    """Bounded, and without a password before an ``@``, for messages."""
    colon, at = text.find(":"), text.rfind("@")
    if 0 <= colon < at:
        text = f"{text[:colon]}:[redacted]{text[at:]}"
    return text if len(text) <= 60 else f"{text[:57]}..."


def parse(data: bytes, source: str) -> Node:
    """The document's root. ``source`` names it in errors.

    Raises CatalogError for what is not one YAML document within the limits.
    """
    if len(data) > MAX_BYTES:
        raise CatalogError(f"{source}:1: expected a file of at most 1 MiB, got more")
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    builder = _Builder(source)
    try:
        text = data.decode("utf-8-sig")
        for event in yaml.parse(text, Loader=loader):
            builder.take(event)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        got = "UTF-16" if data.startswith(_UTF_16) else "other bytes"
        raise CatalogError(f"{source}:{line}: expected UTF-8 text, got {got}") from None
    except yaml.reader.ReaderError as error:
        line = _line_of(text, error.position)
        what = f"expected YAML, got a character it does not allow (#x{error.character:04x})"
        raise CatalogError(f"{source}:{line}: {what}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        problem = getattr(error, "problem", None) or "it cannot be read"
        # The end of a file counts as a line of its own to some parsers.
        line = min(mark.line + 1, len(text.splitlines()) or 1) if mark else 1
        if _TOO_DEEP.search(text):  # newer parsers have a limit of their own, and words for it
            what = f"expected at most {MAX_DEPTH} levels, got more"
            raise CatalogError(f"{source}:{line}: {what}") from None
        # As it says of a tag that a bracket follows: [!Ready] was meant as a text.
        hint = " (put quotes around what begins with !)" if _NO_TAG_END in problem else ""
        if _TAB_FIRST.match(_line_at(text, line)):
            hint = " (indent with spaces: there is a tab)"
        raise CatalogError(
            f"{source}:{line}: expected YAML, got an error: {problem}{hint}"
        ) from None
    if builder.root is None:
        raise CatalogError(f"{source}:1: expected a catalog, got an empty file")
    return builder.root


def _line(event: yaml.Event) -> int:
    mark = event.start_mark
    return mark.line + 1 if mark is not None else 1


def _line_at(text: str, line: int) -> str:
    """One line of a text, from 1 on; empty where there is none."""
    return next(iter(text.splitlines()[line - 1 : line]), "")


def _line_of(text: str, position: Any) -> int:
    return text.count("\n", 0, position) + 1 if isinstance(position, int) else 1


class _Builder:
    """Nodes out of events, without recursion."""

    def __init__(self, source: str) -> None:
        self._source = source
        self.root: Optional[Node] = None
        self._open: list[Node] = []
        self._keys: list[Optional[str]] = []
        self._anchors: dict[str, Node] = {}
        self._names: list[Optional[str]] = []
        self._total = 0

    def take(self, event: yaml.Event) -> None:
        line = _line(event)
        if isinstance(event, yaml.ScalarEvent):
            self._add(Node(self._scalar(event, line), line), event.anchor, line)
        elif isinstance(event, yaml.AliasEvent):
            known = self._anchors.get(event.anchor or "")
            if known is None:
                self._fail(line, f"expected an anchor before it, got the alias *{event.anchor}")
            self._add(known, None, line)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._no_tag(event.tag, line)
            if len(self._open) >= MAX_DEPTH:
                self._fail(line, f"expected at most {MAX_DEPTH} levels, got more")
            if self._open and isinstance(self._open[-1].value, dict) and self._keys[-1] is None:
                self._fail(line, "expected a text as key, got a list or mapping")
            is_map = isinstance(event, yaml.MappingStartEvent)
            self._open.append(Node({} if is_map else [], line))
            self._keys.append(None)
            self._names.append(event.anchor)
        elif isinstance(event, yaml.CollectionEndEvent):
            node = self._open.pop()
            self._keys.pop()
            self._add(node, self._names.pop(), node.line)
        elif isinstance(event, yaml.DocumentStartEvent) and self.root is not None:
            self._fail(line, "expected one document, got a second one")

    def _add(self, node: Node, anchor: Optional[str], line: int) -> None:
        if anchor is not None:
            self._anchors[anchor] = node
        if not self._open:
            self.root = node
            return
        parent = self._open[-1]
        parent.weight += node.weight
        if parent.weight > MAX_NODES:
            self._fail(line, f"expected at most {MAX_NODES} values, got more")
        if isinstance(parent.value, list):
            parent.value.append(node)
            return
        key = self._keys[-1]
        if key is None:
            self._keys[-1] = self._key(node, parent, line)
            return
        parent.value[key] = node
        self._keys[-1] = None

    def _key(self, node: Node, parent: Node, line: int) -> str:
        if not isinstance(node.value, str):
            self._fail(line, f"expected a text as key, got {node.described()}")
        key: str = node.value
        if key in parent.key_lines:
            first = parent.key_lines[key]
            self._fail(line, f"expected each key once, got {short(key)!r} again (line {first})")
        parent.key_lines[key] = line
        return key

    def _scalar(self, event: yaml.ScalarEvent, line: int) -> Scalar:
        if event.tag is not None:
            self._no_tag(event.tag, line)
            return str(event.value)
        text: str = event.value
        if not event.implicit[0]:
            return text
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        if _INTEGER.match(text):
            return int(text)
        return float(text) if _FLOAT.match(text) else text

    def _no_tag(self, tag: Optional[str], line: int) -> None:
        if tag not in (None, "!", "tag:yaml.org,2002:str"):
            self._fail(
                line, f"expected plain YAML, got the tag {short(str(tag))!r} (put quotes around it)"
            )

    def _fail(self, line: int, what: str) -> NoReturn:
        raise CatalogError(f"{self._source}:{line}: {what}")
