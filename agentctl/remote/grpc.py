"""gRPC source: a server's stream, and its status asked for once."""

from __future__ import annotations

from typing import Callable, TypeVar

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError

from agentctl.clock import Clock
from agentctl.debug_log import DebugLog
from agentctl.engine.attempt import Attempt
from agentctl.errors import (
    DisconnectedError,
    ServerError,
    SourceError,
    UnauthorizedError,
    UsageError,
)
from agentctl.model import Snapshot, StreamError
from agentctl.remote.access import ServerAccess
from agentctl.remote.grpc_channel import Answers, calling, credentials
from agentctl.remote.grpc_failures import Asked, failure_of, was_pinged_too_often
from agentctl.remote.poll import RemoteSource
from agentctl.remote.read_timeout import ReadTimeout
from agentctl.remote.receiver import Receiver
from agentctl.rpc import agentctl_pb2 as pb
from agentctl.wire import events_pb, legacy_pb
from agentctl.wire.grpc_contract import DEFAULT_RULE_S, SERVICES, client_ping_s
from agentctl.wire.statusjson import Read

log = DebugLog(__name__)

T = TypeVar("T")

ANSWER_S = 10.0
"""For an answer that is no stream."""

PROXY_BEAT_S = 30.0
"""Proxies cut a stream that is silent for a minute, and gRPC has no comments: a server is
asked for a sign of life this often, however seldom the user wants to be shown one."""

_UNREADABLE = (ValueError, DecodeError, RecursionError)
"""The last, and UnicodeDecodeError, come from protobuf in pure Python alone."""


class _Unimplemented(Exception):
    """The server does not have the method under that name of the service."""

    def __init__(self, failure: SourceError) -> None:
        super().__init__(failure.message)
        self.failure = failure


class ServiceName:
    """Under which of its names a server knows the service, as found out in this run.

    A server may be replaced by one that knows the other: so the other is always tried too.
    """

    def __init__(self) -> None:
        self._known, self._other = SERVICES

    def ask(self, call: Callable[[str], T]) -> T:
        """``call`` with the name; where it is not known, once more with the other.

        Where neither is, the failure is that of the first.
        """
        try:
            return call(self._known)
        except _Unimplemented as unknown:
            failure = unknown.failure
        self._turn()
        try:
            return call(self._known)
        except _Unimplemented:
            self._turn()
        raise failure

    def _turn(self) -> None:
        log.debug("grpc: not known there as %s", self._known)
        self._known, self._other = self._other, self._known


class GrpcSource(RemoteSource):
    """``WatchControlPlaneStatus``; and ``GetControlPlaneStatus``, which older servers answer too.

    Raises UsageError and ConfigError for an access that cannot be used at all.
    """

    def __init__(self, access: ServerAccess, clock: Clock) -> None:
        if access.address.prefix:
            raise UsageError(f"--server: gRPC knows no path; give {access.address} alone")
        if access.tls is not None:
            credentials(access.tls)
        super().__init__(access, clock)
        self._service = ServiceName()
        self.ping_s = client_ping_s(access.heartbeat_s)
        """What the server has been found to allow: it outlives connections."""

    def watch(self, attempt: Attempt, receiver: Receiver) -> None:
        self._call(lambda service: self._watch(attempt, receiver, service))

    def ask(self, attempt: Attempt) -> tuple[Snapshot, list[StreamError]]:
        data = self._call(lambda service: self._answer(attempt, service))
        try:
            response = pb.GetControlPlaneStatusResponse.FromString(data)
            return legacy_pb.status_of(response, self._access.namespace, self._clock.now())
        except _UNREADABLE as error:
            raise ServerError(f"{self._access.address}: no status in its answer: {error}") from None

    def _call(self, call: Callable[[str], T]) -> T:
        """``call`` with the service's name; once more where it was refused, as each call
        reads the token anew."""
        try:
            return self._service.ask(call)
        except UnauthorizedError as error:
            if self._access.token is None:
                raise
            log.debug("%s; reading the token again", error.message)
        return self._service.ask(call)

    def _watch(self, attempt: Attempt, receiver: Receiver, service: str) -> None:
        access = self._access
        where, cursor = access.address, receiver.cursor
        log.debug("grpc: watching %s at %s from %s", access.namespace, where, cursor or "nothing")
        request = pb.WatchControlPlaneStatusRequest(
            namespace=access.namespace,
            heartbeat=_duration(min(access.heartbeat_s, PROXY_BEAT_S)),
            cursor=cursor,
            clusters=True,  # a server that does not know the field passes it over
        )
        heard = False
        method, ping_s = "WatchControlPlaneStatus", self.ping_s
        with calling(access, attempt, service, method, request, ping_s=ping_s) as call:
            with ReadTimeout(self._clock, receiver.silence_s, call.close) as watched:
                try:
                    call.answers.initial_metadata()
                    watched.settling(receiver.connected)
                    for data in call.answers:
                        watched.busy()
                        counts = receiver.take(self._read(data, receiver))
                        heard = heard or counts
                        watched.waiting(counts, receiver.silence_s)
                except grpc.RpcError:
                    pass
            if watched.expired:
                raise receiver.silent()
            failure = _failure(call.answers, access, streaming=True, heard=heard)
            if was_pinged_too_often(call.answers.details() or ""):
                self.ping_s = max(2 * ping_s, DEFAULT_RULE_S)
                log.debug("grpc: %s; from now on each %gs", failure.message, self.ping_s)
        if heard and isinstance(failure, UnauthorizedError):
            # The token was good until now: the next attempt reads it anew.
            raise DisconnectedError(failure.message)
        raise failure

    def _read(self, data: bytes, receiver: Receiver) -> Read:
        """Raises ServerError for what is no event."""
        try:
            return events_pb.decode(data, self._clock.now(), receiver.namespaces)
        except ValueError as error:
            raise ServerError(f"{self._access.address}: {error}") from None

    def _answer(self, attempt: Attempt, service: str) -> bytes:
        access = self._access
        request = pb.GetControlPlaneStatusRequest(namespace=access.namespace, clusters=True)
        method = "GetControlPlaneStatus"
        with calling(access, attempt, service, method, request, ANSWER_S) as call:
            try:
                found, more = next(call.answers, None), next(call.answers, None)
            except grpc.RpcError:
                raise _failure(call.answers, access, streaming=False) from None
        if found is None or more is not None:
            raise ServerError(f"{access.address}: its answer is not a single message")
        return found


def _failure(
    ended: Answers, access: ServerAccess, streaming: bool, heard: bool = False
) -> SourceError:
    """What a call died of. Raises _Unimplemented where nothing was heard before that."""
    asked = Asked(str(access.address), access.tls is not None, access.token is not None, streaming)
    failure = failure_of(ended.code().name, ended.details() or "", asked)
    if ended.code() is grpc.StatusCode.UNIMPLEMENTED and not heard:
        raise _Unimplemented(failure)
    return failure


def _duration(seconds: float) -> Duration:
    duration = Duration()
    duration.FromMilliseconds(round(seconds * 1000))
    return duration
