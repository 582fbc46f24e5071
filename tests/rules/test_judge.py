"""Rule lists: the first that holds decides, what is built in, and laws over any JSON."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from agentctl.catalog.rules import rules_of, rules_of_kind, shipped
from agentctl.rules.judge import STATUSES, Rule, RuleList
from agentctl.rules.named import NAMES, named, rule_list
from agentctl.rules.paths import paths_of
from agentctl.rules.syntax import parse_atom

MADE = yaml.safe_load((Path(__file__).parent.parent / "data/health.yaml").read_text())

RULES = rule_list(
    (
        ("error", (".status.phase=Lost", "!Ready")),
        ("degraded", ("Ready=False",)),
        ("suspended", (".spec.suspend=true",)),
        ("degraded", (".status.parts[*]:.state=bad",)),
        ("healthy", ("Ready=True",)),
    ),
    "test",
)


def of(*conditions: dict[str, Any], **status: Any) -> dict[str, Any]:
    return {"metadata": {"generation": 2}, "status": {"conditions": list(conditions), **status}}


@pytest.mark.parametrize("made", MADE, ids=lambda made: f"{made['object']['kind']}-{made['want']}")
def test_the_rules_that_ship_judge_a_made_object(made: dict[str, Any]) -> None:
    item = made["object"]
    judged = rules_of_kind(item["apiVersion"].rpartition("/")[0], item["kind"]).judge(item)
    assert judged.status == made["want"]
    assert judged.rule == made.get("rule", judged.rule)
    assert judged.why == made.get("why", judged.why)


def test_the_first_rule_that_holds_decides() -> None:
    judged = RULES.judge(of({"type": "Ready", "status": "False"}, phase="Lost"))
    assert (judged.status, judged.place) == ("degraded", 1)
    assert RULES.judge(of(phase="Lost")).status == "error"


def test_a_condition_is_known_by_its_reason_too() -> None:
    rules = rule_list((("degraded", ("Ready=False(Bad)",)), ("healthy", ("Ready",))), "")
    for reason, status in (("Bad", "degraded"), ("Good", "healthy"), ("Bad", "degraded")):
        judged = rules.judge(of({"type": "Ready", "status": "False", "reason": reason}))
        assert judged.status == status


def test_generations_may_be_left_out() -> None:
    item = of({"type": "Ready", "status": "True", "observedGeneration": 1}, observedGeneration=1)
    assert RULES.judge(item).status == "progressing"
    assert RULES.judge(item, generation=False).status == "healthy"


def test_a_generation_may_be_written_as_a_text() -> None:
    assert RULES.judge(of({"type": "Ready", "status": "True"}, observedGeneration="1")).rule == (
        "a status of an older generation"
    )


def test_what_no_rule_says_is_unknown_or_what_else_says() -> None:
    assert RULES.judge({}).status == "unknown"
    assert RuleList(RULES.rules, "healthy").judge({}).status == "healthy"


def test_ready_and_kstatus_differ_in_what_is_not_ready() -> None:
    item = of({"type": "Ready", "status": "False"})
    assert named("ready").judge(item).status == "degraded"
    assert named("kstatus").judge(item).status == "progressing"
    assert named("kstatus").judge({}).status == named("ready").judge({}).status == "unknown"


def test_a_rule_hides_one_that_asks_for_more() -> None:
    one, two = (parse_atom(text) for text in ("Ready=True", "Synced=True"))
    assert Rule("healthy", (one,)).hides(Rule("degraded", (two, one)))
    assert not Rule("healthy", (one, two)).hides(Rule("degraded", (one,)))


@pytest.mark.parametrize(
    ("atoms", "contradicts"),
    [
        (("Ready=True", "Ready=False"), True),
        (("Ready", "!Ready"), True),
        (("Ready=True", "Ready!=True|False"), True),
        ((".a=1", "!.a"), True),
        ((".a=1", ".a!=1"), True),
        (("Ready=True", "Synced=False"), False),
        (("*Failed=True", "*Failed=False"), False),
        (("Ready=True|False", "Ready!=True"), False),
        ((".a!=1", ".a!=2"), False),
    ],
)
def test_atoms_that_cannot_hold_together_are_seen(
    atoms: tuple[str, str], contradicts: bool
) -> None:
    assert Rule("healthy", tuple(map(parse_atom, atoms))).contradicts_itself() is contradicts


def test_no_kind_has_two_lists_and_none_names_an_object() -> None:
    names = [one.of for one in shipped()]
    assert len(names) == len(set(names))
    paths = {path for one in shipped() for atom in one.rules.atoms() for path in atom.paths()}
    assert not {path for path in paths if path[:2] in {("metadata", "name"), ("metadata", "uid")}}
    assert rules_of("certificates.cert-manager.io") is not named("default")
    assert rules_of("lamps.example.org") is named("default")


KEYS = [
    *("metadata", "spec", "status", "conditions", "type", "reason", "message", "generation"),
    *("observedGeneration", "deletionTimestamp", "phase", "suspend", "parts", "state", "parents"),
]
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["True", "False", "Ready", "Failed", "2026-01-01T00:00:00Z", "x" * 2000]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYS),
            inner,
            max_size=6,
        )
    ),
    max_leaves=25,
)
LISTS = st.sampled_from([RULES, *map(named, NAMES), *(one.rules for one in shipped())])


@given(LISTS, JSON)
def test_whatever_an_object_is_it_has_a_status(rules: RuleList, item: Any) -> None:
    assert rules.judge(item).status in STATUSES


def cut(item: dict[str, Any], paths: Iterable[tuple[str, ...]]) -> dict[str, Any]:
    """An object with nothing in it but what stands at these paths."""
    out: dict[str, Any] = {}
    for path in paths:
        value: Any = item
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        place = out
        for key in path[:-1]:
            place = place.setdefault(key, {})
        place[path[-1]] = value
    return out


@given(LISTS, JSON)
def test_an_objects_status_rests_on_what_is_said_to_be_read(rules: RuleList, item: Any) -> None:
    if isinstance(item, dict):
        reduced = rules.judge(cut(item, paths_of(rules)))
        assert reduced._replace(why="") == rules.judge(item)._replace(why="")


@given(LISTS, JSON)
def test_what_is_remembered_changes_nothing(rules: RuleList, item: Any) -> None:
    fresh = RuleList(rules.rules, rules.otherwise, rules.name)
    assert fresh.judge(item) == rules.judge(item) == rules.judge(item)


def test_nothing_unrecognised_is_healthy_by_a_named_list() -> None:
    for name in NAMES:
        assert named(name).otherwise is None
        assert named(name).judge({"status": {"conditions": []}}).status == "unknown"


def test_a_judgement_takes_time_linear_in_the_object() -> None:
    def spent(count: int) -> float:
        conditions = [
            {"type": f"C{n}", "status": "True", "message": "x" * 100} for n in range(count)
        ]
        item = of(*conditions, parts=[{"state": "good"}] * count, deep=[[{"a": {}}]] * count)
        best = float("inf")
        for _ in range(3):
            began = time.process_time()
            named("default").judge(json.loads(json.dumps(item)))
            best = min(best, time.process_time() - began)
        return best

    # Ten times as much may take ten times as long, and much more for a busy host.
    assert spent(5_000) < 60 * max(spent(500), 0.001)
