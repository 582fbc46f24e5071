"""Habits of kubectl's users: flags and commands that are not here, and what is instead."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from agentctl.lazy_namedtuple import NamedTuple


class Instead(NamedTuple):
    """What to do, where the command has the flag ``needs``."""

    needs: str
    text: str


_LABELS = Instead("--component", "there are no label selectors: name components, as in 'runtime:*'")
_FIELDS = Instead("--component", "there are no field selectors: -o json, and jq")
_TEMPLATES = Instead("--output", "there are no templates: -o json, and jq")
_ORDER = Instead("--component", "the order is the catalog's: -o json, and jq 'sort_by(...)'")
_NAMESPACES = Instead(
    "--namespace", "'catalog detect' looks in all without it; else say which, as in -n agents"
)
_FOLLOW = Instead("--watch", "--watch follows changes; a catalog of your own is --catalog FILE")
_VERSION = Instead("--help", "it has no command before it, as in agentctl --version")

FLAGS: Mapping[str, Instead] = {
    "-A": _NAMESPACES,
    "--all-namespaces": _NAMESPACES,
    "-l": _LABELS,
    "--selector": _LABELS,
    "-L": _LABELS,
    "--label-columns": _LABELS,
    "--show-labels": _LABELS,
    "--field-selector": _FIELDS,
    "--template": _TEMPLATES,
    "--sort-by": _ORDER,
    "-f": _FOLLOW,
    "--filename": _FOLLOW,
    "--version": _VERSION,
}

COMMANDS: Mapping[str, str] = {
    "auth can-i": "agentctl auth can-watch",
    "auth whoami": "kubectl auth whoami",
    "config current-context": "agentctl config get context",
    "config get-clusters": "kubectl config get-clusters",
    "config get-contexts": "kubectl config get-contexts",
    "config get-users": "kubectl config get-users",
    "config set-context": "agentctl config set context NAME",
    "config use-context": "agentctl config set context NAME",
    "describe": "agentctl diagnose",
    "events": "agentctl diagnose",
    "get": "agentctl status",
    "health": "agentctl status",
    "list": "agentctl status",
    "ls": "agentctl status",
    "top": "agentctl status",
    "wait": "agentctl status watch --until healthy",
    "watch": "agentctl status watch",
}
"""Commands of others, and which one does that."""

KUBECTLS = ("apply", "cluster-info", "delete", "edit", "exec", "explain", "logs", "rollout")
"""What kubectl alone does."""


def instead_of(flag: str, known: Collection[str]) -> str:
    """``: …`` for a flag of kubectl's that has no place here; empty for any other."""
    found = FLAGS.get(flag)
    return f": {found.text}" if found is not None and found.needs in known else ""


def other_command(words: Sequence[str], program: str) -> str:
    """``; did you mean …?`` for a command of kubectl's; empty for any other."""
    word = " ".join(words)
    found = f"kubectl {word}" if word in KUBECTLS else COMMANDS.get(word, "")
    ours = found.replace("agentctl", program, 1) if found.startswith("agentctl") else found
    return f"; did you mean '{ours}'?" if found else ""
