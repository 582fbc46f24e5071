"""Label selectors, read and written as kubectl does."""

from __future__ import annotations

import pytest

from agentctl.kube.selectors import LabelSelector


@pytest.mark.parametrize(
    ("text", "labels", "matches"),
    [
        ("", {}, True),
        ("a=b", {"a": "b"}, True),
        ("a==b", {"a": "b"}, True),
        ("a=b", {"a": "c"}, False),
        ("a=b", {}, False),
        ("a!=b", {}, True),
        ("a!=b", {"a": "b"}, False),
        ("a in (b, c)", {"a": "c"}, True),
        ("a notin (b,c)", {"a": "c"}, False),
        ("a notin (b,c)", {}, True),
        ("a", {"a": ""}, True),
        ("!a", {"a": ""}, False),
        ("example.com/a=b,c", {"example.com/a": "b", "c": ""}, True),
        ("a=", {"a": ""}, True),
        ("a=b", {"a": ["b"]}, False),
        ("a!=b", {"a": {}}, True),
        ("a", {"a": None}, False),
        ("!a", {"a": 5}, True),
    ],
)
def test_matches(text: str, labels: dict, matches: bool) -> None:
    selector = LabelSelector.parse(text)
    assert selector.matches(labels) is matches
    assert LabelSelector.parse(str(selector)) == selector


@pytest.mark.parametrize("text", ["=", "a=b c", "a=b,", ",a", "a in ()x", "a in b", "a=-b", "a b"])
def test_what_a_server_would_refuse_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="at"):
        LabelSelector.parse(text)


def test_what_a_list_does_not_end_is_refused_at_once() -> None:
    """However its blanks are shared out between the commas."""
    for end in ("", ")x", ";"):
        with pytest.raises(ValueError, match="at"):
            LabelSelector.parse("a in (x" + ",   " * 200 + end)


@pytest.mark.parametrize("text", ["a in (b c)", "a in (b,-)", "a in (b,(c))", "a in (=)"])
def test_what_is_no_value_is_refused_in_a_list(text: str) -> None:
    with pytest.raises(ValueError, match="at"):
        LabelSelector.parse(text)


def test_from_spec() -> None:
    spec = {
        "matchLabels": {"b": "2", "a": "1"},
        "matchExpressions": [
            {"key": "c", "operator": "In", "values": ["x", "y"]},
            {"key": "d", "operator": "DoesNotExist"},
        ],
    }
    assert str(LabelSelector.from_spec(spec)) == "a=1,b=2,c in (x,y),!d"


@pytest.mark.parametrize("term", [None, {}, {"key": 1, "operator": "In"}, {"operator": []}])
def test_a_term_that_makes_no_sense_matches_nothing(term: object) -> None:
    selector = LabelSelector.from_spec({"matchExpressions": [term]})
    assert not selector.matches({})
    assert not selector.matches({"": ""})


def test_union() -> None:
    a, b = LabelSelector.parse("k=a"), LabelSelector.parse("k in (b,c)")
    assert str(a.union(b)) == "k in (a,b,c)"
    assert a.union(LabelSelector.parse("other=a")) is None
