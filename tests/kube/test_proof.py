"""Proof of life: one list through the server's storage now and then, good for all sources."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Optional

import pytest

from agentctl.apidouble.weather import Start
from agentctl.catalog.loader import load, load_default
from agentctl.engine.attempt import Attempt
from agentctl.engine.messages import Alive, Ended
from agentctl.errors import DisconnectedError, ServerError, StartingError
from agentctl.kube import proof
from agentctl.kube.evaluate import Evaluator
from agentctl.kube.proof import PERIOD_S, SILENT_S, ProofSource
from agentctl.kube.sources import cluster_sources
from tests.fakes import FakeClock
from tests.kube.rig import Rig

NAMED = b"components: [{name: it, checks: [{kind: namespace}]}]"


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    monkeypatch.setattr(proof, "ANSWER_S", 20.0)
    monkeypatch.setattr(proof, "AGAIN_S", 0.01)
    with Rig() as rig:
        yield rig


def proves(rig: Rig, catalog: Optional[bytes] = None) -> ProofSource:
    components = (load(catalog, "it.yaml") if catalog else load_default()).components
    specs = Evaluator(components, ["agents"], "agents").specs
    return ProofSource(specs, rig.context, 120.0)


def ask(rig: Rig, source: Optional[ProofSource] = None) -> Any:
    """What one question brings, at once: a later attempt does not rest."""
    rig.attempt = Attempt(source or proves(rig), 2, "", rig.inbox)
    rig.attempt.start()
    message = rig.next()
    rig.attempt.stop()
    assert rig.attempt.join(10)
    while not rig.inbox.empty():
        rig.inbox.get()
    return message.failure if isinstance(message, Ended) else message


def lists(rig: Rig) -> list[tuple[str, dict[str, str]]]:
    asked = [(one.path, one.query) for one in list(rig.double.requests) if one.path != "/readyz"]
    rig.double.requests.clear()
    return asked


def test_it_is_one_object_of_the_watched_namespace_through_storage(rig: Rig) -> None:
    assert ask(rig) == Alive("storage", 2, consistent=True)
    ((path, query),) = lists(rig)
    assert path.startswith("/apis/apps/v1/namespaces/agents/") or "/agents/" in path
    assert query == {"limit": "1"}


def test_what_may_not_be_listed_is_passed_over_and_not_asked_again(rig: Rig) -> None:
    source = proves(rig)
    rig.double.denied = [("*", "apps", "deployments")]
    assert isinstance(ask(rig, source), Alive)
    first = lists(rig)
    assert first[0][0].endswith("/deployments")
    assert len(first) == 2
    assert isinstance(ask(rig, source), Alive)
    assert [path for path, _ in lists(rig)] == [first[1][0]]


def test_who_may_list_one_object_by_its_name_proves_it_by_that(rig: Rig) -> None:
    def denied(request: Any) -> bool:
        return "fieldSelector" not in request.query

    from tests.apidouble.faults import Fault, Reply

    rig.double.faults.add(Fault(Reply(403, b"{}"), "namespaces", only=denied))
    assert isinstance(ask(rig, proves(rig, NAMED)), Alive)
    assert [query for _, query in lists(rig)] == [
        {"limit": "1"},
        {"limit": "1", "fieldSelector": "metadata.name=agents"},
    ]


def test_where_nothing_may_be_listed_it_ends_cleanly(rig: Rig) -> None:
    rig.double.denied = [("list", "*", "*")]
    source = proves(rig)
    assert ask(rig, source) is None
    rig.double.denied = []
    assert isinstance(ask(rig, source), Alive)


def test_what_a_starting_server_refuses_is_asked_again_soon(rig: Rig) -> None:
    rig.double.restart(start=Start(roles_s=60, ready_s=60))
    assert isinstance(ask(rig), StartingError)


@pytest.mark.parametrize("once", [True, False])
def test_every_source_of_a_cluster_tells_when_its_credentials_have_changed(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, once: bool
) -> None:
    """A server lets watches go on that it would not begin any more: the proof is refused first."""
    monkeypatch.setattr(rig.context.client.provider, "fingerprint", lambda: "of the token's file")
    specs = Evaluator(load_default().components, ["agents"], "agents").specs
    sources = cluster_sources(specs, rig.context, once, 120.0)
    told = {source.name: source.credentials() for source in sources}
    assert told == dict.fromkeys(told, "of the token's file")


def test_silent_storage_is_told_as_that_after_two_questions(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proof, "ANSWER_S", 0.3)
    rig.double.freeze()
    failure = ask(rig)
    assert type(failure) is ServerError
    assert failure.message.startswith("the API server's storage does not answer (")
    assert "check the address" not in failure.message  # the server itself is reached
    assert failure.message.endswith("; what its watches say comes from a cache")
    assert len(lists(rig)) == 2
    # Silence is no reason to ask ever more rarely: whoever hangs hears of its end at once.
    assert (failure.retry_after, failure.put_off) == (SILENT_S, True)
    monkeypatch.setattr(proof, "ANSWER_S", 20.0)
    rig.double.thaw()
    assert isinstance(ask(rig), Alive)


@pytest.mark.parametrize("code", [429, 500, 503, 504])
def test_one_failed_question_is_no_alarm_and_two_are(rig: Rig, code: int) -> None:
    rig.double.faults.status(code, verbs=["list"], times=1, retry_after="0")
    assert isinstance(ask(rig), Alive)
    rig.double.faults.status(code, verbs=["list"], times=2, retry_after="0")
    failure = ask(rig)
    assert isinstance(failure, ServerError)
    assert "storage does not answer" in failure.message


def test_one_slow_list_is_no_alarm(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof, "ANSWER_S", 2.0)
    rig.double.faults.hang(verbs=["list"], times=1)
    assert isinstance(ask(rig), Alive)


def test_a_server_that_is_gone_is_lost_like_any_other(rig: Rig) -> None:
    rig.double.faults.refuse()
    failure = ask(rig)
    assert type(failure) is DisconnectedError
    assert "storage" not in failure.message


class Resting:
    """Stands in for a first attempt: time passes as it waits."""

    epoch = 1
    stopping = False

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.waits: list[float] = []
        self.at_wait: Any = lambda: None

    def wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        self.clock.advance(seconds)
        self.at_wait()
        return False

    def on_stop(self, free: object) -> None:
        pass


@pytest.mark.parametrize(("staleness", "period"), [(120.0, 30.0), (60.0, 20.0), (None, 30.0)])
def test_the_period_is_a_third_of_staleness_and_half_a_minute_at_most(
    staleness: Optional[float], period: float
) -> None:
    clock = FakeClock()
    with Rig(clock=clock) as rig:
        source = ProofSource([], rig.context, staleness)
        for _ in range(20):
            resting: Any = Resting(clock)
            source.run(resting)  # rests, and then finds nothing that it could ask for
            assert 0.75 * period <= sum(resting.waits) <= period <= PERIOD_S


def test_a_list_of_any_source_counts_as_one() -> None:
    clock = FakeClock()
    with Rig(clock=clock) as rig:
        assert rig.context.proof.at == -math.inf
        source = ProofSource([], rig.context, 120.0)
        resting: Any = Resting(clock)
        started = clock.elapsed

        def relist() -> None:
            if len(resting.waits) == 1:
                rig.context.proof.at = clock.elapsed - 1

        resting.at_wait = relist
        source.run(resting)
        assert len(resting.waits) == 2
        assert clock.elapsed - started >= 2 * 0.75 * 30 - 1


def test_lists_are_counted() -> None:
    clock = FakeClock()
    with Rig(clock=clock) as rig:
        rig.start().until(Alive)
        assert rig.context.proof.at == clock.elapsed


def test_a_poke_is_a_proof_at_once() -> None:
    with Rig() as rig:
        source = proves(rig)
        rig.start(source=source)
        assert rig.quiet(0.05)
        source.poke()
        assert rig.until(Alive).consistent
        assert rig.quiet(0.05)
        source.poke()
        assert rig.until(Alive).consistent


def test_a_poke_before_the_first_attempt_is_not_lost() -> None:
    with Rig() as rig:
        source = proves(rig)
        source.poke()
        assert rig.start(source=source).until(Alive).consistent


def test_a_rouse_ends_one_wait_and_a_stop_ends_all() -> None:
    with Rig() as rig:
        attempt = Attempt(proves(rig), 1, "", rig.inbox)
        attempt.rouse()
        assert attempt.wait(60) is False
        attempt.stop()
        assert attempt.wait(60) is True
        assert attempt.wait(60) is True
