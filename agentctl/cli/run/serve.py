"""Serve run: from flags to listeners, an engine and its end."""

from __future__ import annotations

import logging
import sys
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import cache

from agentctl import __version__
from agentctl.backoff import Backoff
from agentctl.cli.config.layers import Layers
from agentctl.cli.config.settings import Settings, namespaces
from agentctl.cli.host.process import Process
from agentctl.cli.host.rlimit import room_for
from agentctl.cli.host.secret_file import warn_of_token_file
from agentctl.cli.host.stderr import complain, log_to, tell_end
from agentctl.cli.host.systemd import service_of
from agentctl.cli.run.contexts import ClusterSelection, selection
from agentctl.cli.run.embedded import embedded
from agentctl.cli.run.listeners import bind, check_flags, greet, names_listened_at
from agentctl.cli.run.runner import SERVER_STOP_S, Runner
from agentctl.cli.run.stream import SPARE_THREADS
from agentctl.cli.run.watched import Watched, watched
from agentctl.engine.policy import StreamPolicy
from agentctl.errors import ExitCode
from agentctl.lazy_dataclass import replace
from agentctl.model import ItemKey
from agentctl.server.app import ServerApp
from agentctl.server.auth import TokenGate
from agentctl.server.cors import CorsPolicy
from agentctl.server.fanout.channels import channels_of
from agentctl.server.fanout.history import StatusHistory
from agentctl.server.held_bytes import HeldBytes
from agentctl.server.hosts import AllowedHosts
from agentctl.server.limits import StreamCount, StreamLimits
from agentctl.server.metrics import Metrics
from agentctl.server.page.status_page import StatusPage
from agentctl.server.services import ServerInfo, Services
from agentctl.server.tls import ServerTls
from agentctl.threads import require

SWITCH_S = 0.0005
"""How soon a thread that computes makes way. Each write to a socket gives up the
interpreter; to get it back for the next one must not take Python's 5 ms."""

BEAT_S = 1.0
"""The engine's beat, by which its server knows that it is alive. Readers have their own."""


def serve(args: Namespace, process: Process) -> int:
    """Serve what the flags describe; returns the exit code."""
    check_flags(args)
    sys.setswitchinterval(SWITCH_S)
    if not args.debug:
        level = logging.CRITICAL if process.quiet else logging.WARNING
        log_to(process, level, "agentctl: %(message)s")
    warn_of_token_file(args.token_file, process)
    gate = TokenGate.from_file(args.token_file, process.clock) if args.token_file else TokenGate()
    tls = None
    if args.tls_cert:
        tls = ServerTls(args.tls_cert, args.tls_key, args.client_ca, process.clock)
    chosen = resolve(args, process)
    settings, names = chosen.settings, list(chosen.settings.places)
    for line in chosen.greeting.splitlines():
        complain(process, line)
    with ExitStack() as stack:
        demo = None
        if args.source == "demo":
            asks = settings.probe_dependencies
            demo = stack.enter_context(embedded(args.clusters, asks))
            settings = replace(settings, probed_at=demo.probed_at)
        load, places = (demo.load, demo.places) if demo else (None, chosen.places)
        found = watched(settings, names, process, load, places)
        broadcaster = channels_of(
            found.components,
            {one.name: one.evaluator.specs for one in found.clusters},
            found.namespaces,
            found.catalog_hash,
            settings.components,
            process.clock,
        )
        if args.timeline and args.http is not None:
            broadcaster.history = StatusHistory(process.clock, args.timeline, found.namespaces)
        engine = found.engine(broadcaster, policy(args))
        allowed = limits(args, process)
        services = Services(
            broadcaster=broadcaster,
            vitals=engine.vitals,
            gate=gate,
            count=StreamCount(allowed),
            metrics=Metrics(),
            clock=process.clock,
            info=ServerInfo(__version__),
            hosts=AllowedHosts([*args.allowed_host, *names_listened_at(args)]),
            cors=CorsPolicy(args.cors_origin),
            page=None if args.no_ui else StatusPage(args.frame_ancestor),
            probes=lambda: [one.context.probes for one in found.clusters],
            rests_on=rests_on(found),
            held=HeldBytes(allowed.share),
            give_up=lambda: engine.stop(ExitCode.INTERNAL),
        )
        listeners = bind(args, services, tls)
        app = ServerApp(engine, services, [one.transport for one in listeners])
        beside = 0
        if demo is not None:
            from agentctl.demo import OTHER_CONNECTIONS

            beside = engine.threads + OTHER_CONNECTIONS * len(found.clusters)
        require(app.threads + beside + SPARE_THREADS, "this server")
        greet(args, process, found.namespaces, listeners)
        with service_of(process.environ).told(engine.vitals, process.clock) as stopping:
            outcome = Runner(app, None, SERVER_STOP_S).run(stopping)
    return tell_end(process, outcome)


def resolve(args: Namespace, process: Process) -> ClusterSelection:
    """What to serve: the settings of its watches, and the clusters where there are several."""
    layers = Layers.of(process, args)
    if args.source == "demo":  # where its cluster is, and what is in it, is known
        elsewhere = {"kubeconfig": None, "context": None, "exclude_context": None}
        layers = Layers(Namespace(**{**vars(args), **elsewhere}), {}, {})
    first, *others = namespaces(layers)
    return selection(Settings.of(layers, first, others=others), process)


def rests_on(found: Watched) -> Callable[[], Mapping[ItemKey, Sequence[Sequence[str]]]]:
    """What each component rests on, once somebody asks: it stays the same."""

    @cache
    def each() -> Mapping[ItemKey, Sequence[Sequence[str]]]:
        return {key: names for one in found.clusters for key, names in one.rests_on().items()}

    return each


def policy(args: Namespace) -> StreamPolicy:
    """How the server's one engine behaves: it goes on for ever."""
    stale = args.max_staleness
    return StreamPolicy(
        heartbeat_s=BEAT_S,
        backoff=Backoff(base=args.retry_backoff) if args.retry_backoff else Backoff(),
        fallback_poll=bool(args.fallback_poll),
        max_staleness_s=120.0 if stale is None else stale or None,
        debounce_s=args.debounce,
    )


def limits(args: Namespace, process: Process) -> StreamLimits:
    """What was asked for, or what this process may have of it."""
    streams = room_for(args.max_streams)
    if streams < args.max_streams:
        message = (
            f"--max-streams is {streams} instead of {args.max_streams}: this process may open "
            "no more files; raise its limit (ulimit -Hn, LimitNOFILE=)"
        )
        complain(process, message)
    return StreamLimits(streams, args.max_streams_per_peer)
