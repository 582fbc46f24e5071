"""What a user does with agentctl, on any cluster: ``AGENTCTL_E2E_KUBECONFIG=… tox -e e2e``.

No node and no controller is needed: a bare kube-apiserver will do.
"""

from __future__ import annotations

import pytest

from agentctl.model import format_time
from tests.e2e.cluster import Cluster, before
from tests.e2e.process import CHECKS, run, run_quietly, states, watching

pytestmark = pytest.mark.timeout(300)


def test_status_shows_every_component_once_and_exits_0(cluster: Cluster) -> None:
    done = run(cluster, " ".join(CHECKS), "-o", "ndjson")
    assert (done.code, done.stderr) == (0, "")
    (snapshot,) = done.events
    assert snapshot["type"] == "snapshot"
    assert states(snapshot) == {
        "namespace": "healthy",
        "leader": ("error", "lease e2e-leader not found"),
        "api": ("error", "service e2e-api has no endpoints"),
        "worker": ("error", "deployment e2e-worker not found"),
        "crds": ("error", f"missing CRDs: {cluster.crd}"),
    }


def test_status_is_a_table_for_people(cluster: Cluster) -> None:
    done = run(cluster, "namespace leader")
    assert (done.code, done.stderr) == (0, "")
    assert [line.split() for line in done.stdout.splitlines()] == [
        ["COMPONENT", "NAMESPACE", "STATUS", "MESSAGE"],
        ["namespace", cluster.namespace, "healthy"],
        ["leader", cluster.namespace, "error", "lease", "e2e-leader", "not", "found"],
    ]


def test_a_lease_is_created_renewed_unnoticed_expires_by_itself_and_recovers(
    cluster: Cluster,
) -> None:
    with watching(cluster, "leader") as watch:
        assert states(watch.next()) == {"leader": ("error", "lease e2e-leader not found")}
        now = cluster.rest.now()
        cluster.create_lease("e2e-leader", cluster.lease_s, before(now, 1))
        assert states(watch.next()) == {"leader": "healthy"}
        cluster.renew_lease("e2e-leader", now)
        expired = f"lease e2e-leader expired (holder e2e, last renewed {format_time(now)})"
        assert states(watch.next()) == {"leader": ("error", expired)}, "the renewal was no event"
        cluster.renew_lease("e2e-leader", cluster.rest.now())
        assert states(watch.next()) == {"leader": "healthy"}


def test_endpoints_are_followed_from_none_to_all_and_back(cluster: Cluster) -> None:
    address = f"e2e-api.{cluster.namespace}.svc.cluster.local:8080"
    none = ("error", "service e2e-api has no endpoints")
    with watching(cluster, "api") as watch:
        assert states(watch.next()) == {"api": none}
        cluster.create_endpoints("e2e-api", [True, False])
        assert states(watch.next()) == {"api": ("degraded", "e2e-api: 1/2 endpoints ready")}
        cluster.set_endpoints("e2e-api", [True, True])
        assert states(watch.next()) == {"api": ("healthy", address)}
        cluster.set_endpoints("e2e-api", [False, False])
        assert states(watch.next()) == {"api": ("error", "e2e-api: no ready endpoints")}
        cluster.delete_endpoints("e2e-api")
        assert states(watch.next()) == {"api": none}


def test_a_deployment_is_followed_from_missing_to_scaled_to_0(cluster: Cluster) -> None:
    missing = ("error", "deployment e2e-worker not found")
    with watching(cluster, "worker") as watch:
        assert states(watch.next()) == {"worker": missing}
        cluster.create_deployment("e2e-worker")
        cluster.observe_deployment("e2e-worker")
        # "not yet taken up" may come first: who is faster, the watch or the controller?
        seen = states(watch.next())
        if seen != {"worker": ("error", "scaled to 0")}:
            assert seen == {"worker": ("degraded", "rolling out: change not yet taken up")}
            assert states(watch.next()) == {"worker": ("error", "scaled to 0")}
        cluster.delete_deployment("e2e-worker")
        assert states(watch.next()) == {"worker": missing}


