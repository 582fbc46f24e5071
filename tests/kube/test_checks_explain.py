"""What checks say of a bad verdict: the object, the facts, and what to do."""

from __future__ import annotations

from typing import Any

import pytest

from agentctl.diagnosis.explain import Explainer, Reason
from agentctl.diagnosis.text import sections
from agentctl.kube.cuts.facts import CLOSER, MAX_TEXT, cut_pod_facts
from agentctl.kube.explain.finding import Explains, Finding
from agentctl.kube.rbac import permissions
from tests.kube.judged import Cluster, component, deployment, named, pod, with_env

WORKLOAD = component("{kind: workload, names: [api]}")
Object = dict[str, Any]


def looking(catalog: str = WORKLOAD) -> Cluster:
    return Cluster(catalog, closer=CLOSER)


def explained(cluster: Cluster, name: str = "it", now: float = 1000.0) -> list[Reason]:
    item = cluster.item(name, now=now)
    return Explainer(cluster.components, cluster.evaluator).reasons(item, now)


def finding(cluster: Cluster, now: float = 1000.0) -> Finding:
    (reason,) = explained(cluster, now=now)
    return reason.finding


def lines(found: Finding) -> list[str]:
    return [" ".join(command.words) for command in found.commands]


def bad(name: str, status: Object, **more: Any) -> Object:
    return {**named(name, labels={"app": "api"}, **more), "status": status}


def waiting(reason: str, message: str = "", **container: Any) -> Object:
    state = {"waiting": {"reason": reason, "message": message}}
    status = {"name": "app", "ready": False, "state": state, "image": "api:2", **container}
    return {"phase": "Pending", "containerStatuses": [status]}


