"""Puts the server modes together: a transport to a server, its state, engine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Callable

from agentctl.cli.world import World
from agentctl.engine import Engine
from agentctl.policy import StreamPolicy
from agentctl.remote import RelayStream, RemoteState, Selecting
from agentctl.sources.serveraccess import ServerAccess
from agentctl.stream import Sink

if TYPE_CHECKING:
    from agentctl.clock import Clock
    from agentctl.sources.base import Source

NO_SCOPE = b""
"""Cursors made here, for a server that has none, are good for this client only."""


def _sse(access: ServerAccess, clock: Clock) -> Source:
    from agentctl.sources.sse import SseSource

    return SseSource(access, clock)


def _grpc(access: ServerAccess, clock: Clock) -> Source:
    # Its C core prints to stderr as it likes; what matters reaches us as a status.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    from agentctl.sources.grpc import GrpcSource

    return GrpcSource(access, clock)


SOURCES: dict[str, Callable[[ServerAccess, Clock], Source]] = {"grpc": _grpc, "sse": _sse}


def remote_engine(
    transport: str,
    access: ServerAccess,
    components: tuple[str, ...],
    policy: StreamPolicy,
    sink: Sink,
    world: World,
) -> Engine:
    """An engine that has not been started; ``components`` are globs, none for all."""
    source = SOURCES[transport](access, world.clock)
    selecting = Selecting(sink, components) if components else sink
    outlet = RelayStream(selecting, world.clock, NO_SCOPE)
    return Engine([source], RemoteState(), outlet, policy, clock=world.clock)
