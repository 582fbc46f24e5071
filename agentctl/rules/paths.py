"""Paths that a rule list decides by: what else an object holds changes no status."""

from __future__ import annotations

from agentctl.rules.judge import BUILT_IN, RuleList
from agentctl.rules.scope import Path


def paths_of(rules: RuleList) -> tuple[Path, ...]:
    """What decides, not what is told of it beside that: no path lies inside another one."""
    found = {*BUILT_IN, *(path for atom in rules.atoms() for path in atom.paths())}
    return tuple(
        sorted(
            path for path in found if not any(path[:size] in found for size in range(1, len(path)))
        )
    )
