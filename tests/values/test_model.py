"""The JSON form of items and events: key order, and what is left out."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import pytest

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
