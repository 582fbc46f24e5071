"""Delaying proxy: TCP to a server that is farther than it is.

    python -m bench.delay_proxy HOST PORT ROUND_TRIP_S

Prints its port, and holds what it passes on, in either direction, for half of the round trip.
It ends with stdin. The kernel completes a connect to it at once: who dials waits for that
round trip itself.
"""

from __future__ import annotations

import queue
import socket
import sys
import threading
import time
from contextlib import suppress

Held = "queue.SimpleQueue[tuple[float, bytes]]"


def main() -> None:
    host, port, round_trip_s = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    print(listener.getsockname()[1], flush=True)
    threading.Thread(
        target=accept, args=(listener, (host, port), round_trip_s / 2), daemon=True
    ).start()
    sys.stdin.read()


def accept(listener: socket.socket, server: tuple[str, int], delay_s: float) -> None:
    while True:
        near, _ = listener.accept()
        far = socket.create_connection(server)
        for one in (near, far):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for source, target in ((near, far), (far, near)):
            held: Held = queue.SimpleQueue()
            threading.Thread(target=take, args=(source, held, delay_s), daemon=True).start()
            threading.Thread(target=give, args=(held, target), daemon=True).start()


def take(source: socket.socket, held: Held, delay_s: float) -> None:
    """Read until the end, which is passed on too."""
    data = b"-"
    while data:
        try:
            data = source.recv(1 << 16)
        except OSError:
            data = b""
        held.put((time.monotonic() + delay_s, data))


def give(held: Held, target: socket.socket) -> None:
    with suppress(OSError):
        while True:
            due, data = held.get()
            time.sleep(max(0.0, due - time.monotonic()))
            if not data:
                target.shutdown(socket.SHUT_WR)
                return
            target.sendall(data)


if __name__ == "__main__":
    main()
