"""``webhook``, and ``lease``, ``endpoints`` and ``workload`` with what comes and goes."""

from __future__ import annotations

from typing import Any, Optional

import pytest

from agentctl.kube.cuts.facts import CLOSER
from agentctl.kube.explain.finding import Explains, Finding
from agentctl.kube.resources import MUTATING_WEBHOOKS, VALIDATING_WEBHOOKS, Resource
from agentctl.kube.view import View
from tests.kube.judged import SEEN, Cluster, Object, component, deployment, named

VALIDATING = "validatingwebhookconfigurations"
MUTATING = "mutatingwebhookconfigurations"
CHECK = component("{kind: webhook, names: ['cert-*']}")


def configuration(
    name: str = "cert-webhook",
    bundle: str = "Q0E=",
    policy: Optional[str] = None,
    namespace: str = "agents",
    url: str = "",
) -> Object:
    client: Object = {"service": {"name": "hook", "namespace": namespace}}
    if url:
        client = {"url": url}
    if bundle:
        client["caBundle"] = bundle
    hook: Object = {"name": "a.example.org", "clientConfig": client}
    if policy:
        hook["failurePolicy"] = policy
    return {"metadata": {"name": name}, "webhooks": [hook, hook]}


def slice_of(service: str = "hook", ready: bool = True, **labels: str) -> Object:
    labels = {"kubernetes.io/service-name": service, **labels}
    endpoints = [{"conditions": {"ready": ready}, "addresses": ["10.0.0.1"]}]
    return named(f"{service}-x", labels=labels, addressType="IPv4", endpoints=endpoints)


def cluster(*configurations: Object, ready: bool = True, check: str = CHECK) -> Cluster:
    found = Cluster(check, closer=CLOSER)
    return found.has(VALIDATING, *configurations).has("endpointslices", slice_of(ready=ready))


def finding(found: Cluster, now: float = 1000.0) -> Finding:
    found.item(now=now)
    check = found.components[0].checks[0]
    context = found.evaluator.context("agents", now)
    assert isinstance(check, Explains)
    return check.explain(context, check.evaluate(context))


def test_one_that_can_be_asked_is_healthy() -> None:
    assert cluster(configuration()).says() == ("healthy", "")


@pytest.mark.parametrize(
    ("policy", "says"),
    [
        (None, ("error", "cert-webhook: no caBundle: writes are refused")),
        ("Fail", ("error", "cert-webhook: no caBundle: writes are refused")),
        ("Ignore", ("degraded", "cert-webhook: no caBundle: writes go unchecked")),
    ],
)
def test_without_a_bundle_its_failure_policy_decides(
    policy: Optional[str], says: tuple[str, str]
) -> None:
    found = cluster(configuration(bundle="", policy=policy))
    assert found.says() == says
    assert "injects its CA bundle" in finding(found).remedy


@pytest.mark.parametrize("blank", ["Cg==", "IA=="])
def test_a_bundle_that_is_a_placeholder_is_none(blank: str) -> None:
    found = cluster(configuration(bundle=blank))
    assert found.says() == ("error", "cert-webhook: no caBundle: writes are refused")


def test_without_ready_endpoints_it_cannot_be_asked() -> None:
    found = cluster(configuration(), ready=False)
    assert found.says() == ("error", "cert-webhook: no ready endpoints: writes are refused")
    told = finding(found)
    assert [str(one) for one in told.about] == [
        "validatingwebhookconfiguration/cert-webhook",
        "service/hook",
    ]


def test_a_mutating_one_counts_too() -> None:
    found = cluster(configuration()).has(MUTATING, configuration(bundle=""))
    assert found.says()[0] == "error"
    only = cluster(
        configuration(), check=component("{kind: webhook, names: ['cert-*'], kinds: [Validating]}")
    )
    assert list(only.evaluator.view.sources) == [VALIDATING, "endpointslices"]


def test_one_called_by_its_url_needs_no_bundle() -> None:
    assert cluster(configuration(bundle="", url="https://hook.example.org")).says()[0] == "healthy"


def test_the_worst_one_speaks_and_the_others_are_counted() -> None:
    mild = (configuration(f"cert-{name}", bundle="", policy="Ignore") for name in "ab")
    found = cluster(*mild, configuration("cert-z", bundle=""))
    assert found.says() == ("error", "cert-z: no caBundle: writes are refused (and 2 more)")
    policies = [one["failure_policy"] for one in found.item().details["webhooks"]]
    assert policies == ["Fail", "Ignore", "Ignore"]


def test_a_service_elsewhere_is_unknown() -> None:
    found = cluster(configuration(namespace="other"))
    assert found.says() == (
        "unknown",
        "cert-webhook: its Service is in other, which is not watched",
    )
    assert finding(found).remedy.endswith("namespace: other")


def test_a_service_in_no_namespace_is_unknown_too() -> None:
    found = cluster(configuration(namespace=""))
    assert found.says()[0] == "unknown"
    assert "no namespace" in found.says()[1]
    assert ": writes" not in found.says()[1]


def test_the_configurations_are_looked_through_once(monkeypatch: pytest.MonkeyPatch) -> None:
    found = cluster(configuration(), configuration("cert-a", bundle=""))
    objects, asked = View.objects, []

    def counted(self: View, resource: Resource, *more: Any) -> Any:
        asked.append(resource)
        return objects(self, resource, *more)

    monkeypatch.setattr(View, "objects", counted)
    assert found.says()[0] == "error"
    assert asked == [VALIDATING_WEBHOOKS, MUTATING_WEBHOOKS]


