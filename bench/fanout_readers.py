"""Thousands of readers in one thread, which note when each event came to each of them.

    python -m bench.fanout_readers

Commands on stdin, each answered with one line of JSON on stdout:

    open sse|grpc COUNT PORT PER_CONNECTION   readers; answered once each has its first event
    stall sse|grpc COUNT PORT                 readers that never read
    expect FIRST COUNT                        forget what came; these events are next
    report STAMPS                             when each was emitted, as a JSON list

Events are told apart by the mark ``#000123`` in an item's message. When an event has come
is read from CLOCK_MONOTONIC right after the ``read`` that returned its bytes. It ends with
stdin.
"""

from __future__ import annotations

import gc
import json
import os
import re
import select
import socket
import sys
import time
from array import array
from collections.abc import Sequence
from typing import Any, Union

from agentctl.wire.grpc_contract import SERVICES
from bench.figures import percentile
from bench.http2_reader import GrpcStreams
from bench.limits import raise_open_files
from bench.sse_reader import SseStream, request

WATCH = f"/{SERVICES[0]}/WatchControlPlaneStatus"
IN_FLIGHT = 100
"""So many connections are opened at a time: a burst of them is another question."""

STALLED_BUFFER = 4096
"""What the kernel takes for a reader that never reads: little, so that it is stuck soon."""

OPEN_S = 60.0
QUIET_S = 2.0
"""Nothing came for so long: no more is to be waited for."""

_marks = re.compile(rb"#(\d{6})").findall


class Connection:
    """A socket and the streams on it.

    ``first`` is the number of the first of them, below 0 where nobody counts.
    """

    def __init__(
        self, streams: Union[SseStream, GrpcStreams], port: int, first: int, buffer: int = 0
    ) -> None:
        self.socket = socket.socket()
        self.socket.settimeout(OPEN_S)
        if buffer:
            # Before connecting: the window that is offered follows from it.
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.socket.connect(("127.0.0.1", port))
        self.streams = streams
        self.first = first
        self.waiting = streams.count
        """How many of the streams have yet to see their first event."""
        self.flush()

    def flush(self) -> None:
        """Send what the protocol has to say; a few bytes, so it may block."""
        if self.streams.outgoing:
            self.socket.sendall(self.streams.outgoing)
            self.streams.outgoing.clear()


class Tally:
    """When which event came to which reader."""

    def __init__(self) -> None:
        self._first = self._count = self._readers = 0
        self._arrived = array("d")
        self._left = self._doubled = self._merged = 0
        self._busy_s = self._since = 0.0

    def expect(self, first: int, count: int, readers: int) -> None:
        """Forget what came; ``count`` events from number ``first`` are next."""
        self._first, self._count, self._readers = first, count, readers
        self._left = count * readers
        self._arrived = array("d", bytes(8 * self._left))
        self._doubled = self._merged = 0
        self._busy_s, self._since = time.process_time(), time.monotonic()

    def note(self, reader: int, event: bytes, now: float) -> None:
        """Take an event. Only those with one mark count: a merged one is not each of them."""
        marks = _marks(event)
        if len(marks) != 1:
            # A snapshot at the beginning has many marks as well, and nothing is expected yet.
            self._merged += bool(marks)
            return
        number = int(marks[0]) - self._first
        if 0 <= number < self._count:
            place = reader * self._count + number
            if self._arrived[place]:
                self._doubled += 1
            else:
                self._arrived[place] = now
                self._left -= 1

    @property
    def complete(self) -> bool:
        """Every event has come to every reader."""
        return not self._left

    def report(self, stamps: Sequence[float]) -> dict[str, Any]:
        """Milliseconds from emit to arrival, and what did not come as it should."""
        busy = time.process_time() - self._busy_s
        taken = [
            (self._arrived[reader * self._count + number] - stamp) * 1000
            for number, stamp in enumerate(stamps)
            for reader in range(self._readers)
            if self._arrived[reader * self._count + number]
        ] or [float("inf")]
        return {
            "p50": percentile(taken, 0.5),
            "p99": percentile(taken, 0.99),
            "max": max(taken),
            "missing": self._left,
            "doubled": self._doubled,
            "merged": self._merged,
            "busy": busy / (time.monotonic() - self._since),
        }


