"""Selection of components by name: all the globs that a reader gives, as one test."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from fnmatch import translate

from agentctl.lazy_regex import regex

_MAGIC = regex(r"[*?\[]")


class GlobSelection:
    """What globs mean by ``fnmatchcase``: one look for all names, one regex for all patterns.

    A range that ends before it begins, for which Python before 3.10.5 raises, means nothing.
    """

    def __init__(self, globs: Iterable[str]) -> None:
        given = frozenset(globs)
        patterns = sorted(filter(_MAGIC.search, given))
        self._names = given.difference(patterns)
        self._patterns = _compiled([translate(one) for one in patterns]) if patterns else ()

    def means(self, component: str) -> bool:
        return component in self._names or any(one.match(component) for one in self._patterns)


def _compiled(sources: Sequence[str]) -> Sequence[re.Pattern[str]]:
    """All as one; one by one, without those that are bad, where any is."""
    try:
        return (re.compile("|".join(sources)),)
    except re.error:
        found = []
        for one in sources:
            with suppress(re.error):
                found.append(re.compile(one))
        return found
