"""What ``each`` finds depends on what is there, and not on how it came to be so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

import agentctl.catalog
from agentctl.catalog.loader import load
from agentctl.kube.evaluate import Evaluator
from agentctl.model import Delta, Item, ItemKey, difference, fold
from tests.fakes import FakeClock
from tests.kube.judged import SEEN, Object, deployment, named
from tests.kube.test_checks_cronjob import cron, job
from tests.kube.test_selects import service, slice_of, templated

CATALOG = load(
    (Path(agentctl.catalog.__file__).parent / "auto.yaml").read_bytes(), "auto.yaml"
).components


def failed(name: str, fails: bool) -> Object:
    made = job(name, "01:00:00", failed=fails)
    del made["metadata"]["ownerReferences"]
    return made


def started(name: str, level: int) -> Object:
    one = templated(name, desired=level, app=name)
    one["status"]["availableReplicas"] = level // 2
    return one


def scheduled(name: str, level: int) -> Object:
    return {**cron(suspend=level == 2), "metadata": {"name": name, "namespace": "agents"}}


def run(name: str, level: int) -> Object:
    if level == 2:
        return failed(name, fails=True)
    return job(name, f"0{level}:00:00", failed=level == 1, owner="a")


MADE: dict[str, Callable[[str, int], Object]] = {
    "deployments": started,
    "statefulsets": lambda name, level: deployment(name, ready=level),
    "services": lambda name, level: service(name, app=name if level else "other"),
    "endpointslices": lambda name, level: slice_of(name, *[level > 1] * level),
    "cronjobs": scheduled,
    "persistentvolumeclaims": lambda name, level: named(
        name, status={"phase": ("Pending", "Bound", "Lost")[level]}
    ),
    "jobs": run,
}
"""Of each source an object of some name in one of three states."""

STEP = st.tuples(st.sampled_from([*MADE]), st.sampled_from("abc"), st.sampled_from([None, 0, 1, 2]))


def fresh() -> Evaluator:
    evaluator = Evaluator(CATALOG, ("agents",), "agents")
    for source in evaluator.view.sources:
        evaluator.view.replace(source, ())
    home = evaluator.view.sources["namespaces"].spec.change(named("agents", ""), SEEN)
    evaluator.view.replace("namespaces", [home])
    return evaluator


@given(st.lists(STEP, max_size=16), st.booleans())
def test_whatever_happened_what_is_there_is_told(taken: list[Any], relists: bool) -> None:
    followed, there = fresh(), {source: {} for source in MADE}
    followed.evaluate(None, 1000.0)
    emitted: list[Item] = followed.items()
    told: dict[ItemKey, Item] = {one.key: one for one in emitted}
    clock = FakeClock()
    for source, name, level in taken:
        spec = followed.view.sources[source].spec
        if level is None:
            there[source].pop(name, None)
            change = spec.deletion(MADE[source](name, 0))  # a slice is not called as its Service
        else:
            there[source][name] = MADE[source](name, level)
            change = spec.change(there[source][name], SEEN)
        if relists:
            followed.view.replace(
                source, [spec.change(one, SEEN) for one in there[source].values()]
            )
        else:
            followed.view.apply(source, [change])
        followed.evaluate({source}, 1010.0)
        # As a reader has it, who is told of what differs and nothing else.
        items = followed.items()
        found = difference(emitted, items)
        emitted = items
        told = fold(told, Delta(clock.now(), found.changes, found.removed, ""))
    looked = fresh()
    for source, objects in there.items():
        spec = looked.view.sources[source].spec
        looked.view.replace(source, [spec.change(one, SEEN) for one in objects.values()])
    looked.evaluate(None, 1010.0)
    assert looked.items() == followed.items()
    assert told == {one.key: one for one in looked.items()}
