"""Remote state and stream: a server's snapshots folded in, its cursors kept.

A server between us and the cluster says what the items are, how it is itself, and where
to resume. The items are compared with what was told before, as they are in kube mode, so
that a snapshot after a reconnect becomes a delta of what differs. What the server says of
its own sources (an ``error`` event, again on each beat until all is well) is told once,
and then on our own beats.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from math import inf
from typing import Optional

from agentctl import cursor as cursors
from agentctl.engine.messages import News, Received
from agentctl.engine.policy import Notice
from agentctl.engine.stream import EventStream, Sink, still_without
from agentctl.errors import UsageError
from agentctl.lazy_dataclass import replace
from agentctl.model import (
    Delta,
    ErrorCode,
    Event,
    Item,
    ItemKey,
    Snapshot,
    Status,
    StreamError,
    fold,
)
from agentctl.remote.receiver import SOURCE

PASSING = (ErrorCode.RESYNC, ErrorCode.FALLBACK, ErrorCode.RECOVERED)
"""What is said once and is no outage."""

MAX_ITEMS = 50_000
"""What a server that floods us can make us keep."""


class RemoteState:
    """Folds a server's events. Used by the engine's thread only."""

    def __init__(self) -> None:
        self._items: dict[ItemKey, Item] = {}
        self._shown: Optional[Sequence[Item]] = None
        self._blind = ""
        self._amiss: dict[str, StreamError] = {}
        """The last error of each cluster; of the server itself under no name."""

    def apply(self, message: News) -> Optional[Notice]:
        assert isinstance(message, Received), "not from a server"
        event = message.event
        if isinstance(event, StreamError) and event.code in PASSING and not _is_again(event):
            if event.code is ErrorCode.RECOVERED:
                self._amiss.pop(event.cluster, None)
            return Notice.of(event)
        if isinstance(event, StreamError):
            before = self._amiss.get(event.cluster)
            self._amiss[event.cluster] = event
            if before is None:
                return Notice.of(event)
            known = (before.source, before.code) == (event.source, event.code)
            return None if known or _is_again(event) else Notice.of(event)
        if isinstance(event, (Snapshot, Delta)):
            self._see(fold(self._items, event))
        else:
            self._amiss = {}
        if len(self._items) > MAX_ITEMS:
            self._items = dict(list(self._items.items())[:MAX_ITEMS])
            text = f"the server tells of more than {MAX_ITEMS} items: the others are left out"
            return Notice(SOURCE, ErrorCode.SERVER, text)
        return None

    def blind(self, source: str, reason: str) -> None:
        if reason != self._blind:
            self._blind, self._shown = reason, None

    def lost(self, source: str, since: float, now: float) -> None:
        """What the server said still stands, however long it lasts."""

    def found(self, source: str, now: float) -> None:
        """What it says now follows."""

    def proven(self, now: Optional[float], cluster: str = "") -> Collection[str]:
        """The server judges what it shows."""
        return ()

    def items(self, now: float) -> Sequence[Item]:
        if self._shown is None:
            known = self._items.values()
            self._shown = [*map(self._as_seen, known)] if self._blind else [*known]
        return self._shown

    def amiss(self) -> Sequence[Notice]:
        return [_missed(error) for error in self._amiss.values()]

    def absent(self) -> str:
        return ""

    def next_deadline(self) -> float:
        return inf

    def _see(self, items: dict[ItemKey, Item]) -> None:
        self._items, self._blind, self._shown = items, "", None

    def _as_seen(self, item: Item) -> Item:
        return replace(item, status=Status.UNKNOWN, message=self._blind, details={})


def _missed(error: StreamError) -> Notice:
    """From the second time on its words are those that ours are going to be."""
    message = error.message.partition(_again(error))[2] or error.message
    return Notice.of(error)._replace(source=error.source or SOURCE, message=message)


def _again(error: StreamError) -> str:
    """How a server begins to tell this again."""
    return still_without(error.sources or (error.source or SOURCE,))


def _is_again(error: StreamError) -> bool:
    return error.message.startswith(_again(error))


class RelayStream(EventStream):
    """An outlet whose events carry the server's cursors, so that it can resume them.

    For a server that has none they are made here, and are good for this client only.
    """

    def _move(self, versions: Mapping[str, str]) -> str:
        theirs = versions.get(SOURCE, "")
        if not theirs:
            self._learn_scope()
            return super()._move(versions)
        self._cursor = theirs
        return theirs

    def _resume(self, since: str, items: Sequence[Item], cursor: str) -> None:
        self._learn_scope()
        super()._resume(since, items, cursor)

    def _learn_scope(self) -> None:
        """Only where a cursor is made or compared: to decode one for each event costs much."""
        decoded = cursors.decode(self._cursor)
        if decoded is not None:
            self._scope = decoded.scope


class Selecting:
    """A sink in front of another that lets through only some components and namespaces.

    The stream behind it is whole, as the server's cursors are. Raises UsageError for a
    glob that fits none of the snapshot's components, as kube mode does, and for a namespace
    that is not in it.
    """

    def __init__(self, sink: Sink, globs: Iterable[str], namespaces: Collection[str] = ()) -> None:
        self._sink = sink
        self._globs = tuple(globs)
        self._namespaces = tuple(namespaces)

    def emit(self, event: Event) -> None:
        if isinstance(event, Snapshot):
            self._check({item.component: None for item in event.items})
            self._check_namespaces({item.namespace for item in event.items})
            kept = tuple(item for item in event.items if self._selects(item.key))
            event = replace(event, items=kept)
        elif isinstance(event, Delta):
            changes = tuple(item for item in event.changes if self._selects(item.key))
            removed = tuple(key for key in event.removed if self._selects(key))
            if not changes and not removed:
                return
            event = replace(event, changes=changes, removed=removed)
        self._sink.emit(event)

    def _check(self, names: Collection[str]) -> None:
        for glob in self._globs:
            if names and not any(fnmatchcase(name, glob) for name in names):
                raise UsageError(
                    f"no component matches --component {glob!r}; there are {', '.join(names)}"
                )

    def _check_namespaces(self, there: Collection[str]) -> None:
        for name in self._namespaces if there else ():
            if name not in there:
                raise UsageError(
                    f"namespace {name!r} is not served there; there are {', '.join(sorted(there))}"
                )

    def _selects(self, key: ItemKey) -> bool:
        if self._namespaces and key.namespace not in self._namespaces:
            return False
        globs = self._globs
        return not globs or any(fnmatchcase(key.component, glob) for glob in globs)
