"""What is said of resources, webhooks, leases and Services by labels, with the remedy."""

from __future__ import annotations

from typing import Any, Optional

import pytest

from agentctl.diagnosis.explain import Explainer
from agentctl.diagnosis.from_server import second_hand
from agentctl.diagnosis.text import sections
from agentctl.kube.explain.finding import Explains, Finding, Ref
from agentctl.kube.explain.known import KNOWN
from agentctl.model import Item, Status
from tests.kube.judged import Cluster, component, named
from tests.kube.test_checks_explain import explained, finding, lines, looking
from tests.kube.test_checks_resource import at
from tests.kube.test_checks_webhook import VALIDATING, configuration, lease, slice_of


def condition(kind: str, status: str, reason: str = "", message: str = "") -> dict[str, str]:
    return {"type": kind, "status": status, "reason": reason, "message": message}


def one(of: str, status: dict[str, Any], name: str = "shop", **spec: Any) -> Cluster:
    cluster = looking(component(f"{{kind: resource, of: {of}, in: all}}"))
    (source,) = cluster.evaluator.view.sources
    where = "" if source.startswith(("nodes", "apiservices", "customres")) else "agents"
    return cluster.has(source, named(name, where, spec=spec, status=status))


@pytest.mark.parametrize(
    ("of", "status", "spec", "kind", "remedy", "command"),
    [
        (
            "services",
            {"loadBalancer": {}},
            {"type": "LoadBalancer"},
            "Service",
            "gives addresses to load balancers",
            "get service shop -o wide",
        ),
        (
            "persistentvolumeclaims",
            {"phase": "Pending"},
            {},
            "PersistentVolumeClaim",
            "StorageClass of claim shop",
            "get storageclasses",
        ),
        (
            "jobs.batch",
            {"conditions": [condition("Failed", "True", "BackoffLimitExceeded")]},
            {},
            "Job",
            "log of Job shop",
            "logs job/shop --all-containers --tail=50",
        ),
        (
            "apiservices.apiregistration.k8s.io",
            {"conditions": [condition("Available", "False", "MissingEndpoints")]},
            {},
            "APIService",
            "cannot ask what serves shop",
            "get apiservice shop -o jsonpath={.spec.service}",
        ),
        (
            "nodes",
            {"conditions": [condition("Ready", "Unknown", "NodeStatusUnknown")]},
            {},
            "Node",
            "whether node shop is up",
            "spec.nodeName=shop",
        ),
        (
            "certificates.cert-manager.io",
            {"conditions": [condition("Ready", "False", "DoesNotExist")]},
            {},
            "Certificate",
            "CertificateRequest of shop",
            "get certificaterequests,orders,challenges",
        ),
        (
            "gitrepositories.source.toolkit.fluxcd.io",
            {"conditions": [condition("Ready", "False", "AuthFailed")]},
            {},
            "GitRepository",
            "reconciled again",
            "annotate gitrepositories.source.toolkit.fluxcd.io shop",
        ),
        (
            "lamps.example.org",
            {"conditions": [condition("Ready", "False", "NoPower")]},
            {},
            "lamps.example.org",
            "its conditions say why",
            "describe lamps.example.org shop",
        ),
    ],
)
def test_a_resource_has_the_remedy_of_its_kind(
    of: str, status: dict[str, Any], spec: dict[str, Any], kind: str, remedy: str, command: str
) -> None:
    found = finding(one(of, status, **spec))
    assert (found.about[0].kind, found.about[0].name) == (kind, "shop")
    assert remedy in found.remedy
    assert any(command in line for line in lines(found))


def test_every_known_remedy_names_only_what_is_filled_in() -> None:
    for of, known in KNOWN.items():
        for text in (known.remedy, known.expired, *(w for c in known.commands for w in c)):
            bare = text.replace("{name}", "").replace("{of}", "").replace("jsonpath={", "")
            assert "{name" not in bare, of
            assert "{of" not in bare, of


def test_what_is_on_its_way_is_to_be_waited_for_first() -> None:
    found = finding(one("persistentvolumeclaims", {"phase": "Pending"}))
    assert found.remedy.startswith("wait: it may be on its way, and counts as degraded after")


@pytest.mark.parametrize(
    ("ends_s", "status", "says"), [(86400, "degraded", "expires at"), (-60, "error", "expired at")]
)
def test_what_ends_by_itself_is_to_be_renewed(ends_s: float, status: str, says: str) -> None:
    check = (
        "{kind: resource, of: certificates.cert-manager.io, in: all, "
        "expires: {at: .status.notAfter, warn: 7d}}"
    )
    cluster = looking(component(check))
    (source,) = cluster.evaluator.view.sources
    ready = {"conditions": [condition("Ready", "True")], "notAfter": at(1_790_000_000 + ends_s)}
    cluster.has(source, {**named("tls", "shop", status=ready), "kind": "Certificate"})
    assert (cluster.says()[0], says in cluster.says()[1]) == (status, True)
    found = finding(cluster)
    assert "certificate tls was not renewed in time" in found.remedy
    assert found.about == (Ref("Certificate", "tls", "shop"),)


def test_what_is_in_no_namespace_is_told_without_one() -> None:
    cluster = one("nodes", {"conditions": [condition("Ready", "False", "Gone", "no word")]})
    (reason,) = explained(cluster)
    told = {
        "check": reason.check,
        "message": reason.result.message,
        "object": str(reason.finding.about[0]),
        **reason.finding.facts,
    }
    text = "\n".join(sections([Item("it", "agents", Status.ERROR, "", {"diagnosis": [told]})]))
    assert "    node/shop\n" in text
    assert "    condition Ready=False Gone: no word\n" in text
    assert "    rule: error: [Ready!=True]\n" in text


