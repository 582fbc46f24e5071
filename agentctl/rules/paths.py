"""Paths that a rule list reads: what else an object holds changes nothing of its judgement."""

from __future__ import annotations

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
