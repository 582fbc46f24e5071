"""Kube mode: its engine, of what is watched, a stream and a sink."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Optional

from agentctl.cli.config.settings import Settings
from agentctl.cli.host.process import Process
from agentctl.cli.run.watched import watched
from agentctl.cursor import scope_of
from agentctl.engine.engine import Engine
from agentctl.engine.policy import StreamPolicy
from agentctl.engine.state import Companion
from agentctl.engine.stream import EventStream, Sink
from agentctl.kube.access import ClusterAccess

log = logging.getLogger(__name__)


def kube_engine(
    settings: Settings,
    policy: StreamPolicy,
    sink: Sink,
    process: Process,
    load: Optional[Callable[[], ClusterAccess]] = None,
) -> Engine:
    """An engine that tells one sink and has not been started; raises as ``watched``."""
    found = watched(settings, [settings.namespace], process, load)
    scope = scope_of([settings.namespace], found.catalog_hash, settings.components)
    companions: list[Companion] = []
    if settings.diagnose:
        from agentctl.cli.run.diagnose import diagnosing

        sink, lookup = diagnosing(settings, found, sink, process.clock)
        companions.append(lookup)
    if log.isEnabledFor(logging.DEBUG):
        from agentctl.cli.run.diagnose import AccessLog

        companions.append(AccessLog(found.context.client, found.evaluator.specs))
    outlet = EventStream(sink, process.clock, scope, policy.since, policy.follow_only)
    return found.engine(outlet, policy, companions)
