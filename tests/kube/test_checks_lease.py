"""The ``lease`` kind: it expires without an event, on the API server's clock."""

from __future__ import annotations

from datetime import datetime, timezone
from math import inf
from typing import Any

import pytest

from agentctl.kube.resources import Seen
from agentctl.kube.source_view import RENEWED_SOON_S, RENEWED_WITHIN_S
from agentctl.kube.state import KubeState
from agentctl.kube.view import RENEWED_AT_FIRST_S
from agentctl.model import format_time
from tests.kube.judged import EPOCH, Cluster, component, named

LEASE = component("{kind: lease, name: leader}")


def lease(renewed: float = EPOCH, holder: Any = "pod-1", duration: Any = 30) -> dict:
    moment = datetime.fromtimestamp(renewed, timezone.utc)
    spec = {
        "holderIdentity": holder,
        "leaseDurationSeconds": duration,
        "renewTime": moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    }
    return named("leader", spec=spec)


EXPIRED = f"lease leader expired (holder pod-1, last renewed {format_time(datetime.fromtimestamp(EPOCH - 10, timezone.utc))})"  # noqa: E501


@pytest.mark.parametrize(
    ("now", "expected"),
    [(1000.0, ("healthy", "")), (1019.9, ("healthy", "")), (1020.0, ("error", EXPIRED))],
)
def test_expires_a_duration_after_the_renewal(now: float, expected: tuple) -> None:
    cluster = Cluster(LEASE).has("leases", lease(EPOCH - 10))
    assert cluster.says(now=now) == expected


def test_asks_to_be_looked_at_when_it_would_expire_and_not_after() -> None:
    cluster = Cluster(LEASE).has("leases", lease(EPOCH - 10))
    cluster.item(now=1000.0)
    assert cluster.evaluator.next_recheck == 1020.0
    assert cluster.evaluator.evaluate(set(), 1019.0) == []
    assert [item.status.value for item in cluster.evaluator.evaluate(set(), 1020.0)] == ["error"]
    assert cluster.evaluator.next_recheck is None


def test_a_renewal_is_no_change() -> None:
    cluster = Cluster(LEASE).has("leases", lease(EPOCH))
    before = cluster.item(now=1000.0)
    cluster.has("leases", lease(EPOCH + 5), seen=Seen(1005.0, EPOCH + 5))
    assert cluster.item(now=1005.0) is before
    assert cluster.evaluator.next_recheck == 1035.0


def test_a_holder_whose_clock_is_ahead_gets_no_longer_term() -> None:
    cluster = Cluster(LEASE).has("leases", lease(EPOCH + 3600))
    assert cluster.says(now=1031.0)[0] == "error"


def test_max_age_takes_the_place_of_the_duration() -> None:
    catalog = component("{kind: lease, name: leader, max_age: 1m30s}")
    cluster = Cluster(catalog).has("leases", lease(EPOCH, duration=None))
    assert cluster.says(now=1089.0) == ("healthy", "")
    assert cluster.says(now=1090.0)[0] == "error"


@pytest.mark.parametrize(
    ("objects", "expected"),
    [
        ([], ("error", "lease leader not found")),
        ([lease(holder="")], ("degraded", "lease leader is not held")),
        ([lease(holder=None)], ("degraded", "lease leader is not held")),
        ([lease(duration=None)],
         ("unknown", "lease leader names no duration: the catalog can, as max_age")),
        ([named("leader", spec={"holderIdentity": "p", "leaseDurationSeconds": 30})],
         ("error", "lease leader was never renewed (holder p)")),
    ],
)  # fmt: skip
def test_not_held(objects: list, expected: tuple) -> None:
    assert Cluster(LEASE).has("leases", *objects).says() == expected


def test_blind() -> None:
    cluster = Cluster(LEASE).has("leases", lease()).cannot_see("leases", "no data for 2m0s")
    assert cluster.says() == ("unknown", "no data for 2m0s")
    assert cluster.evaluator.next_recheck is None


# It expires only where that can be seen: nobody can renew it while the API server is away.


def test_what_would_have_expired_in_an_outage_stays_what_it_was() -> None:
    cluster = Cluster(LEASE).has("leases", lease(EPOCH - 10))
    view = cluster.evaluator.view
    view.mark_lost("leases", 1010.0)
    assert cluster.says(now=1200.0) == ("healthy", "")
    assert cluster.evaluator.next_recheck is None
    assert view.mark_found("leases", 1300.0)
    assert cluster.says(now=1300.0) == ("healthy", "")
    assert cluster.evaluator.next_recheck == 1300.0 + RENEWED_WITHIN_S
    assert cluster.says(now=1300.0 + RENEWED_WITHIN_S) == ("error", EXPIRED)


