"""Catalog loader: from YAML to components.

A catalog is data: components in the order of the output, each with its checks.
"""

from __future__ import annotations

import os
from typing import Union

from agentctl.catalog.content import Catalog
from agentctl.catalog.files import SHIPPED, CatalogText, file_text, near, shipped_text
from agentctl.catalog.include import CatalogFile, opened, parts_of
from agentctl.catalog.parse_component import Followed, components_of
from agentctl.catalog.wording import guess
from agentctl.errors import CatalogError
from agentctl.kube.components import Component, CycleError, evaluation_order
from agentctl.lazy_dataclass import replace


def load_default(probes: bool = False) -> Catalog:
    """The catalog that ships in the package; with ``probes`` it asks dependencies themselves."""
    return _load(shipped_text(SHIPPED[0]), probes)


def load_chosen(given: Union[str, CatalogText], probes: bool = True) -> Catalog:
    """One by what ``--catalog`` says: a path, or the name of one that ships, or else a file's.

    A path has a slash or ends in ``.yaml``; nothing at all is the default. Raises CatalogError.
    """
    if isinstance(given, CatalogText):
        return _asking(load(given.data, given.source), probes)
    if given in ("", SHIPPED[0]):
        return load_default(probes)
    if given in SHIPPED:
        catalog = _load(shipped_text(given), True)
    elif "/" in given or given.endswith(".yaml") or os.path.exists(given):
        catalog = load_file(given)
    else:
        raise CatalogError(
            f"no catalog {near(given)}: give a file, or a name that 'agentctl catalog list' shows"
        )
    return _asking(catalog, probes)


def _asking(catalog: Catalog, probes: bool) -> Catalog:
    return catalog if probes else catalog.without_probes()


def load_file(path: str) -> Catalog:
    """A user's catalog. Raises CatalogError."""
    return _load(file_text(path), True)


def load(data: bytes, source: str, probes: bool = True) -> Catalog:
    """A catalog from its text; ``source`` is what errors call it. Raises CatalogError.

    Without ``probes`` those are passed over that stand beside other checks.
    """
    return _load(CatalogText(source, data), probes)


def _load(text: CatalogText, probes: bool) -> Catalog:
    catalog = opened(text)
    name, namespace = catalog.name, catalog.namespace
    components: dict[str, Component] = {}
    sources: dict[str, str] = {}
    following: list[Followed] = []
    for node, source in parts_of(catalog):
        for one in components_of(node, source, following, tuple(components), probes):
            if one.name in components:
                raise _twice(catalog, source, one, components[one.name], sources[one.name])
            components[one.name], sources[one.name] = one, source
    for followed, line, source in following:
        if followed not in components:
            got = guess(followed, tuple(components))
            what = f"expected the name of a component in the catalog, got {got}"
            raise CatalogError(f"{source}:{line}: {what}")
    shown = _speaking(components)
    try:
        evaluation_order(shown)
    except CycleError as error:
        first = components[error.path[0]]
        what = f"expected components that follow no circle in the catalog, got {error}"
        raise CatalogError(f"{sources[first.name]}:{first.line}: {what}") from None
    return Catalog(name, shown, namespace)


def _twice(
    catalog: CatalogFile, source: str, again: Component, first: Component, where: str
) -> CatalogError:
    at = f"line {first.line}" if where == source else f"{where}:{first.line}"
    included_twice = source != catalog.source and again.line == first.line
    hint = (
        ""
        if where == source and not included_twice
        else "; give one of the catalogs another name with 'as'"
    )
    return CatalogError(
        f"{source}:{again.line}: expected each component name once in a component, "
        f"got {again.name!r} again ({at}){hint}"
    )


def _speaking(components: dict[str, Component]) -> tuple[Component, ...]:
    """With one for each catalog that is not there, in place of all its components.

    The one of the catalog's name, if it has such a one; else before its first.
    """
    found: list[Component] = []
    told: set[str] = set()
    for one in components.values():
        if one.scope and one.within not in told:
            told.add(one.within)
            if one.within not in components:
                found.append(
                    Component(one.within, (), one.line, scope=one.scope, within=one.within)
                )
        found.append(one)
    return tuple(replace(one, speaks=True) if one.name in told else one for one in found)
