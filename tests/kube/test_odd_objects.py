"""Odd objects: one that cannot be read takes no other away, and is told of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from agentctl.engine.messages import Changed, Ended, Odd, Replaced, Warned
from agentctl.kube.cuts import objects, webhooks
from agentctl.kube.decode import UnreadableError, parse
from agentctl.kube.deep_json import MAX_DEPTH, shallow
from agentctl.kube.state import KubeState
from agentctl.model import ErrorCode
from agentctl.rules.judge import RuleList
from tests.apidouble.faults import Then
from tests.fakes import FakeClock
from tests.kube.judged import SEEN, Cluster, Object, component, deployment, named
from tests.kube.rig import Rig
from tests.kube.test_checks_explain import explained, looking
from tests.kube.test_listwatch_hostile import Answer, listwatch, nested, page

ODD = {"odd": "s3cret"}
"""The label of what a cut shall fail at."""

TWO = """
components:
  - {name: a, checks: [{kind: workload, names: [a]}]}
  - {name: b, checks: [{kind: workload, names: [b]}]}
"""


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cut of workloads fails at what is labelled so, as a bug in it would."""
    good = objects.labels_of

    def labels_of(metadata: Mapping[str, Any]) -> Any:
        labels = metadata.get("labels") or {}
        if "odd" in labels:
            raise KeyError(labels["odd"])
        return good(metadata)

    monkeypatch.setattr(objects, "labels_of", labels_of)


def change(cluster: Cluster, item: Object) -> bool:
    view = cluster.evaluator.view
    return view.apply("deployments", [view.sources["deployments"].spec.change(item, SEEN)])


WHY = "a cannot be read: internal error: KeyError in cut_workload"


@pytest.mark.usefixtures("failing")
def test_one_that_cannot_be_read_is_unknown_and_the_others_are_judged() -> None:
    cluster = Cluster(TWO).has("deployments", deployment("a", labels=ODD), deployment("b"))
    assert cluster.says("a") == ("unknown", WHY)
    assert cluster.says("b") == ("healthy", "")


@pytest.mark.usefixtures("failing")
def test_diagnose_does_not_say_of_it_that_it_is_not_there() -> None:
    cluster = looking(TWO).has("deployments", deployment("a", labels=ODD), deployment("b"))
    (reason,) = explained(cluster, "a")
    assert reason.result.message == WHY
    assert "run it with --debug" in reason.finding.remedy


@pytest.mark.usefixtures("failing")
def test_it_is_judged_again_once_it_can_be_read() -> None:
    cluster = Cluster(TWO).has("deployments", deployment("a"), deployment("b"))
    assert cluster.says("a") == ("healthy", "")
    for item, status in (
        (deployment("a", labels=ODD), "unknown"),
        (deployment("a", ready=0), "error"),
        (deployment("a", labels=ODD), "unknown"),
    ):
        change(cluster, item)
        cluster.evaluator.evaluate((), 1000.0)
        (shown, _) = cluster.evaluator.items()
        assert shown.status.value == status
    view = cluster.evaluator.view
    view.apply("deployments", [view.sources["deployments"].spec.deletion(named("a"))])
    cluster.evaluator.evaluate((), 1000.0)
    assert cluster.evaluator.items()[0].message == "deployment a not found"


@pytest.mark.usefixtures("failing")
def test_a_list_makes_it_odd_and_well_again() -> None:
    cluster = Cluster(TWO).has("deployments", deployment("a", labels=ODD), deployment("b"))
    view = cluster.evaluator.view
    spec = view.sources["deployments"].spec
    same = [spec.change(one, SEEN) for one in (deployment("a", labels=ODD), deployment("b"))]
    assert not view.replace("deployments", same)
    cluster.has("deployments", deployment("a"), deployment("b"))
    assert cluster.says("a") == ("healthy", "")
    cluster.has("deployments", deployment("b"))
    assert cluster.says("a") == ("error", "deployment a not found")


