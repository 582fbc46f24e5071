"""Admission of gRPC calls: through the gate, counted, with one request each.

grpcio's pool threads wait for a call's request, for ever if it does not come, and a call
too many waits for a thread, silently. So the token is looked at before a call gets a
thread, calls of a kind are counted and one too many is told, and what is not done in time
is cancelled.

All methods are registered as if they took a stream of requests: our code then runs
whatever the client sends or does not send.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, Optional, TypeVar

import grpc
from google.protobuf.message import DecodeError, Message

from agentctl.server.auth import TokenGate
from agentctl.server.grpc.calls import (
    AdmittedCall,
    CallClass,
    CallTimeouts,
    Refused,
    Send,
    peer_key,
)
from agentctl.server.held_bytes import HeldBytes
from agentctl.server.metrics import Metrics

log = logging.getLogger(__name__)

NO_TOKEN = "expected metadata 'authorization: Bearer <token>' with a token good here"

M = TypeVar("M", bound=Message)


class Admission(grpc.GenericRpcHandler):
    """All of a server's methods, behind its gate. Methods are added before it starts."""

    def __init__(
        self, gate: TokenGate, metrics: Metrics, timeouts: CallTimeouts, held: HeldBytes
    ) -> None:
        self.gate = gate
        self.held = held
        self.metrics = metrics
        self.timeouts = timeouts
        self._methods: dict[str, tuple[CallClass, grpc.RpcMethodHandler[Any, Any]]] = {}
        self._kinds: dict[int, CallClass] = {}
        self.refusals = CallClass("refusal", 1, 1)
        self._stranger = self._refusal(grpc.StatusCode.UNAUTHENTICATED, NO_TOKEN, "unauthorized")
        self._full: dict[int, grpc.RpcMethodHandler[Any, Any]] = {}

    def answer(
        self, path: str, kind: CallClass, request: type[M], answer: Callable[[M], Message]
    ) -> None:
        """A method with one request and one answer."""
        self._add(
            path, kind, grpc.stream_unary_rpc_method_handler(_Answer(self, kind, request, answer))
        )

    def stream(
        self,
        path: str,
        kind: CallClass,
        request: type[M],
        begin: Callable[[M, AdmittedCall, Send], None],
    ) -> None:
        """A method with one request, after which ``begin`` sees to it that answers are sent.

        The kind's threads are needed, and its calls counted, until then only.
        """
        self._add(
            path, kind, grpc.stream_stream_rpc_method_handler(_Stream(self, kind, request, begin))
        )

    def dialogue(
        self,
        path: str,
        kind: CallClass,
        request: type[M],
        answers: Callable[[Iterator[M], grpc.ServicerContext], Iterable[Message]],
    ) -> None:
        """A method with many requests and an answer to each; keeps a thread."""
        self._add(
            path,
            kind,
            grpc.stream_stream_rpc_method_handler(_Dialogue(self, kind, request, answers)),
        )

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> Optional[grpc.RpcMethodHandler[Any, Any]]:
        """grpcio asks on its one serving thread; None is UNIMPLEMENTED."""
        if not self.gate.admits(_authorization(handler_call_details.invocation_metadata)):
            return self._stranger
        kind, handler = self._methods.get(handler_call_details.method, (None, None))
        if kind is not None and not kind.enter():
            return self._full[id(kind)]
        return handler

    @property
    def threads(self) -> int:
        """How many ``start`` starts: what comes later is good to have, no more."""
        return len(self._all())

    def start(self) -> None:
        """Start a thread of each kind; before grpc's own. Raises RuntimeError if there is none."""
        for kind in self._all():
            kind.start()

    def close(self) -> None:
        """End the threads; after grpc's own."""
        for kind in self._all():
            kind.pool.shutdown()

    def _all(self) -> list[CallClass]:
        return [*self._kinds.values(), self.refusals]

    def _add(self, path: str, kind: CallClass, handler: grpc.RpcMethodHandler[Any, Any]) -> None:
        self._methods[path] = kind, handler
        if id(kind) not in self._kinds:
            self._kinds[id(kind)] = kind
            code = grpc.StatusCode.RESOURCE_EXHAUSTED
            self._full[id(kind)] = self._refusal(code, kind.too_many, "limit")

    def _refusal(
        self, code: grpc.StatusCode, message: str, kind: str
    ) -> grpc.RpcMethodHandler[Any, Any]:
        return grpc.stream_stream_rpc_method_handler(_Refusal(self, code, message, kind))


class _Refusal:
    """Answers before any request has come."""

    experimental_non_blocking = True

    def __init__(
        self, admission: Admission, code: grpc.StatusCode, message: str, kind: str
    ) -> None:
        self.experimental_thread_pool = admission.refusals.pool
        self._admission = admission
        self._how = code, message, kind

    def __call__(self, requests: object, context: grpc.ServicerContext, send: Send) -> None:
        with _Telling(self._admission, context):
            raise Refused(*self._how)


