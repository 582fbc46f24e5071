"""Broadcaster: the engine's outlet in a server, one channel for each namespace and one for all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Optional

from agentctl.cursor import scope_of
from agentctl.engine.policy import Notice
from agentctl.model import OUTAGES, Delta, Item, replaced
from agentctl.server.fanout.channel import Channel
from agentctl.server.fanout.entry import Entry
from agentctl.server.fanout.history import StatusHistory
from agentctl.server.fanout.narrowing import NarrowedChannels
from agentctl.server.fanout.state_part import StatePart

Scope = Callable[[str, Sequence[str]], bytes]
"""From a namespace ("" for all) and the globs of a reader to the scope of its cursors."""


def _scope(namespace: str, globs: Sequence[str]) -> bytes:
    return scope_of([namespace], "", globs)


class Broadcaster:
    """Hands each state to all channels. ``channels`` by namespace; "" is all together.

    ``clusters`` are the names of several, none where there is one.
    """

    def __init__(
        self,
        channels: Mapping[str, Channel],
        clusters: Sequence[str] = (),
        scope: Scope = _scope,
    ) -> None:
        self.channels = dict(channels)
        self.clusters = tuple(clusters)
        self.narrowed = NarrowedChannels(
            lambda namespace, globs: self.channels[namespace].sibling(scope(namespace, globs)),
            self.channels[""].clock,
        )
        self.begun = False
        self.items: Sequence[Item] = ()
        """The present state; another object when it is another."""
        self.history: Optional[StatusHistory] = None
        """What is kept of the past, if anything; to be set before the engine starts."""
        self._remembered: Optional[Entry] = None
        # Where one namespace is served, its channel is also the one for all.
        self._distinct = tuple({id(one): one for one in channels.values()}.values())
        self._looked_at: Sequence[Item] = ()
        self._parts = {name: StatePart(_within(name)) for name in self.channels if name}

    def __iter__(self) -> Iterator[Channel]:
        return iter(self._distinct)

    def channel(self, namespace: str) -> Channel:
        """Raises KeyError for a namespace that is not served."""
        return self.channels[namespace]

    def refusal(self, knows_clusters: bool, how: str) -> str:
        """Why who does not know of clusters can be told nothing here; empty where it can.

        ``how`` is what it would have to ask with.
        """
        if knows_clusters or not self.clusters:
            return ""
        return (
            f"this server watches {len(self.clusters)} clusters, and who does not tell them apart "
            f"would take two for one: ask with {how}, and see 'cluster' in each item"
        )

    def on_news(self, wake: Callable[[Channel], None]) -> None:
        """Have ``wake`` called whenever a channel may have something to take.

        It is called on the engine's thread and must not wait for anything. To be set
        before the engine starts.
        """
        for channel in self._distinct:
            earlier = channel.on_news

            def both(news: Channel, earlier: Callable[[Channel], None] = earlier) -> None:
                earlier(news)
                wake(news)

            channel.on_news = both
        self.narrowed.on_news(wake)

    def begin(self, items: Sequence[Item], versions: Mapping[str, str]) -> None:
        self.begun, self.items = True, items
        for channel in self._distinct:
            channel.begin(self._of(channel, items), versions)
        self.narrowed.publish(items, versions)
        if self.history is not None:
            self.history.begin(items)

    def publish(self, items: Sequence[Item], versions: Mapping[str, str]) -> bool:
        self.items = items
        news = [channel.publish(self._of(channel, items), versions) for channel in self._distinct]
        self.narrowed.publish(items, versions)
        if self.history is not None and any(news):
            newest = self.channels[""].newest()
            if newest is not None and newest[1] is not self._remembered:
                self._remembered = newest[1]
                if isinstance(newest[1].event, Delta):
                    self.history.take(newest[1].event)
        return any(news)

    def differs(self, items: Sequence[Item]) -> bool:
        return any(channel.differs(self._of(channel, items)) for channel in self._distinct)

    def tell(self, notice: Notice) -> None:
        for channel in self._distinct:
            channel.tell(notice)
        self.narrowed.tell(notice)

    def beat(self, missing: Sequence[Notice], due: bool = True) -> None:
        for channel in self._distinct:
            channel.beat(missing)
        self.narrowed.beat(missing)
        if self.history is not None:
            self.history.beat(self._lost(missing), due)

    def counts(self) -> tuple[Counter[str], Counter[str]]:
        """Events made by type, and readers that resumed by outcome, of all channels."""
        events, resumes = self.narrowed.counts()
        for channel in self._distinct:
            # Copies: the engine's thread and the transports' go on counting.
            events.update(channel.events.copy())
            resumes.update(channel.resumes.copy())
        return events, resumes

    def _lost(self, missing: Sequence[Notice]) -> dict[tuple[str, str], str]:
        """Clusters and namespaces of which nothing new can be seen, each with the reason."""
        found: dict[tuple[str, str], str] = {}
        for one in missing:
            if one.code not in OUTAGES:
                continue
            for channel in self._distinct:
                if channel.rests_on(one.source, one.cluster):
                    # What is of no served namespace is seen or unseen with all together.
                    for namespace in (channel.namespace, ""):
                        why = f"{one.code.value}: {one.message}"
                        found.setdefault((one.cluster, namespace), why)
        return found

    def _of(self, channel: Channel, items: Sequence[Item]) -> Sequence[Item]:
        """The channel's own items; the same object for the same items."""
        if len(self._distinct) == 1 or not channel.namespace:
            return items
        if items is not self._looked_at:
            places = replaced(self._looked_at, items)
            self._looked_at = items
            for part in self._parts.values():
                part.take(items, places)
        return self._parts[channel.namespace].items


def _within(namespace: str) -> Callable[[Item], bool]:
    return lambda item: item.namespace == namespace
