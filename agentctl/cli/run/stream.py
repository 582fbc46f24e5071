"""Stream run: from the flags of status and diagnose to an exit code."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from typing import Optional

from agentctl.cli.config.settings import Settings, policy, resolve
from agentctl.cli.host.process import Process
from agentctl.cli.host.service import Service
from agentctl.cli.host.stderr import complain, tell_end
from agentctl.cli.host.time_limit import GRACE_S, TimeLimit, time_limit
from agentctl.cli.output.outputs import Output, output
from agentctl.cli.recording.recorder import recorder
from agentctl.cli.run.contexts import ClusterSelection, selection
from agentctl.cli.run.runner import Last, Runner
from agentctl.cli.run.transport import Build, way
from agentctl.debug_log import DebugLog
from agentctl.engine.engine import Engine
from agentctl.engine.policy import Outcome, StreamPolicy
from agentctl.errors import ExitCode
from agentctl.threads import grpc_core_threads, require

log = DebugLog(__name__)

SPARE_THREADS = 4
"""For outputs that are waited for, the service manager, an attempt that is slow to end."""

_GRPC = grpc_core_threads() + 2
TRANSPORT_THREADS = {"kube": 0, "sse": 2, "grpc": _GRPC, "auto": _GRPC}
"""What an attempt starts itself: what keeps its time, and gRPC's own."""


def stream(args: Namespace, process: Process, watch: bool) -> int:
    """Run the stream that the flags describe; returns the exit code."""
    chosen = ClusterSelection(resolve(args, process))
    if chosen.settings.transport in ("kube", "auto"):
        chosen = selection(chosen.settings, process)
    build = way(args, chosen, process)
    if args.token_file:
        from agentctl.cli.host.secret_file import warn_of_token_file

        warn_of_token_file(args.token_file, process)
    return show(args, chosen.settings, process, watch, build, chosen.greeting)


def show(
    args: Namespace,
    settings: Settings,
    process: Process,
    watch: bool,
    build: Build,
    greeting: str = "",
    beside: Callable[[Engine], int] = lambda engine: 0,
) -> int:
    """The same for settings that are complete and an engine that is at hand.

    ``greeting`` goes to stderr once everything else has been found in order; ``beside``
    says how many threads there must be room for beside those of an engine.
    """
    limit = time_limit(args, process, once=not watch)
    service = Service()
    if watch:
        from agentctl.cli.host.systemd import service_of

        service = service_of(process.environ)
    asked = service.policy(policy(args, limit))
    out = _live(args, settings, asked, process) or output(
        args, settings.title, process, watch, limit.end_patience_s
    )
    log.debug("transport %s, namespace %s", settings.transport, settings.title)
    with recorder(args, settings, asked, process) as recording:
        # With --all-namespaces the cluster is asked before there is an engine that watches it.
        cluster = "the cluster, asked for its namespaces," if settings.all_namespaces else ""
        engine = limit.prepared(lambda: build(asked, recording.before(out.sink)), cluster)
        threads = engine.threads + beside(engine) + recording.threads
        require(threads + TRANSPORT_THREADS[settings.transport] + SPARE_THREADS, "this run")
        recording.begin()
        for line in greeting.splitlines():
            complain(process, line)
        outcome = _run(engine, out, service, process, limit)
        recording.ended(outcome.exit_code)
    return tell_end(process, out.conclude(outcome))


def _live(
    args: Namespace, settings: Settings, asked: StreamPolicy, process: Process
) -> Optional[Output]:
    """The output of ``--live``, where that is asked for and can be."""
    if not getattr(args, "live", None):
        return None
    from agentctl.cli.output.live import LiveOutput, is_live

    if not is_live(args, process):
        return None
    from agentctl.live.board import Board

    hint = "q quits" if process.has_user else ""
    board = Board(settings.title, process.color(args.color), asked.heartbeat_s, hint)
    # Who quits has not seen what --until waits for, and what comes after it must not run.
    return LiveOutput(board, process, ExitCode.VERDICT_BAD if args.until else ExitCode.OK)


def _run(
    engine: Engine, out: Output, service: Service, process: Process, limit: TimeLimit
) -> Outcome:
    """From the engine's start until all is shown."""

    def late() -> Outcome:
        """It has come to its end, and its threads have not; or it is stuck itself."""
        stuck = Outcome(ExitCode.DISCONNECTED, "it did not end in time by itself")
        return engine.outcome or stuck

    last = None if limit.ends_at is None else Last(limit.ends_at + GRACE_S, late)
    told = service.told(engine.vitals, process.clock)
    runner = Runner(engine, out.fd, last=last)
    try:
        with out.shown(runner.stop) as give_back, told as stopping:
            return runner.run(give_back, stopping)
    except BrokenPipeError:
        return Outcome(ExitCode.PIPE_CLOSED)
