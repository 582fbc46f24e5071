"""Explanation of a lease that is not renewed: its holder, how long ago, and where to look."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional

from agentctl.kube.cuts.objects import Lease
from agentctl.kube.explain.finding import Finding, Ref, kubectl
from agentctl.lazy_regex import regex

_POD = regex(r"[a-z0-9][-a-z0-9.]*-(?:[a-z0-9]{5}|\d{1,4})")
"""A name as Deployments, DaemonSets, Jobs and StatefulSets give their pods."""


def none_matches(where: str, globs: Sequence[str]) -> Finding:
    """Where no lease has such a name."""
    return Finding(
        f"nobody leads, as no lease in namespace {where} is called {' or '.join(globs)}: see "
        "whether the pods that should lead run; if leases are called otherwise, say so in the "
        "catalog",
        (),
        {},
        (kubectl(where, "get", "leases"), kubectl(where, "get", "pods")),
    )


def not_renewed(
    ref: Ref,
    lease: Optional[Lease],
    max_age: Optional[float],
    now: float,
    others: Sequence[str] = (),
) -> Finding:
    """For one lease; ``others`` are those that are not renewed either. Monotonic seconds."""
    name, where, about = ref.name, ref.namespace, (ref,)
    facts: dict[str, Any] = {"lease": name}
    if others:
        facts["others"] = list(others)
    look = kubectl(where, "get", "lease", name, "-o", "yaml")
    if lease is None:
        return Finding(
            f"nobody leads: lease {name} is not there; see whether a pod that should lead runs, "
            "and what its log says; if the lease is called otherwise, say so in the catalog",
            about,
            facts,
            (kubectl(where, "get", "leases"), kubectl(where, "get", "pods")),
        )
    if not lease.holder:
        return Finding(
            f"nobody leads: whoever held lease {name} gave it up; see whether a pod that should "
            "lead runs, and what its log says",
            about,
            facts,
            (look, kubectl(where, "get", "pods")),
        )
    facts["holder"] = lease.holder
    if lease.renewed_at is not None:
        facts["renewed"] = lease.renewed
        facts["age_s"] = round(max(0.0, now - lease.renewed_at), 1)
    limit = lease.duration if max_age is None else max_age
    if limit is not None:
        facts["expires_after_s"] = limit
    if lease.expires_at(max_age) is None and lease.renewed_at is not None:
        remedy = "say in the catalog after what time it counts as expired: max_age"
        return Finding(remedy, about, facts, (look,))
    # client-go's leader election calls a holder HOST_UUID, and a pod is its own host.
    pod = lease.holder.partition("_")[0]
    if not _POD.fullmatch(pod):
        remedy = f"holder {lease.holder} does not renew it: see whether it runs, and its log"
        commands = (look, kubectl(where, "get", "pods", "-o", "wide"))
        return Finding(remedy, about, facts, commands)
    return Finding(
        f"holder {pod} does not renew it: if that pod is gone, see why no other one leads; else "
        "see its log; if it hangs, delete the pod, and another takes over",
        (*about, Ref("Pod", pod, where)),
        facts,
        (
            kubectl(where, "get", "pods", "-o", "wide"),
            kubectl(where, "logs", pod, "--tail=50"),
            kubectl(where, "delete", "pod", pod),
            look,
        ),
    )
