"""Event stream out of the engine: what was emitted last, and the next event from it.

Keeps the promises of order: one snapshot at most and first, a delta only of what
differs from what was emitted, errors that come before the snapshot held back until
after it. Every event carries the cursor of the state that its reader then has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Optional, Protocol, Union

from agentctl import cursor as cursors
from agentctl.clock import Clock
from agentctl.debug_log import DebugLog
from agentctl.engine.policy import Notice
from agentctl.lazy_dataclass import replace
from agentctl.model import (
    Delta,
    ErrorCode,
    Event,
    Heartbeat,
    Item,
    ItemKey,
    Snapshot,
    StreamError,
    difference,
)
from agentctl.redact import redact

log = DebugLog(__name__)


def still_without(sources: Sequence[str]) -> str:
    """How an outage begins when it is told again."""
    return f"still without {', '.join(sources)}: "


class Sink(Protocol):
    """Takes events in order."""

    def emit(self, event: Event) -> None:
        """Take one event; may block, and raises what writing it raises."""


class Outlet(Protocol):
    """Where the engine's states go. Used by the engine's thread only."""

    begun: bool
    """Whether ``begin`` was called."""

    def begin(self, items: Sequence[Item], versions: Mapping[str, str]) -> None:
        """Take the first state."""

    def publish(self, items: Sequence[Item], versions: Mapping[str, str]) -> bool:
        """Take the present state; True if anything in it was news."""

    def differs(self, items: Sequence[Item]) -> bool:
        """Whether anything in this state would be news."""

    def tell(self, notice: Notice) -> None:
        """Take an error."""

    def beat(self, missing: Sequence[Notice], due: bool = True) -> None:
        """Say that all is alive, or which sources are not.

        Where no beat is ``due``: know it, for readers who have beats of their own.
        """


class EventStream:
    """An outlet that turns states into events for one sink.

    ``scope`` is what ``cursor.scope_of`` made of namespaces, catalog and filter;
    ``versions`` below is each source's resourceVersion, for the cursor; a state, once given,
    stays as it is. It begins after
    the cursor ``since``, if any; with ``follow_only`` without what there is. ``names`` are
    the components that are known without the stream, and need not be named in its cursors, None
    for all; ``known`` are those of them that may have been in it.
    """

    def __init__(
        self,
        sink: Sink,
        clock: Clock,
        scope: bytes,
        since: Optional[str] = None,
        follow_only: bool = False,
        names: Optional[frozenset[str]] = None,
        known: Sequence[ItemKey] = (),
    ) -> None:
        self._names = names
        self._known = known
        self._sink = sink
        self._clock = clock
        self._scope = scope
        self._since = since
        self._follow_only = follow_only
        self._positions = cursors.CursorClock()
        self._hashes = cursors.ItemHashes()
        self._cursor = ""
        self._shown: Sequence[Item] = ()
        """The state as the last cursor has it."""
        self._looked_at: Sequence[Item] = ()
        self._held: list[StreamError] = []
        self.begun = False

    def begin(self, items: Sequence[Item], versions: Mapping[str, str]) -> None:
        """The first event: a snapshot, what changed since a cursor, or none at all."""
        self.begun = True
        self._shown = items
        cursor = self._move(versions)
        if self._since is not None:
            self._resume(self._since, items, cursor)
        elif not self._follow_only:
            self._emit(Snapshot(self._clock.now(), tuple(items), cursor))
        held, self._held = self._held, []
        for error in held:
            self._emit(replace(error, generated_at=self._clock.now(), cursor=self._cursor))

    def publish(self, items: Sequence[Item], versions: Mapping[str, str]) -> bool:
        """A delta of what differs from what was emitted, if anything does."""
        if items is self._looked_at:
            return False
        self._looked_at = items
        found = difference(self._shown, items)
        if found:
            self._shown = items
            cursor = self._move(versions)
            self._emit(Delta(self._clock.now(), found.changes, found.removed, cursor))
        return bool(found)

    def differs(self, items: Sequence[Item]) -> bool:
        return items is not self._looked_at and bool(difference(self._shown, items))

    def tell(self, notice: Notice) -> None:
        """An error event; before the beginning it is kept for after it."""
        error = self._error(notice)
        if self.begun:
            self._emit(error)
        else:
            self._held.append(error)

    def beat(self, missing: Sequence[Notice], due: bool = True) -> None:
        """A heartbeat, or an error event in its place."""
        if due:
            for event in self.beat_events(missing):
                self._emit(event)

    def beat_events(self, missing: Sequence[Notice]) -> Sequence[Union[Heartbeat, StreamError]]:
        """What ``beat`` emits: one error for each cluster that is missed, or a heartbeat."""
        if not missing:
            return (Heartbeat(self._clock.now(), self._cursor),)
        by_cluster: dict[str, list[Notice]] = {}
        for one in missing:
            by_cluster.setdefault(one.cluster, []).append(one)
        return [self._still_without(notices) for notices in by_cluster.values()]

    def _still_without(self, missing: Sequence[Notice]) -> StreamError:
        names = tuple(name for one in missing for name in one.sources or (one.source,))
        message = f"{still_without(names)}{missing[0].message}"
        return self._error(missing[0]._replace(message=message, sources=names))

    def _error(self, notice: Notice) -> StreamError:
        source, code, message, retry_in, sources, lasted, cluster = notice
        several = sources if len(sources) > 1 else ()
        now = self._clock.now()
        return StreamError(
            now, redact(message), code, source, retry_in, self._cursor, several, lasted, cluster
        )

    def _resume(self, since: str, items: Sequence[Item], cursor: str) -> None:
        found = cursors.resume(
            cursors.decode(since), self._scope, items, [*(one.key for one in items), *self._known]
        )
        if isinstance(found, cursors.Changes):
            log.debug("resumed from the cursor: %d changed", len(found.changes))
            self._emit(Delta(self._clock.now(), found.changes, found.removed, cursor))
        elif isinstance(found, cursors.Full):
            log.debug("cannot resume from the cursor: %s", found.reason)
            if self._follow_only:
                message = f"cannot tell what changed since the cursor: {found.reason}"
                self.tell(Notice("", ErrorCode.RESYNC, message))
            else:
                self._emit(Snapshot(self._clock.now(), tuple(items), cursor))
        else:
            log.debug("resumed from the cursor: nothing changed")

    def _move(self, versions: Mapping[str, str]) -> str:
        """Take the next cursor, for the state in ``_shown``."""
        position = self._positions.next(self._clock.now())
        own, shown = self._names, self._shown
        names: Sequence[ItemKey] = ()
        if own is not None and len(shown) <= cursors.MAX_ITEMS:  # more are told by a digest
            names = [one.key for one in shown if one.component not in own]
        made = cursors.make(position, self._scope, versions, shown, self._hashes, names)
        self._cursor = cursors.encode(made)
        return self._cursor

    def _emit(self, event: Event) -> None:
        log.debug("%s, cursor %s", event.type, event.cursor)
        self._sink.emit(event)
