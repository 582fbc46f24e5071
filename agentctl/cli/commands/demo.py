"""agentctl demo: the stream on an embedded control plane, for a user without a cluster."""

from __future__ import annotations

import signal
from argparse import ArgumentTypeError, Namespace
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from agentctl.cli.config.flags import add_selection, add_watch, refuse_watch_flags
from agentctl.cli.config.output_flags import add_output
from agentctl.cli.config.parser import Parser
from agentctl.cli.host.process import Process
from agentctl.errors import ExitCode, UsageError
from agentctl.lazy_dataclass import replace

if TYPE_CHECKING:
    from agentctl.cli.run.contexts import ClusterPlace
    from agentctl.engine.engine import Engine
    from agentctl.engine.policy import StreamPolicy
    from agentctl.engine.stream import Sink

NAME = "demo"
HELP = "watch an embedded control plane that things happen to; no cluster needed"
COMMON = (
    "--live",
    "--no-script",
    "--api-only",
    "--port",
    "--component",
    "--output",
    "--heartbeat",
    "--timeout",
    "--until",
    "--record",
)
DESCRIPTION = """\
Start a Kubernetes API on loopback with an agent control plane in it, and watch
it as 'agentctl status watch' would. In a round of half a minute temporal
degrades and recovers, a controller pod crash-loops, a CRD vanishes and returns,
and the leader's lease expires. With --probe-dependencies it has a database and
a temporal of its own, which are asked, go away and come back.

  agentctl demo
  agentctl demo --live
  agentctl demo --clusters 3                 three of them; one goes down
  agentctl demo --probe-dependencies
  agentctl demo --timeout 30s -o ndjson | jq -c .
  agentctl demo --api-only > kubeconfig &
  kubectl --kubeconfig kubeconfig get pods -n agents

The heartbeat is 5s here unless --heartbeat says otherwise."""

HEARTBEAT_S = 5.0

MAX_CLUSTERS = 20


def port(text: str) -> int:
    """An argparse type."""
    if text.isdecimal() and int(text) <= 65535:
        return int(text)
    raise ArgumentTypeError(f"expected a number from 0 (any) to 65535, got {text!r}")


def count(text: str) -> int:
    """An argparse type."""
    if text.isdecimal() and 2 <= int(text) <= MAX_CLUSTERS:
        return int(text)
    raise ArgumentTypeError(f"expected a number from 2 to {MAX_CLUSTERS}, got {text!r}")


def configure(parser: Parser) -> None:
    group = parser.add_argument_group("the embedded API")
    group.add_argument(
        "--api-only",
        action="store_true",
        help="do not watch: keep the API running and print a kubeconfig for it",
    )
    group.add_argument(
        "--port", type=port, default=0, metavar="N", help="listen on this port (default any)"
    )
    group.add_argument(
        "--no-script", action="store_true", help="let nothing happen: the control plane stays well"
    )
    group.add_argument(
        "--clusters",
        type=count,
        metavar="N",
        help="several control planes, each on an API of its own; the last goes down for a while",
    )
    add_selection(parser, variables=False)
    add_output(parser)
    add_watch(parser, heartbeat="5s", live=True)


def run(args: Namespace, process: Process) -> int:
    from agentctl.demo import DemoControlPlane

    if args.api_only:
        refuse_watch_flags(args, "{0} has no meaning with --api-only")
    if args.clusters:
        return several(args, process)
    try:
        asks = args.probe_dependencies is True and not args.api_only
        demo = DemoControlPlane(args.port, script=not args.no_script, dependencies=asks)
        demo.start()
    except OSError as error:
        raise UsageError(
            f"cannot listen on 127.0.0.1:{args.port}: {error.strerror}; use another --port"
        ) from None
    try:
        return (
            serve(demo.kubeconfig_text(), process)
            if args.api_only
            else watch(args, demo.url, process, demo.dependencies)
        )
    finally:
        demo.stop()


def several(args: Namespace, process: Process) -> int:
    """The same with a control plane in each of several clusters."""
    from agentctl.cli.run.embedded import embedded_places
    from agentctl.demo.clusters import DemoClusters

    for flag, value in (
        ("--port", args.port),
        ("--probe-dependencies", args.probe_dependencies is True),
    ):
        if value:
            raise UsageError(f"{flag} is for one control plane, and --clusters are several")
    try:
        demo = DemoClusters(args.clusters, script=not args.no_script).start()
    except OSError as error:
        raise UsageError(f"cannot listen on 127.0.0.1: {error.strerror}") from None
    try:
        if args.api_only:
            return serve(demo.kubeconfig_text(), process)
        names = ", ".join(demo.planes)
        greeting = f"{args.clusters} embedded control planes: {names}; ctrl-C ends them"
        return shown(args, process, embedded_places(demo), greeting)
    finally:
        demo.stop()


def shown(args: Namespace, process: Process, places: Sequence[ClusterPlace], greeting: str) -> int:
    """Watch several clusters."""
    from agentctl.cli.config.layers import Layers
    from agentctl.cli.config.settings import Settings, namespaces
    from agentctl.cli.run.kube import kube_engine
    from agentctl.cli.run.stream import show
    from agentctl.demo import OTHER_CONNECTIONS

    if args.heartbeat is None:
        args.heartbeat = HEARTBEAT_S
    layers = Layers(args, {}, {})
    first, *others = namespaces(layers)
    settings = Settings.of(layers, first, others=others)

    def build(policy: StreamPolicy, sink: Sink) -> Engine:
        return kube_engine(settings, policy, sink, process, places=places)

    def beside(engine: Engine) -> int:
        return engine.threads + len(places) * OTHER_CONNECTIONS

    return show(args, settings, process, True, build, greeting, beside=beside)


def watch(args: Namespace, url: str, process: Process, probed_at: Mapping[str, str]) -> int:
    from agentctl.cli.config.layers import Layers
    from agentctl.cli.config.settings import Settings, namespaces
    from agentctl.cli.run.kube import kube_engine
    from agentctl.cli.run.stream import show
    from agentctl.demo import OTHER_CONNECTIONS
    from agentctl.kube.access import ClusterAccess

    if args.heartbeat is None:
        args.heartbeat = HEARTBEAT_S
    layers = Layers(args, {}, {})
    first, *others = namespaces(layers)
    settings = replace(Settings.of(layers, first, others=others), probed_at=probed_at)
    access = ClusterAccess(server=url, description="the embedded control plane")

    def build(policy: StreamPolicy, sink: Sink) -> Engine:
        return kube_engine(settings, policy, sink, process, load=lambda: access)

    greeting = f"an embedded control plane at {url}; ctrl-C ends it"
    return show(
        args,
        settings,
        process,
        True,
        build,
        greeting,
        beside=lambda engine: engine.threads + OTHER_CONNECTIONS,
    )


def serve(kubeconfig: str, process: Process) -> int:
    """Print the kubeconfig and wait for a signal."""
    numbers = {signal.SIGINT, signal.SIGTERM}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    try:
        process.stdout.write(kubeconfig)
        number = signal.sigwait(numbers)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return ExitCode.INTERRUPTED if number == signal.SIGINT else ExitCode.TERMINATED