@pytest.mark.usefixtures("failing")
def test_whether_a_part_is_there_cannot_be_told_by_one_that_cannot_be_read() -> None:
    cluster = Cluster(
        """
components:
  - name: it
    present: {workload: a}
    checks: [{kind: workload, names: [a]}]
"""
    )
    assert cluster.has("deployments", deployment("a", labels=ODD)).says()[0] == "unknown"


def test_a_condition_that_fails_leaves_open_whether_it_holds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    check = "{kind: workload, names: [a], when: {env: ON, of: [a], is: [1]}}"
    cluster = Cluster(component(check)).has("deployments", deployment("a", ready=0))
    condition = cluster.components[0].conditions[0][0]

    def fail(*args: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(type(condition), "holds", fail)
    assert cluster.says()[0] == "error", "the check is asked where nobody can say"


def test_webhooks_that_cannot_be_read_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(
        """
components:
  - name: it
    optional: true
    checks:
      - {kind: workload, names: [a]}
      - {kind: webhook, names: [hooks], absent: configured}
"""
    )

    def fail(*args: Any) -> Any:
        raise ValueError("no")

    monkeypatch.setattr(webhooks, "Webhooks", fail)
    cluster.has("validatingwebhookconfigurations", named("hooks", ""))
    assert cluster.says()[0] == "error"  # that its workload is not there


def test_a_resource_whose_rules_fail_at_it_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    judge = RuleList.judge

    def failing(self: RuleList, item: Mapping[str, Any], *more: Any) -> Any:
        if item["metadata"]["name"] == "odd":
            raise ZeroDivisionError("s3cret")
        return judge(self, item, *more)

    monkeypatch.setattr(RuleList, "judge", failing)
    of = "lamps.example.org"
    cluster = Cluster(component(f"{{kind: resource, of: {of}, rules: ready}}"))
    well = {"conditions": [{"type": "Ready", "status": "True"}]}
    cluster.has(of, named("odd", status=well), named("well", status=well))
    why = "internal error: ZeroDivisionError in ResourceCut"
    assert cluster.says() == ("unknown", f"1 of 2 unknown: odd: {why}")


@pytest.mark.usefixtures("failing")
def test_it_is_told_of_once_and_without_what_it_holds() -> None:
    cluster = Cluster(TWO)
    state = KubeState(cluster.evaluator)
    spec = cluster.evaluator.view.sources["deployments"].spec
    odd, good = (spec.change(deployment("a", labels=one), SEEN) for one in (ODD, {}))
    assert state.apply(Changed("deployments", 1, (good,), "1")) is None
    notice = state.apply(Changed("deployments", 1, (odd,), "2"))
    assert notice is not None
    assert (notice.source, notice.code) == ("deployments", ErrorCode.RESYNC)
    assert "agents/a cannot be read" in notice.message
    assert "s3cret" not in notice.message
    assert state.apply(Changed("deployments", 1, (odd,), "3")) is None
    assert state.apply(Replaced("deployments", 1, (odd,), "4")) is None


@pytest.mark.usefixtures("failing")
def test_a_source_goes_on_over_one_that_cannot_be_read() -> None:
    with Rig() as rig:
        rig.start()

        def spoil(found: Any) -> None:
            found["metadata"].setdefault("labels", {}).update(ODD)

        assert len(rig.until(Replaced).changes) == 2
        rig.streaming()
        rig.double.store.update("deployments", "agents", "agents", spoil)
        (changed,) = rig.until(Changed).changes
        assert any(isinstance(value, Odd) for value in changed.values)
        rig.touch("agents-controllers")
        assert rig.until(Changed).changes[0].key.name == "agents-controllers"
        listed = rig.start().until(Replaced).changes
        odd = [one.key.name for one in listed if any(isinstance(it, Odd) for it in one.values)]
        assert odd == ["agents"]


@pytest.mark.parametrize("bad", [None, 7, "x", [], {}, {"metadata": None}, {"metadata": [1]}])
def test_what_is_no_object_is_left_out_of_a_list(bad: Any) -> None:
    items = [bad, deployment("agents")]
    source, _ = listwatch_of(items)
    first, second = source.list().changes
    assert all(isinstance(value, Odd) for value in first.values)
    assert second.key.name == "agents"
    assert not any(isinstance(value, Odd) for value in second.values)


def listwatch_of(items: Any) -> Any:
    return listwatch(FakeClock(), lambda path, query: page("", items))


# What Python's parser refuses


def deep(depth: int, closed: str = "") -> bytes:
    """An object with something nested in it, as text: it is too deep to be written by Python."""
    odd = b'{"a":[' * (depth // 2) + b'"]}"' + b"]}" * (depth // 2)
    text = json.dumps({**deployment("agents"), "more": "HERE"}).encode()
    return text.replace(b'"HERE"', odd + closed.encode())


@pytest.mark.parametrize("depth", [2, 90, 110, 2_000, 100_000])
def test_an_object_of_any_depth_is_read(depth: int) -> None:
    found = parse(deep(depth))
    assert found["metadata"]["name"] == "agents"
    assert found["status"] == deployment("agents")["status"]


def test_what_is_not_balanced_is_no_json() -> None:
    for text in (b"[" * 100_000, deep(100_000, "]"), deep(100_000)[:-1], b"]" * 100_000):
        with pytest.raises((ValueError, RecursionError)):
            parse(text)


def test_only_what_is_too_deep_is_left_out() -> None:
    value: Any = {"quoted": '[{"\\', "deep": nested(MAX_DEPTH), "after": [1, {"b": nested(3)}]}
    found = json.loads(shallow(json.dumps(value).encode()))
    assert {**found, "deep": 0} == {**value, "deep": 0}
    assert found["deep"] != value["deep"]
    fits = json.dumps(nested(MAX_DEPTH)).encode()
    assert shallow(fits) == fits


def test_a_number_of_any_length_is_read() -> None:
    digits = "9" * 10_000
    assert parse(f'{{"a": {digits}, "b": -{digits}, "c": 7}}'.encode())["c"] == 7


def test_one_object_too_deep_keeps_no_list_from_being_read() -> None:
    body = b'{"kind":"DeploymentList","metadata":{"resourceVersion":"7"},"items":[%s,%s]}'
    items = (deep(50_000), json.dumps(deployment("agents-controllers")).encode())
    source, _ = listwatch(FakeClock(), lambda path, query: Answer(iter([body % items])))
    assert [one.key.name for one in source.list().changes] == ["agents", "agents-controllers"]


def test_one_object_too_deep_keeps_no_watch_from_being_read() -> None:
    line = b'{"type":"MODIFIED","object":%s}\n' % deep(50_000)
    source, _ = listwatch(FakeClock(), lambda path, query: Answer(iter([line])))
    (change,) = [*source.watch("1")][1].changes
    assert change.key.name == "agents"


# What no watch can read


def test_what_is_unreadable_twice_at_one_place_is_listed_anew() -> None:
    """What is garbled on the way is not so again; what stands so in the history is, for ever."""
    bad = b'{"type":"MODIFIED","object":{"metadata":7}}\n'
    with Rig() as rig:
        rig.double.faults.on_watch(bad, Then.CONTINUE, "deployments", times=2)
        version = rig.start().until(Replaced).resource_version
        while not isinstance(message := rig.next(), Ended):
            assert not isinstance(message, Warned)
        assert isinstance(message.failure, UnreadableError)
        warned = rig.start(version).until(Warned)
        assert warned.code is ErrorCode.RESYNC
        assert "no watch event" in warned.message
        assert len(rig.until(Replaced).changes) == 2
        rig.streaming()
        rig.touch()
        assert rig.until(Changed).changes[0].key.name == "agents"
