"""The JSON form of items and events: key order, and what is left out."""

from __future__ import annotations

import json
import sys
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentctl import model
from agentctl.model import (
    Delta,
    ErrorCode,
    Event,
    Heartbeat,
    Item,
    ItemKey,
    Snapshot,
    Status,
    StreamError,
    json_encoder,
    json_line,
)

AT = datetime(2026, 1, 30, 18, 15, tzinfo=timezone.utc)
TEMPORAL = Item("runtime:temporal", "agents", Status.DEGRADED, "temporal connection retrying")


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (
            Snapshot(AT, (Item("grpc", "agents", Status.HEALTHY, "", {"port": 1}),), "c"),
            '{"type":"snapshot","generated_at":"2026-01-30T18:15:00Z","items":[{"component":"grpc",'
            '"namespace":"agents","status":"healthy","message":"","details":{"port":1}}],'
            '"cursor":"c"}',
        ),
        (
            Delta(AT, (TEMPORAL,), (), "c"),
            '{"type":"delta","generated_at":"2026-01-30T18:15:00Z","changes":[{"component":'
            '"runtime:temporal","namespace":"agents","status":"degraded","message":'
            '"temporal connection retrying"}],"cursor":"c"}',
        ),
        (
            Delta(AT, (), (ItemKey("agents", "extra"),), "c"),
            '{"type":"delta","generated_at":"2026-01-30T18:15:00Z","changes":[],'
            '"removed":[{"component":"extra","namespace":"agents"}],"cursor":"c"}',
        ),
        (
            Heartbeat(AT, "c"),
            '{"type":"heartbeat","generated_at":"2026-01-30T18:15:00Z","cursor":"c"}',
        ),
        (
            StreamError(AT, "m", ErrorCode.DISCONNECTED, "deployments", 2.0600001, "c"),
            '{"type":"error","generated_at":"2026-01-30T18:15:00Z","message":"m",'
            '"code":"disconnected","source":"deployments","retry_in":2.1,"cursor":"c"}',
        ),
        (
            StreamError(AT, "m", ErrorCode.RESYNC, "", None, "c"),
            '{"type":"error","generated_at":"2026-01-30T18:15:00Z","message":"m",'
            '"code":"resync","cursor":"c"}',
        ),
    ],
    ids=["snapshot", "delta", "removed", "heartbeat", "error", "error of no source"],
)
def test_keys_come_in_the_order_of_the_contract(event: Event, line: str) -> None:
    assert json.dumps(event.to_json(), separators=(",", ":")) == line


def test_times_are_utc_whatever_zone_they_came_in() -> None:
    east = AT.astimezone(timezone(timedelta(hours=9)))
    assert Heartbeat(east, "").to_json()["generated_at"] == "2026-01-30T18:15:00Z"


def test_severity_grows_with_how_bad_it_is() -> None:
    names = sorted(Status, key=lambda status: status.severity)
    assert [status.value for status in names] == [
        "healthy",
        "configured",
        "unknown",
        "degraded",
        "error",
    ]


TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda of: st.lists(of, max_size=4) | st.dictionaries(st.text(), of, max_size=4),
    max_leaves=12,
)


@given(TREES)
def test_json_on_one_line_is_what_the_standard_encoder_writes(tree: object) -> None:
    assert json_line(tree) == json.dumps(tree, ensure_ascii=False, separators=(",", ":"))


@given(TREES)
def test_an_encoder_that_is_kept_writes_what_one_made_for_the_text_would(tree: object) -> None:
    kept = json_encoder(sort_keys=True, default=str)
    value = [tree, AT, tree]
    text = json.dumps(value, sort_keys=True, default=str, separators=(",", ":"))
    assert kept(value) == text == kept(value)


def test_an_interpreter_without_the_part_in_c_writes_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tree = {"b": [1.5, None, "\u00e9\ud800"], "a": AT}
    in_c = json_encoder(default=str, sort_keys=True)(tree)
    monkeypatch.setattr(model.in_c, "c_make_encoder", None)
    assert json_encoder(default=str, sort_keys=True)(tree) == in_c


def test_what_is_too_deep_is_refused_as_ever() -> None:
    deep: list[object] = []
    for _ in range(20 * sys.getrecursionlimit()):
        deep = [deep]
    with pytest.raises(RecursionError):
        json_line(deep)
