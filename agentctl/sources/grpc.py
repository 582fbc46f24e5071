"""A server's stream over gRPC, and its status asked for once."""

from __future__ import annotations

import logging
from typing import Callable, Optional, TypeVar

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError

from agentctl.clock import Clock
from agentctl.errors import (
    DisconnectedError,
    ServerError,
    SourceError,
    UnauthorizedError,
    UsageError,
)
from agentctl.model import Snapshot, StreamError
from agentctl.rpc import agentctl_pb2 as pb
from agentctl.rpc_settings import DEFAULT_RULE_S, client_ping_s
from agentctl.sources.base import Attempt
from agentctl.sources.grpc_channel import Answers, calling, credentials
from agentctl.sources.grpc_failures import Asked, failure_of, was_pinged_too_often
from agentctl.sources.remote import CATCH_UP_S, SOURCE, Receiver, RemotePollSource
from agentctl.sources.serveraccess import ServerAccess
from agentctl.sources.watchdog import Settling, Watchdog
from agentctl.wire import events_pb, oldstatus
from agentctl.wire.statusjson import Read

log = logging.getLogger(__name__)

T = TypeVar("T")

ANSWER_S = 10.0
"""For an answer that is no stream."""

PROXY_BEAT_S = 30.0
"""Proxies cut a stream that is silent for a minute, and gRPC has no comments: a server is
asked for a sign of life this often, however seldom the user wants to be shown one."""

_UNREADABLE = (ValueError, DecodeError, RecursionError)
"""The last, and UnicodeDecodeError, come from protobuf in pure Python alone."""


class GrpcSource:
    """``WatchControlPlaneStatus`` of one server; its status alone where once is enough.

    Raises UsageError and ConfigError for an access that cannot be used at all.
    """

    name = noun = SOURCE
    essential = True
    proves = False
    server = ""

    def __init__(self, access: ServerAccess, clock: Clock) -> None:
        if access.address.prefix:
            raise UsageError(f"--server: gRPC knows no path; give {access.address} alone")
        if access.tls is not None:
            credentials(access.tls)
        self._access = access
        self._clock = clock
        self._patient_until: Optional[float] = None
        self._complaints: set[str] = set()
        self._ping_s = client_ping_s(access.heartbeat_s)
        """What the server has been found to allow: it outlives connections."""

    def credentials(self) -> object:
        return self._access.credentials()

    def fallback(self) -> RemotePollSource:
        return RemotePollSource(GrpcAsk(self._access, self._clock), self._clock, self._access)

    def run(self, attempt: Attempt) -> None:
        if self._access.once:
            self.fallback().run(attempt)
            return
        if self._patient_until is None:
            self._patient_until = self._clock.monotonic() + CATCH_UP_S
        receiver = Receiver(
            attempt, self._clock, self._access, self._patient_until, self._complaints
        )
        _with_token(self._access, lambda: self._watch(attempt, receiver))

    def _watch(self, attempt: Attempt, receiver: Receiver) -> None:
        """One stream to its end, which is a failure always."""
        access = self._access
        where, cursor = access.address, receiver.cursor
        log.debug("grpc: watching %s at %s from %s", access.namespace, where, cursor or "nothing")
        request = pb.WatchControlPlaneStatusRequest(
            namespace=access.namespace,
            heartbeat=_duration(min(access.heartbeat_s, PROXY_BEAT_S)),
            cursor=cursor,
        )
        heard = False
        method, ping_s = "WatchControlPlaneStatus", self._ping_s
        with calling(access, attempt, method, request, ping_s=ping_s) as call:
            with Watchdog(self._clock, receiver.silence_s, call.close) as dog:
                try:
                    call.answers.initial_metadata()
                    with Settling(receiver.connected) as settling:
                        for data in call.answers:
                            dog.busy()
                            settling.over()
                            counts = receiver.take(self._read(data, receiver))
                            heard = heard or counts
                            dog.waiting(counts, receiver.silence_s)
                except grpc.RpcError:
                    pass
            if dog.barked:
                raise receiver.silent()
            failure = _failure(call.answers, access, streaming=True)
            if was_pinged_too_often(call.answers.details() or ""):
                self._ping_s = max(2 * ping_s, DEFAULT_RULE_S)
                log.debug("grpc: %s; from now on each %gs", failure.message, self._ping_s)
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


class GrpcAsk:
    """``GetControlPlaneStatus``; older servers answer it too."""

    def __init__(self, access: ServerAccess, clock: Clock) -> None:
        self._access = access
        self._clock = clock

    def __call__(self, attempt: Attempt) -> tuple[Snapshot, list[StreamError]]:
        data = _with_token(self._access, lambda: self._answer(attempt))
        try:
            response = pb.GetControlPlaneStatusResponse.FromString(data)
            return oldstatus.status_of(response, self._access.namespace, self._clock.now())
        except _UNREADABLE as error:
            raise ServerError(f"{self._access.address}: no status in its answer: {error}") from None

    def _answer(self, attempt: Attempt) -> bytes:
        access = self._access
        request = pb.GetControlPlaneStatusRequest(namespace=access.namespace)
        with calling(access, attempt, "GetControlPlaneStatus", request, ANSWER_S) as call:
            try:
                found, more = next(call.answers, None), next(call.answers, None)
            except grpc.RpcError:
                raise _failure(call.answers, access, streaming=False) from None
        if found is None or more is not None:
            raise ServerError(f"{access.address}: its answer is not a single message")
        return found


def _with_token(access: ServerAccess, ask: Callable[[], T]) -> T:
    """``ask``; once more where it was refused, as each call reads the token anew."""
    try:
        return ask()
    except UnauthorizedError as error:
        if access.token is None:
            raise
        log.debug("%s; reading the token again", error.message)
    return ask()


def _failure(ended: Answers, access: ServerAccess, streaming: bool) -> SourceError:
    asked = Asked(str(access.address), access.tls is not None, access.token is not None, streaming)
    return failure_of(ended.code().name, ended.details() or "", asked)


def _duration(seconds: float) -> Duration:
    duration = Duration()
    duration.FromMilliseconds(round(seconds * 1000))
    return duration
