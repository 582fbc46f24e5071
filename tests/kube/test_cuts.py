"""The cuts: what they keep of real objects, and that nothing makes them fail."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentctl.kube.cuts import objects
from agentctl.kube.cuts.found import FoundCut
from agentctl.kube.cuts.jobs import cut_cronjob, cut_run
from agentctl.kube.cuts.objects import cut_crd, cut_endpoints, cut_env, cut_lease, cut_workload
from agentctl.kube.cuts.pods import cut_pod
from agentctl.kube.cuts.webhooks import cut_webhooks
from agentctl.kube.resources import Seen
from agentctl.kube.selectors import LabelSelector
from agentctl.kube.selects import cut_selector, cut_template
from agentctl.rules.syntax import parse_atom

DATA = Path(__file__).parent.parent / "data"
SEEN = Seen(1000.0, 1_790_000_000.0)
CUTS: list[Callable[..., Any]] = [
    cut_pod,
    *(getattr(objects, name) for name in dir(objects) if name.startswith("cut_")),
    *(cut_run, cut_cronjob, cut_selector, cut_template, cut_webhooks),
    FoundCut(
        ("*",),
        ("x*",),
        LabelSelector.parse("app!=x"),
        tuple(map(parse_atom, ("Failed!=True", ".status.phase!=Bound"))),
        (parse_atom(".metadata.ownerReferences[*]:.kind=CronJob"),),
    ),
]

# Made of the words that cuts look for, so that hostile values land where they hurt.
TEXT = """
metadata spec status name labels conditions type reason phase state waiting terminated
running exitCode signal containers env envFrom value valueFrom secretKeyRef secretRef
prefix key template selector matchLabels matchExpressions operator values replicas
generation updateStrategy rollingUpdate partition initContainers initContainerStatuses
containerStatuses ready restartPolicy started endpoints terminating renewTime
leaseDurationSeconds holderIdentity deletionTimestamp desiredNumberScheduled numberReady
ownerReferences apiVersion batch/v1 CronJob Complete active suspend startTime True
lastScheduleTime lastSuccessfulTime creationTimestamp type ExternalName webhooks clientConfig
service caBundle Ready PodScheduled Unschedulable Running Failed Always In
kubernetes.io/service-name
"""
WORDS = TEXT.split()
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.just(10**400)
    | st.floats()
    | st.sampled_from(WORDS)
    | st.text(max_size=20)
    | st.sampled_from(["2026-01-30T18:15:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59"])
)
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=5)
    ),
    max_leaves=25,
)


@given(st.dictionaries(st.sampled_from(["metadata", "spec", "status", "endpoints"]), anything))
def test_no_json_makes_a_cut_raise_or_give_what_cannot_be_compared(item: dict) -> None:
    for cut in CUTS:
        value = cut(item, SEEN)
        assert value == cut(item, SEEN)
        hash(value)


PATHS = [
    ("metadata", "ownerReferences"), ("metadata", "name"), ("status", "active"),
    ("spec", "template", "metadata"), ("spec", "suspend"), ("status", "startTime"),
    ("spec",), ("status",), ("metadata",), ("metadata", "labels"), ("status", "conditions"),
    ("spec", "template"), ("spec", "template", "spec"), ("spec", "selector"), ("status", "phase"),
    ("spec", "template", "spec", "containers"), ("status", "containerStatuses"),
    ("status", "initContainerStatuses"), ("spec", "initContainers"), ("spec", "updateStrategy"),
    ("spec", "selector", "matchExpressions"), ("spec", "selector", "matchLabels"),
    ("spec", "renewTime"), ("spec", "leaseDurationSeconds"), ("endpoints",), ("addressType",),
]  # fmt: skip


@given(st.sampled_from(PATHS), anything)
def test_no_value_in_a_place_of_interest_makes_a_cut_raise(path: tuple, value: Any) -> None:
    item: dict[str, Any] = {}
    inner = item
    for key in path[:-1]:
        inner = inner.setdefault(key, {})
    inner[path[-1]] = value
    for cut in CUTS:
        cut(item, SEEN)
        cut({**item, "status": {"phase": "Pending", **_dict(item.get("status"))}}, SEEN)


def _dict(value: Any) -> dict:
    return value if isinstance(value, dict) else {}


def recorded(name: str) -> list[dict]:
    """The objects of one recorded exchange, whether listed or watched."""
    response = json.loads((DATA / name).read_text())["response"]
    if "lines" in response:
        events = [json.loads(line) for _, line in response["lines"]]
        return [event["object"] for event in events if event["type"] in ("ADDED", "MODIFIED")]
    return list(response["body"]["items"])


def test_recorded_deployments() -> None:
    cuts = {one.name: one for one in (cut_workload(i, SEEN) for i in recorded_deployments()) if one}
    assert set(cuts) == {"agents", "agents-controllers"}
    agents = cuts["agents"]
    assert (agents.desired, agents.ready, agents.available, agents.updated) == (2, 2, 2, 2)
    assert agents.observed == agents.generation == 9
    assert (agents.update_goal, agents.surplus, agents.deadline_exceeded) == (2, 0, False)
    assert str(agents.selector) == (
        "app.kubernetes.io/instance=agents,app.kubernetes.io/name=agents"
    )


def recorded_deployments() -> list[dict]:
    return recorded("list-deployments.json")


def test_recorded_env_keeps_names_and_refs_only() -> None:
    agents = next(e for e in (cut_env(i, SEEN) for i in recorded_deployments()) if e)
    by_name = {variable.name: variable for variable in agents.variables}
    assert by_name["DATABASE_URL"][1:] == ("secret", "agents-db-app", "uri")
    assert by_name["AGENTS_GRPC_ENABLED"][1:] == ("literal", "", "")


def test_recorded_pods_that_are_fine_leave_nothing() -> None:
    assert [cut_pod(item, SEEN) for item in recorded("list-pods.json")].count(None) > 0
    for item in recorded("list-pods.json"):
        ready = any(
            condition["type"] == "Ready" and condition["status"] == "True"
            for condition in item["status"].get("conditions", ())
        )
        assert (cut_pod(item, SEEN) is None) == ready


def test_recorded_pods_of_a_scale_are_told_as_kubectl_would() -> None:
    cuts = [cut_pod(item, SEEN) for item in recorded("watch-pods-scale.json")]
    assert {cut.reason for cut in cuts if cut} == {"Pending", "Terminating"}


def test_recorded_lease_renewals() -> None:
    leases = [cut_lease(item, SEEN) for item in recorded("watch-lease-renewals.json")]
    assert leases
    assert all(lease and lease.holder and lease.duration for lease in leases)


def test_recorded_crds_and_endpoints() -> None:
    crds = [cut_crd(item, SEEN) for item in recorded("list-crds-metadata.json")]
    assert set(crds) == {"present"}
    slices = [cut_endpoints(item, SEEN) for item in recorded("list-endpointslices.json")]
    assert [one[:4] for one in slices if one] == [("agents-grpc", "IPv4", 0, 0)]


@pytest.mark.parametrize(
    ("pod", "reason"),
    [
        ({"status": {"phase": "Pending"}}, "Pending"),
        ({"status": {}}, "Unknown"),
        ({"status": {"phase": "Pending", "conditions": [
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]}},
         "Unschedulable"),
        ({"status": {"phase": "Pending", "conditions": [
            {"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}]}},
         "SchedulingGated"),
        ({"status": {"phase": "Failed", "reason": "Evicted"}}, "Evicted"),
        ({"status": {"phase": "Running"}, "metadata": {"deletionTimestamp": "x"}}, "Terminating"),
        ({"status": {"phase": "Running", "reason": "NodeLost"},
          "metadata": {"deletionTimestamp": "x"}}, "Unknown"),
        ({"status": {"phase": "Running", "containerStatuses": [
            {"ready": False, "state": {"running": {}}}]}}, "NotReady"),
        *[({"status": {"phase": "Running", "containerStatuses": [
            {"state": {"waiting": {"reason": why}}}]}}, why)
          for why in ("CrashLoopBackOff", "ImagePullBackOff", "ErrImagePull",
                      "CreateContainerConfigError", "ContainerCreating")],
        *[({"status": {"phase": "Running", "containerStatuses": [
            {"state": {"terminated": how}}]}}, why)
          for how, why in (({"reason": "OOMKilled", "exitCode": 137}, "OOMKilled"),
                           ({"reason": "Error", "exitCode": 1}, "Error"),
                           ({"exitCode": 1}, "ExitCode:1"),
                           ({"signal": 9, "exitCode": 137}, "Signal:9"))],
        ({"spec": {"initContainers": [{"name": "a"}, {"name": "b"}]},
          "status": {"phase": "Pending", "initContainerStatuses": [
              {"name": "a", "state": {"terminated": {"exitCode": 0}}},
              {"name": "b", "state": {"running": {}}}]}}, "Init:1/2"),
        ({"spec": {"initContainers": [{"name": "a"}]},
          "status": {"phase": "Pending", "initContainerStatuses": [
              {"name": "a", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]}},
         "Init:CrashLoopBackOff"),
        ({"spec": {"initContainers": [{"name": "a"}]},
          "status": {"phase": "Pending", "initContainerStatuses": [
              {"name": "a", "state": {"terminated": {"exitCode": 2}}}]}}, "Init:ExitCode:2"),
        ({"spec": {"initContainers": [{"name": "side", "restartPolicy": "Always"}]},
          "status": {"phase": "Running", "initContainerStatuses": [
              {"name": "side", "started": True, "state": {"running": {}}}],
              "containerStatuses": [{"state": {"waiting": {"reason": "CrashLoopBackOff"}}}]}},
         "CrashLoopBackOff"),
    ],
)  # fmt: skip
def test_pod_reason_is_that_of_kubectl(pod: dict, reason: str) -> None:
    trouble = cut_pod(pod, SEEN)
    assert trouble is not None
    assert trouble.reason == reason


@pytest.mark.parametrize(
    "status",
    [
        {"phase": "Succeeded"},
        {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
        {"phase": "Running", "containerStatuses": [{"ready": True}]},
    ],
)
def test_a_pod_that_is_fine_is_not_kept(status: dict) -> None:
    assert cut_pod({"metadata": {"name": "p"}, "status": status}, SEEN) is None


def test_pods_of_one_workload_share_their_labels() -> None:
    def of(name: str) -> Any:
        labels = {"app": "a", "pod-template-hash": name, "statefulset.kubernetes.io/pod-name": name}
        return cut_pod({"metadata": {"name": name, "labels": labels}, "status": {}}, SEEN)

    assert of("x").labels is of("y").labels


def test_a_lease_is_aged_on_the_servers_clock() -> None:
    item = {
        "metadata": {"name": "l"},
        "spec": {
            "holderIdentity": "h",
            "leaseDurationSeconds": 30,
            "renewTime": "2026-01-30T18:15:00.250000Z",
        },
    }
    server = 1769796900.25  # the same moment
    lease = cut_lease(item, Seen(50.0, server + 10))
    assert lease is not None
    assert lease.expires_at() == 70.0
    assert lease.expires_at(5.0) == 45.0
    assert lease.renewed == "2026-01-30T18:15:00Z"


def test_the_last_of_a_name_set_twice_counts_as_in_a_container() -> None:
    env = [{"name": "A", "value": "x"}, {"name": "A", "value": ""}]
    item = {"spec": {"template": {"spec": {"containers": [{"env": env}]}}}}
    cut = cut_env(item, SEEN)
    assert cut is not None
    assert [variable.source for variable in cut.variables] == ["empty"]
