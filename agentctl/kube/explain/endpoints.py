"""Explanation of a Service without ready endpoints: which pods are not ready, or that none is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional

from agentctl.kube.explain.finding import Finding, Ref, kubectl

SHOWN = 5
"""Endpoints that are named."""


def none_labelled(where: str, labels: str) -> Finding:
    """Where no Service with the labels has endpoints."""
    return Finding(
        f"make a Service with labels {labels} in namespace {where}, or have its selector name pods "
        "that run; if it has other labels, say so in the catalog",
        (),
        {"labels": labels},
        (
            kubectl(where, "get", "services", "-l", labels, "-o", "wide"),
            kubectl(where, "get", "pods", "--show-labels"),
        ),
    )


def not_ready(
    where: str,
    service: str,
    counts: Optional[tuple[int, int]],
    unready: Sequence[tuple[str, str, str]],
    others: Sequence[str] = (),
) -> Finding:
    """``counts`` is (ready, total), ``unready`` (address, pod, its uid).

    ``others`` are Services alike.
    """
    about = (Ref("Service", service, where),)
    facts: dict[str, Any] = {"others": list(others)} if others else {}
    if counts is None or not counts[1]:
        return Finding(
            f"make Service {service} in namespace {where}, or have its selector name pods that run",
            about,
            facts,
            (
                kubectl(where, "get", "service", service, "-o", "wide"),
                kubectl(where, "get", "pods", "--show-labels"),
            ),
        )
    facts.update(ready=counts[0], endpoints=counts[1])
    # A dual-stack pod is listed once for each address family.
    pods = list(dict.fromkeys(pod for _, pod, _ in unready if pod))[:SHOWN]
    uids = {pod: (uid,) for _, pod, uid in unready if uid}
    facts["not_ready"] = [
        {key: value for key, value in (("address", address), ("pod", pod)) if value}
        for address, pod, _ in unready[:SHOWN]
    ]
    slices = ("get", "endpointslices", "-l", f"kubernetes.io/service-name={service}")
    describe = [kubectl(where, "describe", "pod", pod) for pod in pods[:1]]
    who = pods[0] if pods else f"the endpoints of Service {service} are"
    return Finding(
        f"see why {who}{' is' if pods else ''} not ready: its readiness probe fails, or it does "
        "not run",
        (*about, *(Ref("Pod", pod, where, uids.get(pod, ())) for pod in pods)),
        facts,
        (*describe, kubectl(where, *slices)),
    )
