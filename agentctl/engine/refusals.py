"""Refusals in one line: who may not do what, where, of all that was refused, and what to ask."""

from __future__ import annotations

from collections.abc import Sequence

from agentctl.errors import Denied, ForbiddenError, SourceError

NEXT = "see what is missing: agentctl auth can-watch"


def refusals_told(failures: Sequence[SourceError]) -> str:
    """``user "dev" may not list pods, leases in namespace agents``: each once, in their order."""
    denied = [one.denied for one in failures if isinstance(one, ForbiddenError) and one.denied]
    if not denied:
        return failures[0].message
    groups: dict[Denied, dict[str, None]] = {}
    for one in denied:
        groups.setdefault(one._replace(resource=""), {})[one.resource] = None
    parts = []
    user = ""
    for group, resources in groups.items():
        who = "" if group.user == user else f'user "{group.user}" '
        user = group.user
        parts.append(f"{who}may not {group.verb} {', '.join(resources)}{group.where}")
    others = dict.fromkeys(one.message for one in failures if getattr(one, "denied", None) is None)
    where = next((f" -n {one.namespace}" for one in denied if one.namespace), "")
    return f"forbidden: {'; '.join([*parts, *others])}; {NEXT}{where}"
