"""The service has two names; a client finds out which of them its server knows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from agentctl.clock import SystemClock
from agentctl.errors import NotFoundError, StreamingUnsupported
from agentctl.remote.grpc import GrpcSource
from agentctl.rpc import agentctl_pb2 as pb
from agentctl.wire import legacy_pb
from agentctl.wire.grpc_contract import SERVICES
from tests.remote.grpc_server_rig import (
    NOW,
    SNAPSHOT,
    A,
    B,
    ScriptedServer,
    Watching,
    aborting,
    access_to,
    sending,
    until_gone,
)

NEW, OLD = SERVICES
WATCH, STATUS = "WatchControlPlaneStatus", "GetControlPlaneStatus"


def answer(request: Any, context: grpc.ServicerContext) -> pb.GetControlPlaneStatusResponse:
    return legacy_pb.to_response((A, B), NOW, cursor="c1")


def paths(method: str, *services: str) -> list[str]:
    return [f"/{service}/{method}" for service in services]


@pytest.mark.parametrize(("service", "asked"), [(NEW, (NEW,)), (OLD, (NEW, OLD))])
def test_a_server_of_either_name_is_watched(service: str, asked: tuple[str, ...]) -> None:
    with ScriptedServer(sending(SNAPSHOT), service=service) as server:
        with Watching(access_to(server.port)) as watching:
            assert watching.event() == SNAPSHOT
        assert server.calls == paths(WATCH, *asked)


@pytest.mark.parametrize(("service", "asked"), [(NEW, (NEW,)), (OLD, (NEW, OLD))])
def test_a_server_of_either_name_is_asked_for_its_status(
    service: str, asked: tuple[str, ...]
) -> None:
    with ScriptedServer(ask=answer, service=service) as server:
        with Watching(access_to(server.port, once=True)) as watching:
            event: Any = watching.event()
        assert event.items == (A, B)
        assert server.calls == paths(STATUS, *asked)


def test_what_was_found_out_is_remembered_for_the_run() -> None:
    """By reconnects and by the polling that a stream falls back to."""
    with ScriptedServer(sending(SNAPSHOT), answer, service=OLD) as server:
        access = access_to(server.port)
        source = GrpcSource(access, SystemClock())
        for _ in range(3):
            with Watching(access, source=source) as watching:
                watching.event()
        with Watching(access, source=source.fallback()) as watching:
            watching.event()
        assert server.calls == [*paths(WATCH, NEW, OLD, OLD, OLD), *paths(STATUS, OLD)]


def test_a_server_that_cannot_be_watched_is_polled_under_its_own_name() -> None:
    for service, asked in ((NEW, (NEW,)), (OLD, (NEW, OLD))):
        with ScriptedServer(ask=answer, service=service) as server:
            access = access_to(server.port)
            source = GrpcSource(access, SystemClock())
            with Watching(access, source=source) as watching:
                assert type(watching.failure()) is StreamingUnsupported
            with Watching(access, source=source.fallback()) as watching:
                watching.event()
            assert server.calls == [*paths(WATCH, NEW, OLD), *paths(STATUS, *asked)]


def test_a_server_of_neither_name_is_asked_once_under_each() -> None:
    with ScriptedServer(service="another.Service") as server:
        with Watching(access_to(server.port)) as watching:
            assert type(watching.failure()) is StreamingUnsupported
        assert server.calls == paths(WATCH, NEW, OLD)
        with Watching(access_to(server.port, once=True)) as watching:
            assert type(watching.failure()) is NotFoundError


def test_a_server_may_be_replaced_by_one_of_the_other_name() -> None:
    first = ScriptedServer(sending(SNAPSHOT), service=OLD)
    with first:
        access = access_to(first.port)
        source = GrpcSource(access, SystemClock())
        with Watching(access, source=source) as watching:
            watching.event()
    address = f"127.0.0.1:{first.port}"
    with ScriptedServer(sending(SNAPSHOT), address=address, service=NEW) as second:
        with Watching(access, source=source) as watching:
            assert watching.event() == SNAPSHOT
        assert second.calls == paths(WATCH, OLD, NEW)


def test_a_stream_that_said_something_had_the_right_name() -> None:
    script = aborting(grpc.StatusCode.UNIMPLEMENTED, "changed my mind", SNAPSHOT)
    with ScriptedServer(script) as server:
        with Watching(access_to(server.port)) as watching:
            assert type(watching.failure()) is StreamingUnsupported
        assert server.calls == paths(WATCH, NEW)


def test_a_token_is_read_again_under_the_name_that_was_found() -> None:
    tokens = iter(["old", "old", "new"])

    def wanting(request: Any, context: grpc.ServicerContext) -> Iterator[bytes]:
        if ("authorization", "Bearer new") not in context.invocation_metadata():
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "wrong token")
        yield from sending(SNAPSHOT, stay=False)(request, context)
        until_gone(context)

    with ScriptedServer(wanting, service=OLD) as server:
        with Watching(access_to(server.port, token=lambda: next(tokens))) as watching:
            assert watching.event() == SNAPSHOT
        assert server.calls == paths(WATCH, NEW, OLD, OLD)
