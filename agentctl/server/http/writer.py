"""Writer: the one thread that writes all streams, a loop over their sockets, TLS ones too.

On a channel's news each of its readers is asked what it gets next, and the bytes, the same
object for all, are offered to the kernel. Readers come in from any thread. What the loop
does between two waits is bounded: one pass over the readers of each channel with news,
some newcomers, what is due.
"""

from __future__ import annotations

import itertools
import logging
import selectors
import threading
from collections import deque

from agentctl.server.fanout.channel import Channel
from agentctl.server.http.deadlines import NEVER
from agentctl.server.http.stream_socket import StreamSocket
from agentctl.server.http.streams import OpenStreams
from agentctl.server.http.wakeup import Wakeup
from agentctl.server.services import Services

log = logging.getLogger(__name__)

ADMITTED_AT_ONCE = 256
"""New readers in one pass, so that a burst of them does not hold up news."""

TICKETS_S = 2.0
"""How often to ask whether the readers' tokens are still good."""

LAST_RETRIES_MS = tuple(range(1000, 4001, 200))
"""What readers are told at the end, in turn: they should not all come back at once."""


class StreamWriter:
    def __init__(self, services: Services) -> None:
        self._gate = services.gate
        self._give_up = services.give_up
        self._metrics = services.metrics
        self._clock = services.clock
        self._selector = selectors.DefaultSelector()
        self._wakeup = Wakeup(self._selector)
        self._streams = OpenStreams(services, self._selector)
        self._arrivals: deque[StreamSocket] = deque()
        self._news: deque[Channel] = deque()
        self._generation = self._gate.generation
        self._tickets_at = NEVER if self._gate.open else self._clock.monotonic() + TICKETS_S
        self._draining = False
        self._end_by = NEVER
        self._farewells = itertools.cycle(LAST_RETRIES_MS)
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        services.broadcaster.on_news(self._on_news)

    def start(self) -> None:
        self._thread.start()

    def take(self, reader: StreamSocket) -> None:
        """Write this reader's stream from now on: its socket and its place in the count are
        the writer's. Not after ``stop``."""
        self._arrivals.append(reader)
        self._wakeup.ring()

    def wake(self) -> None:
        """Look at the clock again."""
        self._wakeup.ring()

    def drain(self) -> None:
        """End all streams as they should, and what is taken from now on at once."""
        self._draining = True
        self._wakeup.ring()

    def stop(self, deadline: float) -> None:
        """End all streams as they should; after ``deadline`` (monotonic) as they are."""
        self._draining = True
        self._end_by = deadline
        self._wakeup.ring()
        if self._thread.ident is not None:
            self._thread.join()
        else:
            self._close()

    def _on_news(self, channel: Channel) -> None:
        """On the engine's thread."""
        self._news.append(channel)
        self._wakeup.ring()

    def _run(self) -> None:
        try:
            while not self._over():
                self._turn()
        except Exception:
            log.critical("no stream can go on: the server ends", exc_info=True)
            self._give_up()
        finally:
            self._close()

    def _over(self) -> bool:
        if not self._draining:
            return False
        self._admit(len(self._arrivals))
        self._streams.end(self._streams.all(), self._farewells)
        if self._end_by == NEVER:
            return False
        return not self._streams.all() or self._clock.monotonic() >= self._end_by

    def _turn(self) -> None:
        """Wait until something is to be done, then do a bounded part of it."""
        due = min(self._streams.next_due(), self._tickets_at, self._end_by)
        wait = 0.0 if self._arrivals else max(0.0, due - self._clock.monotonic())
        for key, mask in self._selector.select(None if wait == NEVER else wait):
            if key.data is None:
                self._wakeup.hear()
            else:
                self._streams.look_at(key.data, mask)
        # Several bits of news from one channel are one pass over its readers.
        for channel in dict.fromkeys(self._news.popleft() for _ in range(len(self._news))):
            self._streams.tell(channel)
        self._admit(ADMITTED_AT_ONCE)
        self._streams.do_what_is_due()
        if self._clock.monotonic() >= self._tickets_at:
            self._look_at_tickets()

    def _admit(self, at_most: int) -> None:
        admitted = [self._arrivals.popleft() for _ in range(min(at_most, len(self._arrivals)))]
        for reader in admitted:
            self._streams.add(reader)
        self._streams.serve(admitted)

    def _look_at_tickets(self) -> None:
        """End the streams of tokens that have been revoked."""
        self._tickets_at = self._clock.monotonic() + TICKETS_S
        generation = self._gate.generation
        if generation == self._generation:
            return
        self._generation = generation
        revoked = [one for one in self._streams.all() if not self._gate.honours(one.ticket)]
        for _ in revoked:
            self._metrics.stream_error("unauthorized")
        self._streams.end(revoked, self._farewells)

    def _close(self) -> None:
        self._admit(len(self._arrivals))
        self._streams.drop()
        self._wakeup.close()
        self._selector.close()