def test_none_there_is_an_error_unless_it_may_be_absent() -> None:
    assert cluster(configuration("x")).says() == ("error", "no webhook configuration cert-*")
    check = component("{kind: webhook, names: [cert-a], absent: configured}")
    assert cluster(check=check).says() == ("configured", "")


@pytest.mark.parametrize(
    "webhooks",
    [None, "x", [None], [{}], [{"clientConfig": None}], [{"clientConfig": {"service": []}}]],
)
def test_odd_configurations_do_no_harm(webhooks: Any) -> None:
    found = cluster({"metadata": {"name": "cert-a"}, "webhooks": webhooks})
    assert found.says()[0] in ("healthy", "error")


def lease(name: str, age: float) -> Object:
    from tests.kube.test_checks_resource import at

    renewed = at(SEEN.server_time - age)
    spec = {"holderIdentity": "pod_1", "leaseDurationSeconds": 15, "renewTime": renewed}
    return named(name, spec=spec)


LEASES = component("{kind: lease, names: ['controller.*', 'x.*']}")


def test_leases_by_pattern_are_fine_while_all_are_renewed() -> None:
    found = Cluster(LEASES).has("leases", lease("controller.a", 1), lease("controller.b", 5))
    found.has("leases", lease("controller.a", 1), lease("controller.b", 5), lease("other", 900))
    assert found.says() == ("healthy", "")
    assert found.evaluator.next_recheck == 1010.0


def test_some_leases_that_are_not_renewed_are_degraded_and_all_an_error() -> None:
    found = Cluster(LEASES, closer=CLOSER).has("leases", lease("controller.a", 1), lease("x.b", 90))
    status, message = found.says()
    assert (status, "lease x.b expired" in message) == ("degraded", True)
    found.has("leases", lease("controller.a", 60), lease("x.b", 90))
    status, message = found.says()
    assert status == "error"
    assert message.startswith("2 of 2 leases: lease controller.a expired")
    assert message.endswith("; x.b")
    assert finding(found).facts["lease"] == "controller.a"


def test_no_lease_that_matches_is_an_error() -> None:
    found = Cluster(LEASES).has("leases", lease("other", 1))
    assert found.says() == ("error", "no lease controller.* or x.*")
    assert "nobody leads" in finding(found).remedy


ENDPOINTS = component("{kind: endpoints, labels: component=webhook}")


def test_endpoints_by_labels_are_as_their_worst_service() -> None:
    found = Cluster(ENDPOINTS, closer=CLOSER)
    found.has(
        "endpointslices",
        slice_of("a", component="webhook"),
        slice_of("b", ready=False, component="webhook"),
        slice_of("c", ready=False, component="other"),
    )
    assert found.says() == ("error", "b: no ready endpoints")
    assert str(finding(found).about[0]) == "service/b"
    found.has("endpointslices", slice_of("a", component="webhook"))
    assert found.says() == ("healthy", "")
    found.has("endpointslices")
    assert found.says() == ("error", "no service with endpoints has component=webhook")


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("", ("error", "deployment api not found")),
        (", absent: configured", ("configured", "deployment api not found")),
        (", absent: degraded", ("degraded", "deployment api not found")),
    ],
)
def test_a_workload_may_be_absent(more: str, says: tuple[str, str]) -> None:
    assert Cluster(component(f"{{kind: workload, names: [api]{more}}}")).says() == says


@pytest.mark.parametrize(("more", "status"), [("", "error"), (", zero: configured", "configured")])
@pytest.mark.parametrize("by", ["names: [api]", "labels: 'x!=y'"])
def test_a_workload_may_be_scaled_to_zero(more: str, status: str, by: str) -> None:
    found = Cluster(component(f"{{kind: workload, {by}{more}}}"))
    found.has("deployments", deployment("api", desired=0, ready=0))
    assert found.says() == (status, "scaled to 0")
    found.has("deployments", deployment("api", desired=2, ready=0))
    assert found.says()[0] == "error"


def test_each_name_that_is_no_pattern_must_be_there() -> None:
    check = component("{kind: webhook, names: [one-webhook, two-webhook, 'more-*']}")
    found = cluster(configuration("one-webhook"), check=check)
    assert found.says() == ("error", "no webhook configuration two-webhook")
    assert "two-webhook" in str(finding(found))
    found.has(VALIDATING, configuration("one-webhook"), configuration("two-webhook"))
    assert found.says() == ("healthy", "")
    optional = component("{kind: webhook, names: [one-webhook, two-webhook], absent: configured}")
    assert cluster(configuration("one-webhook"), check=optional).says() == ("healthy", "")
    assert cluster(configuration("one-webhook", bundle=""), check=optional).says()[0] == "error"


OPTIONAL = """
components:
  - name: it
    optional: true
    checks:
      - {kind: workload, names: [hook]}
      - {kind: webhook, names: [cert-webhook, "cert-*"], kinds: [Validating]}
"""


def test_an_optional_part_whose_configuration_outlives_its_workload_is_judged() -> None:
    found = Cluster(OPTIONAL, closer=CLOSER)
    assert found.says() == ("configured", "not installed")
    found.has(VALIDATING, configuration("cert-other"))  # maybe a stranger's
    assert found.says() == ("configured", "not installed")
    found.has(VALIDATING, configuration())
    assert found.says() == ("error", "deployment hook not found")
    found.has("deployments", deployment("hook")).has("endpointslices", slice_of())
    assert found.says() == ("healthy", "")


def test_where_configurations_may_not_be_seen_the_workload_alone_says_what_is_installed() -> None:
    found = Cluster(OPTIONAL, closer=CLOSER).cannot_see(VALIDATING, "forbidden")
    assert found.says() == ("configured", "not installed")
    found.has("deployments", deployment("hook"))
    assert found.says() == ("unknown", "forbidden")
