"""Narrowed channels: streams of some components only, made when a reader asks for such a one.

Readers that name the same components share a channel, with cursors of its own: those of
``agentctl status watch --component`` on the same namespace fit it. It is kept while it has
readers, and a little longer; a cursor needs it no longer than that.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Optional
from weakref import WeakSet

from agentctl.clock import Clock
from agentctl.engine.policy import Notice
from agentctl.lazy_namedtuple import NamedTuple
from agentctl.model import Item, replaced
from agentctl.server.fanout.channel import Channel
from agentctl.server.fanout.selection import GlobSelection
from agentctl.server.fanout.state_part import StatePart
from agentctl.server.fanout.subscription import Subscription

MAX_NARROWED = 100
"""Each has a state and a recent past of its own."""

MAX_NARROWED_ITEMS = 100_000
"""Of all of them together: each of ten thousand items takes 4 MB of memory."""

IDLE_S = 60.0
"""How long one without readers is kept: for a reader that comes back, and for who polls."""

_MAX_NAMES = 20_000

Wake = Callable[[Channel], None]
Globs = tuple[str, ...]


class _StateChange(NamedTuple):
    """From one state to the next; see ``model.replaced``."""

    before: Sequence[Item]
    places: Optional[list[int]]


class ItemSelection:
    """Items of a namespace ("" for all) by their components; what globs mean is kept by name."""

    def __init__(self, namespace: str, globs: Globs) -> None:
        self._namespace = namespace
        self._globs = GlobSelection(globs)
        self._known: dict[str, bool] = {}

    def means(self, item: Item) -> bool:
        if self._namespace not in ("", item.namespace):
            return False
        meant = self._known.get(item.component)
        if meant is None:
            if len(self._known) >= _MAX_NAMES:
                self._known.clear()
            meant = self._globs.means(item.component)
            self._known[item.component] = meant
        return meant


class NarrowedChannel:
    """One of them; ``globs`` select by the component's name."""

    def __init__(self, channel: Channel, globs: Globs) -> None:
        self.channel = channel
        self.readers: WeakSet[Subscription] = WeakSet()
        self.used_at = 0.0
        self._looked_at: Sequence[Item] = ()
        self._part = StatePart(ItemSelection(channel.namespace, globs).means)

    @property
    def size(self) -> int:
        """How many items it has now."""
        return len(self._part.items)

    @property
    def empty(self) -> bool:
        """The state is known, and nothing of it is of these components."""
        return self.channel.begun and not self._part.items

    def publish(
        self,
        items: Sequence[Item],
        versions: Mapping[str, str],
        step: Optional[_StateChange] = None,
    ) -> None:
        """Take a state of all, the first one too; ``step`` led to it, where that is known."""
        if items is not self._looked_at:
            known = step is not None and step.before is self._looked_at
            places = step.places if known and step else replaced(self._looked_at, items)
            self._part.take(items, places)
            self._looked_at = items
        if self.channel.begun:
            self.channel.publish(self._part.items, versions)
        else:
            self.channel.begin(self._part.items, versions)


class NarrowedChannels:
    """All of a server's. ``make`` makes the channel of a namespace ("" for all) and globs.

    ``publish``, ``tell`` and ``beat`` are the engine's; ``of`` is for the transports' threads.
    The lock is held for the book-keeping alone.
    """

    def __init__(self, make: Callable[[str, Globs], Channel], clock: Clock) -> None:
        self._make = make
        self._clock = clock
        self._lock = threading.Lock()
        self._found: dict[tuple[str, Globs], NarrowedChannel] = {}
        self._present: Optional[tuple[Sequence[Item], Mapping[str, str]]] = None
        self._missing: Sequence[Notice] = ()
        self._wakes: list[Wake] = []
        self._past_events: Counter[str] = Counter()
        self._past_resumes: Counter[str] = Counter()

    def on_news(self, wake: Wake) -> None:
        self._wakes.append(wake)

    def publish(self, items: Sequence[Item], versions: Mapping[str, str]) -> None:
        before = self._present[0] if self._present is not None else ()
        narrowed = self._all(present=(items, versions))
        # Once for all of them: it looks at ten thousand items.
        step = _StateChange(before, replaced(before, items)) if narrowed else None
        for one in narrowed:
            one.publish(items, versions, step)

    def tell(self, notice: Notice) -> None:
        for one in self._all():
            one.channel.tell(notice)

    def beat(self, missing: Sequence[Notice]) -> None:
        with self._lock:
            self._missing = missing
            now = self._clock.monotonic()
            for key, one in list(self._found.items()):
                if one.readers:
                    one.used_at = now
                elif now - one.used_at > IDLE_S:
                    self._drop(key)
        for one in self._all():
            one.channel.beat(missing)

    def of(self, namespace: str, globs: Globs, make: bool = True) -> Optional[NarrowedChannel]:
        """The channel of these components; None where there are too many others already, or
        where there is none and none is to be made."""
        key = (namespace, globs)
        with self._lock:
            found = self._find(key)
            if found is not None or not make or not self._make_room():
                return found
            present = self._present
        made = NarrowedChannel(self._make(namespace, globs), globs)
        # The most of it without the lock, which the engine may be waiting for.
        if present is not None:
            made.publish(*present)
        with self._lock:
            found = self._find(key)
            if found is not None or not self._make_room(made.size):
                return found
            if self._present is not None and self._present is not present:
                made.publish(*self._present)
            if self._present is not None:
                made.channel.beat(self._missing)
            made.channel.on_news = self._wake
            made.used_at = self._clock.monotonic()
            self._found[key] = made
        return made

    def counts(self) -> tuple[Counter[str], Counter[str]]:
        """Events made and readers resumed, of those that are gone as well."""
        with self._lock:
            events, resumes = self._past_events.copy(), self._past_resumes.copy()
            for one in self._found.values():
                events.update(one.channel.events.copy())
                resumes.update(one.channel.resumes.copy())
        return events, resumes

    def _all(
        self, present: Optional[tuple[Sequence[Item], Mapping[str, str]]] = None
    ) -> list[NarrowedChannel]:
        with self._lock:
            if present is not None:
                self._present = present
            return list(self._found.values())

    def _wake(self, channel: Channel) -> None:
        for wake in self._wakes:
            wake(channel)

    def _find(self, key: tuple[str, Globs]) -> Optional[NarrowedChannel]:
        found = self._found.get(key)
        if found is not None:
            found.used_at = self._clock.monotonic()
        return found

    def _make_room(self, items: int = 0) -> bool:
        """Whether there is room for one more, of so many items; who has no readers goes for it."""
        while True:
            held = sum(one.size for one in self._found.values())
            too_large = held > 0 and held + items > MAX_NARROWED_ITEMS
            if len(self._found) < MAX_NARROWED and not too_large:
                return True
            idle = [(one.used_at, key) for key, one in self._found.items() if not one.readers]
            if not idle:
                return False
            self._drop(min(idle)[1])

    def _drop(self, key: tuple[str, Globs]) -> None:
        one = self._found.pop(key)
        self._past_events.update(one.channel.events)
        self._past_resumes.update(one.channel.resumes)
