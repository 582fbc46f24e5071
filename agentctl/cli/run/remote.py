"""Remote mode: an engine on a server's stream, over SSE or gRPC."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable

from agentctl.cli.host.process import Process
from agentctl.engine.engine import Engine
from agentctl.engine.policy import StreamPolicy
from agentctl.engine.stream import Sink
from agentctl.remote.access import ServerAccess
from agentctl.remote.state import RelayStream, RemoteState, Selecting
from agentctl.requirements import GRPC, require

if TYPE_CHECKING:
    from agentctl.clock import Clock
    from agentctl.engine.attempt import Source

NO_SCOPE = b""
"""Cursors made here, for a server that has none, are good for this client only."""


def _sse(access: ServerAccess, clock: Clock) -> Source:
    from agentctl.remote.sse import SseSource

    return SseSource(access, clock)


def _grpc(access: ServerAccess, clock: Clock) -> Source:
    # Its C core prints to stderr as it likes; what matters reaches us as a status.
    from agentctl.cli.host.grpc_settings import set_up_grpc

    set_up_grpc()
    require("--transport grpc", GRPC, "or use --transport sse or kube")
    from agentctl.remote.grpc import GrpcSource

    return GrpcSource(access, clock)


SOURCES: dict[str, Callable[[ServerAccess, Clock], Source]] = {"grpc": _grpc, "sse": _sse}


def remote_engine(
    transport: str,
    access: ServerAccess,
    components: tuple[str, ...],
    namespaces: tuple[str, ...],
    policy: StreamPolicy,
    sink: Sink,
    process: Process,
) -> Engine:
    """An engine that has not been started; ``components`` are globs, none for all.

    ``namespaces`` are several to be shown of all that are served.
    """
    source = SOURCES[transport](access, process.clock)
    selecting = Selecting(sink, components, namespaces) if components or namespaces else sink
    outlet = RelayStream(selecting, process.clock, NO_SCOPE, policy.since, policy.follow_only)
    return Engine([source], RemoteState(), outlet, policy, clock=process.clock)
