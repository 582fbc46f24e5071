"""A lease that ended while its server was away: the first who look give it the time it needs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from agentctl.engine.messages import Changed, Ended, Replaced
from agentctl.kube import source
from agentctl.kube.renewals import ENDED_WITHIN_S, GIVE_UP_S
from agentctl.kube.source import KubePollSource
from tests.apidouble.faults import Fault, Hang, Reply
from tests.fakes import FakeClock
from tests.kube.rig import Rig, spec_of

LEASE = "agents-controller-leader"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def rig(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    monkeypatch.setattr(source, "LOOK_S", 0.01)
    with Rig("leases", clock=clock) as rig:
        yield rig


def once(rig: Rig) -> KubePollSource:
    return KubePollSource(spec_of("leases"), rig.context, once=True)


def recalls(rig: Rig) -> list[dict[str, str]]:
    return rig.requests(watch=True)


@pytest.mark.parametrize("streams", [True, False])
def test_what_ended_before_the_server_began_may_be_renewed_yet(
    rig: Rig, clock: FakeClock, streams: bool
) -> None:
    clock.advance(40)
    rig.double.restart(history=False)
    found = rig.start(source=rig.source if streams else once(rig)).until(Replaced)
    assert found.unrenewed


@pytest.mark.parametrize("streams", [True, False])
def test_what_ended_on_a_server_that_was_there_all_the_time_has_ended(
    rig: Rig, clock: FakeClock, streams: bool
) -> None:
    clock.advance(40)
    found = rig.start(source=rig.source if streams else once(rig)).until(Replaced)
    assert not found.unrenewed


def test_a_server_is_asked_only_of_what_has_ended(rig: Rig, clock: FakeClock) -> None:
    rig.double.restart(history=False)
    rig.start(source=once(rig)).until(Replaced)
    clock.advance(30 + ENDED_WITHIN_S)
    assert not rig.start(source=once(rig)).until(Replaced).unrenewed
    assert recalls(rig) == []


def test_it_is_asked_once_and_of_the_renewal_itself(rig: Rig, clock: FakeClock) -> None:
    clock.advance(40)
    polls = KubePollSource(spec_of("leases"), rig.context)
    rig.start(source=polls).until(Replaced)
    rig.until(Replaced)
    (asked,) = recalls(rig)
    version = rig.double.store.get("leases", "agents", LEASE)["metadata"]["resourceVersion"]
    assert asked["resourceVersion"] == str(int(version) - 1)
    assert asked["fieldSelector"] == f"metadata.name={LEASE}"


REPLIES = [Reply(403, b"{}"), Reply(500, b"no"), Reply(200, b"garbage"), Hang()]


@pytest.mark.parametrize("action", REPLIES, ids=["forbidden", "broken", "garbage", "hangs"])
def test_where_a_server_does_not_tell_what_has_ended_has_ended(
    clock: FakeClock, action: Any
) -> None:
    with Rig("leases", clock=clock, recall_timeout_s=0.1) as rig:
        clock.advance(40)
        rig.double.restart(history=False)
        rig.double.faults.add(Fault(action, "leases", {"watch"}))
        assert not rig.start(source=once(rig)).until(Replaced).unrenewed
        rig.double.faults.clear()


def test_one_shot_waits_for_the_renewal(rig: Rig, clock: FakeClock) -> None:
    clock.advance(40)
    rig.double.restart(history=False)
    assert rig.start(source=once(rig)).until(Replaced).unrenewed
    assert rig.quiet(0.05)
    rig.plane.renew_lease()
    assert not rig.until(Replaced).unrenewed
    assert rig.next() == Ended("leases", 1, None)
    assert len(recalls(rig)) == 1


def test_one_shot_tells_in_time_that_nobody_renews_it(rig: Rig, clock: FakeClock) -> None:
    clock.advance(40)
    rig.double.restart(history=False)
    assert rig.start(source=once(rig)).until(Replaced).unrenewed
    clock.advance(GIVE_UP_S - 0.1)
    assert rig.quiet(0.05)
    clock.advance(0.1)
    assert not rig.until(Replaced).unrenewed
    assert rig.next() == Ended("leases", 1, None)


def test_a_watch_goes_on_from_the_list_that_it_has(rig: Rig, clock: FakeClock) -> None:
    clock.advance(40)
    rig.double.restart(history=False)
    assert rig.start().until(Replaced).unrenewed
    rig.streaming()
    rig.plane.renew_lease()
    (change,) = rig.until(Changed).changes
    assert change.key.name == LEASE
