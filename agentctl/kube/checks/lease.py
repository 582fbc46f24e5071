"""``lease``: somebody holds it and renews it in time.

A lease expires without any event, so the verdict says when to look again. A renewal
moves that time and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Any, Optional

from agentctl.kube.check import Check, Context, Fields, Result, blind, fill, place
from agentctl.kube.cuts.objects import Lease, cut_lease
from agentctl.kube.explain.finding import Finding, Ref, kubectl
from agentctl.kube.resources import LEASES, Need
from agentctl.model import Status

KIND = "lease"
FIELDS = ("name", "max_age", "namespace")


@dataclass(frozen=True)
class LeaseCheck(Check):
    """``max_age`` in seconds takes the place of the lease's own duration."""

    name: str
    max_age: Optional[float] = None
    namespace: str = ""

    def needs(self, namespace: str) -> tuple[Need, ...]:
        names = frozenset((fill(self.name, namespace),))
        return (Need(LEASES, place(self.namespace, namespace), cut_lease, names=names),)

    def evaluate(self, context: Context) -> Result:
        where = place(self.namespace, context.namespace)
        name = fill(self.name, context.namespace)
        if reason := context.view.blind(LEASES, where):
            return blind(reason)
        lease: Optional[Lease] = context.view.get(LEASES, where, cut_lease, name)
        if lease is None:
            return Result(Status.ERROR, f"lease {name} not found")
        if not lease.holder:
            return Result(Status.DEGRADED, f"lease {name} is not held", {"lease": name})
        own = expires_at = lease.expires_at(self.max_age)
        if own is not None:
            expires_at = context.view.lapses_at(LEASES, where, own, context.now)
        found = self._judge(name, lease, expires_at, context.now)
        waits = own is not None and own <= context.now and found.status is Status.HEALTHY
        if waits and not context.view.foreknown(LEASES, where):
            message = f"lease {name} was last renewed {lease.renewed}, before its server was back"
            return Result(Status.UNKNOWN, message, found.details, found.recheck_at)
        return found

    def explain(self, context: Context, result: Result) -> Finding:
        where = place(self.namespace, context.namespace)
        name = fill(self.name, context.namespace)
        lease: Optional[Lease] = context.view.get(LEASES, where, cut_lease, name)
        look = kubectl(where, "get", "lease", name, "-o", "yaml")
        if lease is None or not lease.holder:
            remedy = "nobody leads: see whether a pod that should lead runs, and what its log says"
            return Finding(remedy, (), {}, (look, kubectl(where, "get", "pods")))
        facts: dict[str, Any] = {"lease": name, "holder": lease.holder}
        if lease.renewed_at is not None:
            facts["renewed"] = lease.renewed
            facts["age_s"] = round(max(0.0, context.now - lease.renewed_at), 1)
        limit = lease.duration if self.max_age is None else self.max_age
        if limit is not None:
            facts["expires_after_s"] = limit
        if lease.expires_at(self.max_age) is None and lease.renewed_at is not None:
            remedy = "say in the catalog after what time it counts as expired: max_age"
            return Finding(remedy, (Ref("Lease", name, where),), facts, (look,))
        # client-go's leader election calls a holder POD_UUID.
        pod = lease.holder.partition("_")[0]
        return Finding(
            f"holder {pod} does not renew it: see its log; if it hangs, delete the pod, and "
            "another takes over",
            (Ref("Lease", name, where), Ref("Pod", pod, where)),
            facts,
            (
                kubectl(where, "logs", pod, "--tail=50"),
                kubectl(where, "delete", "pod", pod),
                look,
            ),
        )

    def _judge(self, name: str, lease: Lease, expires_at: Optional[float], now: float) -> Result:
        details = {"lease": name, "holder": lease.holder}
        if lease.renewed_at is None:
            message = f"lease {name} was never renewed (holder {lease.holder})"
            return Result(Status.ERROR, message, details)
        if expires_at is None:
            message = f"lease {name} names no duration: the catalog can, as max_age"
            return Result(Status.UNKNOWN, message, details)
        if now >= expires_at:
            message = f"lease {name} expired (holder {lease.holder}, last renewed {lease.renewed})"
            return Result(Status.ERROR, message, details)
        return Result(Status.HEALTHY, recheck_at=expires_at if expires_at < inf else None)


def parse(fields: Fields) -> Check:
    return LeaseCheck(fields.name("name"), fields.seconds("max_age"), fields.name("namespace", ""))
