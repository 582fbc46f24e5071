"""A server that sends events as fast as they are read, over SSE and over gRPC.

    python -m bench.blast_server EVENTS ITEMS

Prints one JSON object a line: its ports, and what the state is in the end; then, for each
stream, that it was asked for (``watching``), and when the first of its events went out
(``began``, CLOCK_MONOTONIC), which is when the line ``go`` has come on stdin. The events are
the same for every stream, distinct, with cursors like a real server's, and encoded
beforehand. It ends when stdin does.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from typing import Any

from agentctl.clock import SystemClock
from agentctl.cursor import scope_of
from agentctl.engine.stream import EventStream
from agentctl.model import Event, Item, Status
from agentctl.wire.sse_encode import sse_chunk
from bench.fanout_emitter import items_of, message

BLOCK = 64
"""Events joined into one write; each is a chunk of its own."""

SIZE = 100
"""Characters of an item's message."""

_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
    b"Cache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n"
)


class _Kept:
    """A sink that keeps the events."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def emit(self, event: Event) -> None:
        self.events.append(event)


def stream(count: int, items: int) -> list[Event]:
    """A snapshot, then ``count`` deltas, each of another item than the one before it."""
    kept = _Kept()
    told = EventStream(kept, SystemClock(), scope_of(["agents"], "bench", []))
    state = items_of(items)
    told.begin(state, {"deployments.apps": "1000"})
    for number in range(count):
        index = number % items
        changed = state[index].component
        state = list(state)
        state[index] = Item(changed, "agents", Status.DEGRADED, message(number, SIZE))
        told.publish(state, {"deployments.apps": str(1001 + number)})
    return kept.events


class Server:
    """What was prepared, and who may have it when."""

    def __init__(self, events: list[Event]) -> None:
        chunks = [sse_chunk(event) for event in events]
        self._snapshot, chunks = chunks[0], chunks[1:]
        self._blocks = [b"".join(chunks[at : at + BLOCK]) for at in range(0, len(chunks), BLOCK)]
        self._go = threading.Semaphore(0)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.http_port, self.grpc_port = self._listener.getsockname()[1], 0
        threading.Thread(target=self._accept, daemon=True).start()
        if find_spec("grpc") is not None:
            self._serve_grpc(events)

    def go(self) -> None:
        self._go.release()

    def _begin(self, kind: str) -> None:
        say(watching=kind)
        self._go.acquire()
        say(began=time.monotonic())

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection:
                asked = b""
                while b"\r\n\r\n" not in asked:
                    asked += connection.recv(4096)
                connection.sendall(_HEAD + self._snapshot)
                self._begin("sse")
                for block in self._blocks:
                    connection.sendall(block)
                connection.recv(1)  # silent until the client goes
        except OSError:
            return

    def _serve_grpc(self, events: list[Event]) -> None:
        import grpc

        from agentctl.rpc import agentctl_pb2 as pb
        from agentctl.wire.events_pb import encode

        messages = [encode(event) for event in events]

        def watch(request: bytes, context: Any) -> Iterator[bytes]:
            gone = threading.Event()
            context.add_callback(gone.set)
            yield messages[0]
            self._begin("grpc")
            for number in range(1, len(messages)):
                yield messages[number]
            gone.wait()

        # Bytes are passed on as they are where no serializer is given.
        call: Any = grpc.unary_stream_rpc_method_handler(watch)
        name = pb.DESCRIPTOR.services_by_name["AgentctlService"].full_name
        self._server = grpc.server(ThreadPoolExecutor(max_workers=4))
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(name, {"WatchControlPlaneStatus": call}),)
        )
        self.grpc_port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()


def say(**values: Any) -> None:
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


def main() -> None:
    events = stream(int(sys.argv[1]), int(sys.argv[2]))
    server = Server(events)
    say(http=server.http_port, grpc=server.grpc_port, cursor=events[-1].cursor)
    for _ in sys.stdin:
        server.go()
    # Nobody waits for the tidying of grpc's threads.
    os._exit(0)


if __name__ == "__main__":
    main()
