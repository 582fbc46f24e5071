"""Transport choice: kube, grpc, sse, or with ``auto`` the first of them that works."""

from __future__ import annotations

import math
from argparse import Namespace
from collections.abc import Callable, Sequence

from agentctl.cli.config.layers import Layers, flagged
from agentctl.cli.config.settings import Settings
from agentctl.cli.config.table import SETTINGS
from agentctl.cli.host.process import Process
from agentctl.cli.run.contexts import ClusterSelection
from agentctl.debug_log import DebugLog
from agentctl.engine.engine import Engine
from agentctl.engine.policy import Goal, StreamPolicy
from agentctl.engine.stream import Sink
from agentctl.errors import MissingPackageError, UsageError
from agentctl.lazy_dataclass import replace
from agentctl.model import ErrorCode, Event

Build = Callable[[StreamPolicy, Sink], Engine]
"""Makes an engine that has not been started. Raises UsageError and ConfigError."""

REMOTE = ("grpc", "sse")

TRY_S = 5.0
"""How long ``auto`` waits for one transport's answer."""

log = DebugLog(__name__)


def way(args: Namespace, chosen: ClusterSelection, process: Process) -> Build:
    """The way that the settings name."""
    settings = chosen.settings
    transport = settings.transport
    if transport == "auto":
        return _first_that_works(args, chosen, process)
    if transport == "kube":
        _refuse(args, "kube", "is for --transport grpc or sse; kube mode has a kubeconfig")
        return _from_cluster(chosen, process)
    _refuse(args, transport, f"has no meaning with --transport {transport}: it is for kube mode")
    return _from_server(transport, args, settings, process)


def _from_cluster(chosen: ClusterSelection, process: Process) -> Build:
    from agentctl.cli.run.kube import kube_engine

    return lambda policy, sink: kube_engine(
        chosen.settings, policy, sink, process, places=chosen.places
    )


def _from_server(transport: str, args: Namespace, settings: Settings, process: Process) -> Build:
    from agentctl.cli.config.server import server_access
    from agentctl.cli.run.remote import remote_engine

    layers = Layers.of(process, args)
    # A server takes one, or none for all that it serves.
    asked = "" if settings.namespaces or settings.all_namespaces else settings.namespace

    def build(policy: StreamPolicy, sink: Sink) -> Engine:
        access = server_access(layers, transport, asked, policy, settings.poll_interval_s)
        if settings.diagnose:
            from agentctl.diagnosis.from_server import second_hand
            from agentctl.diagnosis.sink import Diagnosing

            sink = Diagnosing(sink, second_hand, begin=lambda: None)
        log.debug("server %s, %s", access.address, "TLS" if access.tls else "plain text")
        selecting = (settings.components, settings.namespaces)
        return remote_engine(transport, access, *selecting, policy, sink, process)

    return build


def _first_that_works(args: Namespace, chosen: ClusterSelection, process: Process) -> Build:
    """grpc, sse, kube, in this order: the first that answers, and a word of those that did not.

    Each is asked as it is configured and no other way: what fails with TLS or with a token
    is not tried without. A server is asked for its state once; kube, the last, is not. What
    needs a package that is missing is passed over.
    """
    candidates = REMOTE if Layers.of(process, args).text("address") else ()

    def build(policy: StreamPolicy, sink: Sink) -> Engine:
        reasons: list[str] = []
        now = process.clock.monotonic()
        # One shot ends in time, and a watch at its --timeout, however long the others take.
        began_at = now if policy.began_at is None else policy.began_at
        counted = replace(policy, began_at=began_at)
        limit = policy.first_answer_s if policy.once else policy.timeout_s
        ends_at = math.inf if limit is None else began_at + limit
        for transport in candidates:
            found = _from_server(transport, args, chosen.settings, process)
            reason = _why_not(found, counted, max(0.0, ends_at - process.clock.monotonic()))
            if not reason:
                return _told(transport, found(counted, sink), reasons)
            reasons.append(f"{transport}: {reason}")
            log.debug("transport %s: %s", transport, reason)
        return _told("kube", _from_cluster(chosen, process)(counted, sink), reasons)

    return build


def _why_not(build: Build, policy: StreamPolicy, left_s: float) -> str:
    """Ask once; empty if that went well."""
    patience = min(TRY_S, left_s / 2)
    once = replace(policy, once=True, goal=Goal(), since=None, follow_only=False)
    once = replace(once, timeout_s=patience, began_at=None)
    try:
        outcome = build(once, _Nowhere()).run()
    except MissingPackageError as error:
        return error.message
    return outcome.message if outcome.exit_code else ""


class _Nowhere:
    def emit(self, event: Event) -> None:
        pass


def _told(transport: str, engine: Engine, reasons: Sequence[str]) -> Engine:
    if reasons:
        engine.tell(ErrorCode.FALLBACK, f"using {transport}; {'; '.join(reasons)}")
    return engine


def _given(args: Namespace, key: str) -> bool:
    return bool(getattr(args, key.replace("-", "_"), None))


def _refuse(args: Namespace, transport: str, why: str) -> None:
    """A flag that would do nothing is a mistake, and better told."""
    given = [
        said.by
        for one in SETTINGS
        if transport not in one.transports
        for said in flagged(args, one)
    ]
    if transport != "kube":
        given += [f"--{key}" for key in ("catalog", "exclude-context") if _given(args, key)]
    if given:
        raise UsageError(f"{given[0]} {why}")
