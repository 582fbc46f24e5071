"""A server's stream over gRPC, as scripted servers send it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Optional

import grpc
import pytest

from agentctl.clock import SystemClock
from agentctl.engine.messages import Alive, Ended, Received
from agentctl.errors import (
    DisconnectedError,
    ForbiddenError,
    NotFoundError,
    ServerError,
    SourceError,
    StreamingUnsupported,
    UnauthorizedError,
    UsageError,
)
from agentctl.model import Delta, ErrorCode, Heartbeat, Item, Snapshot, Status, StreamError
from agentctl.remote.access import ServerAddress, token_from_file
from agentctl.remote.grpc import GrpcSource
from agentctl.remote.grpc_channel import MAX_MESSAGE_BYTES
from agentctl.rpc import agentctl_pb2 as pb
from agentctl.wire import events_pb, grpc_contract, legacy_pb
from tests.remote.grpc_server_rig import (
    A_BAD,
    BEAT,
    DELTA,
    FREED_S,
    NOW,
    PATIENCE_S,
    SNAPSHOT,
    A,
    B,
    Relay,
    ScriptedServer,
    Watch,
    Watching,
    aborting,
    access_to,
    sending,
    until_gone,
    watched,
)


@contextmanager
def relayed(watch: Watch, **access: Any) -> Iterator[tuple[Relay, Watching]]:
    """An attempt at a stream, with something between that can fail."""
    with ScriptedServer(watch) as server, Relay(server.port) as relay:
        watching = Watching(access_to(relay.port, **access))
        with watching:
            yield relay, watching


def raw(*messages: bytes) -> Any:
    def watch(request: Any, context: grpc.ServicerContext) -> Iterator[bytes]:
        yield from messages
        until_gone(context)

    return watch


def test_events_come_in_order_as_they_were_sent() -> None:
    with watched(sending(SNAPSHOT, DELTA, BEAT)) as watching:
        assert [watching.event() for _ in range(3)] == [SNAPSHOT, DELTA, BEAT]


def test_the_request_says_namespace_heartbeat_and_cursor() -> None:
    asked = {"heartbeat_s": 1.5, "namespace": "prod", "since": "the user's own"}
    with watched(sending(SNAPSHOT), "c7", **asked) as watching:
        watching.event()
    (request,) = watching.server.watches
    assert (request.namespace, request.cursor, request.follow_only) == ("prod", "c7", False)
    assert request.heartbeat.ToMilliseconds() == 1500


def test_a_server_is_asked_for_a_sign_of_life_that_proxies_do_not_miss() -> None:
    with watched(sending(SNAPSHOT), heartbeat_s=300.0) as watching:
        watching.event()
    (request,) = watching.server.watches
    assert request.heartbeat.ToSeconds() == 30


def test_a_quiet_server_is_not_asked_more_often_than_any_allows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By grpc's own rules the third ping without a word from the server ends a stream."""
    monkeypatch.setattr(grpc_contract, "CLIENT_PING_S", 1.0)  # the least that grpc's core does
    with watched(sending(SNAPSHOT), heartbeat_s=1.6) as watching:
        assert "nothing heard from" in watching.failure().message


def test_a_server_that_was_asked_too_often_is_asked_less_from_then_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("agentctl.remote.grpc.client_ping_s", lambda heartbeat_s: 1.0)
    with watched(sending(SNAPSHOT)) as watching:
        failure = watching.failure()
        assert type(failure) is DisconnectedError
        assert "wants to be asked less often" in failure.message
        assert watching.source.ping_s == grpc_contract.DEFAULT_RULE_S


def test_a_resumed_stream_is_alive_before_its_first_event() -> None:
    def silent(request: Any, context: grpc.ServicerContext) -> Iterator[bytes]:
        context.send_initial_metadata(())
        until_gone(context)
        yield b""

    with watched(silent, cursor="c7") as watching:
        message = watching.next()
        assert isinstance(message, Alive)
        assert message.resource_version == "c7"


def test_a_stream_has_one_thread_beside_its_reader_that_watches_the_time() -> None:
    before = set(threading.enumerate())
    with watched(sending(SNAPSHOT), cursor="c7") as watching:
        watching.event()
        ours = [one.name for one in set(threading.enumerate()) - before]
        assert not [name for name in ours if name.startswith("Thread-") and "Timer" in name]
        assert ours.count("read-timeout") == 1