def test_several_objects_are_told_one_by_one() -> None:
    cluster = looking(component("{kind: resource, of: jobs.batch}"))
    failed = {"conditions": [condition("Failed", "True", "DeadlineExceeded")]}
    jobs = [named(name, status=failed) for name in ("a", "b")]
    cluster.has("jobs", *jobs)
    told = {"message": "", **finding(cluster).facts}
    text = "\n".join(sections([Item("it", "agents", Status.DEGRADED, "", {"diagnosis": [told]})]))
    assert "a in agents is degraded: Failed=True (DeadlineExceeded)\n" in text
    assert "      condition Failed=True DeadlineExceeded\n" in text


def of_webhook(cluster: Cluster) -> Finding:
    cluster.item()
    check = cluster.components[0].checks[0]
    context = cluster.evaluator.context("agents", 1000.0)
    assert isinstance(check, Explains)
    return check.explain(context, check.evaluate(context))


@pytest.mark.parametrize(
    ("annotation", "remedy", "object_"),
    [
        (None, "pods of Service hook in namespace agents", None),
        ("shop/tls", "from Certificate tls", Ref("Certificate", "tls", "shop")),
    ],
)
def test_whose_work_the_missing_ca_bundle_is(
    annotation: Optional[str], remedy: str, object_: Optional[Ref]
) -> None:
    hook = configuration(bundle="")
    if annotation:
        hook["metadata"]["annotations"] = {"cert-manager.io/inject-ca-from": annotation}
    cluster = looking(component("{kind: webhook, names: ['cert-*']}"))
    found = of_webhook(cluster.has(VALIDATING, hook).has("endpointslices", slice_of()))
    assert remedy in found.remedy
    assert object_ is None or object_ in found.about


def test_a_webhook_configuration_that_is_gone_is_named() -> None:
    found = of_webhook(looking(component("{kind: webhook, names: [cert-a, 'b-*']}")))
    assert "install webhook configuration cert-a or b-* again" in found.remedy


def test_the_lease_that_is_worst_speaks_and_the_others_are_named() -> None:
    cluster = looking(component("{kind: lease, names: ['shop-*']}"))
    idle = named("shop-c", spec={"leaseDurationSeconds": 15})
    cluster.has("leases", idle, lease("shop-d", 90), lease("shop-e", 1))
    found = finding(cluster)
    assert (found.facts["lease"], found.facts["others"]) == ("shop-d", ["shop-c"])


def test_no_lease_that_matches_asks_whether_they_are_called_otherwise() -> None:
    found = finding(looking(component("{kind: lease, names: ['shop-*']}")))
    assert "no lease in namespace agents is called shop-*" in found.remedy
    assert lines(found)[0] == "get leases"


def test_services_by_labels_without_endpoints() -> None:
    cluster = looking(component("{kind: endpoints, labels: app=web}"))
    found = finding(cluster)
    assert "labels app=web in namespace agents" in found.remedy
    assert found.about == ()
    cluster.has(
        "endpointslices",
        slice_of("a", app="web"),
        slice_of("b", ready=False, app="web"),
        slice_of("c", ready=False, app="web"),
    )
    found = finding(cluster)
    assert (found.about[0].name, found.facts["others"]) == ("b", ["c"])


def test_nothing_there_says_nothing_beside_what_is_well() -> None:
    two = ", ".join(f"{{kind: resource, of: {of}}}" for of in ("jobs.batch", "cronjobs.batch"))
    cluster = Cluster(component(two))
    assert cluster.says() == ("configured", "no jobs.batch there")
    done = {"conditions": [condition("Complete", "True")]}
    assert cluster.has("jobs", named("a", status=done)).says() == ("healthy", "")


@pytest.mark.parametrize(
    ("presence", "looked_for", "command"),
    [
        ("present: {crd: lamps.example.org}", ["crd lamps.example.org"], "get crds"),
        (
            "present: [{workload: a}, {workload: b, kinds: [DaemonSet]}]",
            ["deployment a", "daemonset b"],
            "get deployments",
        ),
        ("optional: true", ["deployment dex"], "get deployments"),
    ],
)
def test_a_part_that_is_not_installed_is_explained_where_it_is_asked_for(
    presence: str, looked_for: list[str], command: str
) -> None:
    check = "{kind: workload, names: [dex]}"
    cluster = looking(f"components: [{{name: it, {presence}, checks: [{check}]}}]")
    assert explained(cluster) == []
    item = cluster.item()
    assert item.message == "not installed"
    (reason,) = Explainer(cluster.components, cluster.evaluator, named=True).reasons(item, 1000.0)
    assert reason.check == "present"
    assert reason.finding.facts["looked_for"] == looked_for
    assert lines(reason.finding)[0] == command
    assert "in namespace agents" in reason.finding.remedy


@pytest.mark.parametrize(
    ("details", "command", "told"),
    [
        (
            {
                "resource": "jobs.batch",
                "worst": [{"name": "a", "namespace": "shop", "is": "degraded", "message": "m"}],
            },
            "kubectl -n shop describe jobs.batch a",
            "a in shop is degraded: m",
        ),
        (
            {"webhooks": [{"configuration": "c", "name": "w", "is": "no caBundle"}]},
            "--field-selector=metadata.name=c -o yaml",
            "webhook w of c: no caBundle",
        ),
    ],
)
def test_over_a_server_the_next_command_is_about_what_it_names(
    details: dict[str, Any], command: str, told: str
) -> None:
    item = Item("it", "agents", Status.DEGRADED, "m", details)
    (reason,) = second_hand(item)
    assert any(line.endswith(command) for line in reason["commands"])
    text = sections([Item("it", "agents", Status.DEGRADED, "m", {"diagnosis": [reason]})])
    assert any(told in line for line in text)
