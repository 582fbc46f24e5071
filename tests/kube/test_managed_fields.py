"""Leaving managedFields out changes nothing else, whatever the JSON is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentctl.kube.decode import parse, without_managed_fields

DATA = Path(__file__).parent.parent / "data"

WORDS = ["managedFields", "spec", "a", "]},", '"managedFields":[', ']},"spec":', "\\", '"', "é"]
texts = st.one_of(st.sampled_from(WORDS), st.text(max_size=4))
values = st.recursive(
    st.one_of(st.none(), st.integers(), texts),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=5)),
    max_leaves=25,
)


def compact(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def forget(value: Any) -> Any:
    """The value with every list called managedFields replaced by a 0."""
    if isinstance(value, list):
        return [forget(one) for one in value]
    if isinstance(value, dict):
        return {
            key: 0 if key == "managedFields" and isinstance(one, (list, int)) else forget(one)
            for key, one in value.items()
        }
    return value


@given(values)
def test_nothing_else_changes_whatever_the_json(value: Any) -> None:
    assert forget(parse(compact(value))) == forget(value)


@given(values, values)
def test_nothing_else_of_an_object_changes(managed: Any, spec: Any) -> None:
    item = {"metadata": {"name": "x", "managedFields": [managed, spec]}, "spec": spec}
    assert forget(parse(compact([item, item]))) == forget([item, item])


@pytest.mark.parametrize(
    "value",
    [
        [{"spec": {"managedFields": []}}, {"metadata": {"managedFields": [1]}, "spec": 2}],
        {"a": {"managedFields": [1]}, "b": {"c": [2]}, "spec": 3},
        {"metadata": {"managedFields": [{"a": [1]}]}, "spec": 2},
        {"metadata": {"managedFields": ["]},"]}, "spec": 2},
        {"metadata": {"managedFields": []}, "spec": {"managedFields": [[]], "spec": []}},
    ],
)
def test_marks_in_odd_places(value: Any) -> None:
    assert forget(parse(compact(value))) == forget(value)


@pytest.mark.parametrize("name", sorted(path.name for path in DATA.glob("*.json")))
def test_recorded_objects_lose_nothing_else(name: str) -> None:
    recorded = json.loads((DATA / name).read_text(encoding="utf-8"))["response"]
    bodies = [line for _, line in recorded.get("lines", ())] or [recorded.get("body")]
    for body in bodies:
        data = body.encode() if isinstance(body, str) else compact(body)
        try:
            expected = json.loads(data)
        except ValueError:
            continue
        assert forget(parse(data)) == forget(expected)


def test_recorded_pods_are_a_good_deal_shorter() -> None:
    body = json.loads((DATA / "list-pods.json").read_text(encoding="utf-8"))["response"]["body"]
    data = compact(body)
    assert len(without_managed_fields(data)) < 0.7 * len(data)
    assert without_managed_fields(data).count(b'"managedFields":0') == len(body["items"])


@pytest.mark.parametrize(
    "data", [b"", b'"managedFields":[', b'{"managedFields":[]},"spec":', b"\xff"]
)
def test_what_is_no_json_is_an_error(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse(data)
