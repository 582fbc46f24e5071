"""Puts kube mode together: catalog, credentials, sources, state, engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Optional

from agentctl.catalog.loader import Catalog, load_default, load_file
from agentctl.cli.settings import Settings
from agentctl.cli.world import World
from agentctl.cursor import scope_of
from agentctl.engine import Engine
from agentctl.kube.access import AccessProvider, ClusterAccess, discover
from agentctl.kube.evaluate import Evaluator
from agentctl.kube.http import ApiClient
from agentctl.kube.state import KubeState
from agentctl.policy import StreamPolicy
from agentctl.redact import redact
from agentctl.sources.cluster import cluster_sources
from agentctl.sources.kube import KubeContext
from agentctl.stream import EventStream, Sink


def catalog_of(path: Optional[str]) -> Catalog:
    """The user's own catalog, or the default one."""
    return load_file(path) if path else load_default()


def kube_engine(
    settings: Settings,
    policy: StreamPolicy,
    sink: Sink,
    world: World,
    load: Optional[Callable[[], ClusterAccess]] = None,
) -> Engine:
    """An engine that has not been started; ``load`` replaces the kubeconfig.

    Raises ConfigError and CatalogError.
    """

    def configured() -> ClusterAccess:
        return discover(settings.kubeconfig, settings.context, world.environ, world.home)

    catalog = catalog_of(settings.catalog)
    selected = catalog.select(settings.components)
    evaluator = Evaluator(
        selected.components, [settings.namespace], settings.namespace, redact=redact
    )
    provider = AccessProvider(load or configured, world.clock)
    client = ApiClient(provider, world.clock, settings.insecure_plaintext_token)
    scope = scope_of([settings.namespace], catalog.hash, settings.components)
    context = KubeContext(client, world.clock, poll_interval_s=settings.poll_interval_s)
    return Engine(
        cluster_sources(evaluator.specs, context, policy.once),
        KubeState(evaluator),
        EventStream(sink, world.clock, scope),
        policy,
        clock=world.clock,
    )
