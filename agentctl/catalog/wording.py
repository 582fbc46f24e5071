"""Wording of a catalog's errors: what may be written, and what was probably meant."""

from __future__ import annotations

from collections.abc import Sequence

from agentctl.catalog.document import short

MAX_TEXT = 1024
"""Characters of one text."""


def listed(choices: Sequence[str]) -> str:
    """``a, b or c``."""
    if len(choices) == 1:
        return f"only {choices[0]!r}"
    return f"{', '.join(choices[:-1])} or {choices[-1]}"


def guess(word: str, choices: Sequence[str]) -> str:
    """What was written, and what was probably meant."""
    import difflib

    near = difflib.get_close_matches(word, choices, n=1)
    return f"{short(word)!r}" + (f" (did you mean {near[0]!r}?)" if near else "")
