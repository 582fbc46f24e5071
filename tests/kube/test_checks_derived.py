"""The kinds ``component`` and ``static``, and ``{namespace}`` in names."""

from __future__ import annotations

import pytest

from tests.kube.judged import Cluster, component, deployment, named

FOLLOWING = """
components:
  - {name: follower, checks: [{kind: component, name: leader}]}
  - {name: leader, checks: [{kind: workload, names: [agents]}]}
"""


def test_component_follows_status_and_message_but_not_details() -> None:
    cluster = Cluster(FOLLOWING).has("deployments", deployment("agents", ready=1))
    item = cluster.item("follower")
    assert (item.status.value, item.message) == ("degraded", "leader: 1/2 ready")
    assert not item.details
    assert cluster.has("deployments", deployment("agents")).says("follower") == ("healthy", "")


@pytest.mark.parametrize("status", ["healthy", "configured", "unknown", "degraded", "error"])
def test_static(status: str) -> None:
    catalog = component(f"{{kind: static, status: {status}, message: 'see {{namespace}}'}}")
    assert Cluster(catalog).says() == (status, "see agents")


def test_names_follow_the_watched_namespace_unless_they_name_their_own() -> None:
    catalog = """
components:
  - name: own
    checks: [{kind: workload, names: ['{namespace}-api']}]
  - name: fixed
    checks: [{kind: workload, names: [api], namespace: shared}]
"""
    cluster = Cluster(catalog, ("one", "two"), home="")
    cluster.has("deployments/two", named("two-api", "two", **fine()))
    cluster.has("deployments/shared", named("api", "shared", **fine()))
    assert cluster.says("own", "one") == ("error", "deployment one-api not found")
    assert cluster.says("own", "two") == ("healthy", "")
    assert cluster.says("fixed", "one") == cluster.says("fixed", "two") == ("healthy", "")


def fine() -> dict:
    one = deployment("any")
    return {"generation": 3, "spec": one["spec"], "status": one["status"]}
