"""Watched state in kube mode: catalog, credentials, client and evaluator."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Optional

from agentctl.catalog.loader import load_chosen
from agentctl.cli.config.settings import Settings
from agentctl.cli.host.process import Process
from agentctl.cli.run.contexts import ClusterPlace
from agentctl.debug_log import DebugLog
from agentctl.engine.attempt import Source
from agentctl.engine.engine import Engine
from agentctl.engine.policy import StreamPolicy
from agentctl.engine.state import Companion, State
from agentctl.engine.stream import Outlet
from agentctl.kube.access import AccessProvider, ClusterAccess
from agentctl.kube.client import ApiClient
from agentctl.kube.components import Component
from agentctl.kube.console import Console
from agentctl.kube.context import KubeContext
from agentctl.kube.evaluate import Evaluator
from agentctl.kube.find_access import discover
from agentctl.kube.overrides import Overrides
from agentctl.kube.sources import cluster_sources, cluster_state
from agentctl.lazy_dataclass import replace
from agentctl.lazy_namedtuple import NamedTuple
from agentctl.model import ItemKey, Status
from agentctl.redact import redact

if TYPE_CHECKING:
    from agentctl.kube.resources import Cut
    from agentctl.kube.wide import WideSpec

log = DebugLog(__name__)


class WatchedCluster(NamedTuple):
    """One cluster's part of it. ``name`` is empty where it is the only one."""

    name: str
    kube_context: str
    """The kubeconfig's; empty for the current one."""
    evaluator: Evaluator
    context: KubeContext

    @property
    def wide(self) -> list[WideSpec]:
        """Its watches of all namespaces, where several are watched."""
        if not self.evaluator.several:
            return []
        from agentctl.kube.wide import widened

        return widened(self.evaluator.specs, self.name)

    def rests_on(self) -> dict[ItemKey, tuple[tuple[str, ...], ...]]:
        """Each component's sources; of one that has a wide watch in its place, both names."""
        whole = {part.name: one.name for one in self.wide for part in one.parts.values()}
        shared: dict[tuple[str, ...], tuple[tuple[str, ...], ...]] = {}
        return {
            key: shared.setdefault(
                names, tuple((name, whole[name]) if name in whole else (name,) for name in names)
            )
            for key, names in self.evaluator.sources().items()
        }


class Watched(NamedTuple):
    """What is to be watched, and where: an engine's parts that both modes share."""

    components: tuple[Component, ...]
    catalog_hash: str
    clusters: tuple[WatchedCluster, ...]
    namespaces: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Of the clusters; none where there is one."""
        return tuple(one.name for one in self.clusters if one.name)

    @property
    def evaluator(self) -> Evaluator:
        """The first cluster's."""
        return self.clusters[0].evaluator

    @property
    def context(self) -> KubeContext:
        """The first cluster's."""
        return self.clusters[0].context

    def engine(
        self, outlet: Outlet, policy: StreamPolicy, companions: Sequence[Companion] = ()
    ) -> Engine:
        """One that has not been started."""
        sources: list[Source] = []
        owners: dict[str, str] = {}
        states: dict[str, State] = {}
        for one in self.clusters:
            if policy.once:
                one.context.client.share_connections()
            wide = one.wide
            own = cluster_sources(
                one.evaluator.specs, one.context, policy.once, policy.max_staleness_s, wide
            )
            states[one.name] = cluster_state(one.evaluator, own, wide)
            owners.update((source.name, one.name) for source in own)
            sources += own
        if self.names:
            from agentctl.kube.clusters import ClusterStates

            state: State = ClusterStates(states, owners)
            policy = patient(policy)
        else:
            (state,) = states.values()
        clock = self.clusters[0].context.clock
        return Engine(sources, state, outlet, policy, clock=clock, companions=companions)


LAGGARDS_S = 2.0
"""How long the rows of a cluster that has answered wait for those of another."""


