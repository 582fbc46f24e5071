"""``lease``: somebody holds it and renews it in time.

A lease expires without any event, so the verdict says when to look again. A renewal
moves that time and nothing else.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from math import inf
from typing import TYPE_CHECKING, Optional

from agentctl.kube.check import Check, Context, Fields, Result, blind, fill, place
from agentctl.kube.cuts.objects import Lease, cut_lease
from agentctl.kube.resources import LEASES, Need
from agentctl.lazy_dataclass import dataclass
from agentctl.model import Status

if TYPE_CHECKING:
    from agentctl.kube.explain.finding import Finding

KIND = "lease"
FIELDS = ("name", "names", "max_age", "namespace", "absent")

ABSENT = ("error", "degraded", "configured", "healthy")
"""``healthy``: where no leader is elected, none is missed."""

SHOWN = 3
"""Leases that a message names."""


@dataclass(frozen=True)
class LeaseCheck(Check):
    """``max_age`` in seconds takes the place of the lease's own duration.

    With ``globs`` all leases count whose names match one. ``absent`` is the status where there
    is none: a leader need not be elected everywhere.
    """

    name: str
    max_age: Optional[float] = None
    namespace: str = ""
    globs: tuple[str, ...] = ()
    absent: Status = Status.ERROR

    def needs(self, namespace: str) -> tuple[Need, ...]:
        if self.globs:
            return (Need(LEASES, place(self.namespace, namespace), cut_lease),)
        names = frozenset((fill(self.name, namespace),))
        return (Need(LEASES, place(self.namespace, namespace), cut_lease, names=names),)

    def evaluate(self, context: Context) -> Result:
        where = place(self.namespace, context.namespace)
        if reason := context.view.blind(LEASES, where):
            return blind(reason)
        if self.globs:
            return self._of_many(context, where)
        return self._of_one(context, where, fill(self.name, context.namespace))

    def matching(self, context: Context, where: str) -> list[str]:
        """The leases that it is about, by name."""
        if not self.globs:
            return [fill(self.name, context.namespace)]
        globs = [fill(glob, context.namespace) for glob in self.globs]
        names = [key.name for key in context.view.objects(LEASES, where, cut_lease)]
        return sorted(name for name in names if any(fnmatchcase(name, glob) for glob in globs))

    def _of_many(self, context: Context, where: str) -> Result:
        """Degraded where some are not renewed, an error where none is."""
        names = self.matching(context, where)
        if not names:
            return self._none(f"no lease {' or '.join(self.globs)}")
        results = {name: self._of_one(context, where, name) for name in names}
        bad = [name for name in names if results[name].status is not Status.HEALTHY]
        times = [one.recheck_at for one in results.values() if one.recheck_at is not None]
        recheck_at = min(times, default=None)
        if not bad:
            return Result(Status.HEALTHY, recheck_at=recheck_at)
        bad.sort(key=lambda name: -results[name].status.severity)
        first = results[bad[0]]
        status = first.status
        if status is Status.ERROR and len(bad) < len(names):
            status = Status.DEGRADED
        message = first.message
        if len(bad) > 1:
            more = f" and {len(bad) - SHOWN} more" if len(bad) > SHOWN else ""
            others = ", ".join(bad[1:SHOWN])
            message = f"{len(bad)} of {len(names)} leases: {message}; {others}{more}"
        return Result(status, message, {"leases": len(names), "bad": bad[:10]}, recheck_at)

    def _of_one(self, context: Context, where: str, name: str) -> Result:
        lease: Optional[Lease] = context.view.get(LEASES, where, cut_lease, name)
        if lease is None:
            return self._none(f"lease {name} not found")
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

    def _none(self, message: str) -> Result:
        said = self.absent in (Status.ERROR, Status.DEGRADED)
        return Result(self.absent, message if said else "", missing=True)

    def explain(self, context: Context, result: Result) -> Finding:
        from agentctl.kube.cuts.facts import cut_lease_uids
        from agentctl.kube.explain.finding import Ref
        from agentctl.kube.explain.lease import none_matches, not_renewed

        where = place(self.namespace, context.namespace)
        names = self.matching(context, where)
        if not names:
            return none_matches(where, [fill(glob, context.namespace) for glob in self.globs])
        judged = {one: self._of_one(context, where, one) for one in names}
        bad = [one for one in names if judged[one].message]
        bad.sort(key=lambda one: -judged[one].status.severity)
        name, *others = bad or names[:1]
        lease: Optional[Lease] = context.view.get(LEASES, where, cut_lease, name)
        uids = context.view.get(LEASES, where, cut_lease_uids, name) or ()
        about = Ref("Lease", name, where, uids)
        return not_renewed(about, lease, self.max_age, context.now, others[:SHOWN])

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
    if fields.has("name") == fields.has("names"):
        raise fields.fail("name", "a name as 'name', or else patterns as 'names'")
    globs = fields.globs("names", "leases", filled=True) if fields.has("names") else ()
    name = fields.name("name") if fields.has("name") else ""
    max_age, where = fields.seconds("max_age"), fields.name("namespace", "")
    absent = Status(fields.choice("absent", ABSENT, Status.ERROR.value))
    return LeaseCheck(name, max_age, where, globs, absent)
