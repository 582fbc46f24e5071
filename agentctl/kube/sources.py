"""Sources of one cluster, for what the catalog needs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Optional

from agentctl.engine.attempt import Source
from agentctl.kube.discovery_source import DiscoverySource
from agentctl.kube.evaluate import Evaluator
from agentctl.kube.proof import ProofSource
from agentctl.kube.resources import CRDS, SERVED, WatchSpec
from agentctl.kube.source import KubeContext, KubePollSource, KubeSource
from agentctl.kube.state import AimedProbe, KubeState


def cluster_sources(
    specs: Iterable[WatchSpec],
    context: KubeContext,
    once: bool = False,
    max_staleness_s: Optional[float] = None,
) -> list[Source]:
    """One source for each spec, and the proof of life; with ``once`` all is read once."""
    specs = list(specs)
    discovery = next(
        (DiscoverySource(spec, context, once) for spec in specs if spec.resource == SERVED), None
    )
    sources: list[Source] = []
    for spec in specs:
        poke = discovery.poke if discovery is not None and spec.resource == CRDS else None
        if spec.resource == SERVED:
            assert discovery is not None
            sources.append(discovery)
        elif not spec.resource.is_api:
            from agentctl.kube.probe_source import ProbeSource

            sources.append(ProbeSource(spec, context.clock, context.turns, context.rng, once))
        elif once:
            sources.append(KubePollSource(spec, context, once=True))
        else:
            sources.append(KubeSource(spec, context, poke))
    if not once and any(spec.resource.is_api for spec in specs):
        sources.append(ProofSource(specs, context, max_staleness_s))
    return sources


def cluster_state(evaluator: Evaluator, sources: Sequence[Source]) -> KubeState:
    """The state that these sources feed; what asks on its own account is told what to ask."""
    proof = next((source for source in sources if isinstance(source, ProofSource)), None)
    by_name = {source.name: source for source in sources}
    probes = []
    for spec in evaluator.specs:
        source = by_name[spec.name]
        if not spec.resource.is_api and not isinstance(source, DiscoverySource):
            from agentctl.kube.probe_source import ProbeSource

            assert isinstance(source, ProbeSource), "nothing else is no resource"
            needs = source.aim_needs(spec.namespace)
            at = [evaluator.view.source_of(need.resource, need.namespace) for need in needs]
            names = frozenset(one.spec.name for one in at)
            probes.append(AimedProbe(source, spec.namespace, names))
    return KubeState(evaluator, proof.poke if proof else lambda: None, probes)
