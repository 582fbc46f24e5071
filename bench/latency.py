"""From a write in the API to the line on stdout, and to a reader of ``serve``, change by change."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from importlib.util import find_spec
from typing import Optional, Protocol

from bench.demo_server import OF
from bench.figures import Figure, percentile
from bench.process import Bench, Child, agentctl, kubectl, peer
from bench.scale import Scale
from bench.sse_reader import SseStream, request

READY_S = 30.0
SHOWN_S = 10.0
LINE_S = 0.2
"""How long a reader waits for a line before it looks whether there is to be another."""

_READY = re.compile(rb"(\d+)/%d" % OF)


class Lines(Protocol):
    """What says something of each change."""

    def line(self, timeout: float) -> tuple[float, bytes]:
        """The next, and when (CLOCK_MONOTONIC) it was here."""


Started = Callable[[], AbstractContextManager[Lines]]


def run(bench: Bench, scale: Scale) -> Iterator[Figure]:
    """The median and the 99th percentile, each run of ours right after one of kubectl's watch
    and one of the least that Python can do."""
    kubeconfig = str(bench.directory / "kubeconfig")
    watch = agentctl("status", "watch", "-o", "ndjson", "--kubeconfig", kubeconfig)
    contenders: dict[str, Started] = {
        "a bare Python loop": lambda: bench.measured(peer("bare_watch", kubeconfig)),
        "agentctl status watch": lambda: bench.measured(watch),
        "agentctl serve, to a reader": lambda: _served(bench, kubeconfig),
    }
    if not all(map(find_spec, ("h11", "prometheus_client"))):
        print("latency: no serve, the extra 'server' is not installed")
        del contenders["agentctl serve, to a reader"]
    if program := kubectl():
        get = ["get", "deploy", "agents-controllers", "-n", "agents", "-w", "--no-headers"]
        theirs = [program, "--kubeconfig", kubeconfig, *get]
        contenders = {"kubectl get -w": lambda: bench.measured(theirs), **contenders}
    found: dict[str, list[list[float]]] = {name: [] for name in contenders}
    pages: dict[str, list[float]] = {name: [] for name in contenders}
    with bench.server("demo_server", str(bench.directory)) as server:
        server.line()
        for _ in range(scale.latency_runs):
            for name, started in contenders.items():
                with started() as client:
                    found[name].append(_run(scale, server, client))
                    if isinstance(client, Child):
                        pages[name] += _pages(scale, server, client)
    for label, share in (("p50", 0.5), ("p99", 0.99)):
        values = {
            name: [percentile(latencies, share) for latencies in runs]
            for name, runs in found.items()
        }
        yield from _beside_each_other(values, label, "ms", "<=1.3x")
    yield from _beside_each_other(pages, "memory touched for a change", "pages", "")


def _beside_each_other(
    found: Mapping[str, Sequence[float]], label: str, unit: str, goal: str
) -> Iterator[Figure]:
    """Each contender's row, the first one's for a peer where that is kubectl."""
    rival: Optional[Figure] = None
    for name, values in found.items():
        if values:
            aim = goal if rival and name.startswith("agentctl") else ""
            figure = Figure(
                "latency", f"{name}, {label}", unit, tuple(values), peer=rival, goal=aim
            )
            if name.startswith("kubectl"):
                rival = figure
            yield figure


def _pages(scale: Scale, server: Child, client: Child) -> Iterator[float]:
    """How many pages the client touches from one change to the next. After a sleep each of them
    has to be found anew by the processor, which is most of what a change costs."""
    for _ in range(scale.page_changes):
        if client.forget_touched():
            latencies(server, client, 1, scale.latency_interval_s)
            yield client.touched_pages()


def _run(scale: Scale, server: Child, client: Lines) -> list[float]:
    client.line(READY_S)
    # The snapshot may be out before the watches are open.
    latencies(server, client, 2, scale.settle_s)
    found = latencies(server, client, scale.latency_changes, scale.latency_interval_s)
    return [seconds * 1000 for seconds in found]


def latencies(server: Child, client: Lines, count: int, interval_s: float) -> list[float]:
    """Seconds from each change to the first line that shows it, or one that was made later."""
    arrived: list[tuple[float, int]] = []
    over = threading.Event()

    def collect() -> None:
        # A change that is overtaken has no line of its own.
        while not over.is_set():
            with contextlib.suppress(RuntimeError, socket.timeout):
                now, line = client.line(LINE_S)
                numbers = [int(number) for number in _READY.findall(line)]
                arrived.append((now, max(numbers, default=0)))

    reader = threading.Thread(target=collect)
    reader.start()
    server.tell(f"change {count} {interval_s}")
    made = {int(number): at for number, at in json.loads(server.line()[1]).items()}
    give_up_at = time.monotonic() + SHOWN_S
    while not arrived or arrived[-1][1] < max(made):
        if time.monotonic() > give_up_at:
            raise RuntimeError(f"{SHOWN_S:g} s later the last change is not shown")
        time.sleep(0.01)
    over.set()
    reader.join()
    shown = iter(arrived)
    now, number = next(shown)
    found = []
    for wanted, at in made.items():
        while number < wanted:
            now, number = next(shown)
        found.append(now - at)
    return found


class _Reader:
    """One reader of a server's stream."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._stream = SseStream(request())
        self._events: list[tuple[float, bytes]] = []
        sock.sendall(self._stream.outgoing)

    def line(self, timeout: float) -> tuple[float, bytes]:
        """The next event. Raises RuntimeError when there is none in time."""
        self._sock.settimeout(timeout)
        while not self._events:
            data = self._sock.recv(1 << 16)
            now = time.monotonic()
            if not data:
                raise RuntimeError("the server ended the stream")
            self._events += [(now, event) for _, event in self._stream.feed(data)]
        return self._events.pop(0)


@contextmanager
def _served(bench: Bench, kubeconfig: str) -> Iterator[Lines]:
    """A server that watches the API, and somebody who reads its stream."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    flags = ["--http", f"127.0.0.1:{port}", "--grpc", "off", "--kubeconfig", kubeconfig]
    flags += ["--debounce", "0"]  # so close together nearly all changes would wait for it
    with bench.measured(agentctl("serve", *flags)), _connected(port) as sock:
        yield _Reader(sock)


@contextmanager
def _connected(port: int) -> Iterator[socket.socket]:
    """A connection, once somebody listens there. Raises OSError when nobody ever does."""
    give_up_at = time.monotonic() + READY_S
    while True:
        with contextlib.suppress(ConnectionRefusedError):
            with socket.create_connection(("127.0.0.1", port)) as sock:
                yield sock
            return
        if time.monotonic() > give_up_at:
            raise ConnectionRefusedError(f"nobody listens at {port}")
        time.sleep(0.05)
