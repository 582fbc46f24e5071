"""Services that select workloads: which count (``selects``), and what a scale to 0 means."""

from __future__ import annotations

import pytest

from tests.kube.judged import Cluster, Object, deployment, named
from tests.kube.test_each import rows

CATALOG = """
components:
  - each: {kinds: [Service], selects: [Deployment, StatefulSet]}
    checks: [{kind: endpoints, zero: configured}]
"""


def service(name: str, **selector: str) -> Object:
    return named(name, spec={"selector": selector} if selector else {})


def slice_of(service: str, *ready: bool) -> Object:
    endpoints = [{"conditions": {"ready": one}} for one in ready]
    labels = {"kubernetes.io/service-name": service}
    return named(f"{service}-1", labels=labels, endpoints=endpoints)


def templated(name: str, desired: int = 1, **labels: str) -> Object:
    template = {"metadata": {"labels": labels}}
    return deployment(name, desired=desired, spec={"template": template})


def test_only_those_count_that_select_a_workloads_pods() -> None:
    cluster = Cluster(CATALOG)
    cluster.has("deployments", templated("web", app="web", tier="front"))
    cluster.has(
        "services",
        service("web", app="web"),
        service("all", tier="front"),
        service("canary", app="web", track="canary"),
        service("none"),
        named("far", spec={"selector": {"app": "web"}, "type": "ExternalName"}),
    )
    cluster.has("endpointslices", slice_of("web", True, False), slice_of("all", False))
    assert rows(cluster) == [("service/all", "error"), ("service/web", "degraded")]
    assert cluster.says("service/web")[1] == "web: 1/2 endpoints ready"
    assert cluster.says("service/all")[1] == "all: no ready endpoints"


def test_a_service_comes_and_goes_with_what_it_selects() -> None:
    cluster = Cluster(CATALOG).has("services", service("web", app="web"))
    cluster.has("endpointslices", slice_of("web", True))
    assert rows(cluster) == []
    cluster.has("deployments", templated("web", app="web"))
    assert rows(cluster) == [("service/web", "healthy")]
    cluster.has("services", service("web", app="wbe"))
    assert rows(cluster) == []


@pytest.mark.parametrize("slices", [(), (slice_of("web"),), (slice_of("web", False),)])
def test_where_all_that_it_selects_is_scaled_to_0_none_need_be_ready(slices) -> None:
    cluster = Cluster(CATALOG).has("services", service("web", app="web"))
    cluster.has("deployments", templated("a", 0, app="web")).has("endpointslices", *slices)
    assert cluster.says("service/web") == ("configured", "what it selects is scaled to 0")
    cluster.has("deployments", templated("a", 0, app="web"), templated("b", 1, app="web"))
    assert cluster.says("service/web")[0] == "error"


@pytest.mark.parametrize("source", ["services", "deployments", "statefulsets"])
def test_where_that_cannot_be_seen_the_kind_is_unknown(source: str) -> None:
    cluster = Cluster(CATALOG).cannot_see(source, "forbidden")
    assert rows(cluster) == [("service", "unknown")]


@pytest.mark.parametrize(
    "spec", [None, [], {"selector": None}, {"selector": []}, {"selector": {"app": 5}}]
)
def test_selectors_of_a_wrong_type_select_nothing(spec) -> None:
    cluster = Cluster(CATALOG).has("deployments", templated("web", app="web"))
    cluster.has("services", named("web", spec=spec))
    assert rows(cluster) == []
