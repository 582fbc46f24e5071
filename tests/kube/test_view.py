"""The view: lists replace, watches change, and blindness is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from agentctl.engine.messages import Change, ObjectKey
from agentctl.kube.resources import PODS, Need, Seen, plan
from agentctl.kube.view import View


def keep(item: Mapping[str, Any], seen: Seen) -> Any:
    return item.get("kept")


SPEC = plan([Need(PODS, "agents", keep)], "agents")[0]


def change(name: str, value: Any) -> Change:
    return Change(ObjectKey("agents", name), (value,))


@pytest.fixture
def view() -> View:
    return View([SPEC])


def table(view: View) -> dict[str, Any]:
    return {key.name: value for key, value in view.objects(PODS, "agents", keep).items()}


def test_blind_until_the_first_list(view: View) -> None:
    assert view.blind(PODS, "agents") == "no answer yet"
    assert view.replace("pods", [])
    assert view.blind(PODS, "agents") == ""
    assert not view.replace("pods", [])


def test_a_list_drops_what_it_does_not_hold(view: View) -> None:
    view.replace("pods", [change("a", 1), change("b", 2)])
    assert view.replace("pods", [change("b", 2)])
    assert table(view) == {"b": 2}
    assert not view.replace("pods", [change("b", 2), change("c", None)])


def test_changes_apply_in_order_and_say_whether_they_matter(view: View) -> None:
    assert view.apply("pods", [change("a", 1), change("a", 2)])
    assert not view.apply("pods", [change("a", 2), change("z", None)])
    assert view.apply("pods", [change("a", None)])
    assert table(view) == {}


def test_blindness_keeps_the_objects_for_a_watch_that_resumes(view: View) -> None:
    view.replace("pods", [change("a", 1)])
    assert view.mark_blind("pods", "no data for 2m0s")
    assert not view.mark_blind("pods", "no data for 2m0s")
    assert view.blind(PODS, "agents") == "no data for 2m0s"
    assert view.mark_seeing("pods")
    assert not view.mark_seeing("pods")
    assert table(view) == {"a": 1}


def test_what_is_derived_is_worked_out_once_for_each_change(view: View) -> None:
    calls = []

    def total(rows: Mapping[ObjectKey, int]) -> int:
        calls.append(1)
        return sum(rows.values())

    def derived() -> int:
        return view.derive(PODS, "agents", keep, total)

    view.replace("pods", [change("a", 1)])
    assert (derived(), derived(), len(calls)) == (1, 1, 1)
    view.apply("pods", [change("a", 1)])
    assert (derived(), len(calls)) == (1, 1)
    view.apply("pods", [change("a", 5)])
    assert (derived(), len(calls)) == (5, 2)
    view.replace("pods", [])
    assert (derived(), len(calls)) == (0, 3)
