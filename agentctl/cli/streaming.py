"""What the commands that show the stream share: from parsed flags to an exit code."""

from __future__ import annotations

import logging
from argparse import Namespace

from agentctl.cli.liveoutput import LiveOutput, is_live
from agentctl.cli.main import complain
from agentctl.cli.outputs import Output, output
from agentctl.cli.recorder import recorder
from agentctl.cli.runner import Last, Runner
from agentctl.cli.settings import Settings, policy, resolve
from agentctl.cli.systemd import Service, service_of
from agentctl.cli.time_limit import GRACE_S, TimeLimit, time_limit
from agentctl.cli.ways import Build, way
from agentctl.cli.world import World
from agentctl.engine import Engine
from agentctl.errors import ExitCode
from agentctl.policy import Outcome

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
    limit = time_limit(args, world, once=not watch)
    out = (
        LiveOutput(settings.namespace, world.color(args.color), world)
        if is_live(args, world)
        else output(args, settings.namespace, world, watch, limit.end_patience_s)
    )
    log.debug("transport %s, namespace %s", settings.transport, settings.namespace)
    service = service_of(world) if watch else Service()
    asked = service.policy(policy(args, limit))
    with recorder(args, settings, asked, world) as recording:
        engine = limit.prepared(lambda: build(asked, recording.before(out.sink)))
        recording.begin()
        if greeting:
            complain(world, greeting, ExitCode.OK)
        outcome = _run(engine, out, service, world, limit)
        recording.ended(outcome.exit_code)
    outcome = out.conclude(outcome)
    if outcome.message:
        complain(world, outcome.message, outcome.exit_code)
    return int(outcome.exit_code)


def _run(engine: Engine, out: Output, service: Service, world: World, limit: TimeLimit) -> Outcome:
    """From the engine's start until all is shown."""

    def late() -> Outcome:
        """It has come to its end, and its threads have not; or it is stuck itself."""
        stuck = Outcome(ExitCode.DISCONNECTED, "it did not end in time by itself")
        return engine.outcome or stuck

    last = None if limit.ends_at is None else Last(limit.ends_at + GRACE_S, late)
    told = service.told(engine.vitals, world.clock)
    try:
        with out.shown(engine.stop) as give_back, told as stopping:

            def on_stop() -> None:
                give_back()
                stopping()

            return Runner(engine, out.fd, on_stop=on_stop, last=last).run()
    except BrokenPipeError:
        return Outcome(ExitCode.PIPE_CLOSED)
