"""What one change costs does not grow with what did not change: counted, not timed."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from agentctl.kube.checks import endpoints, lease, workload
from agentctl.kube.evaluate import Evaluator
from agentctl.kube.resources import Need, Seen
from tests.kube.judged import EPOCH, SEEN, Cluster, Object, deployment, named
from tests.kube.test_checks_lease import lease as held

FEW, MANY = 4, 60


def catalog(count: int) -> str:
    parts = [
        f"  - {{name: work-{n}, checks: [{{kind: workload, names: [app-{n}]}}]}}\n"
        f"  - {{name: door-{n}, checks: [{{kind: endpoints, service: app-{n}, port: 80}}]}}\n"
        f"  - {{name: lead-{n}, checks: [{{kind: lease, name: app-{n}}}]}}\n"
        f"  - {{name: same-{n}, checks: [{{kind: component, name: work-{n}}}]}}\n"
        for n in range(count)
    ]
    return "components:\n" + "".join(parts)


def slice_of(name: str, ready: bool) -> Object:
    labels = {"kubernetes.io/service-name": name}
    endpoint = {"conditions": {"ready": ready}}
    return named(f"{name}-x", labels=labels, addressType="IPv4", endpoints=[endpoint])


def lease_of(name: str, renewed: float) -> Object:
    made = held(renewed)
    made["metadata"]["name"] = name
    return made


def settled(count: int) -> Evaluator:
    cluster = Cluster(catalog(count))
    names = [f"app-{n}" for n in range(count)]
    cluster.has("deployments", *(deployment(name) for name in names))
    cluster.has("endpointslices", *(slice_of(name, ready=True) for name in names))
    cluster.has("leases", *(lease_of(name, EPOCH) for name in names))
    cluster.evaluator.evaluate(None, 1000.0)
    return cluster.evaluator


CHANGES = {
    "deployments": (deployment("app-2", ready=1), ["work-2", "same-2"]),
    "endpointslices": (slice_of("app-2", ready=False), ["door-2"]),
    "leases": (lease_of("app-2", EPOCH + 5), ["lead-2"]),
    "pods": (named("app-2-x", status={"phase": "Failed", "reason": "Evicted"}), []),
}


@pytest.mark.parametrize("source", CHANGES)
def test_one_object_of_many_is_asked_for_by_who_has_read_it(source: str, monkeypatch: Any) -> None:
    counts = []
    for count in (FEW, MANY):
        evaluator = settled(count)
        asked: Counter[str] = Counter()
        for kind, name in (
            (workload.WorkloadCheck, "evaluate"),
            (endpoints.EndpointsCheck, "evaluate"),
            (lease.LeaseCheck, "evaluate"),
            (Need, "matches"),
        ):
            counted(monkeypatch, kind, name, asked)
        changed, judged = CHANGES[source]
        before = evaluator.items()
        spec = evaluator.view.sources[source].spec
        evaluator.view.apply(source, [spec.change(changed, SEEN)])
        assert [item.component for item in evaluator.evaluate((), 1001.0)] == judged
        others = [a.component for a, b in zip(before, evaluator.items()) if a is not b]
        assert set(others) <= set(judged)
        counts.append(asked)
        monkeypatch.undo()
    assert counts[0] == counts[1]


def counted(monkeypatch: Any, kind: type, name: str, asked: Counter[str]) -> None:
    original = getattr(kind, name)

    def count(*args: Any) -> Any:
        asked[f"{kind.__name__}.{name}"] += 1
        return original(*args)

    monkeypatch.setattr(kind, name, count)


def test_what_did_not_change_is_the_same_list() -> None:
    evaluator = settled(FEW)
    items = evaluator.items()
    spec = evaluator.view.sources["leases"].spec
    evaluator.view.apply("leases", [spec.change(lease_of("app-1", EPOCH + 5), SEEN)])
    assert evaluator.evaluate((), 1001.0)
    assert evaluator.items() is items


def test_time_is_up_for_one_lease_alone() -> None:
    evaluator = settled(MANY)
    spec = evaluator.view.sources["leases"].spec
    for n in range(MANY):
        if n != 7:
            changed = lease_of(f"app-{n}", EPOCH + 10)
            seen = Seen(1010.0, EPOCH + 10)
            evaluator.view.apply("leases", [spec.change(changed, seen)])
    evaluator.evaluate((), 1010.0)
    due = evaluator.next_recheck
    assert due is not None
    assert [item.component for item in evaluator.evaluate((), due)] == ["lead-7"]


def test_members_that_did_not_change_are_not_asked(monkeypatch: Any) -> None:
    cluster = Cluster("components: [{each: {kinds: [Deployment]}}]")
    cluster.has("deployments", *(deployment(f"app-{n}") for n in range(MANY)))
    evaluator = cluster.evaluator
    evaluator.evaluate(None, 1000.0)
    asked: Counter[str] = Counter()
    counted(monkeypatch, workload.WorkloadCheck, "evaluate", asked)
    spec = evaluator.view.sources["deployments"].spec
    evaluator.view.apply("deployments", [spec.change(deployment("app-3", ready=1), SEEN)])
    assert [item.component for item in evaluator.evaluate((), 1001.0)] == ["deployment/app-3"]
    assert asked == {"WorkloadCheck.evaluate": 1}
    evaluator.view.apply("deployments", [spec.deletion(deployment("app-3"))])
    assert evaluator.evaluate((), 1002.0) == []
    assert evaluator.gone
    assert len(evaluator.items()) == MANY - 1
