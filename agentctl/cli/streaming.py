"""What the commands that show the stream share: from parsed flags to an exit code."""

from __future__ import annotations

import logging
from argparse import Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING, Optional

from agentctl import renderers
from agentctl.cli.main import complain
from agentctl.cli.options import SERVER_FLAGS
from agentctl.cli.runner import Runner
from agentctl.cli.settings import Settings, policy, resolve
from agentctl.cli.world import World
from agentctl.errors import ExitCode, StreamingUnsupported, UsageError

if TYPE_CHECKING:
    from agentctl.kube.access import ClusterAccess

log = logging.getLogger(__name__)


def stream(args: Namespace, world: World, watch: bool) -> int:
    """Run the stream that the flags describe; returns the exit code."""
    settings = resolve(args, world)
    if settings.transport != "kube":
        raise StreamingUnsupported(
            f"--transport {settings.transport} is not in this version of agentctl; "
            "use --transport kube"
        )
    refuse_server_flags(args)
    return show(args, settings, world, watch)


def show(
    args: Namespace,
    settings: Settings,
    world: World,
    watch: bool,
    load: Optional[Callable[[], ClusterAccess]] = None,
    greeting: str = "",
) -> int:
    """The same for settings that are complete; ``load`` replaces the kubeconfig.

    ``greeting`` goes to stderr once everything else has been found in order.
    """
    from agentctl.cli.kubemode import kube_engine

    style = renderers.Style(color=world.color(args.color), stream=watch)
    renderer = renderers.create(args.output, world.stdout, style)
    log.debug("transport %s, namespace %s", settings.transport, settings.namespace)
    engine = kube_engine(settings, policy(args, once=not watch), renderer, world, load)
    if greeting:
        complain(world, greeting, ExitCode.OK)
    outcome = Runner(engine, world.stdout.fd).run()
    if outcome.message:
        complain(world, outcome.message, outcome.exit_code)
    return int(outcome.exit_code)


def refuse_server_flags(args: Namespace) -> None:
    """A flag that would do nothing is a mistake, and better told."""
    for flag, _, _ in (*SERVER_FLAGS, ("--tls", "", "")):
        if getattr(args, flag[2:].replace("-", "_")):
            raise UsageError(
                f"{flag} is for --transport grpc or sse; kube mode takes address and "
                "credentials from the kubeconfig"
            )
