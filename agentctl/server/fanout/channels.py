"""Channels made for a server: one for each namespace, and one for all together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Optional, Union

from agentctl.clock import Clock
from agentctl.cursor import scope_of
from agentctl.kube.components import Component
from agentctl.kube.evaluate import Evaluator
from agentctl.kube.resources import WatchSpec
from agentctl.kube.wide import widened
from agentctl.server.fanout.broadcaster import Broadcaster
from agentctl.server.fanout.channel import Channel


def channels_of(
    components: Sequence[Component],
    specs: Union[Mapping[str, Sequence[WatchSpec]], Sequence[WatchSpec]],
    namespaces: Sequence[str],
    catalog_hash: str,
    globs: Sequence[str],
    clock: Clock,
) -> Broadcaster:
    """What readers may have. ``specs`` are those of the engine's sources, of several clusters
    by cluster.

    A namespace's cursors are those of kube mode on it alone, in any replica that serves it:
    with the same scope, and its sources under the names that they have there.
    """

    by_cluster = specs if isinstance(specs, Mapping) else {"": specs}
    clusters = tuple(filter(None, by_cluster))
    names = frozenset(one.name for one in components if one.each is None)

    def channel(name: str, scope: Sequence[str], among_others: bool) -> Channel:
        sources: Optional[dict[str, tuple[str, ...]]] = None
        if among_others:
            sources = {}
            for cluster, own in by_cluster.items():
                sources.update(_own_names(components, own, name, cluster))
        of_scope = scope_of(scope, catalog_hash, globs, clusters)
        return Channel(name, of_scope, clock, sources, names)

    def narrowed(namespace: str, some: Sequence[str]) -> bytes:
        # Of what is served: where that is a part already, those that match both.
        both = [f"{','.join(sorted(set(globs)))} & {','.join(some)}"] if globs else some
        return scope_of([namespace] if namespace else namespaces, catalog_hash, both, clusters)

    if len(namespaces) == 1:
        only = channel(namespaces[0], namespaces, among_others=False)
        return Broadcaster({namespaces[0]: only, "": only}, clusters, narrowed)
    channels = {name: channel(name, [name], among_others=True) for name in namespaces}
    every = channel("", namespaces, among_others=False)
    return Broadcaster({**channels, "": every}, clusters, narrowed)


def _own_names(
    components: Sequence[Component], specs: Sequence[WatchSpec], namespace: str, cluster: str
) -> dict[str, tuple[str, ...]]:
    """The sources that a namespace rests on, with the names they would have alone."""
    alone = Evaluator(components, [namespace], namespace, cluster=cluster).specs
    names = {(spec.resource, spec.namespace): spec.name for spec in alone}

    def own(parts: Iterable[WatchSpec]) -> tuple[str, ...]:
        places = ((spec.resource, spec.namespace) for spec in parts)
        return tuple(names[place] for place in places if place in names)

    found = {spec.name: own([spec]) for spec in specs}
    for wide in widened(specs, cluster):
        found[wide.name] = own(wide.parts.values())
    return {name: owned for name, owned in found.items() if owned}
