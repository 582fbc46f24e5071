"""The JSON form of items and events: key order, what is left out, and the way back."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given

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
    event_from_json,
)
from tests.strategies import EVENTS, ITEMS

AT = datetime(2026, 1, 30, 18, 15, tzinfo=timezone.utc)
TEMPORAL = Item("runtime:temporal", "agents", Status.DEGRADED, "temporal connection retrying")


@given(EVENTS)
def test_an_event_reads_back_as_itself(event: Event) -> None:
    assert event_from_json(json.loads(json.dumps(event.to_json()))) == event


@given(ITEMS)
def test_an_item_reads_back_as_itself(item: Item) -> None:
    assert Item.from_json(json.loads(json.dumps(item.to_json()))) == item


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


def test_unknown_keys_are_passed_over_and_a_missing_cursor_is_empty() -> None:
    data = {"type": "heartbeat", "generated_at": "2026-01-30T18:15:00Z", "new": 1}
    assert event_from_json(data) == Heartbeat(AT, "")


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"type": "other", "generated_at": "2026-01-30T18:15:00Z"},
        {"type": "heartbeat"},
        {"type": "heartbeat", "generated_at": "today"},
        {"type": "heartbeat", "generated_at": 5},
        {"type": "heartbeat", "generated_at": "2026-01-30T18:15:00Z", "cursor": None},
        {"type": "snapshot", "generated_at": "2026-01-30T18:15:00Z"},
        {"type": "snapshot", "generated_at": "2026-01-30T18:15:00Z", "items": [{}]},
        {"type": "snapshot", "generated_at": "2026-01-30T18:15:00Z", "items": ["x"]},
        {"type": "snapshot", "generated_at": "2026-01-30T18:15:00Z", "items": 5},
        {"type": "delta", "generated_at": "2026-01-30T18:15:00Z", "changes": [], "removed": [1]},
        {"type": "error", "generated_at": "2026-01-30T18:15:00Z", "message": "", "code": "oops"},
        {
            "type": "error",
            "generated_at": "2026-01-30T18:15:00Z",
            "message": "",
            "code": "server",
            "retry_in": {},
        },
    ],
)
def test_what_is_no_event_raises_what_the_docstring_says(data: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        event_from_json(data)


def test_severity_grows_with_how_bad_it_is() -> None:
    names = sorted(Status, key=lambda status: status.severity)
    assert [status.value for status in names] == [
        "healthy",
        "configured",
        "unknown",
        "degraded",
        "error",
    ]