def test_a_stream_that_only_says_no_is_no_proof_of_life() -> None:
    """Its headers come as those of any other do."""

    def refusing(request: Any, context: grpc.ServicerContext) -> Iterator[bytes]:
        context.send_initial_metadata((("x", "y"),))
        context.abort(grpc.StatusCode.UNAVAILABLE, "no")
        yield b""

    with watched(refusing, cursor="c7") as watching:
        message = watching.next()
        assert isinstance(message, Ended)


def test_a_stream_with_an_event_needs_no_other_proof_of_life() -> None:
    with watched(sending(SNAPSHOT), cursor="c7") as watching:
        assert isinstance(watching.next(), Received)


def test_nothing_but_heartbeats() -> None:
    with watched(sending(*[BEAT] * 5, SNAPSHOT, BEAT)) as watching:
        assert [watching.event() for _ in range(2)] == [SNAPSHOT, BEAT]


def test_deltas_before_any_snapshot_do_not_count() -> None:
    with watched(sending(DELTA, SNAPSHOT)) as watching:
        assert watching.event() == SNAPSHOT


def test_a_stream_that_goes_on_from_a_cursor_needs_no_snapshot() -> None:
    with watched(sending(DELTA, BEAT), cursor="c7") as watching:
        assert [watching.event() for _ in range(2)] == [DELTA, BEAT]


def test_a_first_snapshot_is_waited_for_longer_than_the_beat() -> None:
    def slow(request: Any, context: grpc.ServicerContext) -> Iterator[bytes]:
        gone = threading.Event()
        context.add_callback(gone.set)
        gone.wait(0.6)  # two and a half beats are long over
        yield events_pb.encode(SNAPSHOT)
        until_gone(context)

    with watched(slow, heartbeat_s=0.1) as watching:
        assert watching.event() == SNAPSHOT


def test_a_server_that_only_beats_is_no_server() -> None:
    def beats(request: Any, context: grpc.ServicerContext) -> Iterator[bytes]:
        gone = threading.Event()
        context.add_callback(gone.set)
        while not gone.wait(0.02):
            yield events_pb.encode(BEAT)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("agentctl.remote.receiver.FIRST_EVENT_S", 0.3)
        with watched(beats, heartbeat_s=0.1) as watching:
            assert "no snapshot from" in watching.failure().message


def test_an_item_without_a_namespace_changes_the_one_that_is_known() -> None:
    item = SNAPSHOT.items[0]
    change = Delta(NOW, (Item(item.component, "", Status.ERROR, "bad"),), (), "c2")
    with watched(sending(SNAPSHOT, change)) as watching:
        watching.event()
        event = watching.event()
    assert isinstance(event, Delta)
    assert event.changes[0].key == item.key


def test_a_snapshot_each_time() -> None:
    with watched(sending(SNAPSHOT, SNAPSHOT)) as watching:
        assert [watching.event() for _ in range(2)] == [SNAPSHOT] * 2


def test_an_event_of_an_unknown_type_is_ignored(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    new = pb.ControlPlaneStatusEvent(cursor="c9")
    new.type = 77
    with watched(
        raw(events_pb.encode(SNAPSHOT), new.SerializeToString(), events_pb.encode(DELTA))
    ) as watching:
        assert [watching.event() for _ in range(2)] == [SNAPSHOT, DELTA]
    assert "type '77'" in caplog.text


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\xff\xff\xff\xff",
        events_pb.encode(SNAPSHOT)[:-3],
        pb.ControlPlaneStatusEvent(cursor="c").SerializeToString(),
        b"\x0a\x05\xff\xfe\xfd\xfc\xfb",
    ],
    ids=["empty", "garbage", "half", "typeless", "text"],
)
def test_what_is_no_event_ends_the_attempt(message: bytes) -> None:
    with watched(raw(events_pb.encode(SNAPSHOT), message)) as watching:
        assert watching.event() == SNAPSHOT
        failure = watching.failure()
    assert type(failure) is ServerError
    assert watching.where in failure.message


