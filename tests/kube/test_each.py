"""``each``: a component for every object found, as they come and go."""

from __future__ import annotations

import pytest

from agentctl.catalog.loader import load
from agentctl.kube.resources import CRDS, DEPLOYMENTS, PODS
from tests.kube.judged import Cluster, Object, deployment, named
from tests.kube.test_checks_resource import lamp, later

WORKLOADS = """
components:
  - each: {kinds: [StatefulSet, Deployment]}
  - {name: still, checks: [{kind: static, status: healthy}]}
"""
LAMPS = """
components: [{each: {kinds: [lamps.example.org]}, checks: [{kind: resource, rules: ready}]}]
"""
LAMP_SOURCE = "lamps.example.org"


def stateful(name: str, ready: int = 2) -> Object:
    made = deployment(name, ready=ready)
    made["spec"]["updateStrategy"] = {"type": "RollingUpdate"}
    return made


def rows(cluster: Cluster, now: float = 1000.0) -> list[tuple[str, str]]:
    cluster.evaluator.evaluate(None, now)
    return [(item.component, item.status.value) for item in cluster.evaluator.items()]


def test_every_workload_found_is_a_component_in_catalog_kind_and_name_order() -> None:
    cluster = Cluster(WORKLOADS)
    cluster.has("deployments", deployment("web"), deployment("api", ready=0))
    cluster.has("statefulsets", stateful("web"), stateful("db", ready=1))
    assert rows(cluster) == [
        ("statefulset/db", "degraded"),
        ("statefulset/web", "healthy"),
        ("deployment/api", "error"),
        ("deployment/web", "healthy"),
        ("still", "healthy"),
    ]


def test_they_come_and_go_and_the_others_keep_their_items() -> None:
    cluster = Cluster(WORKLOADS).has("deployments", deployment("web"), deployment("api"))
    before = {item.component: item for item in cluster.item("still") and cluster.evaluator.items()}
    spec = cluster.evaluator.view.sources["deployments"].spec
    cluster.evaluator.view.apply("deployments", [spec.deletion(named("api"))])
    assert [one.component for one in cluster.evaluator.evaluate({"deployments"}, 1000.0)] == [
        "deployment/web"
    ]
    assert cluster.evaluator.gone
    after = cluster.evaluator.items()
    assert [item.component for item in after] == ["deployment/web", "still"]
    assert all(item is before[item.component] for item in after)


def test_the_last_one_that_goes_is_told_too() -> None:
    cluster = Cluster(WORKLOADS).has("deployments", deployment("web"))
    assert ("deployment/web", "healthy") in rows(cluster)
    cluster.has("deployments")
    assert cluster.evaluator.evaluate({"deployments"}, 1000.0) == []
    assert cluster.evaluator.gone
    assert rows(cluster) == [("still", "healthy")]


def test_a_kind_that_may_not_be_listed_is_one_component_of_its_name() -> None:
    cluster = Cluster(WORKLOADS).cannot_see("statefulsets", "forbidden: statefulsets")
    cluster.has("deployments", deployment("web"))
    assert rows(cluster) == [
        ("statefulset", "unknown"),
        ("deployment/web", "healthy"),
        ("still", "healthy"),
    ]
    assert cluster.says("statefulset") == ("unknown", "forbidden: statefulsets")
    cluster.has("statefulsets", stateful("db"))
    assert rows(cluster)[0] == ("statefulset/db", "healthy")


def test_what_was_there_is_unknown_and_not_gone_while_it_cannot_be_seen() -> None:
    cluster = Cluster(WORKLOADS).has("deployments", deployment("web"))
    rows(cluster)
    cluster.cannot_see("deployments", "no news for 2m")
    assert rows(cluster)[0] == ("deployment/web", "unknown")
    assert cluster.says("deployment/web")[1] == "no news for 2m"
    cluster.has("deployments")
    assert rows(cluster) == [("still", "healthy")]


def test_where_nothing_was_there_a_kind_that_cannot_be_seen_any_more_is_told() -> None:
    cluster = Cluster(WORKLOADS)
    assert rows(cluster) == [("still", "healthy")]
    cluster.cannot_see("deployments", "forbidden")
    assert rows(cluster) == [("deployment", "unknown"), ("still", "healthy")]


def test_a_kind_that_is_not_served_is_one_component_and_what_was_there_is_gone() -> None:
    cluster = Cluster(LAMPS).has(LAMP_SOURCE, lamp("a"))
    assert rows(cluster) == [("lamp/a", "healthy")]
    view = cluster.evaluator.view
    view.replace(LAMP_SOURCE, view.sources[LAMP_SOURCE].spec.absence())
    assert rows(cluster) == [("lamp", "unknown")]
    assert cluster.says("lamp")[1] == "lamps.example.org is not served: is it installed?"
    cluster.has(LAMP_SOURCE, lamp("b", "False"))
    assert cluster.says("lamp/b") == ("degraded", "Ready=False (Bulb): as it is")


