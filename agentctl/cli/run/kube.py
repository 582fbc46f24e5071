"""Kube mode: its engine, of what is watched, a stream and a sink."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Optional

from agentctl.cli.config.settings import Settings
from agentctl.cli.host.process import Process
from agentctl.cli.run.contexts import ClusterPlace
from agentctl.cli.run.watched import Watched, watched
from agentctl.cursor import scope_of
from agentctl.debug_log import DebugLog
from agentctl.engine.engine import Engine
from agentctl.engine.policy import StreamPolicy
from agentctl.engine.state import Companion
from agentctl.engine.stream import EventStream, Sink
from agentctl.kube.access import ClusterAccess
from agentctl.model import ItemKey

log = DebugLog(__name__)


def kube_engine(
    settings: Settings,
    policy: StreamPolicy,
    sink: Sink,
    process: Process,
    load: Optional[Callable[[], ClusterAccess]] = None,
    places: Sequence[ClusterPlace] = (),
) -> Engine:
    """An engine that tells one sink and has not been started; raises as ``watched``."""
    found = watched(settings, settings.places, process, load, places)
    # Which namespaces "all" are differs from time to time; it is the same stream.
    namespaces = ("*",) if settings.all_namespaces else settings.places
    scope = scope_of(namespaces, found.catalog_hash, settings.components, found.names)
    companions: list[Companion] = []
    if settings.diagnose:
        from agentctl.cli.run.diagnose import diagnosing

        sink, lookups = diagnosing(settings, found, sink, process.clock)
        companions += lookups
    if log.on:
        from agentctl.cli.run.diagnose import AccessLog

        companions += [
            AccessLog(one.context.client, one.evaluator.specs, one.name) for one in found.clusters
        ]
    names = frozenset(one.name for one in found.components if one.each is None)
    outlet = EventStream(
        sink,
        process.clock,
        scope,
        policy.since,
        policy.follow_only,
        names,
        [
            ItemKey(where, name, cluster)
            for cluster in found.names or ("",)
            for where in found.namespaces
            for name in names
        ],
    )
    engine = found.engine(outlet, policy, companions)
    engine.advice = _elsewhere(found, namespaces)
    return engine


def _elsewhere(found: Watched, namespaces: Sequence[str]) -> str:
    """Of a context that names another namespace: kubectl would look there."""
    if found.names or "*" in namespaces:
        return ""
    access, _ = found.clusters[0].context.client.provider.current()
    if not access.namespace or access.namespace in namespaces:
        return ""
    said = (
        f'{access.description} names namespace "{access.namespace}", which is not taken: '
        f"give -n {access.namespace} to look there"
    )
    log.debug("namespace %s; %s", ",".join(namespaces), said)
    return f"; {said}"
