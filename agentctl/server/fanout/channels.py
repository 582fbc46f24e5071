"""Channels made for a server: one for each namespace, and one for all together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from agentctl.clock import Clock
from agentctl.cursor import scope_of
from agentctl.kube.evaluate import Component, Evaluator
from agentctl.kube.resources import WatchSpec
from agentctl.server.fanout.broadcaster import Broadcaster
from agentctl.server.fanout.channel import Channel


def channels_of(
    components: Sequence[Component],
    specs: Sequence[WatchSpec],
    namespaces: Sequence[str],
    catalog_hash: str,
    globs: Sequence[str],
    clock: Clock,
) -> Broadcaster:
    """What readers may have. ``specs`` are those of the engine's sources.

    A namespace's cursors are those of kube mode on it alone, in any replica that serves it:
    with the same scope, and its sources under the names that they have there.
    """

    def channel(name: str, scope: Sequence[str], among_others: bool) -> Channel:
        sources = _own_names(components, specs, name) if among_others else None
        return Channel(name, scope_of(scope, catalog_hash, globs), clock, sources)

    if len(namespaces) == 1:
        only = channel(namespaces[0], namespaces, among_others=False)
        return Broadcaster({namespaces[0]: only, "": only})
    channels = {name: channel(name, [name], among_others=True) for name in namespaces}
    return Broadcaster({**channels, "": channel("", namespaces, among_others=False)})


def _own_names(
    components: Sequence[Component], specs: Sequence[WatchSpec], namespace: str
) -> dict[str, str]:
    """The sources that a namespace rests on, with the names they would have alone."""
    alone = Evaluator(components, [namespace], namespace).specs
    names: dict[object, Optional[str]] = {
        (spec.resource, spec.namespace): spec.name for spec in alone
    }
    found = ((spec.name, names.get((spec.resource, spec.namespace))) for spec in specs)
    return {name: own for name, own in found if own is not None}