def test_a_message_over_the_limit_ends_the_attempt() -> None:
    with watched(raw(bytes(MAX_MESSAGE_BYTES + 1))) as watching:
        failure = watching.failure()
    assert type(failure) is ServerError
    assert "more than fits" in failure.message


def test_secrets_are_taken_out_whatever_the_server_thinks_of_them() -> None:
    leaky = Snapshot(NOW, (Item("a", "agents", Status.ERROR, "password=hunter22"),), "c1")
    with watched(sending(leaky)) as watching:
        event = watching.event()
    assert isinstance(event, Snapshot)
    assert event.items[0].message == "password=[redacted]"


CODES = [
    (grpc.StatusCode.UNAVAILABLE, DisconnectedError),
    (grpc.StatusCode.RESOURCE_EXHAUSTED, ServerError),
    (grpc.StatusCode.INTERNAL, ServerError),
    (grpc.StatusCode.UNKNOWN, ServerError),
    (grpc.StatusCode.ABORTED, ServerError),
    (grpc.StatusCode.DEADLINE_EXCEEDED, DisconnectedError),
    (grpc.StatusCode.CANCELLED, DisconnectedError),
    (grpc.StatusCode.UNAUTHENTICATED, UnauthorizedError),
    (grpc.StatusCode.PERMISSION_DENIED, ForbiddenError),
    (grpc.StatusCode.NOT_FOUND, NotFoundError),
    (grpc.StatusCode.UNIMPLEMENTED, StreamingUnsupported),
    (grpc.StatusCode.FAILED_PRECONDITION, StreamingUnsupported),
    (grpc.StatusCode.INVALID_ARGUMENT, ServerError),
]


@pytest.mark.parametrize(("code", "kind"), CODES, ids=[code.name for code, _ in CODES])
def test_a_status_ends_the_attempt(code: grpc.StatusCode, kind: type[SourceError]) -> None:
    with watched(aborting(code, "because")) as watching:
        failure = watching.failure()
    assert type(failure) is kind
    assert watching.where in failure.message
    assert "because" in failure.message


def test_a_clean_end_is_a_disconnection() -> None:
    with watched(sending(SNAPSHOT, stay=False)) as watching:
        assert watching.event() == SNAPSHOT
        failure = watching.failure()
    assert type(failure) is DisconnectedError
    assert "the server ended the stream" in failure.message


def test_a_method_that_is_not_there_is_no_stream() -> None:
    with ScriptedServer() as server, Watching(access_to(server.port)) as watching:
        assert isinstance(watching.failure(), StreamingUnsupported)


def test_a_silent_server_is_gone_after_two_and_a_half_heartbeats() -> None:
    with watched(sending(SNAPSHOT), heartbeat_s=0.1) as watching:
        watching.event()
        failure = watching.failure()
    assert type(failure) is DisconnectedError
    assert failure.message == f"nothing heard from {watching.where} for 250ms"


def test_heartbeats_keep_a_stream_up() -> None:
    def beats(request: Any, context: grpc.ServicerContext) -> Iterator[bytes]:
        gone = threading.Event()
        context.add_callback(gone.set)
        yield events_pb.encode(SNAPSHOT)
        for at in range(8):
            yield events_pb.encode(Heartbeat(NOW, f"c{at}"))
            gone.wait(0.45)
        yield events_pb.encode(DELTA)
        until_gone(context)

    with watched(beats, heartbeat_s=1.2) as watching:  # 3 s are silence, here it takes longer
        assert watching.event() == SNAPSHOT
        for _ in range(8):
            assert isinstance(watching.event(), Heartbeat)
        assert watching.event() == DELTA


def test_a_server_that_freezes_in_mid_stream_is_noticed() -> None:
    with relayed(sending(SNAPSHOT), heartbeat_s=0.2) as (relay, watching):
        watching.event()
        relay.stall()
        assert "nothing heard" in watching.failure().message


def test_a_connection_that_is_cut_is_noticed() -> None:
    with relayed(sending(SNAPSHOT)) as (relay, watching):
        watching.event()
        relay.cut()
        failure = watching.failure()
    assert type(failure) is DisconnectedError
    assert "the connection was lost" in failure.message


def test_a_server_that_stops_is_noticed() -> None:
    with watched(sending(SNAPSHOT)) as watching:
        watching.event()
        watching.server.stop()
        assert isinstance(watching.failure(), DisconnectedError)


