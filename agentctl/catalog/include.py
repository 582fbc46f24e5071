"""Inclusion of catalogs: their components come before those of the file that includes them.

All is done on nodes, which keep their lines: what comes of it is read, and shown again, as if it
had been written in one file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Optional

from agentctl.catalog.document import Node, parse, short
from agentctl.catalog.fields import NodeFields
from agentctl.catalog.files import SHIPPED, CatalogText, file_text, near, shipped_text
from agentctl.errors import CatalogError
from agentctl.lazy_namedtuple import NamedTuple
from agentctl.lazy_regex import regex

KEYS = ("name", "namespace", "include", "present", "components", "requires")
"""``requires`` is what ``agentctl catalog show`` adds, passed over when read again."""

INCLUDE_KEYS = ("catalog", "as", "namespace")
MAX_INCLUDED = 50
MAX_COMPONENTS = 1000

PREFIX = regex(r"[A-Za-z0-9][A-Za-z0-9:._/-]{0,99}\Z")
_NO_NAME = regex(r"[^A-Za-z0-9:._/-]+")


class Part(NamedTuple):
    """One component as it is written, and in which file."""

    node: Node
    source: str


class CatalogFile(NamedTuple):
    """A catalog's file. ``identity`` is the same however it is named."""

    top: NodeFields
    source: str
    identity: str

    @property
    def name(self) -> str:
        stem = os.path.splitext(os.path.basename(self.source))[0]
        return self.top.text("name", stem)

    @property
    def namespace(self) -> str:
        """Where the control plane usually is; empty where that is not said. Raises CatalogError."""
        name = self.top.name("namespace", "")
        if "{" in name or "." in name:
            raise self.top.fail("namespace", "the name of a namespace as 'namespace'")
        return name


def opened(text: CatalogText, identity: str = "") -> CatalogFile:
    """Raises CatalogError."""
    top = NodeFields(parse(text.data, text.source), text.source, "the catalog", KEYS)
    return CatalogFile(top, text.source, identity or _absolute(text.source))


def _absolute(source: str) -> str:
    """The same for one file however it is named."""
    try:
        return os.path.realpath(source)
    except OSError:  # the folder that we are in is gone
        return source


def parts_of(catalog: CatalogFile) -> list[Part]:
    """All components, those that are included first. Raises CatalogError."""
    parts = list(_Inclusion().parts(catalog, (catalog,)))
    if len(parts) > MAX_COMPONENTS:
        expected = f"at most {MAX_COMPONENTS} entries as 'components'"
        raise catalog.top.error(catalog.top.line_of("components"), expected, str(len(parts)))
    return parts


class _Inclusion:
    def __init__(self) -> None:
        self._count = 0

    def parts(self, catalog: CatalogFile, chain: Sequence[CatalogFile]) -> Iterator[Part]:
        """``chain`` is how it was come by, itself last."""
        top = catalog.top
        entries = top.mappings("include", MAX_INCLUDED) if top.has("include") else []
        within = _within(catalog)
        for entry in entries:
            for part in self._included(entry, catalog, chain):
                yield part if within is None else part._replace(node=_put(part.node, within))
        if entries and not top.has("components"):
            return
        for node in top.mappings("components", MAX_COMPONENTS):
            yield Part(node if within is None else _put(node, within), catalog.source)

    def _included(
        self, entry: Node, catalog: CatalogFile, chain: Sequence[CatalogFile]
    ) -> Iterator[Part]:
        self._count += 1
        if self._count > MAX_INCLUDED:
            got = "one more"
            raise catalog.top.error(entry.line, f"at most {MAX_INCLUDED} catalogs in all", got)
        prefix = home = ""
        if isinstance(entry.value, dict):
            fields = NodeFields(entry, catalog.source, "an entry of 'include'", INCLUDE_KEYS)
            given = fields.text("catalog")
            prefix, home = fields.text("as", ""), fields.name("namespace", "")
            if prefix and not PREFIX.match(prefix):
                raise fields.fail("as", "letters, digits and ':._/-' as 'as'")
        elif isinstance(entry.value, str):
            given = entry.value
        else:
            expected = "a catalog's name or file, or a mapping with 'catalog', as 'include'"
            raise catalog.top.error(entry.line, expected, entry.described())
        found = _open(given, entry.line, catalog)
        names = [one.identity for one in chain]
        if found.identity in names:
            circle = [one.source for one in chain[names.index(found.identity) :]]
            got = " -> ".join([*circle, found.source])
            raise catalog.top.error(entry.line, "catalogs that include no circle", got)
        home = home or found.namespace
        for part in self.parts(found, (*chain, found)):
            yield part._replace(node=_moved(part.node, prefix, home))