SELECTED = [
    ("names: [web-*, api]", ["api", "web-1", "web-2"]),
    ("exclude: ['web-*']", ["api", "batch"]),
    ("names: ['*'], exclude: [api, '*-2']", ["batch", "web-1"]),
    ("labels: tier=front", ["web-1"]),
    ("labels: tier!=front, names: ['web-*']", ["web-2"]),
    ("where: [.spec.replicas=3]", ["batch"]),
    ("where: [.spec.replicas!=3, Progressing=True], exclude: [api]", ["web-1", "web-2"]),
]


@pytest.mark.parametrize(("selectors", "expected"), SELECTED)
def test_selectors(selectors: str, expected: list[str]) -> None:
    cluster = Cluster(f"components: [{{each: {{kinds: [Deployment], {selectors}}}}}]")
    cluster.has(
        "deployments",
        deployment("web-1", labels={"tier": "front"}),
        deployment("web-2"),
        deployment("api"),
        deployment("batch", desired=3),
    )
    assert [name for name, _ in rows(cluster)] == [f"deployment/{name}" for name in expected]


def test_one_that_is_meant_no_longer_is_gone() -> None:
    cluster = Cluster("components: [{each: {kinds: [Deployment], labels: tier=front}}]")
    cluster.has("deployments", deployment("web", labels={"tier": "front"}))
    assert rows(cluster) == [("deployment/web", "healthy")]
    cluster.has("deployments", deployment("web"))
    assert rows(cluster) == []


def test_the_watch_is_narrowed_by_labels_and_by_nothing_else() -> None:
    cluster = Cluster("components: [{each: {kinds: [Deployment], labels: tier=front}}]")
    spec = cluster.evaluator.view.sources["deployments"].spec
    assert (spec.label_selector, spec.field_selector) == ("tier=front", "")
    assert [one.resource for one in cluster.evaluator.specs] == [DEPLOYMENTS, PODS]


CHECKS = """
components:
  - each: {kinds: [StatefulSet]}
    checks:
      - {kind: workload}
      - {kind: workload, names: ["{name}-exporter"]}
      - {kind: lease, name: "{name}-leader", when: {env: ELECTION, of: ["{name}"], is: [1]}}
      - {kind: endpoints, service: "{name}", port: 80}
      - {kind: resource, of: lamps.example.org, names: ["{name}-lamp"], rules: ready}
"""


def test_checks_of_its_own_are_asked_with_the_objects_name() -> None:
    cluster = Cluster(CHECKS).has("statefulsets", stateful("db"), stateful("log"))
    sources = cluster.evaluator.view.sources
    assert [one for one in sources if "/" in one] == []
    slice_ = named("db-x", labels={"kubernetes.io/service-name": "db"}, endpoints=[{}])
    cluster.has("endpointslices", slice_).has("deployments", deployment("db-exporter"))
    assert cluster.says("statefulset/log") == (
        "error",
        "deployment log-exporter not found",
    )
    assert cluster.says("statefulset/db") == ("error", "lease db-leader not found")
    assert sources["leases"].spec.field_selector == ""
    assert sources["lamps.example.org"].spec.field_selector == ""
    assert sources["endpointslices"].spec.label_selector == "kubernetes.io/service-name"


def test_a_name_that_the_catalog_gives_is_its_own() -> None:
    catalog = """
components:
  - each: {kinds: [Deployment]}
  - {name: deployment/web, checks: [{kind: static, status: degraded, message: mine}]}
"""
    cluster = Cluster(catalog).has("deployments", deployment("web"), deployment("api"))
    assert rows(cluster) == [("deployment/api", "healthy"), ("deployment/web", "degraded")]


def test_what_is_found_twice_is_there_once_as_it_was_found_first() -> None:
    catalog = """
components:
  - {each: {kinds: [Deployment], names: [w*]}, checks: [{kind: static, status: degraded}]}
  - each: {kinds: [Deployment, StatefulSet]}
"""
    cluster = Cluster(catalog).has("deployments", deployment("api"), deployment("web"))
    assert rows(cluster) == [("deployment/web", "degraded"), ("deployment/api", "healthy")]


def test_only_with_some_statuses() -> None:
    catalog = "components: [{each: {kinds: [Deployment]}, only: [error, degraded]}]"
    cluster = Cluster(catalog).has("deployments", deployment("a"), deployment("b", ready=1))
    assert rows(cluster) == [("deployment/b", "degraded")]
    cluster.has("deployments", deployment("a", ready=0), deployment("b"))
    assert rows(cluster) == [("deployment/a", "error")]


