"""Which components are judged again, in what order they come, and what is redacted."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentctl.catalog.loader import load_default
from agentctl.kube.check import Context, Result, worst
from agentctl.kube.checks.component import ComponentCheck
from agentctl.kube.checks.static import StaticCheck
from agentctl.kube.components import Component, CycleError, evaluation_order
from agentctl.kube.evaluate import Evaluator
from agentctl.kube.rbac import Permission, permissions, roles
from agentctl.kube.resources import Need, Seen
from agentctl.lazy_dataclass import dataclass
from agentctl.model import Status
from tests.kube.judged import EPOCH, Cluster, deployment, named, pod
from tests.kube.test_checks_lease import lease

CATALOG = """
components:
  - {name: follower, checks: [{kind: component, name: work}]}
  - {name: work, checks: [{kind: workload, names: [agents]}]}
  - {name: lead, checks: [{kind: lease, name: leader}]}
  - {name: still, checks: [{kind: static, status: healthy}]}
"""


def names(evaluator: Evaluator, sources: Optional[set[str]], now: float = 1000.0) -> list[str]:
    return [item.component for item in evaluator.evaluate(sources, now)]


def test_only_what_rests_on_the_news_and_its_followers_is_judged_again() -> None:
    evaluator = Cluster(CATALOG).evaluator
    assert names(evaluator, None) == ["follower", "work", "lead", "still"]
    assert names(evaluator, {"deployments"}) == ["follower", "work"]
    assert names(evaluator, {"pods"}) == ["follower", "work"]
    assert names(evaluator, {"leases"}) == ["lead"]
    assert names(evaluator, set()) == []


def test_whether_a_component_is_static_is_asked_of_its_checks_once() -> None:
    asked = []

    class Counted(StaticCheck):
        def needs(self, namespace: str) -> tuple[Need, ...]:
            asked.append(namespace)
            return ()

    component = Component("still", (Counted(Status.HEALTHY, ""),))
    assert component.static
    assert component.static
    assert asked == [""]


def test_what_is_due_is_judged_with_its_followers() -> None:
    catalog = CATALOG.replace("name: work}", "name: lead}", 1)
    cluster = Cluster(catalog).has("leases", lease(EPOCH))
    names(cluster.evaluator, None)
    assert cluster.evaluator.next_recheck == 1030.0
    assert names(cluster.evaluator, {"deployments"}, 1030.0) == ["follower", "work", "lead"]


def test_items_come_with_namespaces_outer_and_in_the_catalogs_order() -> None:
    cluster = Cluster(CATALOG, ("two", "one"), home="")
    cluster.evaluator.evaluate(None, 1000.0)
    keys = [(item.namespace, item.component) for item in cluster.evaluator.items()]
    order = ["follower", "work", "lead", "still"]
    assert keys == [(namespace, name) for namespace in ("two", "one") for name in order]
    assert names(cluster.evaluator, {"deployments/one"}) == ["follower", "work"]


def test_an_unchanged_verdict_gives_the_very_same_item() -> None:
    cluster = Cluster(CATALOG).has("deployments", deployment("agents", ready=1))
    before = cluster.item("work")
    assert cluster.has("deployments", deployment("agents", ready=1)).item("work") is before


def test_status_is_the_worst_and_details_are_everyones() -> None:
    catalog = """
components:
  - name: it
    checks:
      - {kind: static, status: healthy, message: fine}
      - {kind: lease, name: leader}
      - {kind: workload, names: [agents]}
      - {kind: static, status: error, message: too late}
