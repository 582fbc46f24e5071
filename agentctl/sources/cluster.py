"""All sources of one cluster, for what the catalog needs."""

from __future__ import annotations

from collections.abc import Iterable

from agentctl.kube.resources import CRDS, SERVED, WatchSpec
from agentctl.sources.base import Source
from agentctl.sources.discovery import DiscoverySource
from agentctl.sources.kube import KubeContext, KubePollSource, KubeSource


def cluster_sources(
    specs: Iterable[WatchSpec], context: KubeContext, once: bool = False
) -> list[Source]:
    """One source for each spec; with ``once`` they read everything once and end."""
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
    return sources
