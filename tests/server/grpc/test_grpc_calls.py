"""gRPC's short calls, health and reflection: who may call, how many, and what never blocks them."""

from __future__ import annotations

import gc
import random
import socket
import threading
import weakref
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from itertools import islice
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest, ServerReflectionResponse
from grpc_reflection.v1alpha.reflection_pb2_grpc import ServerReflectionStub

from agentctl.clock import SystemClock
from agentctl.engine.policy import SourceVitals
from agentctl.engine.stream import Notice
from agentctl.model import ErrorCode, Item, Status
from agentctl.rpc import agentctl_pb2, agentctl_pb2_grpc, jangar_pb2, jangar_pb2_grpc
from agentctl.server.auth import TokenGate
from agentctl.server.grpc.calls import REQUEST_S, CallClass, CallTimeouts
from agentctl.server.grpc.standard_services import (
    LOOK_S,
    MAX_REFLECTIONS,
    MAX_WATCHERS,
    REFLECTION_V1,
)
from agentctl.wire import events_pb, legacy_pb
from agentctl.wire.grpc_contract import MAX_REQUEST_BYTES, SERVICES
from tests.fakes import refuse_threads
from tests.server.grpc_rig import (
    OLDER_SERVICE,
    PATIENCE_S,
    SERVICE,
    WATCH,
    Client,
    GrpcSite,
    RawReader,
    eventually,
    failure,
)
from tests.server.replica import item

A, B = item("a"), item("b")
A_BAD = item("a", "degraded", "1/2 ready")

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SERVICE_UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN

METHODS = {
    **{
        f"/{service}/{method}": method.startswith("Watch")
        for service in SERVICES
        for method in ("GetServerInfo", "GetControlPlaneStatus", "WatchControlPlaneStatus")
    },
    "/grpc.health.v1.Health/Check": False,
    "/grpc.health.v1.Health/Watch": True,
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": True,
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo": True,
}
"""All there are, and whether they stream."""


def raw(channel: grpc.Channel, path: str, *payloads: bytes, metadata: Any = None) -> list[bytes]:
    """Call a method with bytes for requests; at most one answer of a stream is read."""
    call = channel.stream_stream(path)(iter(payloads), timeout=PATIENCE_S, metadata=metadata)
    try:
        return list(islice(call, 1))
    finally:
        call.cancel()


def outcome(channel: grpc.Channel, path: str, payload: bytes) -> grpc.StatusCode:
    """How a call went; OK where it was answered."""
    try:
        raw(channel, path, payload)
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK


def test_the_servers_own_version() -> None:
    with GrpcSite() as site, site.client() as client:
        info = client.info()
        assert (info.version, info.service, info.build_sha) == ("1.2.3", "agentctl", "")


def test_the_state_in_both_forms_with_its_place() -> None:
    with GrpcSite() as site, site.client() as client:
        site.replica.begin(A_BAD, B)
        answer = client.status("agents")
        assert [one.component for one in answer.items] == ["a", "b"]
        assert [one.status for one in answer.controllers] == ["degraded", "healthy"]
        assert not answer.errors
        watch = client.watch(cursor=answer.cursor)
        eventually(lambda: site.streams() == 1)
        site.replica.publish(A, B)
        assert watch.next().type == "delta"


def test_before_the_first_state_there_is_none_to_tell() -> None:
    with GrpcSite() as site, site.client() as client:
        code, message = failure(client.status)
        assert code is grpc.StatusCode.UNAVAILABLE
        assert "try again" in message
        assert client.info().version == "1.2.3"


def test_the_state_says_what_is_wrong_with_it() -> None:
    with GrpcSite() as site, site.client() as client:
        site.replica.begin(A)
        gone = Notice("pods", ErrorCode.DISCONNECTED, "connection refused", 2.0)
        site.replica.broadcaster.beat([gone])
        (error,) = client.status().errors
        assert (error.code, error.source) == ("disconnected", "pods")
        assert len(client.status().items) == 1


