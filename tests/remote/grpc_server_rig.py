"""Scripted gRPC servers, connections that fail as told, and a source against either."""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime, timezone
from types import TracebackType
from typing import Any, Callable, Optional, TypeVar

import grpc

from agentctl.clock import SystemClock
from agentctl.engine.attempt import Attempt, Source
from agentctl.engine.messages import Ended, Message, Received
from agentctl.errors import SourceError
from agentctl.model import Delta, Event, Heartbeat, Item, Snapshot, Status
from agentctl.remote.access import ServerAccess, ServerAddress
from agentctl.remote.grpc import GrpcSource
from agentctl.rpc import agentctl_pb2 as pb
from agentctl.wire import events_pb
from agentctl.wire.grpc_contract import SERVICES

M = TypeVar("M")
PATIENCE_S = 20.0
FREED_S = 10.0
"""A stop takes milliseconds where nothing else runs; what it frees would last longer."""

NOW = datetime(2026, 1, 30, 18, 15, tzinfo=timezone.utc)
A, B = Item("a", "agents", Status.HEALTHY), Item("b", "agents", Status.HEALTHY)
A_BAD = Item("a", "agents", Status.DEGRADED, "1/2 ready")
SNAPSHOT = Snapshot(NOW, (A, B), "c1")
DELTA = Delta(NOW, (A_BAD,), (), "c2")
BEAT = Heartbeat(NOW, "c2")

Watch = Callable[[pb.WatchControlPlaneStatusRequest, grpc.ServicerContext], Iterator[bytes]]
Ask = Callable[[pb.GetControlPlaneStatusRequest, grpc.ServicerContext], Any]


def until_gone(context: grpc.ServicerContext) -> None:
    """Keep a stream open until its reader goes."""
    gone = threading.Event()
    if context.add_callback(gone.set):
        gone.wait(PATIENCE_S)


def sending(*events: Event, stay: bool = True) -> Watch:
    """A script that sends events, then keeps the stream open, or ends it."""

    def watch(request: Any, context: grpc.ServicerContext) -> Iterator[bytes]:
        yield from map(events_pb.encode, events)
        if stay:
            until_gone(context)

    return watch


def aborting(code: grpc.StatusCode, details: str = "so it is", *before: Event) -> Watch:
    def watch(request: Any, context: grpc.ServicerContext) -> Iterator[bytes]:
        yield from map(events_pb.encode, before)
        context.abort(code, details)

    return watch


class Calls(grpc.GenericRpcHandler):
    """What was called, known or not."""

    def __init__(self) -> None:
        self.methods: list[str] = []

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> None:
        self.methods.append(handler_call_details.method)


class ScriptedServer:
    """``with ScriptedServer(watch, ask) as server``; a method without a script is unknown there."""

    def __init__(
        self,
        watch: Optional[Watch] = None,
        ask: Optional[Ask] = None,
        raw_ask: Optional[Watch] = None,
        tls: Optional[grpc.ServerCredentials] = None,
        address: str = "127.0.0.1:0",
        service: str = SERVICES[0],
    ) -> None:
        self.watches: list[pb.WatchControlPlaneStatusRequest] = []
        self.asked: list[pb.GetControlPlaneStatusRequest] = []
        self.tokens: list[str] = []
        self.metadata: list[dict[str, Any]] = []
        self._calls = Calls()
        self._pool = ThreadPoolExecutor(4)
        methods: dict[str, Any] = {}
        if watch is not None:
            methods["WatchControlPlaneStatus"] = grpc.unary_stream_rpc_method_handler(
                self._noting(self.watches, watch), pb.WatchControlPlaneStatusRequest.FromString
            )
        if raw_ask is not None:
            methods["GetControlPlaneStatus"] = grpc.unary_stream_rpc_method_handler(raw_ask)
        if ask is not None:
            methods["GetControlPlaneStatus"] = grpc.unary_unary_rpc_method_handler(
                self._noting(self.asked, ask),
                pb.GetControlPlaneStatusRequest.FromString,
                pb.GetControlPlaneStatusResponse.SerializeToString,
            )
        options = [("grpc.so_reuseport", 0), ("grpc.max_send_message_length", -1)]
        self._server = grpc.server(self._pool, options=options)
        self._server.add_generic_rpc_handlers(
            (self._calls, grpc.method_handlers_generic_handler(service, methods))
        )
        if tls is None:
            self.port = self._server.add_insecure_port(address)
        else:
            self.port = self._server.add_secure_port(address, tls)

    def __enter__(self) -> ScriptedServer:
        self._server.start()
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.stop()

    @property
    def calls(self) -> list[str]:
        """The paths that were called, those that are unknown here among them."""
        return self._calls.methods

    def stop(self) -> None:
        self._server.stop(0).wait(PATIENCE_S)
        self._pool.shutdown()

    def _noting(self, requests: list[Any], script: Any) -> Any:
        def call(request: Any, context: grpc.ServicerContext) -> Any:
            requests.append(request)
            sent = dict(context.invocation_metadata())
            self.metadata.append(sent)
            self.tokens.append(str(sent.get("authorization", "")))
            return script(request, context)

        return call


