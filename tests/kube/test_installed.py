"""Parts that need not be installed (``optional``, ``present``), and components elsewhere."""

from __future__ import annotations

import pytest

from agentctl.catalog.loader import load
from agentctl.diagnosis.explain import Explainer
from agentctl.errors import CatalogError
from agentctl.kube.resources import CRDS, DEPLOYMENTS, LEASES, SERVED, STATEFULSETS
from tests.kube.judged import Cluster, deployment, named

NOT_INSTALLED = ("configured", "not installed")
UNSEEN = "whether it is installed cannot be seen: forbidden"
LAMP = "lamps.example.org"
BY_CRD = f"""
components:
  - name: it
    present: {{crd: {LAMP}}}
    checks:
      - {{kind: workload, names: [lamp-controller]}}
      - {{kind: crds, names: [{LAMP}]}}
  - name: follower
    checks: [{{kind: component, name: it}}]
"""
BY_WORKLOAD = """
components:
  - name: it
    present: [{workload: a}, {workload: b, kinds: [StatefulSet]}]
    checks: [{kind: workload, names: [server]}]
"""


def optional(workload: str, more: str = "") -> str:
    checks = f"[{{kind: workload, {workload}}}, {{kind: lease, name: dex}}]"
    return f"components: [{{name: it, optional: true, checks: {checks}{more}}}]"


def test_without_its_crd_it_is_one_line_and_no_alarm() -> None:
    cluster = Cluster(BY_CRD)
    assert cluster.says() == NOT_INSTALLED
    assert cluster.says("follower") == NOT_INSTALLED


def test_with_its_crd_its_checks_count_as_they_come_and_go() -> None:
    cluster = Cluster(BY_CRD)
    crd = named(LAMP, "")
    cluster.has(CRDS.plural, crd).has(SERVED.plural, crd)
    assert cluster.says() == ("error", "deployment lamp-controller not found")
    cluster.has(DEPLOYMENTS.plural, deployment("lamp-controller"))
    assert cluster.says() == ("healthy", "")
    cluster.has(CRDS.plural)
    assert cluster.says() == NOT_INSTALLED


def test_a_crd_that_is_being_deleted_is_installed_yet() -> None:
    cluster = Cluster(BY_CRD)
    gone = named(LAMP, "", deletionTimestamp="2026-01-01T00:00:00Z")
    cluster.has(CRDS.plural, gone).has(DEPLOYMENTS.plural, deployment("lamp-controller"))
    assert cluster.says()[0] == "error"


def test_where_that_cannot_be_seen_its_checks_count() -> None:
    cluster = Cluster(BY_CRD).cannot_see(CRDS.plural, "forbidden")
    cluster.has(DEPLOYMENTS.plural, deployment("lamp-controller"))
    assert cluster.says() == ("unknown", "forbidden")


def test_nothing_of_it_there_is_no_alarm_where_nobody_can_see_whether_it_is_installed() -> None:
    cluster = Cluster(BY_CRD).cannot_see(CRDS.plural, "forbidden")
    assert cluster.says() == ("unknown", UNSEEN)
    reasons = Explainer(cluster.components, cluster.evaluator).reasons(cluster.item(), 1000.0)
    assert [(one.check, one.result.message) for one in reasons] == [("present", "forbidden")]
    assert reasons[0].blind is not None
    assert reasons[0].blind.resource == CRDS
    cluster.has(DEPLOYMENTS.plural, deployment("lamp-controller", ready=0))
    assert cluster.says() == ("error", "0/2 ready")


@pytest.mark.parametrize(("source", "name"), [(DEPLOYMENTS, "a"), (STATEFULSETS, "b")])
def test_any_of_the_workloads_will_do(source, name: str) -> None:
    cluster = Cluster(BY_WORKLOAD)
    cluster.has(DEPLOYMENTS.plural, deployment("b")).has(STATEFULSETS.plural)
    assert cluster.says() == NOT_INSTALLED
    cluster.has(source.plural, deployment(name))
    assert cluster.says() == ("error", "deployment server not found")


@pytest.mark.parametrize("workload", ["names: [dex, dex-server]", "labels: app=dex"])
def test_an_optional_part_is_judged_only_where_a_workload_of_it_is(workload: str) -> None:
    cluster = Cluster(optional(workload))
    cluster.has(DEPLOYMENTS.plural, deployment("other", labels={"app": "other"}))
    assert cluster.says() == NOT_INSTALLED
    cluster.has(DEPLOYMENTS.plural, deployment("dex-server", labels={"app": "dex"}))
    assert cluster.says() == ("error", "lease dex not found")
    cluster.has(DEPLOYMENTS.plural, deployment("dex-server", ready=0, labels={"app": "dex"}))
    assert cluster.says() == ("error", "0/2 ready")
    cluster.cannot_see(DEPLOYMENTS.plural, "forbidden")
    assert cluster.says() == ("unknown", UNSEEN)
    held = named("dex", spec={"leaseDurationSeconds": 15, "holderIdentity": ""})
    cluster.has(LEASES.plural, held)  # something of it is there
    assert cluster.says() == ("degraded", "lease dex is not held")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (optional("names: [a]", ", present: {crd: a.b}"), "one of the keys 'optional' and"),
        ("components: [{name: it, optional: true, checks: [{kind: namespace}]}]", "kind workload"),
        ("components: [{name: it, optional: 1, checks: [{kind: namespace}]}]", "true or false"),
        ("components: [{name: it, namespace: A, checks: [{kind: namespace}]}]", "as 'namespace'"),
    ],
)
def test_a_mistake_has_its_line(text: str, expected: str) -> None:
    with pytest.raises(CatalogError) as caught:
        load(text.encode(), "my.yaml")
    assert caught.value.message.startswith("my.yaml:1: ")
    assert expected in caught.value.message


def test_a_components_namespace_counts_for_all_that_names_none() -> None:
    text = """
components:
  - name: it
    namespace: "{namespace}-locks"
    present: [{service: a}, {workload: a}, {env: [A], of: [a]}]
    checks:
      - kind: workload
        names: [a]
        when: {env: A, of: [a], is: [1]}
      - {kind: workload, labels: a=b}
      - {kind: endpoints, service: a, port: 1}
      - {kind: lease, name: a}
      - {kind: lease, name: b, namespace: kube-system}
      - {kind: env, workload: [a], variables: [A]}
      - {kind: webhook, names: [a]}
      - {kind: resource, of: lamps.example.org}
      - {kind: resource, of: shades.example.org, in: [other]}
      - {kind: namespace}
"""
    (component,) = load(text.encode(), "my.yaml").components
    needs = list(component.needs("agents"))
    places = {need.namespace for need in needs} - {""}
    assert places == {"agents-locks", "kube-system", "other"}
    looked_at = [need.names for need in needs if need.resource.plural == "namespaces"]
    assert looked_at == [frozenset(["agents-locks"])]
