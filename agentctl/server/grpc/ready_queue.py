"""Ready queue of gRPC readers: who may be sent to next, and when.

A reader is in the queue once at most, and out of it while a thread sends to it.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Hashable, Iterable
from typing import Optional, Protocol

import grpc

from agentctl.lazy_namedtuple import NamedTuple
from agentctl.server.auth import Ticket

NEVER = float("inf")


class Message(NamedTuple):
    """What to send. ``made_at`` (monotonic) is when a live change was made, else None."""

    data: bytes
    made_at: Optional[float] = None


class Feed(Protocol):
    """What one reader gets, and when. Used by one thread at a time."""

    def take(self, now: float) -> Optional[Message]:
        """The next message; None if there is none now."""

    def next_due(self) -> float:
        """When (monotonic) to ask again even if there was no news."""


class Farewell(NamedTuple):
    """How a stream is to end."""

    code: grpc.StatusCode
    details: str
    at_once: bool = False
    """Without what there still is for the reader."""


class GrpcReader:
    """One reader's stream.

    ``send`` waits until flow control lets the message through; ``end`` ends the stream and
    waits for nothing, but must not meet a ``send``; ``cut`` ends it from any thread, which
    frees a ``send`` that waits. Readers of the same ``topic`` are woken together.
    """

    __slots__ = (
        "busy",
        "cut",
        "end",
        "entry",
        "farewell",
        "feed",
        "gone",
        "more",
        "queued",
        "send",
        "ticket",
        "topic",
        "wants",
    )

    def __init__(
        self,
        feed: Feed,
        topic: Hashable,
        ticket: Ticket,
        send: Callable[[bytes], None],
        end: Callable[[Farewell], None],
        cut: Callable[[], object],
    ) -> None:
        self.feed = feed
        self.topic = topic
        self.ticket = ticket
        self.send = send
        self.end = end
        self.cut = cut
        self.farewell: Optional[Farewell] = None
        """Its next turn is its last."""
        self.gone = False
        self.queued = False
        self.busy = False
        self.more = False
        """Its turn ended before it had everything."""
        self.wants = NEVER
        """When it wants its next turn, news or not."""
        self.entry: Optional[_Due] = None


class _Due:
    """When a reader is due; an entry that no longer counts has no reader."""

    __slots__ = ("at", "reader")

    def __init__(self, at: float, reader: GrpcReader) -> None:
        self.at = at
        self.reader: Optional[GrpcReader] = reader

    def __lt__(self, other: _Due) -> bool:
        return self.at < other.at


class ReadyQueue:
    """Not thread-safe: the pool's lock guards it."""

    def __init__(self) -> None:
        self._topics: dict[Hashable, set[GrpcReader]] = {}
        self._news: set[Hashable] = set()
        self._ready: deque[GrpcReader] = deque()
        self._due: list[_Due] = []
        self.readers = 0

    @property
    def waiting(self) -> int:
        """How many wait for their turn; a topic whose readers were not looked at is one."""
        return len(self._ready) + len(self._news)

    @property
    def due_times(self) -> int:
        """Entries of the heap, also those that no longer count."""
        return len(self._due)

    def add(self, reader: GrpcReader) -> None:
        """Also for a reader that has been removed already: it stays so."""
        if reader.gone:
            return
        self._topics.setdefault(reader.topic, set()).add(reader)
        self.readers += 1
        self._queue(reader)

    def remove(self, reader: GrpcReader) -> None:
        """It is gone; once said, it may be said again."""
        reader.gone = True
        self._plan(reader, NEVER)
        there = self._topics.get(reader.topic)
        if there is None or reader not in there:
            return
        there.remove(reader)
        self.readers -= 1
        if not there:
            del self._topics[reader.topic]

    def everyone(self) -> list[GrpcReader]:
        return [reader for there in self._topics.values() for reader in there]

    def tell(self, topic: Hashable) -> None:
        """There is news for all readers of a topic. Costs nothing until the next turn."""
        self._news.add(topic)

    def dismiss(self, readers: Iterable[GrpcReader], farewell: Farewell) -> None:
        """Each one's next turn is its last."""
        for reader in readers:
            reader.farewell = farewell
            self._queue(reader)

    def next(self) -> Optional[GrpcReader]:
        """Whose turn it is now; to be put back."""
        for topic in self._news:
            for reader in self._topics.get(topic, ()):
                self._queue(reader)
        self._news.clear()
        while self._ready:
            reader = self._ready.popleft()
            reader.queued = False
            if not reader.gone:
                reader.busy = True
                return reader
        return None

    def put_back(self, reader: GrpcReader) -> None:
        """Its turn is over."""
        reader.busy = False
        if reader.gone:
            return
        if reader.queued:
            self._ready.append(reader)
        elif reader.more:
            self._queue(reader)
        reader.more = False
        self._plan(reader, reader.wants)

    def ring(self, now: float) -> float:
        """Queue those that are due; returns when the next one is."""
        while self._due and self._due[0].at <= now:
            reader = heapq.heappop(self._due).reader
            if reader is not None:
                reader.entry = None
                self._queue(reader)
        return self._due[0].at if self._due else NEVER

    def _queue(self, reader: GrpcReader) -> None:
        if not reader.queued:
            reader.queued = True
            if not reader.busy:
                self._ready.append(reader)

    def _plan(self, reader: GrpcReader, at: float) -> None:
        entry = reader.entry
        if entry is not None:
            if entry.at == at:
                return
            entry.reader = reader.entry = None
        if at == NEVER:
            return
        if len(self._due) > 2 * self.readers + 1000:
            self._due = [one for one in self._due if one.reader is not None]
            heapq.heapify(self._due)
        reader.entry = _Due(at, reader)
        heapq.heappush(self._due, reader.entry)