def patient(policy: StreamPolicy) -> StreamPolicy:
    """How a stream of several clusters behaves: none is held up by another.

    One shot waits for all, and so does a run that is to fail on what is ``unknown``.
    """
    fail_on = policy.goal.fail_on
    waits = policy.once or (fail_on is not None and fail_on.severity <= Status.UNKNOWN.severity)
    return replace(policy, laggards_s=None if waits else LAGGARDS_S)


def watched(
    settings: Settings,
    namespaces: Sequence[str],
    process: Process,
    load: Optional[Callable[[], ClusterAccess]] = None,
    places: Sequence[ClusterPlace] = (),
) -> Watched:
    """What the settings describe, in these namespaces; ``load`` replaces the kubeconfig.

    ``places`` are several clusters; of those nothing is read before it is needed, so that
    none can hold up the others. Raises ConfigError and CatalogError.
    """
    parts = _WatchedParts(settings, process)
    if places:
        return _several(parts, places, namespaces)
    provider = AccessProvider(load or parts.access, process.clock)
    client = parts.client(provider)
    if settings.all_namespaces:
        from agentctl.cli.run.namespaces import all_namespaces

        namespaces = all_namespaces(parts.components, client, process.clock)
    return parts.of(
        [parts.cluster("", provider.current()[0].context, client, namespaces)], namespaces
    )


def _several(
    parts: _WatchedParts, places: Sequence[ClusterPlace], namespaces: Sequence[str]
) -> Watched:
    settings, clock = parts.settings, parts.process.clock
    clients = [parts.client(AccessProvider(one.load, clock, one.files)) for one in places]
    each: Sequence[Sequence[str]] = [namespaces] * len(clients)
    if settings.all_namespaces:
        from agentctl.cli.run.namespaces import of_each

        each = of_each(parts.components, clients, clock, settings.namespace)
    clusters = [
        parts.cluster(place.name, place.context, client, where)
        for place, client, where in zip(places, clients, each)
    ]
    return parts.of(clusters, tuple(dict.fromkeys(name for where in each for name in where)))


class _WatchedParts:
    """What all clusters are watched with: the components of the catalog, and how they are asked."""

    def __init__(self, settings: Settings, process: Process) -> None:
        """Raises CatalogError."""
        self.settings = settings
        self.process = process
        if settings.probe_dependencies:
            from agentctl.cli.host.grpc_settings import set_up_grpc

            set_up_grpc()
        catalog = load_chosen(settings.catalog, settings.probe_dependencies)
        if settings.probed_at:
            catalog = catalog.probed_at(settings.probed_at)
        self.components = catalog.select(settings.components).components
        self._hash = catalog.hash
        self._closer: Optional[Mapping[Cut, Cut]] = None
        if settings.diagnose:
            from agentctl.kube.cuts.facts import CLOSER

            self._closer = CLOSER

    def access(self) -> ClusterAccess:
        """The kubeconfig's. Raises ConfigError."""
        settings, process = self.settings, self.process
        console = Console(
            process.has_user,
            self._tell if process.stderr.isatty() else None,
            process.keys.lent,
        )
        overrides = Overrides(context=settings.context or "", **settings.overrides)
        return discover(
            settings.kubeconfig, process.environ, process.home, overrides, console=console
        )

    def _tell(self, text: str) -> None:
        self.process.keys.told()
        self.process.stderr.write(text)

    def client(self, provider: AccessProvider) -> ApiClient:
        settings = self.settings
        return ApiClient(
            provider,
            self.process.clock,
            settings.insecure_plaintext_token,
            settings.request_timeout_s,
        )

    def cluster(
        self, name: str, kube_context: str, client: ApiClient, where: Sequence[str]
    ) -> WatchedCluster:
        home = where[0] if len(where) == 1 else ""
        evaluator = Evaluator(self.components, where, home, redact, self._closer, name)
        poll_interval_s = self.settings.poll_interval_s
        context = KubeContext(
            client, self.process.clock, poll_interval_s=poll_interval_s, cluster=name
        )
        return WatchedCluster(name, kube_context, evaluator, context)

    def of(self, clusters: Sequence[WatchedCluster], namespaces: Sequence[str]) -> Watched:
        return Watched(self.components, self._hash, tuple(clusters), tuple(namespaces))