@pytest.mark.parametrize(
    ("status", "remedy", "command"),
    [
        (
            waiting("CrashLoopBackOff", lastState={"terminated": {"exitCode": 3}}),
            "exit code 3 (Error)",
            "logs a -c app --previous --tail=50",
        ),
        (
            waiting(
                "CrashLoopBackOff",
                lastState={"terminated": {"exitCode": 137, "reason": "OOMKilled"}},
            ),
            "needs more memory",
            "set resources deployment/api -c app --limits=memory=SIZE",
        ),
        (waiting("ErrImagePull"), "image api:2 cannot be pulled", "describe pod/a"),
        (
            waiting("CreateContainerConfigError", 'secret "x" not found'),
            "create the Secret or ConfigMap",
            "describe pod/a",
        ),
        (waiting("ContainerCreating"), "being made", "describe pod/a"),
        (
            {
                "phase": "Pending",
                "conditions": [
                    {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
                ],
            },
            "no node takes the pod",
            "get nodes",
        ),
        (
            {"phase": "Running", "conditions": [{"type": "Ready", "status": "False"}]},
            "readiness probe",
            "logs a --tail=50",
        ),
        (
            {
                "phase": "Pending",
                "initContainerStatuses": [
                    {"name": "migrate", "state": {"terminated": {"exitCode": 2}}}
                ],
            },
            "container migrate ended with exit code 2",
            "logs a -c migrate --previous --tail=50",
        ),
    ],
)
def test_the_remedy_is_that_of_the_worst_pod(status: Object, remedy: str, command: str) -> None:
    cluster = looking().has("deployments", deployment("api", ready=1))
    cluster.has("pods", bad("a", status), pod("b", "api", ready=True))
    found = finding(cluster)
    assert remedy in found.remedy
    assert command in lines(found)
    assert [one["name"] for one in found.facts["pods"]] == ["a"]


@pytest.mark.parametrize(
    ("one", "remedy", "command"),
    [
        (deployment("api", desired=0), "scale deployment/api up", "scale deployment/api"),
        (
            deployment("api", updated=1, spec={"paused": True}),
            "paused: resume it",
            "rollout resume deployment/api",
        ),
        (deployment("api", updated=1), "under way", "rollout status deployment/api"),
        (deployment("api", ready=1), "none says why", "describe deployment/api"),
        (
            deployment("api", ready=1, exceeded=True),
            "go back to the revision before",
            "rollout undo deployment/api",
        ),
    ],
)
def test_without_a_pod_that_tells_the_workload_does(one: Object, remedy: str, command: str) -> None:
    found = finding(looking().has("deployments", one))
    assert remedy in found.remedy
    assert any(line.startswith(command) for line in lines(found))


def test_a_quota_is_looked_for_at_the_replicaset() -> None:
    one = deployment("api", ready=0)
    message = 'pods "api-7d-" is forbidden: exceeded quota'
    one["status"]["conditions"] = [
        {"type": "Progressing", "status": "True", "message": 'ReplicaSet "api-7d" is progressing.'},
        {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message},
    ]
    found = finding(looking().has("deployments", one))
    assert [str(ref) for ref in found.about] == ["deployment/api", "replicaset/api-7d"]
    assert found.facts["conditions"][1]["message"] == message


def test_pods_are_named_up_to_a_number() -> None:
    pods = [pod(f"p{index}", "api", waiting="CrashLoopBackOff") for index in range(9)]
    found = finding(looking().has("deployments", deployment("api", 9, 0)).has("pods", *pods))
    assert len(found.facts["pods"]) == 5
    assert found.facts["more_pods"] == 4


def test_a_namespace_that_is_going_says_what_it_waits_for() -> None:
    one = named("agents", "", deletionTimestamp="2026-01-01T00:00:00Z")
    left = {"type": "NamespaceFinalizersRemaining", "status": "True", "message": "x in 1 object"}
    one["spec"] = {"finalizers": ["kubernetes"]}
    one["status"] = {"phase": "Terminating", "conditions": [left, {"type": "A", "status": "False"}]}
    found = finding(looking(component("{kind: namespace}")).has("namespaces", one))
    assert found.facts["finalizers"] == ["kubernetes"]
    assert [one["type"] for one in found.facts["conditions"]] == ["NamespaceFinalizersRemaining"]


def test_a_crd_that_is_going_says_which_finalizer_holds_it() -> None:
    name = "things.example.com"
    one = named(name, "", deletionTimestamp="2026-01-01T00:00:00Z")
    one["metadata"]["finalizers"] = ["cleanup"]
    cluster = looking(component(f"{{kind: crds, names: [{name}]}}"))
    found = finding(cluster.has("customresourcedefinitions", one))
    assert found.facts == {"deleting_crds": [name], "finalizers": ["cleanup"]}
    assert lines(found) == [
        f"get {name} -A",
        f"get crd {name} -o jsonpath={{.status.conditions}}",
    ]


def test_a_lease_nobody_holds_and_one_without_a_duration() -> None:
    cluster = looking(component("{kind: lease, name: leader}"))
    assert "nobody leads" in finding(cluster).remedy
    spec = {"holderIdentity": "a_1", "renewTime": "2026-09-21T14:13:20.000000Z"}
    cluster.has("leases", named("leader", spec=spec))
    found = finding(cluster, now=1005.0)
    assert "max_age" in found.remedy
    assert (found.facts["holder"], found.facts["age_s"]) == ("a_1", 5.0)


def test_what_a_workload_imports_is_where_to_look() -> None:
    cluster = looking(component("{kind: env, workload: [api], variables: [URL]}"))
    origin = [{"secretRef": {"name": "db"}}]
    found = finding(cluster.has("deployments", with_env("api", envFrom=origin)))
    assert found.facts == {"imports": ["secret/db"]}
    assert lines(found) == ["describe secret db"]


def test_a_service_without_endpoints() -> None:
    cluster = looking(component("{kind: endpoints, service: api, port: 80}"))
    found = finding(cluster)
    assert "make Service api" in found.remedy
    assert [str(ref) for ref in found.about] == ["service/api"]


FOLLOWING = """
components:
- {name: base, checks: [{kind: workload, names: [api]}]}
- {name: it, checks: [{kind: component, name: base}]}
"""


def test_a_follower_refers_to_what_it_follows_or_says_it_itself() -> None:
    cluster = looking(FOLLOWING).has("deployments", deployment("api", ready=1))
    (reason,) = explained(cluster)
    assert (reason.check, reason.finding.remedy) == ("component", "see base")
    from dataclasses import replace

    hidden = [replace(one, shown=one.name == "it") for one in cluster.components]
    (reason,) = Explainer(hidden, cluster.evaluator).reasons(cluster.item(), 1000.0)
    assert (reason.check, str(reason.finding.about[0])) == ("workload", "deployment/api")


def test_what_cannot_be_seen_is_one_reason_for_each_watch() -> None:
    cluster = looking().has("deployments", deployment("api", ready=1))
    cluster.cannot_see("pods", "cannot watch pods: forbidden")
    blind, judged = explained(cluster)
    assert blind.blind is not None
    assert (blind.blind.name, blind.result.message) == ("pods", "cannot watch pods: forbidden")
    assert judged.result.message == "1/2 ready"
    cluster.cannot_see("deployments", "no data for 2m0s")
    sources = [reason.blind.name for reason in explained(cluster) if reason.blind]
    assert sources == ["deployments", "pods"]


def test_what_is_fixed_by_the_catalog_needs_no_diagnosis() -> None:
    assert explained(looking(component("{kind: static, status: unknown, message: m}"))) == []
    (reason,) = explained(looking(component("{kind: static, status: error, message: m}")))
    assert reason.finding.remedy == "the catalog says so"


def test_a_check_that_fails_to_explain_itself_does_not_end_the_stream(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster = looking().has("deployments", deployment("api", ready=1))
    check = cluster.components[0].checks[0]
    assert isinstance(check, Explains)

    def broken(*args: object) -> Finding:
        raise ValueError("broken")

    monkeypatch.setattr(type(check), "explain", broken)
    assert finding(cluster).facts == {"internal_error": "ValueError: broken"}


def test_closer_cuts_ask_for_nothing_more() -> None:
    plain = Cluster(WORKLOAD).evaluator.specs
    closer = looking().evaluator.specs
    assert permissions(plain) == permissions(closer)
    for one, other in zip(plain, closer):
        assert (one.field_selector, one.label_selector) == (
            other.field_selector,
            other.label_selector,
        )
        assert set(one.tables).isdisjoint(CLOSER.values())
        assert len(other.tables) == 2 * len(one.tables)


def test_what_is_kept_of_a_pod_is_bounded_and_nothing_of_one_that_is_well() -> None:
    from tests.kube.judged import SEEN

    assert cut_pod_facts(pod("a", "api", ready=True), SEEN) is None
    huge = bad("a", waiting("CrashLoopBackOff", "x" * 100_000))
    huge["status"]["containerStatuses"] *= 50
    huge["status"]["conditions"] = [{"type": "A" * 9999, "status": "False"}] * 50
    facts = cut_pod_facts(huge, SEEN)
    assert facts is not None
    assert len(str(facts)) < 40 * MAX_TEXT


def test_a_hostile_diagnosis_is_printed_without_harm() -> None:
    from agentctl.model import Item, Status

    for details in (
        {"diagnosis": "x"},
        {"diagnosis": [1, None, {"pods": 5, "commands": "x", "apply": [{}], "a": {"b": [1]}}]},
        {"diagnosis": [{"message": "\x1b[2J\n", "pods": [{"containers": [{"waiting": 1}]}]}]},
    ):
        told = sections([Item("it", "agents", Status.ERROR, "", details)])
        assert all(line.isprintable() for line in told)


QUOTA = "exceeded quota: compute, requested: pods=1, used: pods=2, limited: pods=2"
WEBHOOK = 'admission webhook "policy.example" denied the request: no privileged pods'


@pytest.mark.parametrize(
    ("message", "said", "remedy", "command"),
    [
        (f'pods "api-5cb7dcc7-{{n}}" is forbidden: {QUOTA}', QUOTA, "raise it", "resourcequota"),
        (WEBHOOK, WEBHOOK, "webhook refuses", "get validatingwebhookconfigurations"),
        ('Pod "api-{n}" is invalid: spec.x: bad', "spec.x: bad", "its message", "describe"),
    ],
)
def test_why_the_api_server_takes_no_pod(
    message: str, said: str, remedy: str, command: str
) -> None:
    def refused(number: int) -> Cluster:
        made = deployment("api", ready=0, desired=2)
        made["status"].setdefault("conditions", []).append(
            {
                "type": "ReplicaFailure",
                "status": "True",
                "reason": "FailedCreate",
                "message": message.format(n=f"{number:05d}"),
            }
        )
        return looking().has("deployments", made)

    cluster = refused(1)
    assert cluster.says() == ("error", f"0/2 ready; FailedCreate: {said}")
    assert refused(2).says() == cluster.says()  # another try is no news
    found = finding(cluster)
    assert remedy in found.remedy
    assert command in lines(found)[0]


@pytest.mark.parametrize(
    ("holder", "has_log"),
    [
        ("api-5cb7dcc7-5wcxb_6f1c", True),
        ("api-0_6f1c", True),
        ("laptop.example_6f1c", False),
        ("somebody", False),
        ("ip-10-0-0-17.internal_x", False),
    ],
)
def test_a_log_is_asked_for_of_a_pod_only(holder: str, has_log: bool) -> None:
    lease = {
        **named("leader"),
        "spec": {
            "holderIdentity": holder,
            "leaseDurationSeconds": 15,
            "renewTime": "2026-01-01T00:00:00.000000Z",
        },
    }
    cluster = looking(component("{kind: lease, name: leader}")).has("leases", lease)
    found = finding(cluster)
    assert any("logs" in line for line in lines(found)) is has_log
    assert holder.partition("_")[0] in found.remedy
