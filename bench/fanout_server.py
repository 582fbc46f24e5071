"""A server of status streams under command, with an engine that changes what it is told to.

    python -m bench.fanout_server agentctl|threads|grpc-threads|nchan ITEMS STREAMS

Prints a line of JSON: its ports, and the process that serves. Commands on stdin, each
answered with one line of JSON:

    emit FIRST COUNT INTERVAL SIZE   events with messages of that many characters
    usage                            CPU seconds so far, and the streams that are open

``agentctl`` is the server's own broadcaster and transports, as ``agentctl serve`` puts
them together; only the engine is missing, in whose place this thread stands, so that an
event's time begins where the engine hands over what it found. It ends with stdin.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
from typing import Protocol

from bench.fanout_emitter import BEAT_S, paced
from bench.limits import raise_open_files


class Backend(Protocol):
    """What serves."""

    http_port: int
    grpc_port: int
    pid: int

    def emit(self, number: int, size: int) -> None:
        """Tell an event."""

    def beat(self) -> None:
        """Say that all is well."""

    def active(self) -> int:
        """How many streams are open."""

    def cpu_s(self) -> float:
        """Seconds so far, of all threads."""

    def stop(self) -> None:
        """End what is not this process."""


def backend(kind: str, items: int, streams: int) -> Backend:
    """Start one; what the others import must not be in this one's memory."""
    if kind == "agentctl":
        from bench.fanout_agentctl import Agentctl

        return Agentctl(items)
    from bench import fanout_peers as peers

    if kind == "threads":
        return peers.ThreadedSse()
    return peers.Nchan() if kind == "nchan" else peers.ThreadedGrpc(streams)


def main() -> None:
    raise_open_files()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    serving = backend(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    try:
        ports = {"http": serving.http_port, "grpc": serving.grpc_port, "pid": serving.pid}
        print(json.dumps(ports), flush=True)
        _obey(serving)
    finally:
        serving.stop()
        # A peer's threads never end, and nobody waits for the tidying of this one's.
        os._exit(0)


def _obey(serving: Backend) -> None:
    held = b""
    while True:
        ready, _, _ = select.select([0], [], [], BEAT_S)
        serving.beat()
        if not ready:
            continue
        data = os.read(0, 1 << 16)
        if not data:
            return
        *lines, held = (held + data).split(b"\n")
        for line in lines:
            print(json.dumps(_answer(serving, line.decode().split())), flush=True)


def _answer(serving: Backend, words: list[str]) -> dict[str, object]:
    if words[0] == "usage":
        return {"cpu_s": serving.cpu_s(), "active": serving.active()}
    first, count, interval_s, size = int(words[1]), int(words[2]), float(words[3]), int(words[4])
    emitted = paced(
        count,
        interval_s,
        lambda number: serving.emit(first + number, size),
        serving.beat,
        serving.active,
    )
    return {"stamps": emitted.stamps, "active": emitted.active}


if __name__ == "__main__":
    main()
