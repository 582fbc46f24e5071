"""The kinds ``namespace``, ``crds``, ``endpoints`` and ``env``."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kube.judged import Cluster, component, named, with_env

NAMESPACE = component("{kind: namespace}")


@pytest.mark.parametrize(
    ("objects", "expected"),
    [
        ([named("agents", "", status={"phase": "Active"})], ("healthy", "")),
        ([], ("error", 'namespace "agents" not found')),
        ([named("other", "", status={"phase": "Active"})],
         ("error", 'namespace "agents" not found')),
        ([named("agents", "", status={"phase": "Terminating"})],
         ("error", 'namespace "agents" is Terminating')),
        ([named("agents", "", deletionTimestamp="2026-01-01T00:00:00Z")],
         ("error", 'namespace "agents" is Terminating')),
    ],
)  # fmt: skip
def test_namespace(objects: list, expected: tuple) -> None:
    # A namespace is cluster-scoped: its metadata names none.
    for one in objects:
        del one["metadata"]["namespace"]
    assert Cluster(NAMESPACE).has("namespaces", *objects).says() == expected


def test_namespace_blind() -> None:
    cluster = Cluster(NAMESPACE).cannot_see("namespaces", "no data for 2m0s")
    assert cluster.says() == ("unknown", "no data for 2m0s")


CRD_NAMES = [f"{letter}.example.com" for letter in "abcde"]
CRDS = component(f"{{kind: crds, names: [{', '.join(CRD_NAMES)}]}}")


def crd(name: str, **metadata: Any) -> dict:
    return {"metadata": {"name": name, **metadata}}


def crds(present: str, served: str = "abcde", deleting: str = "") -> Cluster:
    cluster = Cluster(CRDS)
    gone = {"deletionTimestamp": "2026-01-01T00:00:00Z"}
    cluster.has(
        "customresourcedefinitions",
        *(crd(f"{one}.example.com", **(gone if one in deleting else {})) for one in present),
    )
    return cluster.has("apis", *(crd(f"{one}.example.com") for one in served))


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (("abcde",), ("healthy", "")),
        (("cde",), ("degraded", "missing CRDs: a.example.com, b.example.com")),
        (("e",), ("degraded",
         "missing CRDs: a.example.com, b.example.com, c.example.com and 1 more")),
        (("", ""), ("error",
         "missing CRDs: a.example.com, b.example.com, c.example.com and 2 more")),
        (("abcde", "bcde"), ("degraded", "not established: a.example.com")),
        (("abcde", "abcde", "b"), ("degraded", "being deleted: b.example.com")),
        (("bcde", "cde"), ("degraded",
         "missing CRDs: a.example.com; not established: b.example.com")),
    ],
)  # fmt: skip
def test_crds(state: tuple, expected: tuple) -> None:
    assert crds(*state).says() == expected


def test_crds_that_are_established_and_not_served_yet_are_no_error() -> None:
    cluster = crds("abcde")
    late = [{**crd(name), "served": False} for name in CRD_NAMES]
    assert cluster.has("apis", *late).says() == (
        "degraded",
        "established, not served yet: a.example.com, b.example.com, c.example.com and 2 more",
    )
    assert cluster.item().details == {"unserved_crds": CRD_NAMES}
    # Beside what is wrong they are no part of it.
    assert cluster.has("apis", *late[1:]).says()[0] == "degraded"


def test_crds_details_list_all_that_are_missing() -> None:
    assert crds("").item().details == {"missing_crds": CRD_NAMES}


def test_crds_blind() -> None:
    hidden = crds("abcde").cannot_see("customresourcedefinitions", "forbidden")
    assert hidden.says() == ("unknown", "forbidden")
    assert crds("abcde").cannot_see("apis", "gone").says() == ("unknown", "gone")
    known = crds("bcde").cannot_see("apis", "gone")
    assert known.says() == ("degraded", "missing CRDs: a.example.com")


GRPC = component("{kind: endpoints, service: agents-grpc, port: 50051, show_address: true}")
ADDRESS = "agents-grpc.agents.svc.cluster.local:50051"


def endpoint_slice(service: str, *ready: Any, family: str = "IPv4", suffix: str = "") -> dict:
    endpoints = [{"conditions": {"ready": one}} for one in ready]
    return named(
        f"{service}-{family}{suffix}",
        labels={"kubernetes.io/service-name": service},
        addressType=family,
        endpoints=endpoints or None,
    )


@pytest.mark.parametrize(
    ("slices", "expected"),
    [
        ([], ("error", "service agents-grpc has no endpoints")),
        ([endpoint_slice("agents-grpc")], ("error", "agents-grpc: no ready endpoints")),
        ([endpoint_slice("agents-grpc", False)], ("error", "agents-grpc: no ready endpoints")),
        ([endpoint_slice("agents-grpc", True, False)],
         ("degraded", "agents-grpc: 1/2 endpoints ready")),
        ([endpoint_slice("agents-grpc", True, None)], ("healthy", ADDRESS)),
        ([endpoint_slice("agents-grpc", True), endpoint_slice("agents-grpc", False, suffix="2")],
         ("degraded", "agents-grpc: 1/2 endpoints ready")),
        ([endpoint_slice("agents-grpc", True), endpoint_slice("agents-grpc", False, family="IPv6")],
         ("healthy", ADDRESS)),
        ([endpoint_slice("agents", True)], ("error", "service agents-grpc has no endpoints")),
    ],
)  # fmt: skip
def test_endpoints(slices: list, expected: tuple) -> None:
    cluster = Cluster(GRPC).has("endpointslices", *slices)
    assert cluster.says() == expected
    assert cluster.item().details == {"address": ADDRESS}


def test_an_endpoint_on_its_way_out_is_not_missed() -> None:
    one = endpoint_slice("agents-grpc", True)
    one["endpoints"].append({"conditions": {"ready": False, "terminating": True}})
    assert Cluster(GRPC).has("endpointslices", one).says() == ("healthy", ADDRESS)


@pytest.mark.parametrize(
    ("absent", "expected"),
    [
        ("configured", ("configured", "")),
        ("degraded", ("degraded", "service t has no endpoints")),
        ("error", ("error", "service t has no endpoints")),
    ],
)
def test_endpoints_absent(absent: str, expected: tuple) -> None:
    catalog = component(f"{{kind: endpoints, service: t, port: 1, absent: {absent}}}")
    assert Cluster(catalog).says() == expected


def test_endpoints_elsewhere_and_blind() -> None:
    catalog = component("{kind: endpoints, service: t, port: 1, namespace: other}")
    cluster = Cluster(catalog)
    cluster.cannot_see("endpointslices/other", "no data for 2m0s")
    assert cluster.says() == ("unknown", "no data for 2m0s")


def literal(name: str, value: str = "secret-value") -> dict:
    return {"name": name, "value": value}


UNLESS = component(
    "{kind: endpoints, service: t, port: 1, "
    "unless_env: {workload: [controllers, agents], variables: [ADDRESS]}}"
)


@pytest.mark.parametrize(
    ("workloads", "expected"),
    [
        ([with_env("agents", literal("ADDRESS"))], "configured"),
        ([with_env("controllers"), with_env("agents", literal("ADDRESS"))], "error"),
        ([with_env("agents", literal("ADDRESS", ""))], "error"),
        ([], "error"),
    ],
)
def test_endpoints_unless_env(workloads: list, expected: str) -> None:
    assert Cluster(UNLESS).has("deployments", *workloads).says()[0] == expected


ENV = component("{kind: env, workload: [agents], variables: [DATABASE_URL, DB]}")
FROM_SECRET = {"secretKeyRef": {"name": "agents-db-app", "key": "uri"}}
FROM_MAP = {"configMapKeyRef": {"name": "agents", "key": "db"}}


@pytest.mark.parametrize(
    ("workload", "status", "message", "details"),
    [
        (with_env("agents", literal("DB")), "configured", "", {"source": "literal"}),
        (with_env("agents", {"name": "DB", "valueFrom": FROM_SECRET}), "configured", "",
         {"source": "secret", "name": "agents-db-app", "key": "uri"}),
        (with_env("agents", {"name": "DB", "valueFrom": FROM_MAP}), "configured", "",
         {"source": "configmap", "name": "agents", "key": "db"}),
        (with_env("agents", {"name": "DB", "valueFrom": {"fieldRef": {"fieldPath": "x"}}}),
         "configured", "", {"source": "field"}),
        (with_env("agents", literal("DB", "")), "error",
         "DATABASE_URL or DB is not set on deployment agents", {}),
        (with_env("agents", envFrom=[{"secretRef": {"name": "all"}}]), "unknown",
         "DATABASE_URL or DB is not set on deployment agents itself, which imports all of "
         "secret all", {}),
        (with_env("other", literal("DB")), "error", "deployment agents not found", {}),
    ],
)  # fmt: skip
def test_env(workload: dict, status: str, message: str, details: dict) -> None:
    cluster = Cluster(ENV).has("deployments", workload)
    assert cluster.says() == (status, message)
    assert cluster.item().details == details


def test_no_value_of_a_variable_is_kept() -> None:
    cluster = Cluster(ENV).has("deployments", with_env("agents", literal("DB", "hunter2")))
    cluster.item()
    assert "hunter2" not in repr(cluster.evaluator.view.sources)
    assert "hunter2" not in repr(cluster.evaluator.items())


def test_env_default_and_blind() -> None:
    check = "{kind: env, workload: [agents], variables: [A], default: 'a.{namespace}.svc:1'}"
    cluster = Cluster(component(check)).has("deployments", with_env("agents"))
    assert cluster.says() == ("configured", "")
    assert cluster.item().details == {"source": "default", "value": "a.agents.svc:1"}
    assert cluster.cannot_see("deployments", "gone").says() == ("unknown", "gone")
