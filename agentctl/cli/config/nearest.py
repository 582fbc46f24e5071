"""Nearest known word to a mistyped one: a typo, a beginning or a part of it, and no more.

What is merely alike in letters (``--as`` and ``--tls``) would send people astray: a
suggestion is worth only something if it was meant.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Optional

SYNONYMS: Mapping[str, str] = {
    "--backoff": "--retry-backoff",
    "--endpoint": "--server",
    "--follow": "--watch",
    "--format": "--output",
    "--host": "--server",
    "--interval": "--poll-interval",
    "--mode": "--transport",
    "--name": "--component",
    "--ns": "--namespace",
    "--silent": "--quiet",
    "--url": "--server",
    "--verbose": "--debug",
    "--wait": "--until",
    "--wait-for": "--until",
    "jsonl": "ndjson",
}
"""What other tools call it."""

MIN_LETTERS = 3
"""Of fewer nobody can tell what they were to become."""


def nearest(word: str, known: Iterable[str]) -> Optional[str]:
    """The one that was meant, if there is little doubt; None otherwise."""
    names = list(dict.fromkeys(known))
    meant = SYNONYMS.get(word)
    if meant is not None:
        return meant if meant in names else None
    bare = _bare(word)
    if len(bare) < MIN_LETTERS:
        return _only(name for name in names if word.startswith("--") and _is_part(word, name))
    for alike in (_same, _begins, _is_part, _has_its_letters):
        found = _only(name for name in names if alike(word, name))
        if found is not None:
            return found
    limit = 1 if len(bare) <= 5 else 2
    distances = {name: _distance(bare, _bare(name), limit) for name in names}
    return min(
        (name for name in names if distances[name] <= limit),
        key=lambda name: distances[name],
        default=None,
    )


def _bare(word: str) -> str:
    """Without what people write or leave out: dashes, dots, underscores, capitals."""
    return "".join(letter for letter in word.casefold() if letter not in "-_.")


def _same(word: str, name: str) -> bool:
    return _bare(word) == _bare(name)


def _begins(word: str, name: str) -> bool:
    return _bare(name).startswith(_bare(word))


def _is_part(word: str, name: str) -> bool:
    """``--ca`` of ``--tls-ca``: half of its words, or more."""
    mine, its = set(word.strip("-").split("-")), set(name.strip("-").split("-"))
    return mine < its and 2 * len(mine) >= len(its)


def _has_its_letters(word: str, name: str) -> bool:
    """Fingers that were out of turn."""
    mine, its = _bare(word), _bare(name)
    return mine[:1] == its[:1] and sorted(mine) == sorted(its)


def _only(found: Iterable[str]) -> Optional[str]:
    names = list(found)
    return names[0] if len(names) == 1 else None


def _distance(one: str, other: str, limit: int) -> int:
    """Letters left out, added, changed, or two that changed places; more than ``limit`` is
    not counted."""
    if abs(len(one) - len(other)) > limit:
        return limit + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        above, row = row, [i]
        for j, its in enumerate(other, 1):
            cost = min(above[j] + 1, row[-1] + 1, above[j - 1] + (letter != its))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == its:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        before = above
    return row[-1]
