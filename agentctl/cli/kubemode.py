"""Puts kube mode together: catalog, credentials, sources, state, engine."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import NamedTuple, Optional

from agentctl.catalog.loader import Catalog, load_default, load_file
from agentctl.cli.diagnosing import AccessLog, diagnosing
from agentctl.cli.settings import Settings
from agentctl.cli.world import World
from agentctl.cursor import scope_of
from agentctl.engine import Companion, Engine
from agentctl.kube.access import AccessProvider, ClusterAccess, discover
from agentctl.kube.api import reader
from agentctl.kube.evaluate import Component, Evaluator
from agentctl.kube.facts import CLOSER
from agentctl.kube.http import ApiClient
from agentctl.kube.permissions import permissions
from agentctl.kube.reviews import Access, access
from agentctl.kube.state import KubeState
from agentctl.policy import StreamPolicy
from agentctl.redact import redact
from agentctl.sources.cluster import cluster_sources
from agentctl.sources.kube import KubeContext
from agentctl.sources.proof import ProofSource
from agentctl.stream import EventStream, Outlet, Sink

log = logging.getLogger(__name__)


def catalog_of(path: Optional[str]) -> Catalog:
    """The user's own catalog, or the default one."""
    return load_file(path) if path else load_default()


class Watched(NamedTuple):
    """What is to be watched, and where: an engine's parts that both modes share."""

    components: tuple[Component, ...]
    catalog_hash: str
    evaluator: Evaluator
    context: KubeContext

    def engine(
        self, outlet: Outlet, policy: StreamPolicy, companions: Sequence[Companion] = ()
    ) -> Engine:
        """One that has not been started."""
        sources = cluster_sources(
            self.evaluator.specs, self.context, policy.once, policy.max_staleness_s
        )
        prove = [source.poke for source in sources if isinstance(source, ProofSource)]
        return Engine(
            sources,
            KubeState(self.evaluator, *prove),
            outlet,
            policy,
            clock=self.context.clock,
            companions=companions,
        )


def watched(
    settings: Settings,
    namespaces: Sequence[str],
    world: World,
    load: Optional[Callable[[], ClusterAccess]] = None,
) -> Watched:
    """What the settings describe, in these namespaces; ``load`` replaces the kubeconfig.

    Raises ConfigError and CatalogError.
    """

    def configured() -> ClusterAccess:
        return discover(settings.kubeconfig, settings.context, world.environ, world.home)

    catalog = catalog_of(settings.catalog)
    selected = catalog.select(settings.components)
    home = namespaces[0] if len(namespaces) == 1 else ""
    closer = CLOSER if settings.diagnose else None
    evaluator = Evaluator(selected.components, namespaces, home, redact, closer)
    provider = AccessProvider(load or configured, world.clock)
    client = ApiClient(provider, world.clock, settings.insecure_plaintext_token)
    context = KubeContext(client, world.clock, poll_interval_s=settings.poll_interval_s)
    return Watched(selected.components, catalog.hash, evaluator, context)


def access_of(found: Watched) -> Access:
    """What the cluster grants us of what the watches need. Raises SourceError."""
    with reader(found.context.client) as api:
        return access(api, permissions(found.evaluator.specs))


def kube_engine(
    settings: Settings,
    policy: StreamPolicy,
    sink: Sink,
    world: World,
    load: Optional[Callable[[], ClusterAccess]] = None,
) -> Engine:
    """An engine that tells one sink and has not been started; raises as ``watched``."""
    found = watched(settings, [settings.namespace], world, load)
    scope = scope_of([settings.namespace], found.catalog_hash, settings.components)
    companions: list[Companion] = []
    if settings.diagnose:
        sink, inquiry = diagnosing(settings, found, sink, world.clock)
        companions.append(inquiry)
    if log.isEnabledFor(logging.DEBUG):
        companions.append(AccessLog(found.context.client, found.evaluator.specs))
    return found.engine(EventStream(sink, world.clock, scope), policy, companions)