class Readers:
    """The loop: commands on stdin, events on all the rest."""

    def __init__(self) -> None:
        self._poll = select.epoll()
        self._connections: dict[int, Connection] = {}
        self._stalled: list[Connection] = []
        self._count = self._ended = 0
        self._tally = Tally()
        self._last = 0.0
        """When anything came last."""

    def serve(self) -> None:
        """Until stdin ends."""
        stdin = sys.stdin.fileno()
        self._poll.register(stdin, select.EPOLLIN)
        held = b""
        while True:
            for fd, _ in self._poll.poll(None, 1024):
                if fd != stdin:
                    self._read(fd)
                    continue
                data = os.read(stdin, 1 << 16)
                if not data:
                    return
                *lines, held = (held + data).split(b"\n")
                for line in lines:
                    print(json.dumps(self._obey(line.decode())), flush=True)

    def _obey(self, command: str) -> dict[str, Any]:
        name, _, rest = command.partition(" ")
        if name == "report":
            self._drain()
            report = self._tally.report(json.loads(rest))
            report["ended"] = self._ended
            return report
        words = rest.split()
        if name == "expect":
            self._tally.expect(int(words[0]), int(words[1]), self._count)
            return {}
        kind, count, port = words[0], int(words[1]), int(words[2])
        if name == "stall":
            return self._stall(kind, count, port)
        return self._open(kind, count, port, int(words[3]))

    def _open(self, kind: str, count: int, port: int, per_connection: int) -> dict[str, Any]:
        began = time.monotonic()
        self._tally.expect(0, 0, 0)
        wanted = self._count + count
        opening: list[Connection] = []
        while self._count < wanted or opening:
            while self._count < wanted and len(opening) < IN_FLIGHT:
                share = min(per_connection, wanted - self._count) if kind == "grpc" else 1
                streams = GrpcStreams(WATCH, share) if kind == "grpc" else SseStream(request())
                connection = Connection(streams, port, self._count)
                self._count += share
                self._register(connection)
                opening.append(connection)
            self._poll_streams(0.1)
            opening = [one for one in opening if one.waiting > 0]
            if time.monotonic() - began > OPEN_S or self._ended:
                return {"error": f"{self._ended} of {self._count} streams ended at once"}
        # The garbage collector would look at each reader again and again.
        gc.collect()
        gc.freeze()
        return {"seconds": time.monotonic() - began}

    def _stall(self, kind: str, count: int, port: int) -> dict[str, Any]:
        """Half of the gRPC ones do read, but grant no window: a reader that is stuck itself."""
        for index in range(count):
            if kind == "sse":
                connection = Connection(SseStream(request()), port, -1, STALLED_BUFFER)
            elif index % 2:
                connection = Connection(GrpcStreams(WATCH, grants=False), port, -1)
                self._register(connection)
            else:
                connection = Connection(GrpcStreams(WATCH), port, -1, STALLED_BUFFER)
            self._stalled.append(connection)
        return {}

    def _register(self, connection: Connection) -> None:
        connection.socket.setblocking(False)
        self._connections[connection.socket.fileno()] = connection
        self._poll.register(connection.socket, select.EPOLLIN)

    def _read(self, fd: int) -> None:
        connection = self._connections[fd]
        try:
            data = os.read(fd, 1 << 16)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        now = self._last = time.monotonic()
        if not data:
            self._poll.unregister(fd)
            self._ended += connection.streams.count if connection.first >= 0 else 0
            connection.waiting = 0
            return
        streams = connection.streams
        if connection.first < 0:
            for _ in streams.feed(data):
                pass
        else:
            for index, event in streams.feed(data):
                connection.waiting -= 1
                self._tally.note(connection.first + index, event, now)
        if streams.outgoing:
            connection.flush()
        if streams.ended and connection.first >= 0:
            self._ended += len(streams.ended)
            streams.ended.clear()

    def _poll_streams(self, timeout: float) -> bool:
        ready = self._poll.poll(timeout, 1024)
        found = False
        for fd, _ in ready:
            if fd in self._connections:
                found = True
                self._read(fd)
        return found

    def _drain(self) -> None:
        """Read on until all has come, or nothing comes any more."""
        self._last = time.monotonic()
        while not self._tally.complete and time.monotonic() - self._last < QUIET_S:
            self._poll_streams(0.1)


if __name__ == "__main__":
    raise_open_files()
    Readers().serve()