class _Method:
    """What answers the calls of a method; ``handle`` is as it was added."""

    def __init__(
        self,
        admission: Admission,
        kind: CallClass,
        request: type[Message],
        handle: Callable[..., Any],
    ) -> None:
        self.experimental_thread_pool = kind.pool
        self._admission, self._kind, self._request = admission, kind, request
        self._handle = handle

    def _begin(self, context: grpc.ServicerContext) -> None:
        """Count a call until its client has the answer, which may take so long and no longer."""

        def ended() -> None:
            self._admission.timeouts.end(context)
            self._kind.leave()

        self._admission.timeouts.begin(context, self._kind.lasts_s)
        if not context.add_callback(ended):
            ended()


class _Answer(_Method):
    _size = 0
    """Of the last answer: a large one is not made in vain."""

    def __call__(self, requests: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
        self._begin(context)
        with _Telling(self._admission, context):
            request = _only(requests, self._request)
            held, peer = self._admission.held, peer_key(context.peer())
            if not held.fits(peer, self, self._size):
                raise Refused(grpc.StatusCode.RESOURCE_EXHAUSTED, held.refusal, "limit")
            answer: Message = self._handle(request)
            data = answer.SerializeToString()
            self._size = len(data)
            if not held.claim(peer, data, len(data)):
                raise Refused(grpc.StatusCode.RESOURCE_EXHAUSTED, held.refusal, "limit")

            def ended() -> None:
                held.drop(peer, data)

            if not context.add_callback(ended):
                ended()
            return data
        return b""


class _Stream(_Method):
    experimental_non_blocking = True
    """grpcio then gives us a callback, and wants no iterator that would keep a thread."""

    def __call__(
        self, requests: Iterator[bytes], context: grpc.ServicerContext, send: Send
    ) -> None:
        timeouts = self._admission.timeouts
        try:
            with _Telling(self._admission, context):
                timeouts.begin(context, self._kind.lasts_s)
                request = _only(requests, self._request)
                self._handle(request, _call(self._admission, context), send)
        finally:
            timeouts.end(context)
            self._kind.leave()


class _Dialogue(_Method):
    def __call__(self, requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        self._begin(context)
        return self._talk(requests, context)

    def _talk(self, requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        with _Telling(self._admission, context):
            parsed = (_parsed(data, self._request) for data in requests)
            for answer in self._handle(parsed, context):
                _call(self._admission, context)
                yield answer.SerializeToString()


class _Telling:
    """End the call as a refusal says, and one that fails without telling how.

    No generator: on Python 3.9 contextlib keeps what passes through in a cycle.
    """

    def __init__(self, admission: Admission, context: grpc.ServicerContext) -> None:
        self._admission = admission
        self._context = context

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> bool:
        if isinstance(error, Refused):
            if error.kind:
                self._admission.metrics.stream_error(error.kind)
            self._context.abort(error.code, error.message)
        if isinstance(error, grpc.RpcError):
            # The client is gone, and what we return now goes nowhere. grpcio keeps the
            # error with the call: with its traceback each would keep the other.
            error.__traceback__ = None
            return True
        if isinstance(error, Exception):
            log.error("a call failed", exc_info=error)
            message = "the server failed on this call; its log says why"
            self._context.abort(grpc.StatusCode.INTERNAL, message)
        return False


def _call(admission: Admission, context: grpc.ServicerContext) -> AdmittedCall:
    """The token may have been taken back while the request was on its way."""
    ticket = admission.gate.ticket(_authorization(context.invocation_metadata()))
    if ticket is None:
        raise Refused(grpc.StatusCode.UNAUTHENTICATED, NO_TOKEN, "unauthorized")
    return AdmittedCall(context, ticket)


def _authorization(metadata: Any) -> str:
    """The one value of that header; several are as none."""
    values = [value for key, value in metadata or () if key == "authorization"]
    return values[0] if len(values) == 1 and isinstance(values[0], str) else ""


def _only(requests: Iterator[bytes], kind: type[M]) -> M:
    """The one request of a call; waits for it."""
    data = next(requests, None)
    if data is None:
        raise Refused(
            grpc.StatusCode.INVALID_ARGUMENT, "expected one request message", "bad_request"
        )
    return _parsed(data, kind)


def _parsed(data: bytes, kind: type[M]) -> M:
    try:
        return kind.FromString(data)
    except (DecodeError, ValueError, RecursionError):
        # The latter two come from protobuf in pure Python.
        message = f"expected a serialised {kind.DESCRIPTOR.full_name}"
        raise Refused(grpc.StatusCode.INVALID_ARGUMENT, message, "bad_request") from None
