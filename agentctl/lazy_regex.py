"""Regular expressions that are compiled when they are first used.

One takes 0.1 to 0.4 ms to compile, and most of those that a run imports are for what
seldom happens.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, AnyStr, Union, cast

if TYPE_CHECKING:
    from re import Pattern

_METHODS = ("findall", "finditer", "fullmatch", "match", "search", "split", "sub", "subn")


def regex(source: AnyStr, flags: Union[int, re.RegexFlag] = 0) -> Pattern[AnyStr]:
    """As ``re.compile``; what is wrong with ``source`` is told at its first use."""
    return cast("Pattern[AnyStr]", LazyPattern(source, flags))


class LazyPattern:
    """Has what a compiled pattern has."""

    def __init__(self, source: Any, flags: Union[int, re.RegexFlag]) -> None:
        self._source = source
        self._flags = flags

    def __getattr__(self, name: str) -> Any:
        compiled = re.compile(self._source, self._flags)
        for method in _METHODS:  # from now on they are found before this is asked
            setattr(self, method, getattr(compiled, method))
        return getattr(compiled, name)
