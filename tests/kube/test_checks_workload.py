"""The ``workload`` kind."""

from __future__ import annotations

import pytest

from tests.kube.judged import SEEN, Cluster, component, deployment, named, pod

FIRST_OF = component("{kind: workload, names: [agents-controllers, agents]}")


def judged(*workloads: dict, pods: tuple = ()) -> tuple:
    return Cluster(FIRST_OF).has("deployments", *workloads).has("pods", *pods).says()


def test_settled_and_available_is_healthy_with_no_message_and_no_details() -> None:
    item = Cluster(FIRST_OF).has("deployments", deployment("agents")).item()
    assert (item.status.value, item.message, dict(item.details)) == ("healthy", "", {})


def test_the_first_name_that_exists_counts() -> None:
    broken = deployment("agents", ready=0)
    assert judged(deployment("agents-controllers"), broken) == ("healthy", "")
    assert judged(broken) == ("error", "0/2 ready")


def test_not_found_names_every_name() -> None:
    expected = "deployment agents-controllers or agents not found"
    assert judged(deployment("other")) == ("error", expected)


@pytest.mark.parametrize(
    ("state", "status", "message"),
    [
        ({"desired": 0}, "error", "scaled to 0"),
        ({"ready": 0}, "error", "0/2 ready"),
        ({"ready": 1}, "degraded", "1/2 ready"),
        ({"ready": 2, "available": 1}, "degraded", "1/2 available"),
        ({"ready": 2, "available": 0}, "error", "0/2 available"),
        ({"updated": 1}, "degraded", "rolling out: 1/2 updated"),
        ({"total": 3}, "degraded", "rolling out: 2/2 updated"),
        ({"observed": 2}, "degraded", "rolling out: change not yet taken up"),
        ({"updated": 1, "spec": {"paused": True}}, "degraded",
         "rolling out: 1/2 updated (paused)"),
        ({"ready": 1, "exceeded": True}, "degraded", "1/2 ready; ProgressDeadlineExceeded"),
        ({"ready": 0, "exceeded": True}, "error", "0/2 ready; ProgressDeadlineExceeded"),
        ({"updated": 1, "exceeded": True}, "degraded",
         "rolling out: 1/2 updated; ProgressDeadlineExceeded"),
        ({"desired": 0, "observed": 2}, "degraded", "rolling out: change not yet taken up"),
    ],
)  # fmt: skip
def test_rollout(state: dict, status: str, message: str) -> None:
    assert judged(deployment("agents", **state)) == (status, message)


def test_details_tell_the_workload_and_its_counts() -> None:
    item = Cluster(FIRST_OF).has("deployments", deployment("agents", ready=1)).item()
    assert item.details == {"workload": "deployment/agents", "ready": 1, "desired": 2}


def test_the_worst_pod_explains() -> None:
    name = "agents-controllers"
    pods = (
        pod("agents-controllers-a", name),
        pod("agents-controllers-z", name, "CrashLoopBackOff"),
        pod("agents-controllers-x2x", name, "CrashLoopBackOff"),
        pod("agents-controllers-b", name, "ContainerCreating"),
        pod("agents-a", "agents", "CrashLoopBackOff"),
    )
    expected = ("degraded", "1/2 ready; agents-controllers-x2x: CrashLoopBackOff")
    assert judged(deployment(name, ready=1), pods=pods) == expected
    assert judged(deployment(name, ready=1), pods=pods[::-1]) == expected


def test_a_pod_in_trouble_beside_a_workload_that_is_fine_is_not_told() -> None:
    leftover = pod("agents-old", "agents", "CrashLoopBackOff", deletionTimestamp="x")
    assert judged(deployment("agents"), pods=(leftover,)) == ("healthy", "")