@pytest.mark.parametrize(
    "metadata",
    [
        (),
        (("authorization", "Bearer wrong"),),
        (("authorization", "Basic good"),),
        (("authorization", "Bearer good"), ("authorization", "Bearer wrong")),
        (("x-authorization", "Bearer good"),),
    ],
)
def test_nothing_answers_without_a_token(metadata: Any) -> None:
    with GrpcSite(gate=TokenGate("good")) as site, site.channel() as channel:
        for count, path in enumerate(METHODS, 1):
            code, message = failure(partial(raw, channel, path, metadata=metadata))
            assert code is grpc.StatusCode.UNAUTHENTICATED, path
            assert "authorization: Bearer" in message
            assert site.counted("unauthorized") == count


def test_a_method_that_is_not_there_asks_for_the_token_first() -> None:
    with GrpcSite(gate=TokenGate("good")) as site, site.channel() as channel:
        path = f"/{SERVICE}/Nope"
        assert failure(lambda: raw(channel, path))[0] is grpc.StatusCode.UNAUTHENTICATED
        good = (("authorization", "Bearer good"),)
        code, _ = failure(lambda: raw(channel, path, metadata=good))
        assert code is grpc.StatusCode.UNIMPLEMENTED


def test_with_the_token_all_answer() -> None:
    with GrpcSite(gate=TokenGate("good")) as site, site.channel() as channel:
        site.replica.begin(A)
        good = (("authorization", "Bearer good"),)
        requests = dict.fromkeys(METHODS, b"")
        for path, request in requests.items():
            assert len(raw(channel, path, request, metadata=good)) == 1, path


@pytest.mark.parametrize(
    "names", [(agentctl_pb2, agentctl_pb2_grpc), (jangar_pb2, jangar_pb2_grpc)]
)
def test_a_client_generated_under_either_name_reads_all(names: tuple[Any, Any]) -> None:
    messages, stubs = names
    with GrpcSite() as site, site.channel() as channel:
        site.replica.begin(A, B)
        stub = stubs.AgentctlServiceStub(channel)
        assert stub.GetServerInfo(messages.GetServerInfoRequest(), timeout=PATIENCE_S).version
        request = messages.GetControlPlaneStatusRequest(namespace="agents")
        status = stub.GetControlPlaneStatus(request, timeout=PATIENCE_S)
        assert [one.component for one in status.items] == ["a", "b"]
        assert isinstance(status, messages.GetControlPlaneStatusResponse)
        stream = stub.WatchControlPlaneStatus(
            messages.WatchControlPlaneStatusRequest(namespace="agents"), timeout=PATIENCE_S
        )
        assert next(stream).type == messages.ControlPlaneStatusEvent.SNAPSHOT
        site.replica.publish(A_BAD, B)
        assert next(stream).items[0].message == "1/2 ready"
        stream.cancel()


class TestHealth:
    def check(self, channel: grpc.Channel, service: str) -> Any:
        request = health_pb2.HealthCheckRequest(service=service)
        return HealthStub(channel).Check(request, timeout=PATIENCE_S).status

    def watch(self, channel: grpc.Channel, service: str = "") -> Iterator[Any]:
        request = health_pb2.HealthCheckRequest(service=service)
        call = HealthStub(channel).Watch(request, timeout=PATIENCE_S)
        return (answer.status for answer in call)

    @pytest.mark.parametrize("service", ["", *SERVICES])
    def test_it_is_the_servers_readiness(self, service: str) -> None:
        with GrpcSite() as site, site.channel() as channel:
            assert self.check(channel, service) == NOT_SERVING
            watch = self.watch(channel, service)
            assert next(watch) == NOT_SERVING
            site.replica.begin(A)
            site.clock.advance(LOOK_S)
            assert next(watch) == SERVING
            assert self.check(channel, service) == SERVING
            site.sources = (SourceVitals("pods", False, True, 0.0, 3, "refused"),)
            site.clock.advance(LOOK_S)
            assert next(watch) == NOT_SERVING
            site.sources = ()
            site.clock.advance(LOOK_S)
            assert next(watch) == SERVING
            site.server.drain()
            assert next(watch) == NOT_SERVING

    def test_a_service_that_is_not_there(self) -> None:
        with GrpcSite() as site, site.channel() as channel:
            code, message = failure(lambda: self.check(channel, "nope"))
            assert code is grpc.StatusCode.NOT_FOUND
            assert SERVICE in message
            assert next(self.watch(channel, "nope")) == SERVICE_UNKNOWN