class Wire:
    """A listener whose connections are given to ``serve``, each in a thread of its own."""

    def __init__(self, serve: Callable[[socket.socket], None]) -> None:
        self._serve = serve
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self) -> Wire:
        self._threads[0].start()
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._threads[0].join(PATIENCE_S)
        self.cut()
        for thread in self._threads:
            thread.join(PATIENCE_S)

    def cut(self) -> None:
        """End all connections there are."""
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(connection)
            thread = threading.Thread(target=self._one, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _one(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            self._serve(connection)


class Relay(Wire):
    """Stands between a client and a server; ``stall`` holds back what the server sends."""

    def __init__(self, port: int) -> None:
        super().__init__(self._relay)
        self._port = port
        self._flows = threading.Event()
        self._flows.set()

    def stall(self) -> None:
        self._flows.clear()

    def __exit__(self, *how: Any) -> None:
        self._flows.set()
        super().__exit__(*how)

    def _relay(self, client: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", self._port)) as server:
            self._open.append(server)
            there = threading.Thread(target=_copy, args=(client, server))
            there.start()
            _copy(server, client, self._flows)
            there.join(PATIENCE_S)


def _copy(
    source: socket.socket, sink: socket.socket, flows: Optional[threading.Event] = None
) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            if flows is not None:
                flows.wait(PATIENCE_S)
            sink.sendall(data)
    for end in (source, sink):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def access_to(port: int, heartbeat_s: float = 30.0, **more: Any) -> ServerAccess:
    address = more.pop("address", ServerAddress("127.0.0.1", port))
    namespace = more.pop("namespace", "agents")
    return ServerAccess(address, namespace, heartbeat_s, **more)


class Watching:
    """``with Watching(access) as watching``: one attempt, its messages in the test's hands."""

    def __init__(
        self, access: ServerAccess, cursor: str = "", source: Optional[Source] = None
    ) -> None:
        self.source: Any = source or GrpcSource(access, SystemClock())
        self.inbox: queue.Queue[Any] = queue.Queue()
        self.attempt = Attempt(self.source, 1, cursor, self.inbox)
        self.where = str(access.address)
        self.server: ScriptedServer

    def __enter__(self) -> Watching:
        self.attempt.start()
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        assert self.stop_s() < FREED_S, "not freed"

    def stop_s(self) -> float:
        """How long it took to stop."""
        began = time.monotonic()
        self.attempt.stop()
        assert self.attempt.join(PATIENCE_S)
        return time.monotonic() - began

    def next(self) -> Message:
        message: Message = self.inbox.get(timeout=PATIENCE_S)
        return message

    def event(self) -> Event:
        """The next event; proof of life before it is passed over."""
        while True:
            message = self.next()
            assert not isinstance(message, Ended), message.failure
            if isinstance(message, Received):
                return message.event

    def failure(self) -> SourceError:
        """What it ended with; what comes before is dropped."""
        while True:
            message = self.next()
            if isinstance(message, Ended):
                assert message.failure is not None, "it ended well"
                return message.failure


@contextlib.contextmanager
def watched(watch: Watch, cursor: str = "", **access: Any) -> Iterator[Watching]:
    """An attempt at the stream of a server with this script."""
    with ExitStack() as stack:
        server = stack.enter_context(ScriptedServer(watch))
        watching = stack.enter_context(Watching(access_to(server.port, **access), cursor))
        watching.server = server
        yield watching
