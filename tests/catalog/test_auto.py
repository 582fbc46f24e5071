"""``--catalog auto``: whatever runs in a namespace."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

import agentctl.catalog
from agentctl.kube.evaluate import Evaluator
from tests.kube.judged import SEEN, Cluster, Object, deployment, named
from tests.kube.test_checks_cronjob import cron, job
from tests.kube.test_each import rows, stateful
from tests.kube.test_selects import service, slice_of, templated

CATALOG = (Path(agentctl.catalog.__file__).parent / "auto.yaml").read_text()
SOURCES = (
    *("namespaces", "deployments", "pods", "statefulsets", "daemonsets", "services"),
    *("endpointslices", "jobs", "cronjobs", "persistentvolumeclaims"),
)


def auto() -> Cluster:
    return Cluster(CATALOG).has("namespaces", named("agents", ""))


def failed(name: str, **more: Any) -> Object:
    made = job(name, "01:00:00", failed=True, **more)
    del made["metadata"]["ownerReferences"]
    return made


def claim(name: str, phase: str, created: str = "2026-09-21T14:13:20Z") -> Object:
    made = named(name, kind="PersistentVolumeClaim", status={"phase": phase} if phase else {})
    made["metadata"]["creationTimestamp"] = created
    return made


def test_what_it_asks_for() -> None:
    cluster = auto()
    assert tuple(cluster.evaluator.view.sources) == SOURCES
    resources = [spec.resource for spec in cluster.evaluator.specs]
    assert [one.plural for one in resources if not one.version] == []


def test_a_namespace_that_is_well_is_its_workloads_and_their_services() -> None:
    cluster = auto().has("deployments", templated("web", app="web"), deployment("idle", desired=0))
    cluster.has("statefulsets", stateful("db")).has("daemonsets")
    cluster.has("services", service("web", app="web"), service("outside"))
    cluster.has("endpointslices", slice_of("web", True), slice_of("outside"))
    cluster.has("cronjobs", cron()).has("jobs", job("backup-1", "01:00:00", failed=False))
    cluster.has("persistentvolumeclaims", claim("data", "Bound"))
    assert rows(cluster) == [
        ("deployment/idle", "configured"),
        ("deployment/web", "healthy"),
        ("statefulset/db", "healthy"),
        ("service/web", "healthy"),
    ]


def test_jobs_that_failed() -> None:
    running = job("runs", "01:00:00")
    del running["metadata"]["ownerReferences"]
    of_others = failed("workflow-x")
    of_others["metadata"]["ownerReferences"] = [{"apiVersion": "v1", "kind": "Workflow"}]
    cluster = auto().has("jobs", failed("migrate"), running, of_others)
    assert rows(cluster) == [("job/migrate", "degraded"), ("job/workflow-x", "degraded")]
    message = "Failed=True (BackoffLimitExceeded): Job has reached the limit"
    assert cluster.says("job/migrate") == ("degraded", message)
    cluster.has("jobs")
    assert rows(cluster) == []


def test_a_failed_job_of_a_cronjob_is_its_last_run_until_a_later_one_is_well() -> None:
    cluster = auto().has("cronjobs", cron())
    first = job("backup-1", "01:00:00", failed=True)
    cluster.has("jobs", first)
    assert rows(cluster) == [("cronjob/backup", "degraded")]
    cluster.has("jobs", first, job("backup-2", "02:00:00"))
    assert rows(cluster) == [("cronjob/backup", "degraded")]
    cluster.has("jobs", first, job("backup-2", "02:00:00", failed=False))
    assert rows(cluster) == []


def test_claims_that_are_not_bound() -> None:
    cluster = auto().has(
        "persistentvolumeclaims",
        claim("new", "Pending"),
        claim("old", "Pending", "2026-09-21T14:00:00Z"),
        claim("gone", "Lost"),
        claim("fine", "Bound"),
    )
    for one in ("new", "old"):
        assert cluster.says(f"persistentvolumeclaim/{one}")[0] == "unknown"
    assert cluster.says("persistentvolumeclaim/gone") == ("degraded", "its volume is lost")
    assert rows(cluster, 1301.0)[1:] == [
        ("persistentvolumeclaim/new", "degraded"),
        ("persistentvolumeclaim/old", "degraded"),
    ]


def test_a_namespace_that_is_not_there() -> None:
    cluster = Cluster(CATALOG)
    assert rows(cluster) == [("namespace", "error")]
    assert cluster.evaluator.missing_namespaces() == ["agents"]


@pytest.mark.parametrize("source", [one for one in SOURCES if one not in ("namespaces", "pods")])
def test_who_may_not_list_a_kind_sees_unknown_there_alone(source: str) -> None:
    cluster = auto().has("deployments", templated("web", app="web"))
    cluster.has("services", service("web", app="web")).has("endpointslices", slice_of("web", True))
    cluster.cannot_see(source, "forbidden")
    unknown = {name for name, status in rows(cluster) if status == "unknown"}
    expected = {
        "deployments": {"deployment", "service"},
        "statefulsets": {"statefulset", "service"},
        "daemonsets": {"daemonset", "service"},
        "services": {"service"},
        "endpointslices": {"service/web"},
        "jobs": {"job"},
        "cronjobs": {"cronjob"},
        "persistentvolumeclaims": {"persistentvolumeclaim"},
    }
    assert unknown == expected[source]


def test_of_3000_jobs_only_those_that_failed_or_are_owned_leave_anything() -> None:
    cluster = auto().has("cronjobs", cron())
    done = job("done", "01:00:00", failed=False)
    del done["metadata"]["ownerReferences"]
    done["metadata"]["annotations"] = {"note": "x" * 5000}
    many = [{**done, "metadata": {**done["metadata"], "name": f"done-{n}"}} for n in range(2700)]
    runs = [job(f"backup-{n}", f"0{n % 9}:00:00", failed=n % 2 == 0) for n in range(200)]
    last = job("backup-last", "09:30:00", failed=False)
    bad = [failed(f"bad-{n:03}") for n in range(100)]
    cluster.has("jobs", *many, *runs, last, *bad)
    found = rows(cluster)
    assert found == [(f"job/bad-{n:03}", "degraded") for n in range(100)]
    tables = cluster.evaluator.view.sources["jobs"].tables.values()
    assert sum(map(len, tables)) == 100 + 100 + 201
    assert sum(sys.getsizeof(one) for table in tables for one in table.values()) < 100_000
    cluster.has("jobs", *many, *runs, last, *bad, failed("bad-100"))
    assert rows(cluster)[0] == ("job", "unknown")
    assert cluster.says("job")[1].startswith("1 more jobs are not looked at")


def test_one_change_touches_no_other_item() -> None:
    cluster = auto().has("deployments", *(templated(f"d{n}", app=f"d{n}") for n in range(300)))
    cluster.has("services", *(service(f"s{n}", app=f"d{n}") for n in range(300)))
    cluster.has("endpointslices", *(slice_of(f"s{n}", True) for n in range(300)))
    rows(cluster)
    evaluator: Evaluator = cluster.evaluator
    before = {item.component: item for item in evaluator.items()}
    spec = evaluator.view.sources["deployments"].spec
    down = templated("d7", app="d7")
    down["status"]["availableReplicas"] = 0
    evaluator.view.apply("deployments", [spec.change(down, SEEN)])
    evaluator.evaluate({"deployments"}, 1000.0)
    after = {item.component: item for item in evaluator.items()}
    assert list(before) == list(after)
    assert [name for name in after if after[name] is not before[name]] == ["deployment/d7"]
