"""What the commands that show the stream share: from parsed flags to an exit code."""

from __future__ import annotations

import logging
from argparse import Namespace

from agentctl.cli.liveoutput import LiveOutput, is_live
from agentctl.cli.main import complain
from agentctl.cli.outputs import output
from agentctl.cli.recorder import recorder
from agentctl.cli.runner import Runner
from agentctl.cli.settings import Settings, policy, resolve
from agentctl.cli.systemd import Service, service_of
from agentctl.cli.ways import Build, way
from agentctl.cli.world import World
from agentctl.errors import ExitCode

log = logging.getLogger(__name__)


def stream(args: Namespace, world: World, watch: bool) -> int:
    """Run the stream that the flags describe; returns the exit code."""
    settings = resolve(args, world)
    return show(args, settings, world, watch, way(args, settings, world))


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
    out = (
        LiveOutput(settings.namespace, world.color(args.color), world)
        if is_live(args, world)
        else output(args, settings.namespace, world, watch)
    )
    log.debug("transport %s, namespace %s", settings.transport, settings.namespace)
    service = service_of(world) if watch else Service()
    asked = service.policy(policy(args, once=not watch))
    with recorder(args, settings, asked, world) as recording:
        engine = build(asked, recording.before(out.renderer))
        recording.begin()
        if greeting:
            complain(world, greeting, ExitCode.OK)
        shown = out.shown(lambda: engine.stop(ExitCode.INTERNAL))
        told = service.told(engine.vitals, world.clock)
        with shown as give_back, told as stopping:

            def on_stop() -> None:
                give_back()
                stopping()

            outcome = Runner(engine, out.fd, on_stop=on_stop).run()
        recording.ended(outcome.exit_code)
    outcome = out.conclude(outcome)
    if outcome.message:
        complain(world, outcome.message, outcome.exit_code)
    return int(outcome.exit_code)
