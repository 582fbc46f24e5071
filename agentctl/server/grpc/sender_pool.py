"""Sender pool of gRPC: threads that send, so that no reader waits for another.

grpcio's send callback returns when flow control has let the message through, so a reader
that does not read keeps a thread. Threads that are stuck so are replaced, and a watch over
all cuts the readers that stay stuck.

All is guarded by one lock, held for microseconds and never while anything else is called.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Hashable, Iterable
from typing import Optional

from agentctl.clock import Clock
from agentctl.lazy_namedtuple import NamedTuple
from agentctl.server.grpc.ready_queue import Farewell, GrpcReader, ReadyQueue
from agentctl.server.metrics import Metrics

log = logging.getLogger(__name__)

BURST = 16
"""Messages to one reader before the next has its turn: one that resumes may have many."""

KEPT_SAMPLES = 64
"""Hand-over times that are counted at once."""

IDLE_S = 0.5
"""The watch looks around at least this often."""


class SenderPoolSize(NamedTuple):
    """How many threads send, and how long a reader may keep one."""

    threads: int = 4
    """Those that are not stuck."""
    spares: int = 96
    """Further ones, one for each that is stuck. Beyond that the longest stuck is cut."""
    look_s: float = 0.005
    """How often the watch looks while readers wait for their turn."""
    stuck_s: float = 0.02
    """A send takes a fraction of a millisecond: after this another thread takes over."""
    hurry_s: float = 1.0
    """The least that any reader is given: a large snapshot over a slow line takes its time."""
    cut_s: float = 10.0


class _Member:
    """One thread of the pool: who it is sending to, since when."""

    __slots__ = ("reader", "since", "stuck", "thread")

    def __init__(self, work: Callable[[_Member], None]) -> None:
        self.reader: Optional[GrpcReader] = None
        self.since = 0.0
        self.stuck = False
        self.thread = threading.Thread(target=work, args=(self,), name="grpc-sender", daemon=True)


class SenderPool:
    """Threads that send, and one ("grpc-watch") that keeps their time.

    ``chores`` are called by the latter with the monotonic time, twice a second or more.
    """

    def __init__(
        self,
        clock: Clock,
        metrics: Metrics,
        size: Optional[SenderPoolSize] = None,
        chores: Iterable[Callable[[float], None]] = (),
    ) -> None:
        self._clock = clock
        self._metrics = metrics
        self._size = size or SenderPoolSize()
        self._most = self._size.threads + self._size.spares
        self._chores = tuple(chores)
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)
        self._watch = threading.Condition(self._lock)
        self._empty = threading.Condition(self._lock)
        self._ready = ReadyQueue()
        self._members: set[_Member] = set()
        self._stuck = 0
        self._idle = 0
        self._looks_at = 0.0
        self._stopped = False
        self._watcher = threading.Thread(target=self._keep_watch, name="grpc-watch", daemon=True)

    @property
    def threads(self) -> int:
        """How many ``start`` starts."""
        return self._size.threads + 1

    @property
    def hired(self) -> int:
        """How many threads there are now that send, stuck ones included."""
        return len(self._members)

    @property
    def sending(self) -> int:
        """How many of them have a reader in hand."""
        with self._lock:
            return sum(member.reader is not None for member in self._members)

    def start(self) -> None:
        self._watcher.start()
        for _ in range(self._size.threads):
            self._hire()

    def add(self, reader: GrpcReader) -> None:
        """Send to a reader from now on."""
        with self._lock:
            self._ready.add(reader)
            self._call(self._clock.monotonic())

    def remove(self, reader: GrpcReader) -> None:
        """It is gone. Any thread may say so, and more than once."""
        with self._lock:
            self._ready.remove(reader)
            if not self._ready.readers:
                self._empty.notify_all()

    def wake(self, topic: Hashable) -> None:
        """There is news for the readers of a topic. Never waits: the engine calls it."""
        with self._lock:
            self._ready.tell(topic)
            self._call(self._clock.monotonic())

    def readers(self) -> list[GrpcReader]:
        """All that are being served."""
        with self._lock:
            return self._ready.everyone()

    def dismiss(self, readers: Iterable[GrpcReader], farewell: Farewell) -> None:
        """End these streams, each after what is being sent to it."""
        with self._lock:
            self._ready.dismiss(readers, farewell)
            self._call(self._clock.monotonic())

    def wait_empty(self, timeout_s: float) -> bool:
        """Wait until all readers are gone; False if they are not by then."""
        with self._lock:
            return self._empty.wait_for(lambda: not self._ready.readers, timeout_s)

    def stop(self, timeout_s: float) -> None:
        """End the threads; readers that keep one are cut."""
        with self._lock:
            self._stopped = True
            self._work.notify_all()
            self._watch.notify_all()
            members = list(self._members)
            sending = [member.reader for member in members if member.reader is not None]
        for reader in sending:
            reader.cut()
        ends_at = self._clock.monotonic() + timeout_s
        for thread in [self._watcher, *(member.thread for member in members)]:
            if thread.ident is not None:
                thread.join(max(0.0, ends_at - self._clock.monotonic()))

    def look(self) -> None:
        """What the watch does: due times, stuck threads, chores."""
        size, now = self._size, self._clock.monotonic()
        with self._lock:
            next_due = self._ready.ring(now)
            for member in self._members:
                if not member.stuck and member.reader and now - member.since >= size.stuck_s:
                    member.stuck = True
                    self._stuck += 1
            wanted = size.threads - (len(self._members) - self._stuck)
            hire = min(wanted, self._most - len(self._members))
            cut = self._to_cut(now, wanted - hire if self._ready.waiting else 0)
            hurry = self._ready.waiting > 0 or len(self._members) > self._stuck + self._idle
            self._looks_at = min(next_due, now + (size.look_s if hurry else IDLE_S))
            self._call(now)
        for reader, stuck_s in cut:
            log.debug("cutting a reader that has taken nothing for %.1f s", stuck_s)
            self._metrics.stream_error("slow_reader")
            reader.cut()
        for _ in range(hire):
            self._hire()
        for chore in self._chores:
            chore(now)

    def _to_cut(self, now: float, needed: int) -> list[tuple[GrpcReader, float]]:
        """Readers to cut, with how long each has been stuck; ``needed`` threads are lacking."""
        found = []
        longest_first = sorted(self._members, key=lambda member: member.since)
        for member in longest_first if self._stuck else ():
            reader, stuck_s = member.reader, now - member.since
            if not member.stuck or reader is None:
                continue
            if reader.gone:
                needed -= 1  # it was cut, or left, and will free its thread
            elif stuck_s >= self._size.cut_s or (needed > 0 and stuck_s >= self._size.hurry_s):
                reader.gone = True
                needed -= 1
                found.append((reader, stuck_s))
        return found

    def _keep_watch(self) -> None:
        while True:
            with self._lock:
                wait_s = self._looks_at - self._clock.monotonic()
                if wait_s > 0 and not self._stopped:
                    self._watch.wait(wait_s)
                if self._stopped:
                    return
            try:
                self.look()
            except Exception:
                log.exception("the watch over the streams failed")

    def _hire(self) -> None:
        member = _Member(self._serve)
        with self._lock:
            if self._stopped:
                return
            self._members.add(member)
            try:
                member.thread.start()
            except (RuntimeError, MemoryError) as error:
                log.debug("cannot start another sender: %s", error)
                self._members.discard(member)
                # From now on the longest stuck is cut instead.
                self._most = max(len(self._members), self._size.threads)

    def _serve(self, member: _Member) -> None:
        delays: list[float] = []
        while self._next(member):
            self._try_to_send(member, delays)
            if len(delays) >= KEPT_SAMPLES or (delays and not self._ready.waiting):
                self._metrics.handed_over(delays)
                delays = []
        if delays:
            self._metrics.handed_over(delays)

    def _next(self, member: _Member) -> bool:
        """Put the member's reader back and give it the next; False if it is not needed.

        No variable keeps the last reader, and with it a socket, until there is another.
        """
        with self._lock:
            if member.reader is not None:
                self._ready.put_back(member.reader)
                if member.reader.wants < self._looks_at:
                    self._look_at(member.reader.wants)
                member.reader = None
            if member.stuck:
                member.stuck = False
                self._stuck -= 1
            while not self._stopped and len(self._members) - self._stuck <= self._size.threads:
                member.reader = self._ready.next()
                if member.reader is not None:
                    member.since = self._clock.monotonic()
                    if self._ready.waiting:
                        self._call(member.since)
                    return True
                self._idle += 1
                self._work.wait()
                self._idle -= 1
            self._members.discard(member)
            # What woke this one may have been meant for another.
            self._work.notify()
            return False

    def _try_to_send(self, member: _Member, delays: list[float]) -> None:
        reader = member.reader
        assert reader is not None
        try:
            self._send(member, reader, delays)
        except Exception:
            log.exception("a stream failed")
            reader.gone = True
            reader.cut()

    def _send(self, member: _Member, reader: GrpcReader, delays: list[float]) -> None:
        """One turn."""
        for _ in range(BURST):
            farewell = reader.farewell
            if reader.gone or (farewell is not None and farewell.at_once):
                break
            message = reader.feed.take(member.since)
            if message is None:
                reader.wants = reader.feed.next_due()
                break
            reader.send(message.data)
            member.since = self._clock.monotonic()
            if message.made_at is not None and not reader.gone:
                delays.append(member.since - message.made_at)
        else:
            reader.more = True
        if farewell is not None and not reader.gone:
            reader.gone = True
            reader.end(farewell)

    # Under the lock.

    def _call(self, now: float) -> None:
        """Wake as many as have something to do, and the watch if they may not suffice."""
        waiting = self._ready.waiting
        if waiting and self._idle:
            self._work.notify(waiting)
        if waiting > self._idle and self._looks_at > now + self._size.look_s:
            self._look_at(now)

    def _look_at(self, moment: float) -> None:
        self._looks_at = moment
        self._watch.notify()
