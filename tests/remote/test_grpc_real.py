"""The client's gRPC source against our own server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentctl.clock import SystemClock
from agentctl.engine.messages import Alive
from agentctl.errors import NotFoundError, ServerError, UnauthorizedError
from agentctl.model import Delta, Heartbeat, Snapshot
from agentctl.remote.access import token_from_file
from agentctl.server.auth import TokenGate
from agentctl.server.limits import StreamLimits
from tests.remote.grpc_server_rig import Watching, access_to
from tests.server.grpc_rig import GrpcSite
from tests.server.replica import item

A, B = item("a"), item("b")
A_BAD = item("a", "degraded", "1/2 ready")


@pytest.fixture
def site() -> Iterator[GrpcSite]:
    with GrpcSite(clock=SystemClock()) as site:
        site.replica.begin(A, B)
        yield site


def to(site: GrpcSite, **more: Any) -> Any:
    return access_to(site.server.port, **{"heartbeat_s": 1.0, **more})


def test_a_snapshot_every_change_and_heartbeats(site: GrpcSite) -> None:
    with Watching(to(site)) as watching:
        first = watching.event()
        assert isinstance(first, Snapshot)
        assert first.items == (A, B)
        site.replica.publish(A_BAD, B, version=2)
        delta = watching.event()
        assert isinstance(delta, Delta)
        assert delta.changes == (A_BAD,)
        assert isinstance(watching.event(), Heartbeat)


def test_a_cursor_is_resumed_and_a_stream_without_news_is_alive_at_once(site: GrpcSite) -> None:
    with Watching(to(site)) as watching:
        cursor = watching.event().cursor
    with Watching(to(site, heartbeat_s=30.0), cursor) as watching:
        assert isinstance(watching.next(), Alive)
        site.replica.publish(A_BAD, B, version=2)
        delta = watching.event()
        assert isinstance(delta, Delta)
        assert delta.changes == (A_BAD,)


def test_a_namespace_that_is_not_served(site: GrpcSite) -> None:
    with Watching(to(site, namespace="other")) as watching:
        failure = watching.failure()
    assert type(failure) is NotFoundError
    assert "one of agents" in failure.message


def test_a_heartbeat_that_the_server_does_not_accept(site: GrpcSite) -> None:
    with Watching(to(site, heartbeat_s=0.1)) as watching:
        assert "heartbeat" in watching.failure().message


def test_the_state_at_once(site: GrpcSite) -> None:
    with Watching(to(site, once=True)) as watching:
        event = watching.event()
    assert isinstance(event, Snapshot)
    assert event.items == (A, B)
    assert event.cursor


def test_the_server_ends(site: GrpcSite) -> None:
    with Watching(to(site)) as watching:
        watching.event()
        site.server.stop(1.0)
        assert "shutting down" in watching.failure().message


def test_a_server_with_no_room_left() -> None:
    with GrpcSite(clock=SystemClock(), limits=StreamLimits(1, 1)) as site:
        site.replica.begin(A)
        with Watching(to(site)) as watching:
            watching.event()
            with Watching(to(site)) as too_many:
                assert type(too_many.failure()) is ServerError


def test_tokens(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("a-good-token-of-some-length\n")
    clock = SystemClock()
    with GrpcSite(clock=clock, gate=TokenGate.from_file(str(file), clock)) as site:
        site.replica.begin(A)
        with Watching(to(site)) as watching:
            assert type(watching.failure()) is UnauthorizedError
        with Watching(to(site, token=lambda: "another")) as watching:
            assert type(watching.failure()) is UnauthorizedError
        with Watching(to(site, token=token_from_file(str(file)))) as watching:
            assert isinstance(watching.event(), Snapshot)
