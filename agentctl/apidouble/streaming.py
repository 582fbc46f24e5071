"""Watches that are open: each is one connection's thread that waits for the store."""

from __future__ import annotations

import threading
import time
from typing import Callable, Optional

from agentctl.apidouble.failures import ApiFailure
from agentctl.apidouble.faults import Interruption, Then
from agentctl.apidouble.reading import Watch
from agentctl.apidouble.store import News, Store
from agentctl.apidouble.wire import AcceptedConnection

TICK_S = 0.25
"""How soon a watch without news notices that its client has gone."""

ORDER_S = 2.0
"""A stream whose client does not read cannot carry out an order; nobody waits longer."""

BOOKMARKS_S = (2.0, 1.0)
"""Seconds before its end at which a watch sends a bookmark, as the API server does."""

_ENDLESS = b'{"type":"MODIFIED","object":{"kind":"' + b"x" * 65536


class Interrupted(Exception):
    """The stream was ended by a fault; nothing more may be sent."""


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
        self._order: Optional[Interruption] = None
        self._done = threading.Event()

    def order(self, interruption: Interruption) -> threading.Event:
        """Have the stream's own thread do it; the event is set when it is done."""
        self._done = threading.Event()
        self._order = interruption
        return self._done

    def run(self, opening: Optional[Interruption], epoch: Callable[[], int]) -> None:
        """Send lines until the watch times out, fails, or the client goes.

        ``epoch`` changes when hanging is over. Raises OSError when the connection
        breaks, Interrupted when it was broken from here.
        """
        end = time.monotonic() + self._watch.timeout_s
        if opening is not None:
            self._interrupt(opening, epoch)
        try:
            self._connection.send(self._watch.begin())
            self._follow(end, epoch)
        except ApiFailure as failure:
            self._connection.send([self._watch.failure(failure)])
        self._connection.end()

    def _follow(self, end: float, epoch: Callable[[], int]) -> None:
        watch = self._watch
        margins = [margin for margin in BOOKMARKS_S if margin < watch.timeout_s]
        bookmarks = [end - margin for margin in margins or [watch.timeout_s / 2]]
        while True:
            if self._closing():
                raise Interrupted
            order = self._order
            if order is not None:
                self._order = None
                try:
                    self._interrupt(order, epoch)
                finally:
                    self._done.set()
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
            if now >= end:
                return
            if not news.changes and self._connection.wait_gone(0):
                raise Interrupted

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
        return self._order is not None or self._closing()

    def _interrupt(self, interruption: Interruption, epoch: Callable[[], int]) -> None:
        self._connection.send([interruption.raw])
        then = interruption.then
        if then is Then.END:
            self._connection.end()
        elif then is Then.RESET:
            self._connection.reset()
        elif then is Then.CLOSE:
            self._connection.close()
        elif then is Then.HANG:
            self._done.set()
            if hang(self._connection, self._closing, epoch):
                return
        elif then is Then.ENDLESS:
            self._done.set()
            while not self._closing():
                self._connection.send([_ENDLESS])
        else:
            return
        raise Interrupted


class OpenWatches:
    """All watches under way."""

    def __init__(self, wake: Callable[[], None]) -> None:
        """``wake`` makes every stream look at its orders."""
        self._wake = wake
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

    def wait_for(self, count: int, plural: str = "", timeout: float = 5.0) -> bool:
        """Wait until exactly ``count`` watches of ``plural`` are open; False if in vain."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self._of(plural)) == count, timeout)

    def interrupt(self, plural: str, interruption: Interruption) -> int:
        with self._changed:
            done = [stream.order(interruption) for stream in self._of(plural)]
        self._wake()
        deadline = time.monotonic() + ORDER_S
        for event in done:
            event.wait(max(0.0, deadline - time.monotonic()))
        return len(done)

    def _of(self, plural: str) -> list[Stream]:
        return [stream for stream in self._streams if plural in {"", stream.plural}]


def hang(
    connection: AcceptedConnection, closing: Callable[[], bool], epoch: Callable[[], int]
) -> bool:
    """Do nothing until ``epoch`` changes; False if the client goes or the server stops first."""
    started = epoch()
    while epoch() == started:
        if closing() or connection.wait_gone(0.02):
            return False
        time.sleep(0.005)  # wait_gone does not wait where a client talks out of turn
    return True