"""
    cluster = Cluster(catalog).has("deployments", deployment("agents", ready=0))
    cluster.has("leases", lease(EPOCH - 60))
    item = cluster.item()
    assert item.status is Status.ERROR
    assert item.message.startswith("lease leader expired")
    assert item.details == {
        "lease": "leader",
        "holder": "pod-1",
        "workload": "deployment/agents",
        "ready": 0,
        "desired": 2,
    }


def test_healthy_and_configured_is_configured_and_unknown_is_worse() -> None:
    def of(*statuses: str) -> str:
        checks = ", ".join(f"{{kind: static, status: {status}}}" for status in statuses)
        return str(Cluster(f"components: [{{name: it, checks: [{checks}]}}]").says()[0])

    assert of("healthy", "configured") == "configured"
    assert of("configured", "unknown") == "unknown"
    assert of("unknown", "degraded", "healthy") == "degraded"


def test_of_equals_the_first_with_a_message_speaks() -> None:
    checks = ", ".join(
        f"{{kind: static, status: {status}, message: {message!r}}}"
        for status, message in (("healthy", "no"), ("error", "first"), ("error", "second"))
    )
    silent = "{kind: static, status: error}"
    catalog = f"components: [{{name: it, checks: [{silent}, {checks}]}}]"
    assert Cluster(catalog).says() == ("error", "first")


@dataclass(frozen=True)
class Says(StaticCheck):
    """A verdict made of the given message and details."""

    details: tuple = ()

    def evaluate(self, context: Context) -> Result:
        return Result(self.status, self.message, dict(self.details))


def test_every_text_is_redacted_before_anyone_sees_it() -> None:
    details = (("a", "hunter2"), ("b", ["hunter2", {"c": "hunter2"}]), ("n", 2))
    check = Says(Status.ERROR, "password hunter2", details)
    evaluator = Evaluator(
        [Component("it", (check,))],
        ["agents"],
        "agents",
        redact=lambda text: text.replace("hunter2", "[redacted]"),
    )
    (item,) = evaluator.evaluate(None, 0.0)
    assert item.message == "password [redacted]"
    redacted = {"a": "[redacted]", "b": ["[redacted]", {"c": "[redacted]"}], "n": 2}
    assert item.details == {**redacted, "static": True}


class Broken(StaticCheck):
    def evaluate(self, context: Context) -> Result:
        raise RuntimeError("oops")


def test_a_broken_check_is_unknown_and_ends_nothing() -> None:
    check = Broken(Status.HEALTHY, "")
    (item,) = Evaluator([Component("it", (check,))], ["a"], "a").evaluate(None, 0.0)
    assert item.status is Status.UNKNOWN
    assert item.message == "internal error: RuntimeError: oops"


def following(**edges: str) -> list[Component]:
    return [
        Component(name, tuple(ComponentCheck(one) for one in followed.split()))
        for name, followed in edges.items()
    ]


def test_evaluation_order_puts_the_followed_first_and_keeps_the_rest() -> None:
    order = evaluation_order(following(a="c b", b="c", c="", d=""))
    assert [component.name for component in order] == ["c", "b", "a", "d"]


def test_a_circle_is_found_and_named() -> None:
    with pytest.raises(CycleError) as caught:
        evaluation_order(following(x="a", a="b", b="c", c="a"))
    assert caught.value.path == ("a", "b", "c", "a")


def test_a_chain_as_long_as_a_catalog_may_be() -> None:
    chain = {f"c{index}": f"c{index + 1}" for index in range(999)}
    assert evaluation_order(following(**chain, c999=""))[0].name == "c999"


def test_a_hidden_component_is_judged_but_is_no_item() -> None:
    catalog = load_default().select(["runtime:workflow"])
    evaluator = Evaluator(catalog.components, ["agents"], "agents")
    assert names(evaluator, None) == ["runtime:workflow"]
    assert names(evaluator, {"leases"}) == ["runtime:workflow"]


def default_evaluator() -> Evaluator:
    evaluator = Evaluator(load_default().components, ["agents"], "agents")
    for source in evaluator.view.sources:
        evaluator.view.replace(source, ())
    return evaluator


def feed(evaluator: Evaluator, source: str, objects: list) -> None:
    spec = evaluator.view.sources[source].spec
    evaluator.view.replace(source, [spec.change(one, Seen(1000.0, EPOCH)) for one in objects])


def recorded(name: str) -> list:
    data = Path(__file__).parent.parent / "data" / name
    body = json.loads(data.read_text(encoding="utf-8"))["response"]["body"]
    return list(body["items"])


def test_the_recorded_cluster() -> None:
    evaluator = default_evaluator()
    for source, name in (
        ("namespaces", "list-namespaces-by-name.json"),
        ("deployments", "list-deployments.json"),
        ("pods", "list-pods.json"),
        ("leases", "list-leases.json"),
        ("customresourcedefinitions", "list-crds-metadata.json"),
        ("endpointslices", "list-endpointslices.json"),
    ):
        feed(evaluator, source, recorded(name))
    feed(evaluator, "apis", recorded("list-crds-metadata.json"))
    assert {
        item.component: (item.status.value, item.message)
        for item in evaluator.evaluate(None, 1000.0)
    } == RECORDED


RECORDED = {
    "namespace": ("healthy", ""),
    "agents-controller": ("healthy", ""),
    "supporting-controller": ("healthy", ""),
    "orchestration-controller": ("healthy", ""),
    "runtime:workflow": ("healthy", ""),
    "runtime:job": ("healthy", ""),
    "runtime:custom": ("unknown", "custom runtime configured per AgentRun"),
    "database": ("configured", ""),
    # That cluster has no kubelet: its pods have no addresses.
    "grpc": ("error", "agents-grpc: no ready endpoints"),
}


SOURCES = {
    "deployments": [
        deployment("agents"),
        deployment("agents", ready=1),
        deployment("agents", desired=0),
    ],
    "pods": [pod("p1", "agents", "CrashLoopBackOff"), pod("p2", "agents"), pod("p3", "x")],
    "leases": [lease(EPOCH), lease(EPOCH + 20), lease(holder="")],
}
steps = st.lists(
    st.sampled_from(sorted(SOURCES)).flatmap(
        lambda source: st.tuples(
            st.just(source),
            st.sampled_from(["list", "change", "blind"]),
            st.lists(st.sampled_from(SOURCES[source]), max_size=3),
            st.floats(0.0, 20.0),
        )
    ),
    max_size=12,
)
LAW = CATALOG.replace("name: work}", "name: lead}, {kind: component, name: work}", 1)


@given(steps)
def test_judging_again_what_changed_comes_to_the_same_as_judging_everything(taken: list) -> None:
    cluster, now = Cluster(LAW), 1000.0
    evaluator = cluster.evaluator
    evaluator.evaluate(None, now)
    for source, what, objects, wait in taken:
        now += wait
        spec = evaluator.view.sources[source].spec
        changes = [spec.change(one, Seen(1000.0, EPOCH)) for one in objects]
        if what == "list":
            differs = evaluator.view.replace(source, changes)
        elif what == "change":
            differs = evaluator.view.apply(source, changes)
        else:
            differs = evaluator.view.mark_blind(source, "gone")
        evaluator.evaluate({source} if differs else set(), now)
        known = evaluator.items()
        evaluator.evaluate(None, now)
        assert evaluator.items() == known


MANY = "components:" + "".join(
    f"\n  - {{name: {name}, checks: [{{kind: workload, names: [agents]}}]}}" for name in "abc"
)


def many_pods(ready: bool) -> Evaluator:
    evaluator = Cluster(MANY).evaluator
    feed(evaluator, "deployments", [deployment("agents", desired=20_000, ready=10_000)])
    feed(evaluator, "pods", [pod(f"p{n}", "agents", ready=ready) for n in range(10_000)])
    return evaluator


def test_pods_that_are_fine_take_no_place() -> None:
    assert list(many_pods(ready=True).view.sources["pods"].tables.values()) == [{}]


def test_ten_thousand_pods_in_trouble_cost_milliseconds() -> None:
    evaluator = many_pods(ready=False)
    evaluator.evaluate(None, 1000.0)
    spec = evaluator.view.sources["pods"].spec
    best = 1e9
    for name in ("p9999", "p9998", "p9997"):
        evaluator.view.apply("pods", [spec.deletion(named(name))])
        started = time.thread_time()
        items = evaluator.evaluate({"pods"}, 1000.0)
        best = min(best, time.thread_time() - started)
    assert items[0].message == "10000/20000 ready; p0: NotReady"
    assert best < 0.05, f"{best * 1e3:.1f} ms"  # about 2 ms of the processor


def test_permissions_are_the_narrowest_that_work() -> None:
    rows = permissions(default_evaluator().specs)
    listing = ("list", "watch")
    assert set(rows) == {
        Permission("", "namespaces", listing, "", ("agents",)),
        Permission("apps", "deployments", listing, "agents"),
        Permission("", "pods", listing, "agents"),
        Permission(
            "coordination.k8s.io", "leases", listing, "agents", ("agents-controller-leader",)
        ),
        Permission("apiextensions.k8s.io", "customresourcedefinitions", listing),
        Permission("", "", ("get",), urls=("/apis", "/apis/*")),
        Permission("discovery.k8s.io", "endpointslices", listing, "temporal"),
        Permission("discovery.k8s.io", "endpointslices", listing, "agents"),
    }


def test_permissions_become_a_cluster_role_and_a_role_for_each_namespace() -> None:
    made = roles(permissions(default_evaluator().specs), "watcher")
    assert [(role["kind"], role["metadata"]) for role in made] == [
        ("ClusterRole", {"name": "watcher"}),
        ("Role", {"name": "watcher", "namespace": "agents"}),
        ("Role", {"name": "watcher", "namespace": "temporal"}),
    ]
    assert made[2]["rules"] == [
        {
            "apiGroups": ["discovery.k8s.io"],
            "resources": ["endpointslices"],
            "verbs": ["list", "watch"],
        }
    ]


def test_what_is_unknown_keeps_no_details_that_would_go_one_by_one() -> None:
    known = Result(Status.CONFIGURED, "", {"source": "secret"})
    lost = Result(Status.UNKNOWN, "no data for 2m0s")
    assert worst([known, lost]) == worst([lost, lost]) == lost


def test_a_component_that_nothing_can_change_says_so() -> None:
    """Verdicts leave out what is unknown for good; not what cannot be seen at the moment."""
    cluster = Cluster(
        """
        name: it
        components:
          - {name: fixed, checks: [{kind: static, status: unknown}]}
          - {name: both, checks: [{kind: static, status: unknown}, {kind: workload, names: [a]}]}
          - {name: follower, checks: [{kind: component, name: fixed}]}
        """
    )
    items = cluster.evaluator.evaluate(None, 0.0)
    assert [item.component for item in items if item.details.get("static")] == ["fixed"]


EARLY, LATE = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"


@pytest.mark.parametrize(("status", "since"), [(Status.HEALTHY, LATE), (Status.ERROR, EARLY)])
def test_all_must_be_well_for_it_to_be_so_and_one_that_is_not_is_enough(
    status: Status, since: str
) -> None:
    results = [Result(status, since=one) for one in (EARLY, LATE, "")]
    assert worst(results).since == since
    assert worst([]).status is Status.HEALTHY