def test_restarts_change_nothing() -> None:
    def crashing(restarts: int) -> dict:
        one = pod("agents-x", "agents", "CrashLoopBackOff")
        one["status"]["containerStatuses"][0]["restartCount"] = restarts
        return one

    cluster = Cluster(FIRST_OF).has("deployments", deployment("agents", ready=1))
    first = cluster.has("pods", crashing(1)).item()
    spec = cluster.evaluator.view.sources["pods"].spec
    again = spec.change(crashing(2), SEEN)
    assert not cluster.evaluator.view.apply("pods", [again])
    assert cluster.item() == first


def test_blind_on_the_workload_is_unknown() -> None:
    cluster = Cluster(FIRST_OF).cannot_see("deployments", "cannot watch deployments: forbidden")
    assert cluster.says() == ("unknown", "cannot watch deployments: forbidden")


def test_blind_on_pods_leaves_only_what_is_bad_known() -> None:
    cluster = Cluster(FIRST_OF).cannot_see("pods", "no data for 2m0s")
    cluster.has("deployments", deployment("agents", ready=0))
    assert cluster.says() == ("error", "0/2 ready")
    cluster.has("deployments", deployment("agents"))
    assert cluster.says() == ("unknown", "no data for 2m0s")


def statefulset(**status: object) -> dict:
    return named(
        "db",
        generation=1,
        spec={
            "replicas": 3,
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}},
        },
        status={"observedGeneration": 1, "readyReplicas": 3, "updatedReplicas": 1, **status},
    )


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({}, ("healthy", "")),
        ({"updatedReplicas": 0}, ("degraded", "rolling out: 0/3 updated")),
        (
            {"updatedReplicas": 0, "currentRevision": "r", "updateRevision": "r"},
            ("healthy", ""),
        ),
        ({"availableReplicas": 2}, ("degraded", "2/3 available")),
    ],
)
def test_statefulset_partition_and_availability(status: dict, expected: tuple) -> None:
    catalog = component("{kind: workload, names: [db], kinds: [StatefulSet]}")
    assert Cluster(catalog).has("statefulsets", statefulset(**status)).says() == expected


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ((3, 3, 3), ("healthy", "")),
        ((3, 2, 3), ("degraded", "2/3 ready")),
        ((3, 3, 1), ("degraded", "rolling out: 1/3 updated")),
        ((0, 0, 0), ("configured", "no node to run on")),
    ],
)
def test_daemonset(counts: tuple, expected: tuple) -> None:
    desired, ready, updated = counts
    status = {
        "observedGeneration": 1,
        "desiredNumberScheduled": desired,
        "numberReady": ready,
        "numberAvailable": ready,
        "updatedNumberScheduled": updated,
    }
    catalog = component("{kind: workload, names: [agent], kinds: [DaemonSet]}")
    one = named("agent", generation=1, spec={}, status=status)
    assert Cluster(catalog).has("daemonsets", one).says() == expected


def test_by_labels_the_worst_of_all_that_match() -> None:
    catalog = component("{kind: workload, labels: tier=core, kinds: [Deployment, StatefulSet]}")
    cluster = Cluster(catalog)
    core = {"tier": "core"}
    assert cluster.says() == ("error", "no deployment or statefulset matches tier=core")
    cluster.has(
        "deployments",
        deployment("a", labels=core),
        deployment("c", ready=0, labels=core),
        deployment("b", ready=0, labels=core),
        deployment("other", ready=0),
    )
    assert cluster.says() == ("error", "b: 0/2 ready")
    cluster.has("deployments", deployment("a", labels=core))
    assert cluster.says() == ("healthy", "")


def test_pods_narrows_the_watch() -> None:
    catalog = component("{kind: workload, names: [a], pods: 'app in (a, b)'}")
    specs = {spec.name: spec for spec in Cluster(catalog).evaluator.specs}
    assert specs["pods"].label_selector == "app in (a,b)"
    kept = [specs["pods"].change(pod("p", app), SEEN).values[0] for app in ("a", "c")]
    assert [one is not None for one in kept] == [True, False]
