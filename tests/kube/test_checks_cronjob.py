"""``cronjob``: the last run that has ended did not fail."""

from __future__ import annotations

from typing import Any, Optional

import pytest

from agentctl.kube.check import Context
from agentctl.kube.cuts.facts import CLOSER
from agentctl.kube.explain.finding import Explains
from agentctl.model import Status
from tests.kube.judged import Cluster, Object, component, named

CATALOG = component("{kind: cronjob, name: backup}")
HEALTHY = ("healthy", "")
NOT_YET = ("configured", "has not run yet")


def cron(active: bool = False, suspend: bool = False, **status: str) -> Object:
    spec = {"schedule": "@hourly", "suspend": suspend}
    running: list[Any] = [{"kind": "Job", "name": "x"}] if active else []
    return named("backup", spec=spec, status={"active": running, **status})


def job(
    name: str, began: str, failed: Optional[bool] = None, owner: str = "backup", **more: Any
) -> Object:
    made = named(name, kind="Job", **more)
    made["metadata"]["ownerReferences"] = [
        {"apiVersion": "batch/v1", "kind": "CronJob", "name": owner, "controller": True}
    ]
    made["metadata"]["creationTimestamp"] = f"2026-11-01T{began}Z"
    conditions: list[Object] = []
    if failed is not None:
        reason, message = "BackoffLimitExceeded", "Job has reached the limit"
        conditions = [
            {"type": "FailureTarget", "status": "True"},
            {"type": "Failed", "status": "True", "reason": reason, "message": message},
        ]
        if not failed:
            conditions = [{"type": "Complete", "status": "True"}]
    made["status"] = {"startTime": f"2026-11-01T{began}Z", "conditions": conditions}
    return made


