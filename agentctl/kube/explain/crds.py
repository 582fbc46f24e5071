"""Explanation of CRDs that are missing, being deleted, or not served."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from agentctl.kube.explain.finding import Finding, Kubectl, kubectl


def not_served(details: Mapping[str, Any], finalizers: Iterable[str]) -> Finding:
    """By the details of the verdict; ``finalizers`` are those of what is being deleted."""
    missing: Sequence[str] = details.get("missing_crds", ())
    deleting: Sequence[str] = details.get("deleting_crds", ())
    refused: Sequence[str] = details.get("unestablished_crds", ())
    coming: Sequence[str] = details.get("unserved_crds", ())
    facts = dict(details)
    commands: tuple[Kubectl, ...] = ()
    if deleting:
        facts["finalizers"] = sorted(set(finalizers))
    if missing:
        remedy = (
            "install the missing CRDs again, from the crds directory of the chart or the manifest "
            "that they came with"
        )
        commands = (
            kubectl("", "apply", "--server-side", "-f", "crds/"),
            kubectl("", "get", "crds"),
        )
    elif deleting:
        remedy = (
            f"objects of {deleting[0]} are being deleted first: wait, or see which finalizer holds "
            "them"
        )
        commands = (kubectl("", "get", deleting[0], "-A"),)
    elif refused:
        remedy = f"the API server does not serve {refused[0]}: its conditions say why"
    else:
        remedy = "wait: the API server serves it as soon as it has seen it"
    for name in (*deleting, *refused, *coming)[:1]:
        look = ("get", "crd", name, "-o", "jsonpath={.status.conditions}")
        commands = (*commands, kubectl("", *look))
    return Finding(remedy, (), facts, commands)
