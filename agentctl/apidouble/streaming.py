"""Watches that are open: each is one connection's thread that waits for the store."""

from __future__ import annotations

import threading
import time
from typing import Callable, Optional

from agentctl.apidouble.failures import ApiFailure
from agentctl.apidouble.reading import Watch
from agentctl.apidouble.store import News, Store
from agentctl.apidouble.wire import AcceptedConnection

TICK_S = 0.25
"""How soon a watch without news notices that its client has gone."""

BOOKMARKS_S = (2.0, 1.0)
"""Seconds before its end at which a watch sends a bookmark, as the API server does."""


class Interrupted(Exception):
    """The stream was ended from here; nothing more may be sent."""


class Stream:
    """One watch on one connection."""

    def __init__(
        self,
        watch: Watch,
        connection: AcceptedConnection,
        store: Store,
        closing: Callable[[], bool],
        horizon: Callable[[], Optional[int]] = lambda: None,
    ) -> None:
        """``closing`` says when the server stops, ``horizon`` beyond which version nothing
        is known (None: all is)."""
        self.plural = watch.kind.plural
        self._watch = watch
        self._connection = connection
        self._store = store
        self._closing = closing
        self._horizon = horizon
        self._told = watch.version
        """What the last line of all said of the version."""

    def run(self) -> None:
        """Send lines until the watch times out, fails, or the client goes.

        Raises OSError when the connection breaks, Interrupted when it was broken from here.
        """
        end = time.monotonic() + self._watch.timeout_s
        self._attend()
        try:
            self._connection.send(self._watch.begin())
            self._follow(end)
        except ApiFailure as failure:
            self._connection.send([self._watch.failure(failure)])
        self._connection.end()

    def _follow(self, end: float) -> None:
        watch = self._watch
        margins = [margin for margin in BOOKMARKS_S if margin < watch.timeout_s]
        bookmarks = [end - margin for margin in margins or [watch.timeout_s / 2]]
        while True:
            if self._closing():
                raise Interrupted
            self._attend()
            due = min([end, *bookmarks]) - time.monotonic()
            wait = min(TICK_S, max(0.0, due))
            news = self._news(wait)
            self._connection.send([watch.line(change) for change in news.changes])
            watch.version = max(watch.version, news.version)
            now = time.monotonic()
            if bookmarks and now >= bookmarks[0]:
                bookmarks.pop(0)
                # A cache that hears nothing of its storage has nothing to mark.
                if watch.bookmarks and (self._horizon() is None or watch.version > self._told):
                    self._connection.send([watch.bookmark()])
                    self._told = watch.version
            if now >= end or not self._served():
                return
            if not news.changes and self._connection.wait_gone(0):
                raise Interrupted

    def _served(self) -> bool:
        """Whether its resource is: the API server ends the watches of a CRD that goes."""
        kind = self._watch.kind
        return not kind.custom or any(
            (one.api_version, one.plural) == (kind.api_version, kind.plural)
            for one in self._store.kinds()
        )

    def _news(self, wait: float) -> News:
        """What may be told now; waits for something up to so many seconds."""
        horizon, version = self._horizon(), self._watch.version
        if horizon is None:
            return self._store.wait(self._watch.kind, version, wait, self._called)
        if version >= horizon:
            self._store.idle(self._watch.kind, wait, self._called)
            return News((), version)
        return self._store.wait(self._watch.kind, version, 0.0, self._called).until(horizon)

    def _called(self) -> bool:
        """Whether to stop waiting for news."""
        return self._closing()

    def _attend(self) -> None:
        """Called before each line, for a double that can be told to do something else."""


class OpenWatches:
    """All watches under way."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._streams: set[Stream] = set()

    def add(self, stream: Stream) -> None:
        with self._changed:
            self._streams.add(stream)
            self._changed.notify_all()

    def remove(self, stream: Stream) -> None:
        with self._changed:
            self._streams.discard(stream)
            self._changed.notify_all()

    def count(self, plural: str = "") -> int:
        with self._changed:
            return len(self._of(plural))

    def wait_for(self, count: int, plural: str = "", timeout: float = 20.0) -> bool:
        """Wait until exactly ``count`` watches of ``plural`` are open; False if in vain."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self._of(plural)) == count, timeout)

    def _of(self, plural: str) -> list[Stream]:
        return [stream for stream in self._streams if plural in {"", stream.plural}]