def test_more_than_are_wanted_are_counted_in_one_line() -> None:
    catalog = "components: [{each: {kinds: [Deployment], most: 2}}]"
    cluster = Cluster(catalog).has("deployments", *(deployment(f"d{n}") for n in range(5)))
    assert rows(cluster) == [
        ("deployment", "unknown"),
        ("deployment/d0", "healthy"),
        ("deployment/d1", "healthy"),
    ]
    assert cluster.says("deployment")[1].startswith("3 more deployments are not looked at")


def test_an_object_whose_progress_is_not_told_yet_is_not_there_yet() -> None:
    cluster = Cluster(LAMPS.replace("ready", "[{healthy: [Ready=True]}, {else: progressing}]"))
    view = cluster.evaluator.view
    spec = view.sources[LAMP_SOURCE].spec
    view.apply(LAMP_SOURCE, [spec.change(lamp("a", None), later(0))])
    assert rows(cluster) == []
    due = cluster.evaluator.next_recheck
    assert due == 1002.0
    assert rows(cluster, due) == [("lamp/a", "unknown")]
    view.apply(LAMP_SOURCE, [spec.change(lamp("a"), later(3))])
    assert rows(cluster, 1003.0) == [("lamp/a", "healthy")]


def test_several_namespaces_each_with_its_own() -> None:
    cluster = Cluster(WORKLOADS, ("one", "two"), home="")
    web = deployment("web")
    web["metadata"]["namespace"] = "two"
    cluster.has("deployments/two", web)
    cluster.evaluator.evaluate(None, 1000.0)
    keys = [(item.namespace, item.component) for item in cluster.evaluator.items()]
    assert keys == [("one", "still"), ("two", "deployment/web"), ("two", "still")]


def test_components_are_chosen_by_what_they_will_be_called() -> None:
    catalog = load(WORKLOADS.encode(), "test.yaml")
    chosen = catalog.select(["deployment/w*"])
    assert [one.each.kind for one in chosen.components if one.each] == ["Deployment"]
    assert [one.each.kind for one in catalog.select(["*/web"]).components if one.each] == [
        "StatefulSet",
        "Deployment",
    ]
    assert catalog.select(["still"]).names == ("still",)


def test_what_is_in_no_namespace() -> None:
    catalog = "components: [{each: {kinds: [Node, lamps.example.org]}}]"
    node = named("n1", "", status={"conditions": [{"type": "Ready", "status": "Unknown"}]})
    cluster = Cluster(catalog, ("one", "two"), home="").has("nodes", node)
    # Nobody knows before it is served that its objects are in no namespace.
    cluster.has("lamps.example.org/one", lamp("a", namespace=""))
    cluster.evaluator.evaluate(None, 1000.0)
    keys = [(item.namespace, item.component) for item in cluster.evaluator.items()]
    assert keys == [("one", "node/n1"), ("one", "lamp/a"), ("two", "node/n1")]


def test_a_name_does_nothing_to_a_terminal() -> None:
    cluster = Cluster(LAMPS).has(LAMP_SOURCE, lamp("\x1b[31mred\n\u202e"), lamp("blue"))
    names = [name for name, _ in rows(cluster)]
    assert len(names) == 2
    assert all(name.isprintable() for name in names)


def test_where_its_presence_cannot_be_seen_what_is_found_is_told() -> None:
    catalog = "components: [{each: {kinds: [Deployment]}, present: {crd: lamps.example.org}}]"
    cluster = Cluster(catalog).has("deployments", deployment("web"))
    assert rows(cluster) == []
    cluster.cannot_see(CRDS.plural, "forbidden")
    assert rows(cluster) == [("deployment/web", "healthy")]
    cluster.has(CRDS.plural, named("lamps.example.org", ""))
    assert rows(cluster) == [("deployment/web", "healthy")]
    cluster.has(CRDS.plural)
    assert rows(cluster) == []


def test_the_same_kind_of_two_namespaces_under_two_names() -> None:
    catalog = """
components:
  - each: {kinds: [Deployment]}
  - each: {kinds: [Deployment], namespace: edge, as: edge}
"""
    cluster = Cluster(catalog).has("deployments", deployment("web"))
    there = deployment("web", ready=0)
    there["metadata"]["namespace"] = "edge"
    cluster.has("deployments/edge", there)
    assert rows(cluster) == [("deployment/web", "healthy"), ("edge/deployment/web", "error")]
    cluster.has("deployments/edge")
    assert rows(cluster) == [("deployment/web", "healthy")]
