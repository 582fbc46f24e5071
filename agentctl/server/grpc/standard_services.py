"""Standard gRPC services that tools expect: health and reflection.

grpcio's own health service sends while it holds its lock: one watcher that does not read,
and no check is answered any more. So its watchers are readers of the pool here.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from typing import Optional

import grpc
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.reflection import ReflectionServicer

# Unused but for their descriptors, which reflection finds in the pool.
from agentctl.rpc import agentctl_pb2, jangar_pb2  # noqa: F401
from agentctl.server.grpc.admission import Admission
from agentctl.server.grpc.calls import AdmittedCall, CallClass, Refused, Send
from agentctl.server.grpc.ready_queue import Message
from agentctl.server.grpc.sender_pool import SenderPool
from agentctl.server.grpc.status_service import reader_of
from agentctl.server.services import Services
from agentctl.wire.grpc_contract import SERVICES

HEALTH = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name
REFLECTION = reflection_pb2.DESCRIPTOR.services_by_name["ServerReflection"].full_name
REFLECTION_V1 = "grpc.reflection.v1.ServerReflection"
"""The same messages under another name. grpcio has no descriptors of it, so it is served
but not listed."""

LOOK_S = 1.0
"""How often it is seen whether the server is ready."""

MAX_WATCHERS = 100
MAX_REFLECTIONS = 16
REFLECTION_S = 60.0
"""Each keeps a thread. A tool asks what it wants to know and leaves."""

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SERVICE_UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN


class HealthService:
    """Whether the server is ready, as a whole ("") and for its service: all are one."""

    def __init__(self, services: Services, pool: SenderPool, admission: Admission) -> None:
        self._services = services
        self._pool = pool
        self._watchers = threading.Semaphore(MAX_WATCHERS)
        request = health_pb2.HealthCheckRequest
        admission.answer(f"/{HEALTH}/Check", CallClass("health", 2, 200), request, self.check)
        admission.stream(f"/{HEALTH}/Watch", CallClass("health-watch", 2, 200), request, self.watch)

    def status(self, service: str) -> int:
        if service not in ("", *SERVICES):
            return SERVICE_UNKNOWN
        return SERVING if self._services.ready else NOT_SERVING

    def check(self, request: health_pb2.HealthCheckRequest) -> health_pb2.HealthCheckResponse:
        status = self.status(request.service)
        if status == SERVICE_UNKNOWN:
            message = f"no such service; expected {SERVICES[0]}, or none for the server as a whole"
            raise Refused(grpc.StatusCode.NOT_FOUND, message)
        return health_pb2.HealthCheckResponse(status=status)

    def watch(self, request: health_pb2.HealthCheckRequest, call: AdmittedCall, send: Send) -> None:
        """Also for a service that is not there: it might come, says the protocol."""
        if not self._watchers.acquire(blocking=False):
            message = f"this server takes {MAX_WATCHERS} health watchers; use Check instead"
            raise Refused(grpc.StatusCode.RESOURCE_EXHAUSTED, message, "limit")
        reader = reader_of(_HealthFeed(self, request.service), self, call, send)

        def ended() -> None:
            self._pool.remove(reader)
            self._watchers.release()

        if call.context.add_callback(ended):
            self._pool.add(reader)
        else:
            ended()

    def changed(self) -> None:
        """Tell at once, not when it is looked at next."""
        self._pool.wake(self)


class _HealthFeed:
    """The status now, and whenever it is another."""

    def __init__(self, health: HealthService, service: str) -> None:
        self._health = health
        self._service = service
        self._told: Optional[int] = None
        self._looks_at = 0.0

    def take(self, now: float) -> Optional[Message]:
        self._looks_at = now + LOOK_S
        status = self._health.status(self._service)
        if status == self._told:
            return None
        self._told = status
        return Message(health_pb2.HealthCheckResponse(status=status).SerializeToString())

    def next_due(self) -> float:
        return self._looks_at


def add_reflection(admission: Admission) -> None:
    """What is served here, for tools that do not have the proto file."""
    servicer = ReflectionServicer((*SERVICES, HEALTH, REFLECTION))
    kind = CallClass("reflection", MAX_REFLECTIONS, MAX_REFLECTIONS, REFLECTION_S)

    def answers(
        requests: Iterator[reflection_pb2.ServerReflectionRequest], context: grpc.ServicerContext
    ) -> Iterable[reflection_pb2.ServerReflectionResponse]:
        found: Iterable[reflection_pb2.ServerReflectionResponse]
        found = servicer.ServerReflectionInfo(requests, context)
        return found

    for name in (REFLECTION, REFLECTION_V1):
        request = reflection_pb2.ServerReflectionRequest
        admission.dialogue(f"/{name}/ServerReflectionInfo", kind, request, answers)
