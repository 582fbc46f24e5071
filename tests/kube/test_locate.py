"""A resource found by discovery: it appears, vanishes and changes version while it is watched."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from agentctl.demo.controlplane import SIGNALS
from agentctl.engine.messages import Alive, Changed, Ended, Replaced
from agentctl.kube import source as sources
from agentctl.kube.locate import locate
from agentctl.kube.reader import reader
from agentctl.kube.resources import NOT_SERVED, WatchSpec, resource_of
from agentctl.kube.source import KubePollSource, KubeSource
from tests.kube.judged import Cluster, component
from tests.kube.rig import Rig

PLURAL, _, GROUP = SIGNALS.partition(".")


def spec(more: str = "") -> WatchSpec:
    check = f"{{kind: resource, of: {SIGNALS}, rules: ready{more}}}"
    return Cluster(component(check)).evaluator.specs[0]


def signal(name: str, ready: str = "True", version: str = "v1alpha1") -> dict[str, Any]:
    return {
        "apiVersion": f"{GROUP}/{version}",
        "kind": "Signal",
        "metadata": {"name": name, "namespace": "agents"},
        "status": {"conditions": [{"type": "Ready", "status": ready}]},
    }


def statuses(message: Any) -> dict[str, str]:
    return {key.name: values[0].status for key, values in message.changes}


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    monkeypatch.setattr(sources, "ABSENT_S", 0.05)
    with Rig() as rig:
        rig.name = PLURAL
        rig.double.store.create(signal("a"))
        rig.source = KubeSource(spec(), rig.context)
        yield rig


def absent(message: Replaced) -> bool:
    return message.changes == ((NOT_SERVED, (NOT_SERVED,)),)


def test_its_version_and_scope_are_found(rig: Rig) -> None:
    with reader(rig.context.client) as api:
        found = locate(api, resource_of(SIGNALS))
        assert found is not None
        assert (found.version, found.namespaced) == ("v1alpha1", True)
        assert found.path("agents") == f"/apis/{GROUP}/v1alpha1/namespaces/agents/{PLURAL}"
        assert found.path("") == f"/apis/{GROUP}/v1alpha1/{PLURAL}"
        assert locate(api, resource_of(f"lamps.{GROUP}")) is None
        assert locate(api, resource_of("lamps.example.org")) is None


def test_it_is_listed_and_watched(rig: Rig) -> None:
    assert statuses(rig.start().until(Replaced)) == {"a": "healthy"}
    rig.streaming()
    rig.double.store.create(signal("b", "False"))
    assert statuses(rig.until(Changed)) == {"b": "degraded"}


def test_all_namespaces_are_one_watch(rig: Rig) -> None:
    rig.start(source=KubeSource(spec(", in: all"), rig.context))
    assert statuses(rig.until(Replaced)) == {"a": "healthy"}
    assert any(one.path == f"/apis/{GROUP}/v1alpha1/{PLURAL}" for one in rig.double.requests)


def test_one_that_is_not_served_is_told_and_looked_for(rig: Rig) -> None:
    rig.plane.crd_vanishes()
    assert absent(rig.start().until(Replaced))
    assert rig.until(Alive).forgets
    rig.plane.crd_returns()
    assert statuses(rig.until(Replaced)) == {}
    rig.double.store.create(signal("c"))
    assert statuses(rig.until(Changed)) == {"c": "healthy"}


def test_one_that_vanishes_while_it_is_watched_is_told(rig: Rig) -> None:
    rig.start().until(Replaced)
    rig.streaming()
    rig.plane.crd_vanishes()
    message = rig.until(Replaced)
    assert absent(message)
    rig.plane.crd_returns()
    assert not absent(rig.until(Replaced))


def test_another_version_is_followed_while_it_is_watched(rig: Rig) -> None:
    rig.start().until(Replaced)
    rig.streaming()

    def promote(crd: dict[str, Any]) -> None:
        (old,) = crd["spec"]["versions"]
        crd["spec"]["versions"] = [{**old, "name": "v1"}]

    rig.double.store.update("customresourcedefinitions", "", SIGNALS, promote)
    assert not absent(rig.until(Replaced))
    rig.double.store.create(signal("b", version="v1"))
    assert statuses(rig.until(Changed)) == {"b": "healthy"}
    assert any(f"/{GROUP}/v1/" in one.path for one in rig.double.requests)


def test_one_shot_ends_where_it_is_not_served(rig: Rig) -> None:
    rig.plane.crd_vanishes()
    rig.start(source=KubePollSource(spec(), rig.context, once=True))
    assert absent(rig.until(Replaced))
    while not isinstance(message := rig.next(), Ended):
        pass
    assert message.failure is None
