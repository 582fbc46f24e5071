"""What is asked of the server and what is kept: nothing that a check needs is narrowed away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

from hypothesis import given
from hypothesis import strategies as st

from agentctl.catalog.loader import load_default
from agentctl.kube.evaluate import Evaluator
from agentctl.kube.resources import PODS, Need, Seen, plan
from agentctl.kube.selectors import LabelSelector, Requirement
from agentctl.kube.view import View

SEEN = Seen(0.0, 0.0)


def keep(item: Mapping[str, Any], seen: Seen) -> Any:
    return item["metadata"]["name"]


def other(item: Mapping[str, Any], seen: Seen) -> Any:
    return item["metadata"]["name"]


labels = st.dictionaries(st.sampled_from("ab"), st.sampled_from("xyz"))
requirements = st.builds(
    Requirement,
    st.sampled_from("ab"),
    st.sampled_from(["In", "NotIn"]),
    st.frozensets(st.sampled_from("xyz"), min_size=1),
)
selectors = st.lists(requirements, min_size=1, max_size=2).map(
    lambda terms: LabelSelector(tuple(terms))
)
needs = st.builds(
    Need,
    st.just(PODS),
    st.just("agents"),
    st.sampled_from([keep, other]),
    st.none() | st.frozensets(st.sampled_from(["p", "q"]), min_size=1),
    st.none() | selectors,
)
pods = st.builds(
    lambda name, labels: {"metadata": {"name": name, "namespace": "agents", "labels": labels}},
    st.sampled_from("pqr"),
    labels,
)


@given(st.lists(needs, min_size=1, max_size=3), st.lists(pods, max_size=8))
def test_narrowing_loses_nothing_and_what_stops_matching_disappears(
    wanted: list[Need], states: list[dict[str, Any]]
) -> None:
    (spec,) = plan(wanted, "agents")
    server = LabelSelector.parse(spec.label_selector)
    field = spec.field_selector.partition("=")[2]
    lazy, exact = View([spec]), View([spec])
    present: dict[str, dict[str, Any]] = {}
    for pod in states:
        metadata = pod["metadata"]
        name = metadata["name"]
        present[name] = pod
        asked_for = server.matches(metadata["labels"]) and field in ("", name)
        # A server that narrows says DELETED of what stops matching; this one may not.
        change = spec.change(pod, SEEN) if asked_for else spec.deletion(pod)
        exact.apply("pods", [change])
        lazy.apply("pods", [spec.change(pod, SEEN)])
        for cut in spec.tables:
            expected = {
                name
                for name, pod in present.items()
                if any(need.cut is cut and need.matches(pod["metadata"]) for need in wanted)
            }
            for view in (exact, lazy):
                assert set(view.objects(PODS, "agents", cut).values()) == expected


def specs_of(*namespaces: str, home: str = "") -> dict[str, Optional[str]]:
    specs = Evaluator(load_default().components, namespaces, home).specs
    return {spec.name: spec.field_selector or spec.label_selector or None for spec in specs}


def test_two_namespaces_have_sources_of_their_own_and_share_what_is_in_none() -> None:
    one, both = specs_of("a", home="a"), specs_of("a", "b")
    shared = {"namespaces", "customresourcedefinitions", "apis"}
    assert shared <= set(one)
    for name in set(one) - shared:
        plural, _, namespace = name.partition("/")
        assert {f"{plural}/{namespace or 'a'}", f"{plural}/{namespace or 'b'}"} <= set(both)
    assert one["namespaces"] == "metadata.name=a"
    assert both["namespaces"] is None
    assert shared <= set(both)


def test_two_namespaces_are_judged_apart() -> None:
    evaluator = Evaluator(load_default().components, ["a", "b"], "")
    (spec,) = (spec for spec in evaluator.specs if spec.name == "namespaces")
    active = {"metadata": {"name": "a"}, "status": {"phase": "Active"}}
    evaluator.view.replace("namespaces", [spec.change(active, SEEN)])
    evaluator.evaluate(None, 0.0)
    found = {item.key[:2]: item.status.value for item in evaluator.items()}
    assert (found["a", "namespace"], found["b", "namespace"]) == ("healthy", "error")
    assert evaluator.missing_namespaces() == ["b"]
