"""Selection of components by name: all the globs that a reader gives, as one test."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import translate

from agentctl.lazy_regex import regex

_MAGIC = regex(r"[*?\[]")


class GlobSelection:
    """What globs mean by ``fnmatchcase``: one look for all names, one regex for all patterns."""

    def __init__(self, globs: Iterable[str]) -> None:
        given = frozenset(globs)
        patterns = sorted(filter(_MAGIC.search, given))
        self._names = given.difference(patterns)
        self._fits = re.compile("|".join(map(translate, patterns))).match if patterns else None

    def means(self, component: str) -> bool:
        return component in self._names or bool(self._fits is not None and self._fits(component))
