"""Open streams: the readers, and writing to each as far as its kernel takes it.

A reader is a socket and a place in a channel. What the kernel does not take of one event
stays pending, and nothing else is looked at for this reader until it is gone: a slow
reader costs one event and its place. One whose kernel takes nothing for ``STUCK_S`` is cut.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable
from selectors import EVENT_READ, BaseSelector
from typing import Optional

from agentctl.model import Delta
from agentctl.server.fanout.channel import Channel
from agentctl.server.fanout.entry import Entry
from agentctl.server.http.deadlines import NEVER, Deadlines
from agentctl.server.http.sockets import NOT_NOW, close, reset
from agentctl.server.http.stream_socket import Gone, StreamSocket
from agentctl.server.services import Services

log = logging.getLogger(__name__)

QUIET_S = 15.0
"""After so long without news a comment goes out: proxies cut what is silent for 60 s."""

STUCK_S = 10.0
"""A write of which the kernel takes nothing for so long: its reader has stopped."""


class Crowded(Exception):
    """There is no room for what a reader does not take."""


class OpenStreams:
    """Used by the writer's thread alone."""

    def __init__(self, services: Services, selector: BaseSelector) -> None:
        self._clock = services.clock
        self._metrics = services.metrics
        self._count = services.count
        self._held = services.held
        self._selector = selector
        self._readers: dict[Channel, dict[StreamSocket, None]] = {}
        self._deadlines: Deadlines[StreamSocket] = Deadlines()

    def all(self) -> list[StreamSocket]:
        return [reader for readers in self._readers.values() for reader in readers]

    def of(self, channel: Channel) -> list[StreamSocket]:
        return list(self._readers.get(channel, ()))

    def next_due(self) -> float:
        """When (monotonic) ``do_what_is_due`` has something to do."""
        return self._deadlines.next()

    def add(self, reader: StreamSocket) -> None:
        self._readers.setdefault(reader.subscription.channel, {})[reader] = None
        try:
            self._selector.register(reader.sock, EVENT_READ, reader)
        except (OSError, ValueError) as error:
            self._lose(reader, error)

    def serve(self, readers: Iterable[StreamSocket]) -> None:
        """Write to each what it gets next. Those that are gone are passed over."""
        lags: list[float] = []
        now = self._clock.monotonic()
        for reader in readers:
            try:
                self._write(reader, now, lags)
            except OSError as error:
                self._lose(reader, error)
            except Crowded:
                self._cut(reader)
            except Exception:
                # A fault of ours: it must not take the other streams with it.
                log.exception("cannot go on with a stream")
                self._lose(reader, None)
        if lags:
            self._metrics.handed_over(lags)

    def tell(self, channel: Channel) -> None:
        """Write a channel's news to all its readers.

        Nearly all lack its newest entry and nothing else: they are not asked one by one.
        """
        readers = self.of(channel)
        now = self._clock.monotonic()
        newest = channel.newest()
        if newest is None:
            self.serve(readers)
            return
        number, entry = newest
        lags: list[float] = []
        others: list[StreamSocket] = []
        for reader in readers:
            if reader.pending is not None or not reader.subscription.follow(number, entry):
                others.append(reader)
                continue
            try:
                if not self._hand(reader, entry, now, lags):
                    others.append(reader)
            except OSError as error:
                self._lose(reader, error)
            except Crowded:
                self._cut(reader)
        if lags:
            self._metrics.handed_over(lags)
        self.serve(others)

    def look_at(self, reader: StreamSocket, mask: int) -> None:
        """Do what the selector saw: the peer's end, or room to write."""
        if mask & EVENT_READ:
            try:
                reader.listen()
            except (Gone, OSError) as error:
                self._lose(reader, error)
                return
        if reader.pending is not None:
            self.serve([reader])

    def do_what_is_due(self) -> None:
        """Beats and waits that are over; and cut those that have stopped reading."""
        now = self._clock.monotonic()
        due: list[StreamSocket] = []
        while (reader := self._deadlines.pop(now)) is not None:
            if reader.pending is None:
                due.append(reader)
            else:
                log.debug("a reader has taken nothing for %g s", STUCK_S)
                self._cut(reader)
        self.serve(due)

    def end(self, readers: Iterable[StreamSocket], farewell: Iterable[int]) -> None:
        """Let streams end as they should, each with how long (ms) to stay away."""
        now = self._clock.monotonic()
        ending = [reader for reader in readers if not reader.ending]
        for reader, milliseconds in zip(ending, farewell):
            reader.end(milliseconds)
            self._deadlines.set(reader, now + STUCK_S)
        self.serve(ending)

    def drop(self) -> None:
        """Reset all that are left."""
        for reader in self.all():
            self._forget(reader)
            reset(reader.sock)

    def _write(self, reader: StreamSocket, now: float, lags: list[float]) -> None:
        if reader.pending is not None and not self._flush(reader, now, lags):
            return
        if reader.ending:
            if self._forget(reader):
                close(reader.sock)
            return
        take = reader.subscription.take
        while (entry := take(now)) is not None:
            if not self._hand(reader, entry, now, lags) and not self._flush(reader, now, lags):
                return
        due = reader.subscription.next_due()
        if reader.form.frames:
            if now - reader.written_at >= QUIET_S:
                comment = reader.form.comment()
                if not self._offer(reader, comment, now) and not self._flush(reader, now, lags):
                    return
            due = min(due, reader.written_at + QUIET_S)
        self._deadlines.set(reader, due)

    def _hand(self, reader: StreamSocket, entry: Entry, now: float, lags: list[float]) -> bool:
        """Offer one entry to the kernel; False if some of it stays pending."""
        whole = self._offer(reader, entry.encoded(reader.form.encode), now)
        # A delta from before its time is history that it asked for, and not late.
        live = entry.made_at >= reader.began_at and isinstance(entry.event, Delta)
        if whole and live:
            lags.append(self._clock.monotonic() - entry.made_at)
        if not whole:
            reader.made_at = entry.made_at if live else 0.0
        return whole

    def _offer(self, reader: StreamSocket, data: bytes, now: float) -> bool:
        """Offer bytes to the kernel; False if some of them stay pending."""
        reader.written_at = now
        try:
            sent = reader.sock.send(data)
        except NOT_NOW:
            sent = 0
        if sent == len(data):
            return True
        if not self._held.claim(reader.peer, data, len(data)):
            raise Crowded
        reader.holding = data
        reader.pending, reader.sent, reader.made_at = data, sent, 0.0
        self._deadlines.set(reader, NEVER)
        return False

    def _flush(self, reader: StreamSocket, now: float, lags: list[float]) -> bool:
        """Write what is pending; whether it is all out."""
        before = reader.sent
        wants = reader.flush()
        interest = EVENT_READ | wants
        if interest != reader.interest:
            self._selector.modify(reader.sock, interest, reader)
            reader.interest = interest
        if wants:
            if reader.sent != before or reader.due == NEVER:
                self._deadlines.set(reader, now + STUCK_S)
            return False
        self._release(reader)
        reader.written_at = now
        if reader.made_at:
            lags.append(self._clock.monotonic() - reader.made_at)
            reader.made_at = 0.0
        return True

    def _release(self, reader: StreamSocket) -> None:
        if reader.holding is not None:
            self._held.drop(reader.peer, reader.holding)
            reader.holding = None

    def _cut(self, reader: StreamSocket) -> None:
        """A reader is too slow: it can come back, with its cursor."""
        if self._forget(reader):
            log.debug("a slow reader is cut")
            self._metrics.stream_error("slow_reader")
            reset(reader.sock)

    def _lose(self, reader: StreamSocket, error: Optional[Exception]) -> None:
        """The connection is gone, or cannot be gone on with."""
        if self._forget(reader):
            if isinstance(error, OSError):
                self._metrics.stream_error("connection_lost")
            close(reader.sock)

    def _forget(self, reader: StreamSocket) -> bool:
        """Take a reader out, its socket still open; False if it was out already."""
        channel = reader.subscription.channel
        readers = self._readers.get(channel, {})
        if reader not in readers:
            return False
        del readers[reader]
        if not readers:
            del self._readers[channel]  # a narrowed one goes with its last reader
        with contextlib.suppress(KeyError, ValueError, OSError):
            self._selector.unregister(reader.sock)
        self._deadlines.drop(reader)
        self._release(reader)
        self._count.leave(reader.form.transport, reader.peer, reader.narrowed)
        return True
