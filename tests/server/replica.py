"""A server's channels without an engine, and readers that check what they are given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Optional

from agentctl.clock import Clock
from agentctl.cursor import scope_of
from agentctl.model import Delta, Event, Item, ItemKey, Snapshot, Status, fold
from agentctl.server.fanout.broadcaster import Broadcaster
from agentctl.server.fanout.channel import Channel
from agentctl.server.fanout.entry import Entry
from agentctl.server.fanout.history import StatusHistory
from agentctl.server.fanout.subscription import Subscription
from tests.fakes import FakeClock


def item(component: str, status: str = "healthy", message: str = "", ns: str = "agents") -> Item:
    return Item(component, ns, Status(status), message)


def scope(*namespaces: str) -> bytes:
    return scope_of(namespaces, "hash", [])


class Replica:
    """One server's broadcaster, fed by the test."""

    def __init__(self, *namespaces: str, clock: Optional[Clock] = None) -> None:
        names = namespaces or ("agents",)
        self.clock = clock or FakeClock()
        channels = {name: Channel(name, scope(name), self.clock) for name in names}
        every = Channel("", scope(*names), self.clock) if len(names) > 1 else channels[names[0]]
        self.broadcaster = Broadcaster({"": every, **channels})
        self.broadcaster.history = StatusHistory(self.clock, 86_400.0, names)
        self.channel = every

    def begin(self, *items: Item, version: int = 1) -> Replica:
        self.broadcaster.begin(list(items), {"deployments": str(version)})
        self.broadcaster.beat([])
        return self

    def publish(self, *items: Item, version: int = 1) -> None:
        self.broadcaster.publish(list(items), {"deployments": str(version)})

    def state(self, namespace: str = "") -> dict[ItemKey, Item]:
        channel = self.broadcaster.channel(namespace)
        status = channel.status(self.clock.monotonic())
        assert status is not None
        return {one.key: one for one in status.snapshot.items}

    def reader(
        self,
        since: Optional[str] = None,
        heartbeat_s: Optional[float] = 30.0,
        follow_only: bool = False,
        namespace: str = "",
    ) -> Reader:
        return Reader(self, since, heartbeat_s, follow_only, namespace)


class Reader:
    """Takes from a subscription as a transport would, and folds as a client would."""

    def __init__(
        self,
        replica: Replica,
        since: Optional[str],
        heartbeat_s: Optional[float],
        follow_only: bool,
        namespace: str,
    ) -> None:
        self.clock = replica.clock
        channel = replica.broadcaster.channel(namespace)
        now = self.clock.monotonic()
        self.subscription = Subscription(channel, now, since, heartbeat_s, follow_only)
        self.state: dict[ItemKey, Item] = {}
        self.cursor = since or ""
        self.wrong: list[str] = []

    def one(self) -> Optional[Entry]:
        entry = self.subscription.take(self.clock.monotonic())
        if entry is not None:
            self._check(entry.event)
        return entry

    def take(self) -> list[Event]:
        events = []
        while (entry := self.one()) is not None:
            events.append(entry.event)
        return events

    def types(self) -> list[str]:
        return [event.type for event in self.take()]

    def _check(self, event: Event) -> None:
        if isinstance(event, Delta):
            told: Sequence[Item] = event.changes
            self.wrong += [f"told twice: {one}" for one in told if self.state.get(one.key) == one]
            self.wrong += [f"not there: {key}" for key in event.removed if key not in self.state]
            if not event.changes and not event.removed:
                self.wrong.append("an empty delta")
        if isinstance(event, (Snapshot, Delta)):
            self.state = fold(self.state, event)
        self.cursor = event.cursor

    def known(self, state: Mapping[ItemKey, Item]) -> Reader:
        """Let it begin with what it knew when it had its cursor."""
        self.state = dict(state)
        return self
