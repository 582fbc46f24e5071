"""Channel: one stream for many readers, its state, its recent past, and where each begins.

A channel is an outlet of the engine for one namespace, or for all together, with
cursors of its own: those of ``agentctl status watch`` on the same namespace fit it, and
those of any other replica. Readers are ``Subscription``s; the channel does not know them,
so that a reader that is gone leaves nothing behind.

Locks: the engine's thread writes, the transports' threads read, both under ``_lock``,
which is held for microseconds and never while anything else is called.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Optional, Union
from weakref import proxy

from agentctl import cursor as cursors
from agentctl.clock import Clock
from agentctl.debug_log import DebugLog
from agentctl.engine.policy import Notice
from agentctl.engine.stream import EventStream
from agentctl.lazy_dataclass import replace
from agentctl.lazy_namedtuple import NamedTuple
from agentctl.model import Delta, ErrorCode, Event, Item, ItemKey, Snapshot, StreamError
from agentctl.server.fanout.entry import Entry
from agentctl.server.fanout.liveness import Liveness
from agentctl.server.fanout.present_items import PresentItems
from agentctl.server.fanout.ring import Ring

log = DebugLog(__name__)

MAX_KNOWN = 10_000
"""Names of items that are gone, kept so that a cursor that still has them can be resumed."""

MERGE_AFTER = 64
"""A reader that is further behind gets what it missed in one delta."""


class Opening(NamedTuple):
    """Where a reader begins."""

    place: int
    replay_to: int
    """Up to here it gets the deltas one by one, however many they are."""
    first: tuple[Entry, ...]
    """What it gets before anything else."""


class _Step(NamedTuple):
    """What a reader at a place gets next: nearly all are at the same one."""

    place: int
    head: int
    following: tuple[int, list[Entry]]


class StatusNow(NamedTuple):
    """The state, and what is wrong with our knowing it: one error a cluster."""

    entry: Entry
    """Of the snapshot."""
    errors: tuple[StreamError, ...]

    @property
    def snapshot(self) -> Snapshot:
        assert isinstance(self.entry.event, Snapshot)
        return self.entry.event


class Channel:
    """The stream of one namespace; of all together where ``namespace`` is empty.

    ``sources`` names those that the channel's items rest on, each with its name, or names, in
    this channel's cursors and errors; None for all, as they are. ``names``: see EventStream.
    """

    def __init__(
        self,
        namespace: str,
        scope: bytes,
        clock: Clock,
        sources: Optional[Mapping[str, Union[str, tuple[str, ...]]]] = None,
        names: Optional[frozenset[str]] = None,
    ) -> None:
        self.namespace = namespace
        self.begun = False
        self.on_news: Callable[[Channel], None] = lambda channel: None
        """Called on the engine's thread when there may be something to take."""
        self.events: Counter[str] = Counter()
        """Events made, by type."""
        self.resumes: Counter[str] = Counter()
        """Readers that came with a cursor, by what became of it."""
        self.clock = clock
        self._scope = scope
        self._sources = sources
        self._lock = threading.Lock()
        self._names = names
        # By a weak reference: a channel that is dropped leaves at once, with all that it holds.
        self._stream = EventStream(proxy(self), clock, scope, names=names)
        self._ring = Ring("")
        self._step = _Step(-1, -1, (0, []))
        self._cursor = ""
        self._items = PresentItems()
        self._hashes = cursors.ItemHashes()
        self._next: Sequence[Item] = ()
        self._gone: dict[ItemKey, None] = {}
        self._versions: Mapping[str, str] = {}
        """Of all sources, under the engine's names."""
        self._liveness = Liveness(clock)
        self._snapshot: Optional[Entry] = None
        self._awaited = False

    def sibling(self, scope: bytes) -> Channel:
        """One more of this namespace, for other items of it."""
        return Channel(self.namespace, scope, self.clock, self._sources, self._names)

    # The engine's side.

    def begin(self, items: Sequence[Item], versions: Mapping[str, str]) -> None:
        self._next, self._versions = items, versions
        self._liveness.begin()
        self._stream.begin(items, self._own(versions))

    def publish(self, items: Sequence[Item], versions: Mapping[str, str]) -> bool:
        same, self._next = items is self._next, items
        news = not same and self._stream.publish(items, self._own(versions))
        with self._lock:
            self._versions = versions
            awaited, self._awaited = self._awaited, False
        if awaited:
            self.on_news(self)
        return news

    def differs(self, items: Sequence[Item]) -> bool:
        return self._stream.differs(items)

    def tell(self, notice: Notice) -> None:
        given = notice.sources or (notice.source,)
        named = [self._name(one, notice.cluster) for one in given]
        own = tuple(name for name in named if name is not None)
        if own:
            self._stream.tell(notice._replace(source=own[0], sources=own))

    def beat(self, missing: Sequence[Notice]) -> None:
        """Readers have beats of their own: what they are told then is kept for them."""
        named = [(self._name(one.source, one.cluster), one) for one in missing]
        own = [one._replace(source=name) for name, one in named if name is not None]
        beat_events = self._stream.beat_events(own)
        with self._lock:
            self._liveness.say(beat_events)

    def rests_on(self, source: str, cluster: str) -> bool:
        """Whether items of this channel are judged by what a source says."""
        return self._name(source, cluster) is not None

    def emit(self, event: Event) -> None:
        """Take what the stream made of it; the stream's sink."""
        made_at = self.clock.monotonic()
        with self._lock:
            self.events[event.type] += 1
            self._liveness.follow(event)
            if isinstance(event, Snapshot):
                self._items.take(event.items)
                self._ring = Ring(event.cursor)
                self._cursor = event.cursor
                self.begun = True
            else:
                self._ring.append(Entry(event, made_at, self._apply(event)))
        self.on_news(self)

    def _apply(self, event: Event) -> Optional[dict[ItemKey, Optional[Item]]]:
        if not isinstance(event, Delta):
            return None
        keys = [*(item.key for item in event.changes), *event.removed]
        before = {key: self._items.get(key) for key in keys}
        # The whole state, not the fold: its order is the catalog's.
        self._items.take(self._next)
        self._gone.update(dict.fromkeys(event.removed))
        while len(self._gone) > MAX_KNOWN:
            del self._gone[next(iter(self._gone))]
        self._cursor = event.cursor
        return before

    def _own(self, versions: Mapping[str, str]) -> Mapping[str, str]:
        if self._sources is None:
            return versions
        names = self._sources
        return {
            own: version
            for name, version in versions.items()
            for own in _owned(names.get(name, ()))
        }

    def _name(self, source: str, cluster: str) -> Optional[str]:
        """A source's name in this channel; None where it is of no concern."""
        if self._sources is None or not source:
            return source
        prefix = f"{cluster}:" if cluster else ""
        found = self._sources.get(prefix + source)
        return None if found is None else _owned(found)[0][len(prefix) :]

    # The readers' side.

    def status(self, now: float) -> Optional[StatusNow]:
        """The state at this moment; None before the first."""
        with self._lock:
            if not self.begun:
                return None
            entry = self._snapshot_entry(now)
            errors = self._liveness.errors(now, self._cursor)
        return StatusNow(entry, errors)

    def open(
        self, since: Optional[str], follow_only: bool, now: float, patient: bool
    ) -> Optional[Opening]:
        """Where a reader with this cursor begins; None while it has to wait.

        It waits for the first state, and while ``patient`` for the state that its cursor
        has seen at another replica.
        """
        with self._lock:
            if not self.begun:
                return None
            head = self._ring.head
            if not since:
                first = self._amiss(now) if follow_only else self._fresh(now)
                return Opening(head, head, first)
            place = self._ring.place_of(since)
            if place is not None:
                self.resumes["replayed"] += 1
                # It has not been told yet what came since: its place is still its own.
                return Opening(place, head, self._amiss(now, since))
            cursor = cursors.decode(since)
            ahead = cursor is not None and cursors.is_behind(self._own(self._versions), cursor)
            if cursor is not None and cursor.scope == self._scope and ahead and patient:
                self._awaited = True
                return None
            return self._resumed(self._since(cursor), follow_only, now)

    def next(self, place: int, replay_to: int, cursor: str) -> Optional[tuple[int, list[Entry]]]:
        """What a reader at a place gets next, and its place then; None if it has it all.

        ``cursor`` is the last one that it was given.
        """
        # Without the lock: who sees an old head is woken after this for the new one.
        if place == self._ring.head:
            return None
        step = self._step
        if place == step.place and step.head == self._ring.head and place >= replay_to:
            return step.following
        with self._lock:
            head = self._ring.head
            replaying = place < replay_to
            if not self._ring.holds(place) or (not replaying and head - place > MERGE_AFTER):
                return head, self._merged(place, cursor)
            found = self._ring.next(place, deltas_only=replaying)
            if found is None or place < replay_to < found[0]:
                return replay_to, []
            following = found[0], [found[1]]
            if not replaying:
                self._step = _Step(place, head, following)
            return following

    def newest(self) -> Optional[tuple[int, Entry]]:
        """The last entry and its number; None while there is none."""
        with self._lock:
            entry = self._ring.newest
            return None if entry is None else (self._ring.head, entry)

    def beat_entries(self, now: float) -> Sequence[Entry]:
        """What a reader that has everything is told on its beat; never nothing."""
        with self._lock:
            return self._liveness.entries(now, self._cursor)

    def _resumed(self, found: cursors.Resumption, follow_only: bool, now: float) -> Opening:
        head = self._ring.head
        if isinstance(found, cursors.Nothing):
            self.resumes["unchanged"] += 1
            return Opening(head, head, self._amiss(now))
        if isinstance(found, cursors.Changes):
            self.resumes["difference"] += 1
            delta = Delta(self.clock.now(), found.changes, found.removed, self._cursor)
            return Opening(head, head, (Entry(delta, now), *self._amiss(now)))
        self.resumes["snapshot"] += 1
        log.debug("cannot resume from a cursor: %s", found.reason)
        if not follow_only:
            return Opening(head, head, self._fresh(now))
        message = f"cannot tell what changed since the cursor: {found.reason}"
        error = self._error(ErrorCode.RESYNC, message)
        return Opening(head, head, (Entry(error, now), *self._amiss(now)))

    def _merged(self, place: int, cursor: str) -> list[Entry]:
        """What a reader at a place has missed: errors, then one delta or a snapshot."""
        now = self.clock.monotonic()
        if not self._ring.holds(place):
            found = self._since(cursors.decode(cursor))
            if isinstance(found, cursors.Full):
                return [self._snapshot_entry(now)]
            changes = found.changes if isinstance(found, cursors.Changes) else ()
            removed = found.removed if isinstance(found, cursors.Changes) else ()
            merged: list[Entry] = []
        else:
            changes, removed = self._items.since(self._ring.before(place))
            # They come before what they were told after: the reader's place is still its own.
            merged = [
                Entry(replace(entry.event, cursor=cursor), entry.made_at)
                for entry in self._ring.errors(place)
            ]
        if changes or removed:
            merged.append(Entry(Delta(self.clock.now(), changes, removed, self._cursor), now))
        return merged

    def _since(self, cursor: Optional[cursors.Cursor]) -> cursors.Resumption:
        items = self._items.all
        known = (*(item.key for item in items), *self._gone)
        return cursors.resume(cursor, self._scope, items, known, self._hashes)

    def _fresh(self, now: float) -> tuple[Entry, ...]:
        return (self._snapshot_entry(now), *self._amiss(now))

    def _amiss(self, now: float, cursor: str = "") -> tuple[Entry, ...]:
        """For a reader that begins while not all is well: it must not wait for its beat.

        ``cursor`` is where it is; empty for the present state.
        """
        errors = self._liveness.errors(now, cursor or self._cursor)
        return tuple(Entry(error, now) for error in errors)

    def _snapshot_entry(self, now: float) -> Entry:
        made = self.clock.now().replace(microsecond=0)
        kept = self._snapshot
        if kept is None or kept.event.cursor != self._cursor or kept.event.generated_at != made:
            snapshot = Snapshot(made, tuple(self._items.all), self._cursor)
            kept = self._snapshot = Entry(snapshot, now)
        return kept

    def _error(self, code: ErrorCode, message: str) -> StreamError:
        return StreamError(self.clock.now(), message, code, "", None, self._cursor)


def _owned(names: Union[str, tuple[str, ...]]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else names