class FromReflection:
    """A client that knows nothing but how to ask what there is."""

    def __init__(self, channel: grpc.Channel, service: str) -> None:
        self._channel = channel
        self._pool = descriptor_pool.DescriptorPool()
        stub = ServerReflectionStub(channel)
        asked = [
            ServerReflectionRequest(list_services=""),
            ServerReflectionRequest(file_containing_symbol=service),
        ]
        services, files = stub.ServerReflectionInfo(iter(asked), timeout=PATIENCE_S)
        self.services = [one.name for one in services.list_services_response.service]
        protos = [
            descriptor_pb2.FileDescriptorProto.FromString(data)
            for data in files.file_descriptor_response.file_descriptor_proto
        ]
        by_name = {proto.name: proto for proto in protos}

        def add(name: str) -> None:
            proto = by_name.pop(name, None)
            if proto is not None:
                for dependency in proto.dependency:
                    add(dependency)
                self._pool.Add(proto)

        for proto in protos:
            add(proto.name)
        self._service = self._pool.FindServiceByName(service)

    def call(self, method: str, **fields: Any) -> Any:
        found = self._service.methods_by_name[method]
        request = message_factory.GetMessageClass(found.input_type)
        answer = message_factory.GetMessageClass(found.output_type)
        return self._channel.unary_stream(
            f"/{self._service.full_name}/{method}",
            request_serializer=request.SerializeToString,
            response_deserializer=answer.FromString,
        )(request(**fields), timeout=PATIENCE_S)


@pytest.mark.parametrize("service", SERVICES)
def test_a_client_made_only_from_reflection_sees_the_stream(service: str) -> None:
    with GrpcSite() as site, site.channel() as channel:
        site.replica.begin(A, B)
        client = FromReflection(channel, service)
        assert client.services == [
            "grpc.health.v1.Health",
            "grpc.reflection.v1alpha.ServerReflection",
            SERVICE,
            OLDER_SERVICE,
        ]
        stream = client.call("WatchControlPlaneStatus", namespace="agents")
        snapshot = next(stream)
        assert [one.component for one in snapshot.items] == ["a", "b"]
        site.replica.publish(A_BAD, B)
        delta = next(stream)
        assert [(one.component, one.message) for one in delta.items] == [("a", "1/2 ready")]
        stream.cancel()


def test_reflection_under_its_newer_name() -> None:
    with GrpcSite() as site, site.channel() as channel:
        request = ServerReflectionRequest(file_containing_symbol=SERVICE).SerializeToString()
        (data,) = raw(channel, f"/{REFLECTION_V1}/ServerReflectionInfo", request)
        answer = ServerReflectionResponse.FromString(data)
        assert answer.file_descriptor_response.file_descriptor_proto


class Silent:
    """Calls that are open and never say anything."""

    def __init__(self, channel: grpc.Channel, path: str, count: int) -> None:
        self._done = threading.Event()
        self.calls = [
            channel.stream_stream(path)(self._requests(), timeout=3 * PATIENCE_S)
            for _ in range(count)
        ]

    def _requests(self) -> Iterator[bytes]:
        self._done.wait(3 * PATIENCE_S)
        yield from ()

    def __enter__(self) -> Silent:
        return self

    def __exit__(self, *exception: object) -> None:
        self._done.set()
        for call in self.calls:
            call.cancel()


