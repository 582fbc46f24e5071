"""What the commands that show the stream share: from parsed flags to an exit code."""

from __future__ import annotations

import logging
from argparse import Namespace

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
    shown = output(args, settings.namespace, world, watch)
    log.debug("transport %s, namespace %s", settings.transport, settings.namespace)
    service = service_of(world) if watch else Service()
    asked = service.policy(policy(args, once=not watch))
    with recorder(args, settings, asked, world) as recording:
        engine = build(asked, recording.before(shown.renderer))
        recording.begin()
        if greeting:
            complain(world, greeting, ExitCode.OK)
        with service.told(engine.vitals, world.clock) as stopping:
            outcome = Runner(engine, shown.fd, on_stop=stopping).run()
        recording.ended(outcome.exit_code)
    outcome = shown.conclude(outcome)
    if outcome.message:
        complain(world, outcome.message, outcome.exit_code)
    return int(outcome.exit_code)
