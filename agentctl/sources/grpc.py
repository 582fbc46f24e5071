"""A server's stream over gRPC, and its status asked for once."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Callable, Optional, Protocol, TypeVar

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError, Message

from agentctl.clock import Clock
from agentctl.duration import format_duration
from agentctl.errors import (
    DisconnectedError,
    ServerError,
    SourceError,
    UnauthorizedError,
    UsageError,
)
from agentctl.model import Snapshot, StreamError
from agentctl.rpc import agentctl_pb2 as pb
from agentctl.sources.base import Attempt
from agentctl.sources.grpc_channel import Metadata, channel, credentials, may_pass, metadata
from agentctl.sources.grpc_failures import Asked, failure_of
from agentctl.sources.remote import CATCH_UP_S, SOURCE, Receiver, RemotePollSource
from agentctl.sources.serveraccess import ServerAccess
from agentctl.sources.watchdog import Settling, Watchdog
from agentctl.wire import events_pb, oldstatus

log = logging.getLogger(__name__)

T = TypeVar("T")

SERVICE = pb.DESCRIPTOR.services_by_name["AgentctlService"].full_name

ANSWER_S = 10.0
"""For an answer that is no stream."""

_UNREADABLE = (ValueError, DecodeError, RecursionError)
"""The last, and UnicodeDecodeError, come from protobuf in pure Python alone."""


class Answers(Protocol):
    """A call that was begun: what it is answered with, as bytes, and how it ended."""

    def __iter__(self) -> Iterator[bytes]: ...
    def __next__(self) -> bytes: ...
    def initial_metadata(self) -> object: ...
    def code(self) -> grpc.StatusCode: ...
    def details(self) -> Optional[str]: ...


class GrpcSource:
    """``WatchControlPlaneStatus`` of one server; its status alone where once is enough.

    Raises UsageError and ConfigError for an access that cannot be used at all.
    """

    name = noun = SOURCE
    essential = True

    def __init__(self, access: ServerAccess, clock: Clock) -> None:
        if access.address.prefix:
            raise UsageError(f"--server: gRPC knows no path; give {access.address} alone")
        if access.tls is not None:
            credentials(access.tls)
        self._access = access
        self._clock = clock
        self._patient_until: Optional[float] = None

    def fallback(self) -> RemotePollSource:
        access = self._access
        ask = GrpcAsk(access, self._clock)
        return RemotePollSource(ask, self._clock, access.poll_interval_s, access.once)

    def run(self, attempt: Attempt) -> None:
        if self._access.once:
            self.fallback().run(attempt)
            return
        if self._patient_until is None:
            self._patient_until = self._clock.monotonic() + CATCH_UP_S
        receiver = Receiver(attempt, self._clock, self._access.since, self._patient_until)
        with may_pass(), channel(self._access, attempt) as opened:
            _with_token(self._access, lambda sent: self._watch(opened, receiver, sent))

    def _watch(self, opened: grpc.Channel, receiver: Receiver, sent: Metadata) -> None:
        """One stream to its end, which is a failure always."""
        access = self._access
        where, cursor = access.address, receiver.cursor
        log.debug("grpc: watching %s at %s from %s", access.namespace, where, cursor or "nothing")
        request = pb.WatchControlPlaneStatusRequest(
            namespace=access.namespace, heartbeat=_duration(access.heartbeat_s), cursor=cursor
        )
        stream = _begin(opened, "WatchControlPlaneStatus", request, sent)
        heard = False
        with Watchdog(self._clock, access.silence_s, opened.close) as dog:
            try:
                stream.initial_metadata()
                with Settling(receiver.connected) as settling:
                    for data in stream:
                        dog.busy()
                        settling.over()
                        heard = True
                        self._take(data, receiver)
                        dog.waiting()
            except grpc.RpcError:
                if dog.barked:
                    silence = format_duration(access.silence_s)
                    raise DisconnectedError(f"nothing heard from {where} for {silence}") from None
        failure = _failure(stream, access, streaming=True)
        if heard and isinstance(failure, UnauthorizedError):
            # The token was good until now: the next attempt reads it anew.
            raise DisconnectedError(failure.message)
        raise failure

    def _take(self, data: bytes, receiver: Receiver) -> None:
        """An event of a kind that is not known here is ignored."""
        try:
            event = events_pb.decode(data)
        except ValueError as error:
            kind = _unknown_kind(data)
            if kind is None:
                raise ServerError(f"{self._access.address}: {error}") from None
            log.debug("grpc: ignoring an event of type %d, which is unknown here", kind)
            return
        receiver.receive(event)


class GrpcAsk:
    """``GetControlPlaneStatus``; older servers answer it too."""

    def __init__(self, access: ServerAccess, clock: Clock) -> None:
        self._access = access
        self._clock = clock

    def __call__(self, attempt: Attempt) -> tuple[Snapshot, list[StreamError]]:
        with may_pass(), channel(self._access, attempt) as opened:
            data = _with_token(self._access, lambda sent: self._answer(opened, sent))
        try:
            response = pb.GetControlPlaneStatusResponse.FromString(data)
            return oldstatus.status_of(response, self._access.namespace, self._clock.now())
        except _UNREADABLE as error:
            raise ServerError(f"{self._access.address}: no status in its answer: {error}") from None

    def _answer(self, opened: grpc.Channel, sent: Metadata) -> bytes:
        request = pb.GetControlPlaneStatusRequest(namespace=self._access.namespace)
        answers = _begin(opened, "GetControlPlaneStatus", request, sent, ANSWER_S)
        try:
            found, more = next(answers, None), next(answers, None)
        except grpc.RpcError:
            raise _failure(answers, self._access, streaming=False) from None
        if found is None or more is not None:
            raise ServerError(f"{self._access.address}: its answer is not a single message")
        return found


def _begin(
    opened: grpc.Channel,
    method: str,
    request: Message,
    sent: Metadata,
    timeout_s: Optional[float] = None,
) -> Answers:
    """A call whose answers are left as bytes; a single one is a stream of one."""
    serialize = type(request).SerializeToString
    call: Callable[..., Answers] = opened.unary_stream(
        f"/{SERVICE}/{method}", request_serializer=serialize
    )
    try:
        return call(request, timeout=timeout_s, metadata=sent)
    except ValueError:
        # Closed meanwhile: so says grpc.
        raise DisconnectedError("stopped") from None


def _with_token(access: ServerAccess, call: Callable[[Metadata], T]) -> T:
    """``call`` with what is to be sent; once more with the token read anew if it was refused."""
    try:
        return call(metadata(access))
    except UnauthorizedError as error:
        if access.token is None:
            raise
        log.debug("%s; reading the token again", error.message)
    return call(metadata(access))


def _failure(ended: Answers, access: ServerAccess, streaming: bool) -> SourceError:
    asked = Asked(str(access.address), access.tls is not None, access.token is not None, streaming)
    return failure_of(ended.code().name, ended.details() or "", asked)


def _unknown_kind(data: bytes) -> Optional[int]:
    """The type of an event whose type is not known here."""
    try:
        kind = pb.ControlPlaneStatusEvent.FromString(data).type
    except _UNREADABLE:
        return None
    return None if kind in pb.ControlPlaneStatusEvent.Type.values() else int(kind)


def _duration(seconds: float) -> Duration:
    duration = Duration()
    duration.FromMilliseconds(round(seconds * 1000))
    return duration