class TestManyOpenStreams:
    def test_short_calls_answer_all_the_same(self) -> None:
        with GrpcSite() as site, ExitStack() as stack:
            site.replica.begin(A)
            channels = [stack.enter_context(site.channel(("distinct", n))) for n in range(2)]
            client = Client(channels[0])
            watches = [client.watch() for _ in range(200)]
            eventually(lambda: site.streams() == 200)
            health = [
                HealthStub(channels[1]).Watch(
                    health_pb2.HealthCheckRequest(), timeout=3 * PATIENCE_S
                )
                for _ in range(MAX_WATCHERS)
            ]
            assert {next(call).status for call in health} == {SERVING}
            reflections = stack.enter_context(
                Silent(channels[1], f"/{REFLECTION_V1}/ServerReflectionInfo", MAX_REFLECTIONS)
            )
            more = Client(channels[1])
            assert more.info().version == "1.2.3"
            assert len(more.status().items) == 1
            assert TestHealth().check(channels[1], "") == SERVING
            code, message = failure(lambda: next(TestHealth().watch(channels[1])))
            assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert str(MAX_WATCHERS) in message

            def one_too_many() -> Any:
                return raw(channels[0], f"/{REFLECTION_V1}/ServerReflectionInfo", b"")

            code, message = failure(one_too_many)
            assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert str(MAX_REFLECTIONS) in message
            assert site.counted("limit") == 2
            assert len(reflections.calls) == MAX_REFLECTIONS
            for call in [*health, *(watch.call for watch in watches)]:
                call.cancel()

    def test_calls_without_a_request_are_cut(self) -> None:
        with GrpcSite() as site, site.channel() as channel, Silent(channel, WATCH, 20) as calls:
            site.replica.begin(A)

            def cut() -> int:
                site.clock.advance(REQUEST_S)  # again, for those that come to a thread late
                return site.counted("timeout")

            eventually(lambda: cut() >= 16, "as many as there are threads")
            assert Client(channel).watch().next().type == "snapshot"
            assert failure(lambda: list(calls.calls[0]))[0] is grpc.StatusCode.CANCELLED