def test_a_crd_vanishes_and_returns(cluster: Cluster) -> None:
    cluster.create_crd()
    with watching(cluster, "crds") as watch:
        watch.until("crds", "healthy")
        cluster.delete_crd()
        gone = watch.until("crds", "error")
        while states(gone) != {"crds": ("error", f"missing CRDs: {cluster.crd}")}:
            gone = watch.next()
        cluster.create_crd()
        watch.until("crds", "healthy")


def test_a_namespace_is_missing_and_then_created(cluster: Cluster) -> None:
    other = f"{cluster.namespace}-other"
    missing = ("error", f'namespace "{other}" not found')
    with watching(cluster, "namespace leader", "-n", other) as watch:
        first = watch.next()
        assert states(first)["namespace"] == missing
        cluster.create_namespace(other)
        assert states(watch.next()) == {"namespace": "healthy"}
        cluster.delete_namespace(other)
        assert states(watch.until("namespace", "error"))["namespace"] in (
            missing,
            ("error", f'namespace "{other}" is Terminating'),
        )


def test_since_prints_exactly_what_changed_and_nothing_if_nothing_did(cluster: Cluster) -> None:
    (before_it,) = run(cluster, "namespace leader api", "-o", "ndjson").events
    flags = ("--heartbeat", "0", "--since")
    nothing = run_quietly(cluster, "namespace leader api", *flags, before_it["cursor"])
    assert (nothing.code, nothing.stdout, nothing.stderr) == (0, "", "")

    cluster.create_lease("e2e-leader", 3600, cluster.rest.now())
    changed = run_quietly(cluster, "namespace leader api", *flags, before_it["cursor"])
    assert (changed.code, changed.stderr) == (0, "")
    (delta,) = changed.events
    assert delta["type"] == "delta"
    assert states(delta) == {"leader": "healthy"}
    assert "removed" not in delta

    again = run_quietly(cluster, "namespace leader api", *flags, delta["cursor"])
    assert (again.code, again.stdout) == (0, "")


def test_a_cursor_of_another_scope_begins_with_a_snapshot(cluster: Cluster) -> None:
    (elsewhere,) = run(cluster, "namespace", "-o", "ndjson").events
    flags = ("--heartbeat", "0", "--since", elsewhere["cursor"])
    done = run_quietly(cluster, "namespace leader", *flags)
    assert done.code == 0
    assert [event["type"] for event in done.events] == ["snapshot"]


def test_timeout_ends_a_connected_watch_with_0_after_its_time(cluster: Cluster) -> None:
    done = run_quietly(cluster, "namespace leader", "--heartbeat", "200ms")
    assert (done.code, done.stderr) == (0, "")
    # The process began up to a tick before that was noted, and counts from there.
    assert cluster.quiet_s - 0.02 <= done.took_s < cluster.patience_s
    kinds = [event["type"] for event in done.events]
    assert kinds[0] == "snapshot"
    assert set(kinds[1:]) == {"heartbeat"}


def test_what_one_user_may_not_read_is_unknown_and_the_rest_is_judged(cluster: Cluster) -> None:
    kubeconfig = cluster.restricted_kubeconfig()
    if kubeconfig is None:
        pytest.skip("this cluster refuses nobody anything: it has no RBAC")
    cluster.kubeconfig, cluster.context = kubeconfig, ""
    with watching(cluster, "leader api") as watch:
        assert states(watch.next()) == {
            "leader": ("error", "lease e2e-leader not found"),
            "api": ("unknown", "cannot list endpointslices: forbidden"),
        }
        error = watch.next()
        assert (error["type"], error["code"], error["source"]) == (
            "error",
            "forbidden",
            "endpointslices",
        )
        cluster.create_lease("e2e-leader", 3600, cluster.rest.now())
        assert states(watch.until("leader", "healthy")) == {"leader": "healthy"}


def test_a_scenario_leaves_nothing_behind(cluster: Cluster) -> None:
    cluster.create_crd()
    cluster.create_lease("e2e-leader", 30, cluster.rest.now())
    cluster.create_endpoints("e2e-api", [True])
    cluster.create_deployment("e2e-worker")
    cluster.delete_crd()
    cluster.delete_namespace(cluster.namespace)
    assert cluster.leftovers() == []
