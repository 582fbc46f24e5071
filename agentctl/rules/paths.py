"""Paths that a rule list reads, and objects cut to them: the cut is judged as the whole is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from agentctl.rules.judge import BUILT_IN, RuleList
from agentctl.rules.scope import Path

MESSAGE: Path = ("status", "message")


def paths_of(rules: RuleList) -> tuple[Path, ...]:
    """What decides on a verdict and what is told of it: no path lies inside another one."""
    found = {*BUILT_IN, MESSAGE, *(path for atom in rules.atoms() for path in atom.paths())}
    return tuple(
        sorted(
            path for path in found if not any(path[:size] in found for size in range(1, len(path)))
        )
    )


def cut(item: Mapping[str, Any], paths: Iterable[Path]) -> dict[str, Any]:
    """An object with nothing in it but what stands at these paths; the rest is shared."""
    out: dict[str, Any] = {}
    for path in paths:
        value: Any = item
        for key in path:
            if not isinstance(value, dict) or key not in value:
                break
            value = value[key]
        else:
            place = out
            for key in path[:-1]:
                place = place.setdefault(key, {})
            place[path[-1]] = value
    return out