FAILED = "failed: BackoffLimitExceeded: Job has reached the limit"
A_FAILED = ("degraded", f"last run a {FAILED}")
STATES = [
    ("none ran yet", cron(), [], NOT_YET),
    ("it runs for the first time", cron(active=True), [job("a", "01:00:00")], None),
    ("it was well", cron(), [job("a", "01:00:00", failed=False)], HEALTHY),
    ("it failed", cron(), [job("a", "01:00:00", failed=True)], A_FAILED),
    (
        "a later one was well",
        cron(),
        [job("a", "01:00:00", failed=True), job("b", "02:00:00", failed=False)],
        HEALTHY,
    ),
    (
        "a later one began first to end",
        cron(),
        [job("b", "02:00:00", failed=False), job("a", "01:59:00", failed=True)],
        HEALTHY,
    ),
    (
        "the last failed",
        cron(),
        [job("a", "01:00:00", failed=False), job("b", "02:00:00", failed=True)],
        ("degraded", f"last run b {FAILED}"),
    ),
    (
        "the next runs",
        cron(active=True),
        [job("a", "01:00:00", failed=True), job("b", "02:00:00")],
        A_FAILED,
    ),
    (
        "the later one is gone",
        cron(lastSuccessfulTime="2026-11-01T03:00:00Z"),
        [job("a", "01:00:00", failed=True)],
        HEALTHY,
    ),
    (
        "an older one was well",
        cron(lastSuccessfulTime="2026-11-01T00:30:00Z"),
        [job("a", "01:00:00", failed=True)],
        A_FAILED,
    ),
    (
        "its job is gone",
        cron(
            lastSuccessfulTime="2026-11-01T00:30:00Z", lastScheduleTime="2026-11-01T01:00:00Z"
        ),
        [],
        (
            "degraded",
            "the run of 2026-11-01T01:00:00Z did not succeed, and its Job is gone",
        ),
    ),
    (
        "its first job is gone",
        cron(lastScheduleTime="2026-11-01T01:00:00Z"),
        [],
        (
            "degraded",
            "the run of 2026-11-01T01:00:00Z did not succeed, and its Job is gone",
        ),
    ),
    (
        "it runs, and its job is yet to be seen",
        cron(active=True, lastScheduleTime="2026-11-01T01:00:00Z"),
        [],
        NOT_YET,
    ),
    (
        "its job is gone and was well",
        cron(
            lastSuccessfulTime="2026-11-01T01:00:00Z", lastScheduleTime="2026-11-01T01:00:00Z"
        ),
        [],
        HEALTHY,
    ),
    (
        "it is suspended",
        cron(suspend=True),
        [job("a", "01:00:00", failed=True)],
        ("configured", f"suspended; last run a {FAILED}"),
    ),
    ("another's", cron(), [job("a", "01:00:00", failed=True, owner="x")], NOT_YET),
    ("none", None, [], ("error", "cronjob backup not found")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("state", "jobs", "expected"), [one[1:] for one in STATES], ids=[one[0] for one in STATES]
)
def test_states(state, jobs, expected) -> None:
    cluster = Cluster(CATALOG).has("jobs", *jobs)
    cluster.has("cronjobs", *([] if state is None else [state]))
    assert cluster.says() == (expected or ("configured", "has not run yet"))


def test_of_a_job_without_an_owner_nothing_is_kept() -> None:
    cluster = Cluster(CATALOG).has("jobs", named("a", status={"conditions": []}))
    assert all(not table for table in cluster.evaluator.view.sources["jobs"].tables.values())


@pytest.mark.parametrize("source", ["jobs", "cronjobs"])
def test_what_cannot_be_seen_is_unknown(source: str) -> None:
    cluster = Cluster(CATALOG).has("cronjobs", cron()).cannot_see(source, "forbidden")
    assert cluster.says() == ("unknown", "forbidden")


def test_a_diagnosis_names_the_job_and_its_log() -> None:
    cluster = Cluster(CATALOG, closer=CLOSER).has("cronjobs", cron())
    cluster.has("jobs", job("backup-1", "01:00:00", failed=True))
    cluster.item()
    (check,) = cluster.components[0].checks
    assert isinstance(check, Explains)
    context = Context(cluster.evaluator.view, "agents", 1000.0, {})
    found = check.explain(context, check.evaluate(context))
    assert [str(one) for one in found.about] == ["job/backup-1", "cronjob/backup"]
    assert found.commands[0].words == ("logs", "job/backup-1", "--tail=50")


def test_a_diagnosis_without_its_jobs_says_to_run_it() -> None:
    cluster = Cluster(CATALOG, closer=CLOSER)
    cluster.has(
        "cronjobs",
        cron(lastSuccessfulTime="2026-11-01T00:30:00Z", lastScheduleTime="2026-11-01T01:00:00Z"),
    )
    assert cluster.item().status is Status.DEGRADED
    (check,) = cluster.components[0].checks
    assert isinstance(check, Explains)
    context = Context(cluster.evaluator.view, "agents", 1000.0, {})
    found = check.explain(context, check.evaluate(context))
    assert found.remedy == "its Jobs are gone: run it by hand and see"
    cluster.has("jobs", job("a", "00:30:00", failed=False))
    assert check.explain(context, check.evaluate(context)).remedy == found.remedy
    assert [str(one) for one in found.about] == ["cronjob/backup"]


WEIRD = [
    {"metadata": {"ownerReferences": None}},
    {"metadata": {"ownerReferences": [None, 5, {"kind": "CronJob", "apiVersion": None}]}},
    {"status": {"conditions": None}},
    {"status": {"conditions": [{"type": ["Failed"], "status": True}, None]}},
    {"status": "Failed", "spec": []},
    {"status": {"active": None, "lastScheduleTime": 5, "lastSuccessfulTime": "soon"}},
]


@pytest.mark.parametrize("odd", WEIRD)
def test_what_is_of_a_wrong_type_is_not_there(odd) -> None:
    item = {**job("a", "01:00:00", failed=True), **odd}
    item["metadata"] = {"name": "backup", "namespace": "agents", **odd.get("metadata", {})}
    cluster = Cluster(CATALOG).has("jobs", item).has("cronjobs", item)
    assert cluster.says() == NOT_YET