def test_what_expired_before_the_outage_stays_expired() -> None:
    cluster = Cluster(LEASE).has("leases", lease(EPOCH - 10))
    cluster.evaluator.view.mark_lost("leases", 1020.5)
    assert cluster.says(now=1021.0) == ("error", EXPIRED)


def test_a_server_that_is_back_for_a_moment_gives_nobody_the_time_to_renew() -> None:
    cluster = Cluster(LEASE).has("leases", lease(EPOCH - 10))
    view = cluster.evaluator.view
    view.mark_lost("leases", 1010.0)
    view.mark_found("leases", 1050.0)
    view.mark_lost("leases", 1052.0)
    assert cluster.says(now=1100.0) == ("healthy", "")
    view.mark_found("leases", 1101.0)
    cluster.has("leases", lease(EPOCH + 102), seen=Seen(1103.0, EPOCH + 103))
    assert cluster.says(now=1103.0) == ("healthy", "")
    assert cluster.evaluator.next_recheck == 1132.0


def test_to_be_lost_again_after_that_begins_anew() -> None:
    cluster = Cluster(LEASE).has("leases", lease(EPOCH - 10))
    view = cluster.evaluator.view
    view.mark_lost("leases", 1001.0)
    view.mark_found("leases", 1002.0)
    view.mark_lost("leases", 1030.0)
    assert cluster.says(now=1031.0) == ("error", EXPIRED)


def test_a_lease_of_a_backup_that_was_put_back_has_the_time_to_be_renewed() -> None:
    """By its own time it expired before the API server went away."""
    cluster = Cluster(LEASE).has("leases", lease(EPOCH + 90), seen=Seen(1090.0, EPOCH + 90))
    view = cluster.evaluator.view
    view.mark_lost("leases", 1095.0)
    view.mark_lost("leases", -inf, 1100.0)  # what is listed now is as old as anybody likes
    view.mark_found("leases", 1100.0)
    cluster.has("leases", lease(EPOCH + 10), seen=Seen(1100.0, EPOCH + 100))
    assert cluster.says(now=1100.0)[0] == "unknown"
    assert cluster.says(now=1100.0 + RENEWED_WITHIN_S)[0] == "error"


def test_a_lease_first_seen_when_its_server_is_back_is_unknown_until_it_could_be_renewed() -> None:
    """Whoever asks at the end of a long outage knows of no renewal, nor of any that failed."""
    cluster = Cluster(LEASE)
    view = cluster.evaluator.view
    view.mark_lost("leases", -inf, 1100.0)
    view.mark_found("leases", 1100.0)
    cluster.has("leases", lease(EPOCH + 10), seen=Seen(1100.0, EPOCH + 100))
    status, message = cluster.says(now=1100.0)
    assert (status, "before its server was back" in message) == ("unknown", True)
    assert cluster.evaluator.next_recheck == 1100.0 + RENEWED_AT_FIRST_S
    assert cluster.says(now=1100.0 + RENEWED_AT_FIRST_S)[0] == "error"
    cluster.has("leases", lease(EPOCH + 101), seen=Seen(1101.0, EPOCH + 101))
    assert cluster.says(now=1101.0) == ("healthy", "")


# A watch goes on while its storage is silent, and so does the lease on it.


def test_it_expires_once_its_storage_has_answered_after_that() -> None:
    cluster = Cluster(LEASE).has("leases", lease(EPOCH - 10))
    view = cluster.evaluator.view
    view.prove(1019.0)
    assert cluster.says(now=1019.9) == ("healthy", "")
    assert cluster.evaluator.next_recheck == 1020.0
    assert view.unproven == set()
    assert cluster.says(now=1020.0) == ("healthy", "")
    assert (view.unproven, cluster.evaluator.next_recheck) == ({"leases"}, None)
    view.prove(1020.1)
    assert cluster.says(now=1020.1) == ("healthy", "")
    assert cluster.evaluator.next_recheck == 1020.1 + RENEWED_SOON_S
    assert cluster.says(now=1020.1 + RENEWED_SOON_S) == ("error", EXPIRED)


