"""All sources of one cluster, for what the catalog needs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Optional

from agentctl.kube.resources import CRDS, SERVED, WatchSpec
from agentctl.sources.base import Source
from agentctl.sources.discovery import DiscoverySource
from agentctl.sources.kube import KubeContext, KubePollSource, KubeSource
from agentctl.sources.proof import ProofSource


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
