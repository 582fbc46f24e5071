"""What is known of an object's own events: its uid, by which those of a namesake are left out."""

from __future__ import annotations

from typing import Any

import pytest

from agentctl.kube.cuts.facts import MIRROR, uids_of
from tests.kube.judged import Cluster, Object, component, deployment, named
from tests.kube.test_checks_cronjob import CATALOG, cron, job
from tests.kube.test_checks_explain import bad, finding, looking, waiting
from tests.kube.test_checks_webhook import lease, slice_of


def known(item: Object, uid: str) -> Object:
    item["metadata"]["uid"] = uid
    return item


def crashing() -> Cluster:
    cluster = looking().has("deployments", known(deployment("api", ready=0), "of-deployment"))
    owner = {"kind": "ReplicaSet", "name": "api-7d", "uid": "of-replicaset", "controller": True}
    pod = known(bad("a", waiting("CrashLoopBackOff")), "of-pod")
    pod["metadata"]["ownerReferences"] = [owner]
    return cluster.has("pods", pod)


def late() -> Cluster:
    check = component("{kind: lease, name: leader}")
    return looking(check).has("leases", known(lease("leader", 90), "of-lease"))


def failed() -> Cluster:
    cluster = looking(CATALOG).has("cronjobs", known(cron(), "of-cronjob"))
    return cluster.has("jobs", known(job("backup-1", "01:00:00", failed=True), "of-job"))


def unready() -> Cluster:
    slices = slice_of("web", ready=False)
    target = {"kind": "Pod", "name": "web-1", "uid": "of-pod"}
    slices["endpoints"][0]["targetRef"] = target
    check = component("{kind: endpoints, service: web, port: 80}")
    return looking(check).has("endpointslices", slices)


def dark() -> Cluster:
    status = {"conditions": [{"type": "Ready", "status": "False"}]}
    lamp = known(named("a", status=status, kind="Lamp"), "of-lamp")
    check = component("{kind: resource, of: lamps.example.org, rules: ready}")
    return looking(check).has("lamps.example.org", lamp)


@pytest.mark.parametrize(
    ("cluster", "uids"),
    [
        (
            crashing,
            {
                "deployment/api": "of-deployment",
                "pod/a": "of-pod",
                "replicaset/api-7d": "of-replicaset",
            },
        ),
        (late, {"lease/leader": "of-lease"}),
        (failed, {"job/backup-1": "of-job", "cronjob/backup": "of-cronjob"}),
        (unready, {"service/web": "", "pod/web-1": "of-pod"}),
        (dark, {"lamp/a": "of-lamp"}),
    ],
    ids=["workload", "lease", "cronjob", "endpoints", "resource"],
)
def test_an_object_that_is_explained_is_told_from_its_namesakes(
    cluster: Any, uids: dict[str, str]
) -> None:
    about = finding(cluster()).about
    assert {str(one): "".join(one.uids) for one in about} == uids


def test_a_kubelets_own_pod_has_the_name_that_the_kubelet_has_for_it_too() -> None:
    pod = known(named("etcd"), "of-mirror")
    assert uids_of(pod) == ("of-mirror",)
    pod["metadata"]["annotations"] = {MIRROR: "a-hash"}
    assert uids_of(pod) == ("of-mirror", "a-hash")
    assert uids_of({"metadata": {"uid": 7, "annotations": [1]}}) == ()
