"""``cronjob``: the last run of a CronJob that has ended did not fail.

A run is a Job that the CronJob owns. Of several that have ended the one that began last counts,
and after a success that is newer no failed one does, though its Job may be gone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Optional

from agentctl.engine.messages import ObjectKey
from agentctl.kube.check import Check, Context, Fields, Result, blind, fill, place
from agentctl.kube.checks._workloads import subject_of
from agentctl.kube.cuts.jobs import CronState, JobRun, cut_cronjob, cut_run
from agentctl.kube.explain.finding import Finding, Ref, kubectl
from agentctl.kube.resources import CRONJOBS, JOBS, Need
from agentctl.lazy_dataclass import dataclass
from agentctl.model import Status

KIND = "cronjob"
FIELDS = ("name", "namespace")


@dataclass(frozen=True)
class CronJobCheck(Check):
    name: str
    namespace: str = ""

    def needs(self, namespace: str) -> tuple[Need, ...]:
        where = place(self.namespace, namespace)
        names = frozenset((fill(self.name, namespace),))
        return (Need(CRONJOBS, where, cut_cronjob, names=names), Need(JOBS, where, cut_run))

    def evaluate(self, context: Context) -> Result:
        where, name = self._at(context)
        for resource in (CRONJOBS, JOBS):
            if reason := context.view.blind(resource, where):
                return blind(reason)
        state: Optional[CronState] = context.view.get(CRONJOBS, where, cut_cronjob, name)
        if state is None:
            return Result(Status.ERROR, f"cronjob {name} not found")
        run = self._last(context, where, name)
        failed = _failure(state, run)
        details = {"cronjob": name, **({"job": run.name} if run is not None and failed else {})}
        if state.suspended:
            message = f"suspended; {failed}" if failed else "suspended"
            return Result(Status.CONFIGURED, message, details)
        if failed:
            return Result(Status.DEGRADED, failed, details)
        if run is None and not state.succeeded:
            return Result(Status.CONFIGURED, "has not run yet", details)
        return Result(Status.HEALTHY)

    def explain(self, context: Context, result: Result) -> Finding:
        where, name = self._at(context)
        look = kubectl(where, "get", "cronjob", name, "-o", "wide")
        if context.view.get(CRONJOBS, where, cut_cronjob, name) is None:
            remedy = f"create CronJob {name}, or say in the catalog what it is called"
            return Finding(remedy, (), {}, (kubectl(where, "get", "cronjobs"),))
        from agentctl.kube.cuts.facts import cut_cronjob_uids, cut_run_uids

        view = context.view
        known = view.get(CRONJOBS, where, cut_cronjob_uids, name) or ()
        about = [Ref("CronJob", name, where, known)]
        run = self._last(context, where, name)
        if run is None or not run.failure:
            return Finding("its Jobs are gone: run it by hand and see", tuple(about), {}, (look,))
        facts = {"job": run.name, "began": run.began, "failure": run.failure}
        known = view.get(JOBS, where, cut_run_uids, run.name) or ()
        about.insert(0, Ref("Job", run.name, where, known))
        commands = (
            kubectl(where, "logs", f"job/{run.name}", "--tail=50"),
            kubectl(where, "describe", "job", run.name),
            look,
        )
        return Finding(
            "see why its last run failed, in that Job's log", tuple(about), facts, commands
        )

    def _at(self, context: Context) -> tuple[str, str]:
        return place(self.namespace, context.namespace), fill(self.name, context.namespace)

    def _last(self, context: Context, where: str, name: str) -> Optional[JobRun]:
        return context.view.derive(JOBS, where, cut_run, _last_runs).get(name)


def _last_runs(table: Mapping[ObjectKey, JobRun]) -> dict[str, JobRun]:
    """Of each CronJob the run that began last, of those that have ended."""
    found: dict[str, JobRun] = {}
    for run in _ended(table):
        known = found.get(run.owner)
        if known is None or (known.began, known.name) < (run.began, run.name):
            found[run.owner] = run
    return found


def _ended(table: Mapping[ObjectKey, Any]) -> Iterator[JobRun]:
    return (run for run in table.values() if run.ended)


def _failure(state: CronState, run: Optional[JobRun]) -> str:
    """What is wrong with the last run; empty for nothing."""
    if run is not None:
        if not run.failure or run.began <= state.succeeded:
            return ""
        return f"last run {run.name} failed: {run.failure}"
    if state.active or state.scheduled <= state.succeeded:
        return ""
    return f"the run of {state.scheduled} did not succeed, and its Job is gone"


def parse(fields: Fields) -> Check:
    found, _ = subject_of(fields, "name", ("CronJob",))
    name = found[0] if found else fields.name("name")
    return CronJobCheck(name, fields.name("namespace", ""))
