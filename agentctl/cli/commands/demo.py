"""agentctl demo: the stream on an embedded control plane, for a user without a cluster."""

from __future__ import annotations

import signal
from argparse import ArgumentTypeError, Namespace
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from agentctl.cli.config.flags import add_selection, add_watch, refuse_watch_flags
from agentctl.cli.config.output_flags import add_output
from agentctl.cli.config.parser import Parser
from agentctl.cli.host.process import Process
from agentctl.errors import ExitCode, UsageError

if TYPE_CHECKING:
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
  agentctl demo --probe-dependencies
  agentctl demo --timeout 30s -o ndjson | jq -c .
  agentctl demo --api-only > kubeconfig &
  kubectl --kubeconfig kubeconfig get pods -n agents

The heartbeat is 5s here unless --heartbeat says otherwise."""

HEARTBEAT_S = 5.0


def port(text: str) -> int:
    """An argparse type."""
    if text.isdecimal() and int(text) <= 65535:
        return int(text)
    raise ArgumentTypeError(f"expected a number from 0 (any) to 65535, got {text!r}")


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
    add_selection(parser, variables=False)
    add_output(parser)
    add_watch(parser, heartbeat="5s", live=True)


def run(args: Namespace, process: Process) -> int:
    from agentctl.demo import DemoControlPlane

    if args.api_only:
        refuse_watch_flags(args, "{0} has no meaning with --api-only")
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
