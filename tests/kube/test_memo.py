"""Checks and conditions are asked again only where what they look at has changed."""

from __future__ import annotations

from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from agentctl.catalog.loader import load_default
from agentctl.kube.evaluate import Evaluator
from agentctl.kube.view import View
from tests.kube.judged import EPOCH, SEEN, Cluster, deployment, named
from tests.kube.test_checks_lease import lease

SWITCH = "AGENTS_CONTROLLER_ENABLED"


def workload(name: str, ready: int, switch: str) -> dict[str, Any]:
    made = deployment(name, desired=2, ready=ready, available=ready)
    container = {"name": "main", "env": [{"name": SWITCH, "value": switch}]}
    made["spec"]["template"] = {"spec": {"containers": [container]}}
    return made


workloads = st.tuples(
    st.just("workload"),
    st.builds(
        workload,
        st.sampled_from(["agents", "agents-controllers"]),
        st.integers(0, 2),
        st.sampled_from(["0", "1", "x"]),
    ),
)
steps = st.one_of(
    workloads,
    st.tuples(st.just("gone"), st.sampled_from(["agents", "agents-controllers"])),
    st.tuples(st.just("blind"), st.sampled_from(["deployments", "leases", "pods"])),
    st.tuples(st.just("lease"), st.integers(0, 40)),
    st.tuples(st.just("lost"), st.just("leases")),
    st.tuples(st.just("found"), st.just("leases")),
    st.tuples(st.just("proven"), st.just("")),
    st.tuples(st.just("wait"), st.integers(1, 40)),
)


def told(view: View, step: tuple[str, Any], now: float) -> set[str]:
    """Tell the view of a step; the sources with news."""
    kind, what = step
    if kind == "workload":
        view.apply("deployments", [view.sources["deployments"].spec.change(what, SEEN)])
        return {"deployments"}
    if kind == "gone":
        view.apply("deployments", [view.sources["deployments"].spec.deletion(named(what))])
        return {"deployments"}
    if kind == "lease":
        held = lease(EPOCH + what)
        held["metadata"]["name"] = "agents-controller-leader"
        view.apply("leases", [view.sources["leases"].spec.change(held, SEEN)])
        view.mark_seeing("leases")
        return {"leases"}
    if kind == "blind":
        return {what} if view.mark_blind(what, "forbidden") else set()
    if kind == "found":
        return {what} if view.mark_found(what, now) else set()
    if kind == "lost":
        view.mark_lost(what, now)
    return view.prove(now) if kind == "proven" else set()


# What is left to be told of storage that was silent rests on when it was looked at: both
# look at the same moments.
@given(st.lists(steps, max_size=25))
@example([("lease", 22), ("proven", ""), ("wait", 29), ("proven", ""), ("lease", 26)])
def test_what_is_remembered_is_what_would_be_judged(taken: list[tuple[str, Any]]) -> None:
    remembering, forgetting = (
        Evaluator(load_default().components, ("agents",), "agents") for _ in range(2)
    )
    now = 1000.0
    for evaluator in (remembering, forgetting):
        for source in evaluator.view.sources:
            evaluator.view.replace(source, ())
        evaluator.evaluate(None, now)
    for step in taken:
        now += step[1] if step[0] == "wait" else 0.5
        for evaluator in (remembering, forgetting):
            news = told(evaluator.view, step, now)
            if evaluator is forgetting:
                for source in evaluator.view.sources.values():
                    source.touch()
            evaluator.evaluate(news, now)
        assert remembering.items() == forgetting.items()


def test_a_change_of_status_asks_no_switch_again(monkeypatch: Any) -> None:
    asked = []
    cluster = Cluster(
        """
components:
  - name: it
    checks:
      - {kind: workload, names: [agents], when: {env: ON, of: [agents], is: [1]}}
"""
    )
    condition = cluster.components[0].conditions[0][0]
    holds = type(condition).holds
    monkeypatch.setattr(
        type(condition), "holds", lambda self, context: asked.append(1) or holds(self, context)
    )
    evaluator = Evaluator(cluster.components, ("agents",), "agents")
    view = evaluator.view
    for source in view.sources:
        view.replace(source, ())
    spec = view.sources["deployments"].spec
    for ready in (0, 1, 2):
        view.apply("deployments", [spec.change(workload("agents", ready, "1"), SEEN)])
        evaluator.evaluate({"deployments"}, 1000.0)
    first = len(asked)
    for ready in (0, 1, 2):
        view.apply("deployments", [spec.change(workload("agents", ready, "1"), SEEN)])
        evaluator.evaluate({"deployments"}, 1000.0)
    assert len(asked) == first
