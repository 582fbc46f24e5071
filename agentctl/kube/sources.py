"""Sources of one cluster, for what the catalog needs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Optional

from agentctl.engine.attempt import Source
from agentctl.kube.discovery_source import DiscoverySource
from agentctl.kube.proof import ProofSource
from agentctl.kube.resources import CRDS, SERVED, WatchSpec
from agentctl.kube.source import KubeContext, KubePollSource, KubeSource


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
        elif once:
            sources.append(KubePollSource(spec, context, once=True))
        else:
            sources.append(KubeSource(spec, context, poke))
    if specs and not once:
        sources.append(ProofSource(specs, context, max_staleness_s))
    return sources
