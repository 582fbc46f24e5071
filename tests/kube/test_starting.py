"""A server that starts: what it refuses or does not name counts once it is ready."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from agentctl.apidouble.weather import Start
from agentctl.engine.messages import Alive, Ended, Pending, Replaced
from agentctl.errors import (
    STARTING,
    ForbiddenError,
    NotFoundError,
    ServerError,
    SourceError,
    StartingError,
    StreamingUnsupported,
    UnauthorizedError,
)
from agentctl.kube import discovery_source
from agentctl.kube.discovery_source import DiscoverySource
from agentctl.kube.readiness import AGAIN_S, UNKNOWN_FOR_S
from agentctl.kube.source import KubePollSource
from tests.apidouble.faults import Fault, Reply
from tests.fakes import FakeClock
from tests.kube.rig import Rig, spec_of

NEVER = 1e6
CRDS = "customresourcedefinitions"


def ending(rig: Rig) -> SourceError:
    """What the attempt under way ends with."""
    while True:
        message = rig.next()
        if isinstance(message, Ended):
            assert message.failure is not None
            return message.failure


def asked(rig: Rig, path: str = "") -> list[str]:
    """The paths of all requests so far, or those that end so."""
    return [one.path for one in list(rig.double.requests) if one.path.endswith(path)]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def rig(clock: FakeClock) -> Iterator[Rig]:
    with Rig(clock=clock) as rig:
        yield rig


WANTED = frozenset[str]().union(*(need.names or () for need in spec_of("apis").needs))
"""What the catalog wants to be served."""


@pytest.fixture
def names(clock: FakeClock) -> Iterator[Rig]:
    """Discovery in place of a resource."""
    with Rig("apis", clock=clock) as rig:
        rig.source = DiscoverySource(spec_of("apis"), rig.context)
        yield rig


# Refusals


def test_a_refusal_of_a_starting_server_does_not_count(rig: Rig, clock: FakeClock) -> None:
    rig.double.restart(start=Start(roles_s=5, ready_s=5))
    failure = ending(rig.start())
    assert isinstance(failure, StartingError)
    assert failure.message == f"{STARTING}: cannot list deployments: forbidden"
    assert failure.retry_after == AGAIN_S
    clock.advance(5)
    assert rig.start().until(Replaced)


def test_a_refusal_of_a_server_that_is_ready_counts_at_once(rig: Rig) -> None:
    rig.double.denied = [("*", "apps", "deployments")]
    assert isinstance(ending(rig.start()), ForbiddenError)


@pytest.mark.parametrize("readyz", [401, 403, 404, 429, 503])
def test_where_readyz_does_not_tell_the_first_half_minute_of_a_connection_does_not_count(
    rig: Rig, clock: FakeClock, readyz: int
) -> None:
    rig.double.faults.status(readyz, "readyz")
    rig.double.denied = [("*", "apps", "deployments")]
    failure = ending(rig.start())
    assert isinstance(failure, StartingError)
    assert isinstance(failure.refusal, ForbiddenError)
    clock.advance(UNKNOWN_FOR_S - 1)  # later attempts have connections of their own
    assert isinstance(ending(rig.start()), StartingError)
    clock.advance(1)
    assert isinstance(ending(rig.start()), ForbiddenError)


def test_a_permission_taken_away_long_after_the_connect_counts_though_nobody_tells(
    rig: Rig, clock: FakeClock
) -> None:
    rig.double.faults.status(403, "readyz")
    source = KubePollSource(spec_of("deployments"), rig.context)
    rig.start(source=source).until(Replaced)
    clock.advance(UNKNOWN_FOR_S)
    rig.double.denied = [("*", "apps", "deployments")]
    assert isinstance(ending(rig), ForbiddenError)


def test_a_new_outage_is_a_new_start_where_nobody_tells(rig: Rig, clock: FakeClock) -> None:
    rig.double.faults.status(404, "readyz")
    rig.double.denied = [("*", "apps", "deployments")]
    assert isinstance(ending(rig.start()), StartingError)
    clock.advance(UNKNOWN_FOR_S)
    rig.double.stop()
    assert not isinstance(ending(rig.start()), ServerError)
    rig.double.restart()
    assert isinstance(ending(rig.start()), StartingError)


def test_what_a_balancer_answers_begins_no_half_minute(rig: Rig, clock: FakeClock) -> None:
    rig.double.faults.status(502)
    assert type(ending(rig.start())) is ServerError
    clock.advance(UNKNOWN_FOR_S)
    rig.double.faults.clear()
    rig.double.restart(start=Start(roles_s=5, ready_s=5))
    assert isinstance(ending(rig.start()), StartingError)


@pytest.mark.parametrize("ready", [True, False])
def test_credentials_refused_at_the_start_count_unless_the_server_says_that_it_starts(
    ready: bool, clock: FakeClock
) -> None:
    with Rig(tokens={"good"}, token="bad", clock=clock) as rig:
        rig.double.restart(start=None if ready else Start(ready_s=5, custom_s=0, groups_s=0))
        failure = ending(rig.start())
        assert isinstance(failure, UnauthorizedError if ready else StartingError)
        (question,) = [one for one in rig.double.requests if one.path == "/readyz"]
        assert "authorization" not in question.headers  # they were refused


def test_credentials_refused_later_do_not_count_for_half_a_minute(clock: FakeClock) -> None:
    with Rig(tokens={"good"}, token="good", clock=clock) as rig:
        rig.start().until(Replaced)
        rig.double.faults.status(403, "readyz")
        rig.double.tokens = {"other"}
        failure = ending(rig.start())
        assert isinstance(failure, StartingError)
        assert isinstance(failure.refusal, UnauthorizedError)
        clock.advance(UNKNOWN_FOR_S)
        assert isinstance(ending(rig.start()), UnauthorizedError)


def test_a_token_revoked_at_a_server_that_is_ready_is_not_tried_on_as_if_it_started() -> None:
    """Each question to /readyz with it was refused as well, seven a second."""
    with Rig(tokens={"good"}, token="good") as rig:
        rig.start().until(Replaced)
        rig.double.tokens = {"other"}
        assert isinstance(ending(rig.start()), UnauthorizedError)
        questions = [one for one in rig.double.requests if one.path == "/readyz"]
        assert ["authorization" in one.headers for one in questions] == [False]


@pytest.mark.parametrize("code", [500, 502, 504])
def test_a_failure_of_a_starting_server_is_looked_at_again_soon(rig: Rig, code: int) -> None:
    rig.double.restart(start=Start(ready_s=5))
    rig.double.faults.status(code, "deployments", times=1)
    failure = ending(rig.start())
    assert isinstance(failure, StartingError)
    assert failure.retry_after == AGAIN_S


def test_a_failure_of_a_server_that_is_ready_is_its_own(rig: Rig) -> None:
    rig.double.faults.status(500, "deployments", times=1)
    failure = ending(rig.start())
    assert type(failure) is ServerError
    rig.double.faults.status(503, times=2)  # a balancer without a server: nobody starts there
    assert type(ending(rig.start())) is ServerError


def test_what_a_server_asks_to_wait_is_honoured_and_no_question_asked(rig: Rig) -> None:
    rig.double.restart(start=Start(ready_s=5))
    rig.double.faults.status(429, "deployments", times=1, retry_after="7")
    failure = ending(rig.start())
    assert type(failure) is ServerError
    assert failure.retry_after == 7.0
    assert asked(rig, "/readyz") == []


@pytest.mark.parametrize("starts", [True, False])
def test_what_is_not_found_is_not_there_unless_the_server_starts(rig: Rig, starts: bool) -> None:
    if starts:
        rig.double.restart(start=Start(ready_s=5))
    rig.double.faults.status(404, "deployments")
    assert isinstance(ending(rig.start()), StartingError if starts else NotFoundError)


def test_silent_storage_is_no_start(rig: Rig) -> None:
    rig.double.denied = [("*", "apps", "deployments")]
    body = b"[+]ping ok\n[-]etcd failed: reason withheld\nreadyz check failed\n"
    rig.double.faults.add(Fault(Reply(500, body), "readyz"))
    assert isinstance(ending(rig.start()), ForbiddenError)


def test_a_watch_refused_by_a_starting_server_is_not_for_ever(rig: Rig, clock: FakeClock) -> None:
    rig.double.restart(start=Start(ready_s=5))
    rig.double.denied = [("watch", "apps", "deployments")]
    for _ in range(2):
        assert isinstance(ending(rig.start()), StartingError)
    clock.advance(5)
    assert isinstance(ending(rig.start()), StreamingUnsupported)


# Discovery


def test_no_group_counts_as_absent_before_the_server_is_ready(
    names: Rig, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discovery_source, "AGAIN_S", 0.01)
    names.double.restart(start=Start(groups_s=4, custom_s=4, ready_s=5))
    first = names.start().next()
    assert first == Pending("apis", 1, STARTING)
    clock.advance(4.5)  # all are named now, and it is not ready: they are there
    whole = names.until(Replaced)
    assert all(change.values == (True,) for change in whole.changes)
    assert len(whole.changes) == len(WANTED)


def test_a_restart_between_two_looks_is_seen(
    names: Rig, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discovery_source, "AGAIN_S", 0.01)
    names.start().until(Replaced)
    names.double.restart(start=Start(groups_s=4, custom_s=4, ready_s=5))
    names.source.poke()  # type: ignore[attr-defined]
    assert isinstance(names.next(), Pending)
    clock.advance(5)
    names.until(Replaced)


def test_in_good_weather_one_question_is_all(names: Rig) -> None:
    names.start().until(Replaced)
    assert asked(names) == ["/apis"]


def test_what_is_established_and_not_served_is_told_as_that(
    names: Rig, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discovery_source, "AGAIN_S", 0.01)
    names.double.restart(start=Start(groups_s=9, custom_s=5, ready_s=5))
    clock.advance(5)  # ready, and discovery is behind
    lagging = names.start().until(Replaced)
    assert {change.values for change in lagging.changes} == {(False,)}
    assert len(lagging.changes) == len(WANTED)
    clock.advance(4)
    while (served := names.until(Replaced)) == lagging:
        pass
    assert {change.values for change in served.changes} == {(True,)}


def test_what_is_not_installed_is_looked_up_once_and_asks_no_more_questions(names: Rig) -> None:
    for stored in names.double.store.objects(CRDS)[0][:5]:
        names.plane.crd_vanishes(stored.key.name)
    first = names.start().until(Replaced)
    # Which exist is one question; nobody is asked for those that do not.
    assert asked(names)[:2] == ["/apis", "/readyz"]
    assert (asked(names)[2], len(asked(names))) == ("/apis", 4)
    names.double.requests.clear()
    names.source.poke()  # type: ignore[attr-defined]
    assert names.until(Replaced) == first
    assert asked(names, "/readyz") == []


def test_a_crd_that_is_not_established_is_not_there(names: Rig) -> None:
    def unestablish(crd: Any) -> None:
        for condition in crd["status"]["conditions"]:
            condition["status"] = "False"

    name = names.double.store.objects(CRDS)[0][0].key.name
    names.double.store.update(CRDS, "", name, unestablish)
    told = {change.key.name for change in names.start().until(Replaced).changes}
    assert name not in told
    assert len(told) == len(WANTED) - 1


def test_without_the_permission_to_list_crds_none_is_established(names: Rig) -> None:
    names.double.denied = [("list", "apiextensions.k8s.io", CRDS)]
    names.double.restart(start=Start(groups_s=NEVER, custom_s=0, ready_s=0))
    assert names.start().until(Replaced).changes == ()


def test_a_resource_whose_watch_goes_on_needs_no_question(rig: Rig) -> None:
    rig.start().until(Alive)
    assert asked(rig, "/readyz") == []