def _open(given: str, line: int, catalog: CatalogFile) -> CatalogFile:
    """What an entry of a catalog's ``include`` names."""
    if given in SHIPPED:
        return opened(shipped_text(given), f"shipped {given}")
    path = os.path.join(os.path.dirname(catalog.source), given.removeprefix("./"))
    if os.path.exists(path) and not os.path.isfile(path):
        # A pipe would keep us waiting for ever, and gives what it has once.
        expected = "a file, no directory and no pipe, as 'include'"
        raise catalog.top.error(line, expected, f"{short(given)!r} ({short(path)})")
    try:
        return opened(file_text(path))
    except CatalogError as error:
        if os.path.exists(path):
            raise
        got = repr(short(given)) if "/" in given or given.endswith(".yaml") else near(given)
        reason = error.message.rpartition(": ")[2]
        expected = "a catalog that ships, or a file beside this one, as 'include'"
        raise catalog.top.error(line, expected, f"{got} ({short(path)}: {reason})") from None


def _within(catalog: CatalogFile) -> Optional[Node]:
    """What a catalog's own ``present`` is to each of its components."""
    present = catalog.top.node("present")
    if present is None:
        return None
    line = catalog.top.line_of("present")
    name = _NO_NAME.sub("-", catalog.name).strip("-") or "catalog"
    return Node({"name": Node(name, line), "present": present}, line)


def _put(node: Node, within: Node) -> Node:
    """A component of a catalog with ``present``; one that is within another's stays so."""
    return node if _value(node, "within") is not None else _with(node, within=within)


def _moved(node: Node, prefix: str, home: str) -> Node:
    """A component under a name that begins with ``prefix``, and looking into ``home``."""
    if not isinstance(node.value, dict):
        return node
    if home:
        node = _filled(node, home)
        if _value(node, "namespace") is None:
            node = _with(node, namespace=Node(home, node.line))
    if not prefix:
        return node
    each = node.value.get("each")
    if each is not None:
        inner = _value(each, "as")
        whole = f"{prefix}/{inner}" if isinstance(inner, str) else prefix
        node = _with(node, each=_with(each, **{"as": Node(whole, each.line)}))
    name, checks = _value(node, "name"), _value(node, "checks")
    if isinstance(name, str):
        node = _with(node, name=Node(f"{prefix}/{name}", node.line))
    if isinstance(checks, list):
        moved = [_following(one, prefix) for one in checks]
        node = _with(node, checks=Node(moved, node.value["checks"].line))
    within = node.value.get("within")
    if within is not None and isinstance(_value(within, "name"), str):
        renamed = Node(f"{prefix}/{_value(within, 'name')}", within.line)
        node = _with(node, within=_with(within, name=renamed))
    return node


def _following(check: Node, prefix: str) -> Node:
    """A check that follows a component of its own catalog does so under its new name."""
    if _value(check, "kind") != "component" or not isinstance(_value(check, "name"), str):
        return check
    return _with(check, name=Node(f"{prefix}/{_value(check, 'name')}", check.line))


def _filled(node: Node, home: str) -> Node:
    """The same with its own namespace where the one that is watched is meant."""
    value = node.value
    if isinstance(value, str):
        return Node(value.replace("{namespace}", home), node.line) if "{" in value else node
    if isinstance(value, list):
        return Node([_filled(one, home) for one in value], node.line)
    if isinstance(value, dict):
        filled = {key: _filled(one, home) for key, one in value.items()}
        return Node(filled, node.line, key_lines=node.key_lines)
    return node


def _value(node: Node, key: str) -> object:
    found = node.value.get(key) if isinstance(node.value, dict) else None
    return None if found is None else found.value


def _with(node: Node, **nodes: Node) -> Node:
    """A mapping with some values put in; its lines stay."""
    if not isinstance(node.value, dict):
        return node
    return Node({**node.value, **nodes}, node.line, key_lines=node.key_lines)