def test_storage_that_comes_back_for_the_proof_leaves_the_time_to_renew() -> None:
    cluster = Cluster(LEASE).has("leases", lease(EPOCH - 10))
    view = cluster.evaluator.view
    view.prove(1001.0)
    assert cluster.says(now=1019.0) == ("healthy", "")
    assert cluster.says(now=1020.0) == ("healthy", "")
    view.prove(1028.0)  # it was silent until now, and nobody had noticed
    assert cluster.says(now=1028.0) == ("healthy", "")
    cluster.has("leases", lease(EPOCH + 30), seen=Seen(1030.0, EPOCH + 30))
    assert cluster.says(now=1031.0) == ("healthy", "")


def test_a_proof_in_the_moment_of_its_end_leaves_the_time_to_renew_as_well() -> None:
    cluster = Cluster(LEASE).has("leases", lease(EPOCH - 10))
    view = cluster.evaluator.view
    view.prove(1001.0)
    assert cluster.says(now=1019.0) == ("healthy", "")
    view.prove(1020.2)
    # A relist by a server's clock of whole seconds.
    cluster.has("leases", lease(EPOCH - 10), seen=Seen(1020.2, EPOCH + 20.9))
    assert cluster.says(now=1020.2) == ("healthy", "")
    assert view.unproven == {"leases"}
    assert cluster.says(now=1020.2 + RENEWED_SOON_S) == ("error", EXPIRED)


def test_it_does_not_expire_on_a_connection_that_was_dead_before() -> None:
    cluster = Cluster(LEASE).has("leases", lease(EPOCH - 10))
    view = cluster.evaluator.view
    view.prove(1001.0)
    assert cluster.says(now=1019.0) == ("healthy", "")
    assert cluster.says(now=1020.0) == ("healthy", "")
    view.prove(1021.0)
    view.mark_lost("leases", 1002.0, 1022.0)
    assert cluster.says(now=1030.0) == ("healthy", "")


def test_what_was_told_as_expired_stays_so_when_the_connection_is_lost() -> None:
    cluster = Cluster(LEASE).has("leases", lease(EPOCH - 10))
    view = cluster.evaluator.view
    view.prove(1001.0)
    assert cluster.says(now=1019.0) == ("healthy", "")
    assert cluster.says(now=1020.0) == ("healthy", "")
    view.prove(1020.1)
    assert cluster.says(now=1024.0) == ("error", EXPIRED)
    view.mark_lost("leases", 1002.0, 1050.0)
    assert cluster.says(now=1051.0) == ("error", EXPIRED)


def test_what_had_expired_when_it_was_first_seen_is_told_at_once() -> None:
    cluster = Cluster(LEASE).has("leases", lease(EPOCH - 10))
    cluster.evaluator.view.prove(1025.0)
    assert cluster.says(now=1025.0) == ("error", EXPIRED)


def test_where_nobody_asks_storage_it_expires_in_time() -> None:
    cluster = Cluster(LEASE).has("leases", lease(EPOCH - 10))
    assert cluster.says(now=1020.0) == ("error", EXPIRED)


def test_the_proof_is_asked_for_and_judged_by() -> None:
    cluster = Cluster(LEASE).has("leases", lease(EPOCH - 10))
    asked: list[bool] = []
    state = KubeState(cluster.evaluator, lambda: asked.append(True))
    state.proven(1019.0)
    assert [item.status.value for item in state.items(1010.0)] == ["healthy"]
    assert [item.status.value for item in state.items(1020.0)] == ["healthy"]
    assert asked == [True]
    assert [item.status.value for item in state.items(1025.0)] == ["healthy"]
    assert asked == [True]
    assert state.proven(1025.0) == {"leases"}
    assert [item.status.value for item in state.items(1025.0)] == ["healthy"]
    assert [item.status.value for item in state.items(1025.0 + RENEWED_SOON_S)] == ["error"]


def test_what_waits_for_a_proof_is_judged_at_once_when_nobody_can_give_it() -> None:
    cluster = Cluster(LEASE).has("leases", lease(EPOCH - 10))
    state = KubeState(cluster.evaluator)
    state.proven(1019.0)
    state.items(1020.0)
    state.proven(None)
    assert [item.status.value for item in state.items(1020.0)] == ["error"]


@pytest.mark.parametrize("which", ["name: leader", 'names: ["lead*"]'])
@pytest.mark.parametrize(
    ("absent", "expected"),
    [("degraded", "degraded"), ("configured", "configured"), ("healthy", "healthy")],
)
def test_a_lease_that_is_not_there_is_what_the_catalog_says(
    which: str, absent: str, expected: str
) -> None:
    cluster = Cluster(component(f"{{kind: lease, {which}, absent: {absent}}}"))
    assert cluster.says()[0] == expected
    cluster.has("leases", lease(EPOCH - 10))
    assert cluster.says(now=1020.0) == ("error", EXPIRED)
