"""Sources of one cluster, for what the catalog needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Optional

from agentctl.engine.attempt import Source
from agentctl.kube.context import KubeContext
from agentctl.kube.discovery_source import DiscoverySource
from agentctl.kube.evaluate import Evaluator
from agentctl.kube.resources import CRDS, SERVED, WatchSpec
from agentctl.kube.source import KubePollSource, KubeSource
from agentctl.kube.state import AimedProbe, KubeState

if TYPE_CHECKING:
    from agentctl.kube.wide import WideSpec


def cluster_sources(
    specs: Iterable[WatchSpec],
    context: KubeContext,
    once: bool = False,
    max_staleness_s: Optional[float] = None,
    wide: Iterable[WideSpec] = (),
) -> list[Source]:
    """One source for each spec, and the proof of life; with ``once`` all is read once.

    A ``wide`` spec has a source before those of its parts, which stand in for it.
    """
    specs = list(specs)
    whole = {part.name: one for one in wide for part in one.parts.values()}
    discovery = next(
        (DiscoverySource(spec, context, once) for spec in specs if spec.resource == SERVED), None
    )
    sources: list[Source] = []
    for spec in _with_wide(specs, whole):
        poke = discovery.poke if discovery is not None and spec.resource == CRDS else None
        if spec.resource == SERVED:
            assert discovery is not None
            sources.append(discovery)
        elif not spec.resource.is_api:
            from agentctl.kube.probe_source import ProbeSource

            sources.append(ProbeSource(spec, context, once))
        elif once:
            sources.append(KubePollSource(spec, context, once=True))
        else:
            sources.append(KubeSource(spec, context, poke))
        if spec.name in whole:
            sources[-1].stands_in_for = whole[spec.name].name
    if not once and any(spec.resource.is_api for spec in specs):
        from agentctl.kube.proof import ProofSource

        sources.append(ProofSource(specs, context, max_staleness_s))
    for source in sources:
        source.cluster = context.cluster
    return sources


def cluster_state(
    evaluator: Evaluator, sources: Sequence[Source], wide: Sequence[WideSpec] = ()
) -> KubeState:
    """The state that these sources feed; what asks on its own account is told what to ask."""
    prove: Optional[Callable[[], None]] = None
    for source in sources:
        if source.proves:
            from agentctl.kube.proof import ProofSource

            assert isinstance(source, ProofSource), "nothing else proves"
            prove = source.poke
    by_name = {source.name: source for source in sources}
    probes = []
    for spec in evaluator.specs:
        source = by_name[spec.name]
        if not spec.resource.is_api and not isinstance(source, DiscoverySource):
            from agentctl.kube.probe_source import ProbeSource

            assert isinstance(source, ProbeSource), "nothing else is no resource"
            source.components = list(dict.fromkeys(evaluator.resting_on(spec.name)))
            needs = source.aim_needs(spec.namespace)
            at = [evaluator.view.source_of(need.resource, need.namespace) for need in needs]
            names = frozenset(one.spec.name for one in at)
            probes.append(AimedProbe(source, spec.namespace, names))
    cluster = sources[0].cluster if sources else ""
    return KubeState(evaluator, prove or (lambda: None), probes, wide, cluster)


def _with_wide(specs: Iterable[WatchSpec], whole: Mapping[str, WideSpec]) -> Iterator[WatchSpec]:
    told: set[str] = set()
    for spec in specs:
        one = whole.get(spec.name)
        if one is not None and one.name not in told:
            told.add(one.name)
            yield one
        yield spec