class TestNonsense:
    """Whatever comes: nothing that is our failure, and the server goes on."""

    OURS = (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN)

    @pytest.mark.parametrize("path", METHODS)
    def test_random_requests(self, request: pytest.FixtureRequest, path: str) -> None:
        rng = random.Random(path)
        with GrpcSite(clock=SystemClock()) as site, site.client() as client:
            site.replica.begin(A)
            with site.channel() as channel:
                for _ in range(request.config.getoption("--fuzz-requests") // 50):
                    payload = rng.randbytes(rng.choice((1, 2, 5, 20, 300)))
                    if rng.random() < 0.5:
                        # A field with a length that fits gets further.
                        payload = bytes([rng.choice((10, 18, 26)), len(payload) % 128]) + payload
                    assert outcome(channel, path, payload) not in self.OURS, payload
            assert client.info().version == "1.2.3"
            eventually(lambda: site.streams() == 0)

    def test_no_request_and_what_is_none(self) -> None:
        with GrpcSite() as site, site.channel() as channel:
            for path in METHODS:
                if "Reflection" in path:
                    continue
                code, message = failure(partial(raw, channel, path))
                assert code is grpc.StatusCode.INVALID_ARGUMENT, path
                assert message == "expected one request message"
                code, message = failure(partial(raw, channel, path, b"\x0a\x05ab"))
                assert code is grpc.StatusCode.INVALID_ARGUMENT, path
                assert message.startswith("expected a serialised ")

    def test_too_large_a_request(self) -> None:
        with GrpcSite() as site, site.channel() as channel:
            payload = b"\x0a" + bytes(MAX_REQUEST_BYTES)
            code, _ = failure(lambda: raw(channel, WATCH, payload))
            assert code is grpc.StatusCode.RESOURCE_EXHAUSTED

    def test_random_bytes_to_the_port(self) -> None:
        rng = random.Random(3)
        preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"
        with GrpcSite() as site, site.client() as client:
            for _ in range(200):
                data = rng.randbytes(rng.choice((1, 9, 100, 2000)))
                with socket.create_connection(("127.0.0.1", site.server.port)) as sock:
                    sock.sendall(preface + data if rng.random() < 0.7 else data)
            assert client.info().version == "1.2.3"


def test_answers_that_are_not_taken_are_held_up_to_a_share_of_bytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with GrpcSite() as site:
        large = Item("a", "agents", Status.ERROR, "", {"x": "y" * 3_000_000})
        site.replica.begin(large)
        held = site.services.held
        path = f"/{SERVICE}/GetControlPlaneStatus"
        with RawReader(site.server.port, 20, grants=False, path=path):
            eventually(lambda: site.counted("limit") == 15)
            assert 15_000_000 < held.taken < 16 << 20
            with site.client() as client, monkeypatch.context() as patch:
                patch.delattr(legacy_pb, "to_response")  # it is not made in vain
                code, message = failure(client.status)
                assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
                assert "16 MiB for one peer" in message
                assert client.info().version == "1.2.3"
                with site.channel() as channel:
                    assert TestHealth().check(channel, "") == SERVING
        eventually(lambda: held.taken == 0)
        with site.client() as client:
            assert len(client.status().items) == 1
        eventually(lambda: held.taken == 0)


def test_calls_that_were_refused_or_cut_off_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not when the garbage collector comes by: each keeps its connection's socket."""
    known: list[weakref.ref[grpc.ServicerContext]] = []
    begin = CallTimeouts.begin

    def noting(self: CallTimeouts, context: grpc.ServicerContext, seconds: float) -> None:
        known.append(weakref.ref(context))
        begin(self, context, seconds)

    monkeypatch.setattr(CallTimeouts, "begin", noting)
    gc.disable()
    try:
        with GrpcSite() as site, site.channel() as channel:
            site.replica.begin(A)
            for path in METHODS:
                with Silent(channel, path, 2):
                    eventually(lambda: len(known) % 5 == 2)
                raw(channel, path, b"")
                outcome(channel, path, b"\xff")
                outcome(channel, path, bytes(MAX_REQUEST_BYTES + 1))
            eventually(lambda: len(known) == 5 * len(METHODS))
            eventually(lambda: not any(ref() for ref in known))
    finally:
        gc.enable()


def test_a_call_that_fails_inside_says_nothing_of_why(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*args: object) -> None:
        raise ValueError("a secret")

    with GrpcSite() as site, site.client() as client:
        site.replica.begin(A)
        monkeypatch.setattr(events_pb, "encode", broken)
        watch = client.watch()
        assert watch.failure()[0] is grpc.StatusCode.CANCELLED
        monkeypatch.setattr("agentctl.wire.legacy_pb.to_response", broken)
        code, message = failure(client.status)
        assert code is grpc.StatusCode.INTERNAL
        assert "secret" not in message
        eventually(lambda: site.streams() == 0)
    caplog.clear()  # the records keep the calls


def test_a_call_that_gets_no_thread_of_its_own_waits_for_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls = CallClass("call", 8, 100)
    calls.start()
    go_on, done = threading.Event(), threading.Event()
    try:
        calls.pool.submit(go_on.wait, PATIENCE_S)
        refuse_threads(monkeypatch)
        calls.pool.submit(done.set).add_done_callback(lambda future: None)
        assert not done.is_set()
        go_on.set()
        assert done.wait(PATIENCE_S), "grpcio's serving thread would have died"
    finally:
        go_on.set()
        calls.pool.shutdown()
