"""Explanation of a part that is not installed: what it would take, and how it is installed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agentctl.kube.explain.finding import Finding, Kubectl, kubectl
from agentctl.kube.resources import CRDS, Need


def not_there(needs: Sequence[Need], where: str) -> Finding:
    """``needs`` is what was looked for: workloads by name or labels, CRDs, Services."""
    looked_for: list[str] = []
    commands: list[Kubectl] = []
    for need in needs:
        plural = need.resource.plural
        what = "crd" if need.resource == CRDS else plural.rstrip("s")
        names = sorted(need.names) if need.names is not None else [f"with {need.labels}"]
        looked_for += [f"{what} {name}" for name in names]
        place = need.namespace if need.resource.namespaced else ""
        commands.append(kubectl(place, "get", "crds" if what == "crd" else plural))
    facts: dict[str, Any] = {"looked_for": list(dict.fromkeys(looked_for))}
    return Finding(
        f"nothing, unless it is wanted: then install it (in namespace {where}); where it is there "
        "under another name, say so in a catalog of your own (agentctl catalog show)",
        (),
        facts,
        tuple(dict.fromkeys(commands)),
    )
