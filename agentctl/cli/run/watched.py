"""Watched state in kube mode: catalog, credentials, client and evaluator."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import NamedTuple, Optional

from agentctl.catalog.loader import Catalog, load_default, load_file
from agentctl.cli.config.settings import Settings
from agentctl.cli.host.process import Process
from agentctl.engine.engine import Engine
from agentctl.engine.policy import StreamPolicy
from agentctl.engine.state import Companion
from agentctl.engine.stream import Outlet
from agentctl.kube.access import AccessProvider, ClusterAccess
from agentctl.kube.client import ApiClient
from agentctl.kube.console import Console
from agentctl.kube.cuts.facts import CLOSER
from agentctl.kube.evaluate import Component, Evaluator
from agentctl.kube.find_access import discover
from agentctl.kube.overrides import Overrides
from agentctl.kube.proof import ProofSource
from agentctl.kube.source import KubeContext
from agentctl.kube.sources import cluster_sources
from agentctl.kube.state import KubeState
from agentctl.redact import redact

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
    process: Process,
    load: Optional[Callable[[], ClusterAccess]] = None,
) -> Watched:
    """What the settings describe, in these namespaces; ``load`` replaces the kubeconfig.

    Raises ConfigError and CatalogError.
    """

    def configured() -> ClusterAccess:
        console = Console(
            process.has_user,
            process.stderr.write if process.stderr.isatty() else None,
            process.keys.lent,
        )
        overrides = Overrides(context=settings.context or "")
        return discover(
            settings.kubeconfig, process.environ, process.home, overrides, console=console
        )

    catalog = catalog_of(settings.catalog)
    selected = catalog.select(settings.components)
    home = namespaces[0] if len(namespaces) == 1 else ""
    closer = CLOSER if settings.diagnose else None
    evaluator = Evaluator(selected.components, namespaces, home, redact, closer)
    provider = AccessProvider(load or configured, process.clock)
    client = ApiClient(provider, process.clock, settings.insecure_plaintext_token)
    context = KubeContext(client, process.clock, poll_interval_s=settings.poll_interval_s)
    return Watched(selected.components, catalog.hash, evaluator, context)