def test_stopping_frees_a_stream_that_waits_for_its_next_event() -> None:
    with watched(sending(SNAPSHOT)) as watching:
        watching.event()
        assert watching.stop_s() < FREED_S


def test_stopping_frees_a_stream_that_waits_for_its_headers() -> None:
    with watched(sending()) as watching:
        while not watching.server.watches:
            watching.attempt.wait(0.005)
        assert watching.stop_s() < FREED_S


class Tokens:
    """The token file of somebody who gets a new one now and then."""

    def __init__(self, *tokens: str) -> None:
        self._tokens = list(tokens)
        self.read = 0

    def __call__(self) -> str:
        self.read += 1
        return self._tokens.pop(0) if len(self._tokens) > 1 else self._tokens[0]


def wanting(token: str) -> Any:
    def watch(request: Any, context: grpc.ServicerContext) -> Iterator[bytes]:
        if dict(context.invocation_metadata()).get("authorization") != f"Bearer {token}":
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "wrong token")
        yield events_pb.encode(SNAPSHOT)
        until_gone(context)

    return watch


def test_the_token_is_sent() -> None:
    with watched(wanting("good"), token=lambda: "good") as watching:
        assert watching.event() == SNAPSHOT


def test_no_token_is_sent_where_there_is_none() -> None:
    with watched(sending(SNAPSHOT)) as watching:
        watching.event()
    assert watching.server.tokens == [""]


def test_a_refused_token_is_read_again_once() -> None:
    with watched(wanting("new"), token=Tokens("old", "new")) as watching:
        assert watching.event() == SNAPSHOT
    assert watching.server.tokens == ["Bearer old", "Bearer new"]


def test_a_token_refused_twice_ends_the_attempt() -> None:
    tokens = Tokens("old", "older")
    with watched(wanting("new"), token=tokens) as watching:
        failure = watching.failure()
    assert type(failure) is UnauthorizedError
    assert tokens.read == len(watching.server.tokens) == 2
    assert "older" not in failure.message


def test_without_a_token_there_is_nothing_to_read_again() -> None:
    with watched(wanting("new")) as watching:
        assert "--token-file" in watching.failure().message
    assert len(watching.server.tokens) == 1


def test_a_token_that_was_good_until_now_is_no_refusal() -> None:
    """The next attempt reads it anew: refusals are tried again each minute only."""
    script = aborting(grpc.StatusCode.UNAUTHENTICATED, "expired", SNAPSHOT)
    with watched(script, token=lambda: "good") as watching:
        watching.event()
        assert type(watching.failure()) is DisconnectedError


def test_a_token_file_that_is_being_replaced_may_pass(tmp_path: Path) -> None:
    token = token_from_file(str(tmp_path / "token"))
    with watched(sending(SNAPSHOT), token=token) as watching:
        failure = watching.failure()
    assert type(failure) is DisconnectedError
    assert "--token-file" in failure.message


def test_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "a socket"
    with ScriptedServer(sending(SNAPSHOT), address=f"unix:{path}".replace(" ", "%20")):
        access = access_to(0, address=ServerAddress.parse(f"unix:{path}", 0))
        with Watching(access, cursor="c") as watching:
            assert watching.event() == SNAPSHOT


