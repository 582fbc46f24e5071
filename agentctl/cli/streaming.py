"""What the commands that show the stream share: from parsed flags to an exit code."""

from __future__ import annotations

import logging
from argparse import Namespace
from collections.abc import Callable, Sequence

from agentctl import renderers
from agentctl.cli.main import complain
from agentctl.cli.options import SERVER_FLAGS
from agentctl.cli.runner import Runner
from agentctl.cli.settings import Layers, Settings, policy, resolve
from agentctl.cli.world import World
from agentctl.engine import Engine
from agentctl.errors import ExitCode, UsageError
from agentctl.policy import StreamPolicy
from agentctl.stream import Sink

Build = Callable[[StreamPolicy, Sink], Engine]
"""Makes the engine of one way to the state."""

log = logging.getLogger(__name__)


def stream(args: Namespace, world: World, watch: bool) -> int:
    """Run the stream that the flags describe; returns the exit code."""
    settings = resolve(args, world)
    build = _from_cluster if settings.transport == "kube" else _from_server
    return show(args, settings, world, watch, build(args, settings, world))


def _from_cluster(args: Namespace, settings: Settings, world: World) -> Build:
    from agentctl.cli.kubemode import kube_engine

    _refuse(args, SERVER_ONLY, "is for --transport grpc or sse; kube mode takes the kubeconfig's")
    return lambda policy, sink: kube_engine(settings, policy, sink, world)


def _from_server(args: Namespace, settings: Settings, world: World) -> Build:
    from agentctl.cli.remotemode import remote_engine
    from agentctl.cli.serversettings import Given, server_access

    _refuse(args, CLUSTER_ONLY, f"has no meaning with --transport {settings.transport}")
    layers = Layers(world)
    given = Given(args, layers.environ, layers.config)

    def build(policy: StreamPolicy, sink: Sink) -> Engine:
        access = server_access(
            given, settings.transport, settings.namespace, policy, settings.poll_interval_s
        )
        log.debug("server %s, %s", access.address, "TLS" if access.tls else "plain text")
        return remote_engine(settings.transport, access, settings.components, policy, sink, world)

    return build


def show(
    args: Namespace,
    settings: Settings,
    world: World,
    watch: bool,
    build: Build,
    greeting: str = "",
) -> int:
    """The same for settings that are complete and an engine that is at hand.

    ``greeting`` goes to stderr once everything else has been found in order.
    """
    style = renderers.Style(color=world.color(args.color), stream=watch)
    renderer = renderers.create(args.output, world.stdout, style)
    log.debug("transport %s, namespace %s", settings.transport, settings.namespace)
    engine = build(policy(args, once=not watch), renderer)
    if greeting:
        complain(world, greeting, ExitCode.OK)
    outcome = Runner(engine, world.stdout.fd).run()
    if outcome.message:
        complain(world, outcome.message, outcome.exit_code)
    return int(outcome.exit_code)


SERVER_ONLY = (*(flag for flag, _, _ in SERVER_FLAGS), "--tls")
CLUSTER_ONLY = ("--kubeconfig", "--context", "--catalog")


def _refuse(args: Namespace, flags: Sequence[str], why: str) -> None:
    """A flag that would do nothing is a mistake, and better told."""
    for flag in flags:
        if getattr(args, flag[2:].replace("-", "_")):
            raise UsageError(f"{flag} {why}")
