"""AgentctlService: the state at once, and as a stream."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Optional, Union

import grpc

from agentctl.duration import format_duration
from agentctl.model import Delta
from agentctl.rpc import agentctl_pb2 as pb
from agentctl.server.fanout.channel import Channel
from agentctl.server.fanout.subscription import Subscription
from agentctl.server.grpc.admission import Admission
from agentctl.server.grpc.calls import AdmittedCall, CallClass, Refused, Send, peer_key
from agentctl.server.grpc.ready_queue import Farewell, Feed, GrpcReader, Message
from agentctl.server.grpc.sender_pool import SenderPool
from agentctl.server.services import (
    HEARTBEAT_S,
    MAX_HEARTBEAT_S,
    MIN_HEARTBEAT_S,
    Services,
)
from agentctl.wire import events_pb, legacy_pb
from agentctl.wire.grpc_contract import SERVICES

TRANSPORT = "grpc"

ENDING = "the server is shutting down: resume at another replica with your last cursor"
HOW = "clusters (field 100 of the request) set"
_ECHOED = 60
"""Characters of a bad value that are told back."""


class StatusService:
    """The three methods, under both names; adds itself to an admission."""

    def __init__(self, services: Services, pool: SenderPool, admission: Admission) -> None:
        self._services = services
        self._pool = pool
        # Many may come at once after a restart, and wait in a queue that is worked off at
        # some thousands a second.
        opening = CallClass("watch", 16, 10_000)
        calls = CallClass("call", 8, 1_000)
        for name in SERVICES:
            admission.answer(f"/{name}/GetServerInfo", calls, pb.GetServerInfoRequest, self.info)
            admission.answer(
                f"/{name}/GetControlPlaneStatus",
                calls,
                pb.GetControlPlaneStatusRequest,
                self.status,
            )
            admission.stream(
                f"/{name}/WatchControlPlaneStatus",
                opening,
                pb.WatchControlPlaneStatusRequest,
                self.watch,
            )

    def info(self, request: pb.GetServerInfoRequest) -> pb.GetServerInfoResponse:
        return pb.GetServerInfoResponse(**vars(self._services.info))

    def status(self, request: pb.GetControlPlaneStatusRequest) -> pb.GetControlPlaneStatusResponse:
        channel = self._channel(request)
        now = channel.status(self._services.clock.monotonic())
        if now is None:
            raise Refused(
                grpc.StatusCode.UNAVAILABLE, "no state is known yet: try again in a second"
            )
        snapshot = now.snapshot
        return legacy_pb.to_response(
            snapshot.items,
            snapshot.generated_at,
            self._services.info.service,
            cursor=snapshot.cursor,
            errors=now.errors,
        )

    def watch(
        self, request: pb.WatchControlPlaneStatusRequest, call: AdmittedCall, send: Send
    ) -> None:
        heartbeat_s = _heartbeat(request)
        channel = self._channel(request)
        feed = StatusFeed(
            Subscription(
                channel,
                self._services.clock.monotonic(),
                request.cursor or None,
                heartbeat_s,
                request.follow_only,
            ),
            self._services.clock.monotonic(),
        )
        reader = reader_of(feed, channel, call, send)
        count, peer = self._services.count, peer_key(call.context.peer())
        why_not = count.enter(TRANSPORT, peer)
        if why_not is not None:
            raise Refused(grpc.StatusCode.RESOURCE_EXHAUSTED, why_not, "limit")

        def ended() -> None:
            self._pool.remove(reader)
            count.leave(TRANSPORT, peer)

        if call.context.add_callback(ended):
            # A reader that resumes where nothing has changed hears nothing else for a beat.
            call.context.send_initial_metadata(())
            self._pool.add(reader)
        else:
            ended()

    def _channel(
        self, request: Union[pb.GetControlPlaneStatusRequest, pb.WatchControlPlaneStatusRequest]
    ) -> Channel:
        if self._services.draining.is_set():
            raise Refused(grpc.StatusCode.UNAVAILABLE, ENDING)
        unknowing = self._services.broadcaster.refusal(request.clusters, HOW)
        if unknowing:
            raise Refused(grpc.StatusCode.FAILED_PRECONDITION, unknowing, "bad_request")
        namespace = request.namespace
        try:
            return self._services.broadcaster.channel(namespace)
        except KeyError:
            served = ", ".join(filter(None, self._services.broadcaster.channels))
            raise Refused(
                grpc.StatusCode.NOT_FOUND,
                f"namespace {namespace[:_ECHOED]!r} is not served here; "
                f"expected one of {served}, or none for all of them",
            ) from None


class StatusFeed:
    """A subscription's events as messages, encoded once for all readers."""

    __slots__ = ("_since", "_subscription")

    def __init__(self, subscription: Subscription, since: float) -> None:
        self._subscription = subscription
        self._since = since

    def take(self, now: float) -> Optional[Message]:
        entry = self._subscription.take(now)
        if entry is None:
            return None
        data = entry.encoded(events_pb.encode)
        live = isinstance(entry.event, Delta) and entry.made_at >= self._since
        return Message(data, entry.made_at if live else None)

    def next_due(self) -> float:
        return self._subscription.next_due()


def reader_of(feed: Feed, topic: Hashable, call: AdmittedCall, send: Send) -> GrpcReader:
    """A stream as the pool knows it."""
    context = call.context

    def end(farewell: Farewell) -> None:
        context.set_code(farewell.code)
        context.set_details(farewell.details)
        send(None)

    return GrpcReader(feed, topic, call.ticket, send, end, context.cancel)


def _heartbeat(request: pb.WatchControlPlaneStatusRequest) -> float:
    if not request.HasField("heartbeat"):
        return HEARTBEAT_S
    given = request.heartbeat
    seconds = given.seconds + given.nanos / 10**9
    if not MIN_HEARTBEAT_S <= seconds <= MAX_HEARTBEAT_S:
        low, high = format_duration(MIN_HEARTBEAT_S), format_duration(MAX_HEARTBEAT_S)
        raise Refused(
            grpc.StatusCode.INVALID_ARGUMENT,
            f"heartbeat: expected between {low} and {high}, or none for "
            f"{format_duration(HEARTBEAT_S)}; got {format_duration(seconds)}",
            "bad_request",
        )
    return seconds