def test_a_proxy_of_the_environment_is_not_for_this_host(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "grpc_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("no_grpc_proxy", raising=False)
    with ScriptedServer(sending(SNAPSHOT)) as server:
        address = ServerAddress("localhost", server.port)
        with Watching(access_to(0, address=address)) as watching:
            assert watching.event() == SNAPSHOT


def test_a_prefix_makes_no_sense() -> None:
    access = access_to(0, address=ServerAddress.parse("http://localhost:1/agents", 1))
    with pytest.raises(UsageError, match="knows no path"):
        GrpcSource(access, SystemClock())


# Polling, and asking once.


def telling(*items: Item, errors: tuple[StreamError, ...] = (), cursor: str = "") -> Any:
    def ask(request: Any, context: grpc.ServicerContext) -> pb.GetControlPlaneStatusResponse:
        return legacy_pb.to_response(items, NOW, cursor=cursor, errors=errors)

    return ask


def polling(server: ScriptedServer, **more: Any) -> Watching:
    access = access_to(server.port, poll_interval_s=0.02, **more)
    source = GrpcSource(access, SystemClock())
    return Watching(access, source=source if access.once else source.fallback())


def test_the_fallback_asks_again_and_again() -> None:
    answers = [(A, B), (A_BAD, B)]

    def ask(request: Any, context: grpc.ServicerContext) -> Any:
        return telling(*(answers.pop(0) if answers else (A_BAD, B)), cursor="c1")(request, context)

    with ScriptedServer(ask=ask) as server, polling(server) as watching:
        events = [watching.event() for _ in range(4)]
    assert events[0] == SNAPSHOT
    assert events[2] == Snapshot(NOW, (A_BAD, B), "c1")
    assert isinstance(events[1], Heartbeat)
    assert server.asked[0].namespace == "agents"


def test_what_is_wrong_at_the_server_comes_with_its_status() -> None:
    wrong = StreamError(NOW, "refused", ErrorCode.DISCONNECTED, "pods", 2.0, "c1")
    ask = telling(A, B, errors=(wrong,), cursor="c1")
    with ScriptedServer(ask=ask) as server, polling(server) as watching:
        assert [watching.event() for _ in range(2)] == [SNAPSHOT, wrong]


def test_a_server_of_the_older_kind_is_polled() -> None:
    """It tells controllers and the like, and no items."""

    def ask(request: Any, context: grpc.ServicerContext) -> pb.GetControlPlaneStatusResponse:
        return pb.GetControlPlaneStatusResponse(
            service="jangar",
            generated_at="2026-01-30T18:15:00Z",
            controllers=[
                pb.ControllerHealth(name="agents-controller", enabled=True, status="healthy")
            ],
            database=pb.DatabaseHealth(configured=True, status="degraded", message="slow"),
        )

    with ScriptedServer(ask=ask) as server:
        access = access_to(server.port, poll_interval_s=0.02)
        with Watching(access) as watching:
            assert isinstance(watching.failure(), StreamingUnsupported)
            fallback = watching.source.fallback()
        with Watching(access, source=fallback) as watching:
            event = watching.event()
    assert isinstance(event, Snapshot)
    assert (event.generated_at, event.cursor) == (NOW, "")
    assert [(item.component, item.namespace, item.status) for item in event.items] == [
        ("agents-controller", "agents", Status.HEALTHY),
        ("database", "agents", Status.DEGRADED),
    ]


def test_once_is_asked_and_not_watched() -> None:
    ask = telling(A, B, cursor="c1")
    with ScriptedServer(sending(DELTA), ask) as server, polling(server, once=True) as watching:
        assert watching.event() == SNAPSHOT
        assert watching.attempt.join(PATIENCE_S)
        assert len(server.asked) == 1
        assert not server.watches
    ended = [message for message in list(watching.inbox.queue) if isinstance(message, Ended)]
    assert [message.failure for message in ended] == [None]


def test_a_status_refused_for_its_token_is_asked_for_once_more() -> None:
    def ask(request: Any, context: grpc.ServicerContext) -> Any:
        if dict(context.invocation_metadata()).get("authorization") != "Bearer new":
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "wrong token")
        return telling(A, B, cursor="c1")(request, context)

    tokens = Tokens("old", "new")
    with ScriptedServer(ask=ask) as server, polling(server, token=tokens) as watching:
        assert watching.event() == SNAPSHOT


@pytest.mark.parametrize("answer", [b"\xff\xff\xff", b"\x0a\x7f", None], ids=["x", "half", "none"])
def test_an_answer_that_is_no_status_ends_the_attempt(answer: Optional[bytes]) -> None:
    def ask(request: Any, context: grpc.ServicerContext) -> Iterator[bytes]:
        if answer is not None:
            yield answer

    with ScriptedServer(raw_ask=ask) as server, polling(server) as watching:
        assert type(watching.failure()) is ServerError


def test_stopping_frees_a_question() -> None:
    def ask(request: Any, context: grpc.ServicerContext) -> Any:
        until_gone(context)
        return pb.GetControlPlaneStatusResponse()

    with ScriptedServer(ask=ask) as server, polling(server) as watching:
        while not server.asked:
            watching.attempt.wait(0.005)
        assert watching.stop_s() < FREED_S
