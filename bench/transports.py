"""The client's transports to a server: how late a line comes, and how many events they take."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from importlib.util import find_spec
from typing import Optional

from agentctl.model import Delta, Item, ItemKey, fold
from agentctl.wire import statusjson
from agentctl.wire.statusjson import Namespaces
from bench.blast_server import SIZE
from bench.decoder import SIZES
from bench.fanout_emitter import items_of, message
from bench.figures import Figure, percentile
from bench.process import Bench, Child, agentctl, peer
from bench.scale import Scale
from bench.sse_reader import PATH

NAMES = {"sse": "SSE", "grpc": "gRPC"}
_PORTS = {"sse": "http", "grpc": "grpc"}

WARM_UP = 20
"""Events before those that count."""

_MARK = re.compile(rb"#(\d{6}) ")


def run(bench: Bench, scale: Scale) -> Iterator[Figure]:
    """Latency and throughput of each transport, then the decoder of server-sent events."""
    kinds = ["sse", "grpc"] if find_spec("grpc") is not None else ["sse"]
    if "grpc" not in kinds:
        print("transports: no gRPC, grpcio is not installed")
    with bench.server("fanout_server", "agentctl", "10", "0") as server:
        ports = json.loads(server.line()[1])
        for kind in kinds:
            yield from _latency(bench, scale, server, kind, ports[_PORTS[kind]])
    with bench.server("blast_server", str(scale.blast_events), str(scale.blast_items)) as server:
        hello = json.loads(server.line()[1])
        for kind in kinds:
            yield from _throughput(bench, scale, server, kind, hello)
    yield from _decoder(bench, scale)


def ours(kind: str, port: int) -> list[str]:
    """The command line that is measured."""
    server = ["--transport", kind, "--server", f"127.0.0.1:{port}"]
    return agentctl("status", "watch", "-n", "agents", "-o", "ndjson", *server)


def theirs(kind: str, port: int) -> Optional[tuple[str, list[str]]]:
    """The peer's name and command line, where it is installed."""
    if kind == "grpc":
        return "grpcio script", peer("watch_status", f"127.0.0.1:{port}")
    program = shutil.which("curl")
    url = f"http://127.0.0.1:{port}{PATH}?namespace=agents"
    return ("curl -N", [program, "-s", "-N", url]) if program else None


def _latency(bench: Bench, scale: Scale, server: Child, kind: str, port: int) -> Iterator[Figure]:
    rivals: Sequence[Figure] = ()
    if rival := theirs(kind, port):
        rivals = list(_latencies(bench, scale, server, f"{rival[0]}, {NAMES[kind]}", rival[1]))
        yield from rivals
    name = f"agentctl watch, {NAMES[kind]}"
    yield from _latencies(bench, scale, server, name, ours(kind, port), rivals)


def _latencies(
    bench: Bench,
    scale: Scale,
    server: Child,
    name: str,
    argv: Sequence[str],
    rivals: Sequence[Figure] = (),
) -> Iterator[Figure]:
    runs = [_delays(bench, scale, server, name, argv) for _ in range(scale.latency_runs)]
    kinds = (("p50", 0.5, "<=2 ms"), ("p99", 0.99, "<=10 ms"))
    for index, (label, share, goal) in enumerate(kinds):
        values = tuple(percentile(delays, share) for delays in runs)
        rival = rivals[index] if rivals else None
        mine = goal if name.startswith("agentctl") else ""
        yield Figure("transports", f"{name}, {label}", "ms", values, peer=rival, goal=mine)


def _delays(
    bench: Bench, scale: Scale, server: Child, name: str, argv: Sequence[str]
) -> list[float]:
    """From right before the broadcaster is told to the line at the end of the pipe, in ms."""
    count, interval_s = scale.latency_changes, scale.latency_interval_s
    with bench.measured(argv) as client:
        client.line()  # the snapshot: the stream is open
        _emit(server, client, 0, WARM_UP, interval_s)
        stamps, arrived = _emit(server, client, WARM_UP, count, interval_s)
    numbers = range(WARM_UP, WARM_UP + count)
    if list(arrived) != list(numbers):
        print(f"transports: FAILED: {name}: {len(arrived)} of {count} events, or in another order")
    return [
        (arrived[number] - stamp) * 1000
        for number, stamp in zip(numbers, stamps)
        if number in arrived
    ]


def _emit(
    server: Child, client: Child, first: int, count: int, interval_s: float
) -> tuple[list[float], dict[int, float]]:
    """When each event was told, and when the line with its mark was here."""
    arrived: dict[int, float] = {}
    server.tell(f"emit {first} {count} {interval_s} {SIZE}")
    last = first + count - 1
    while last not in arrived:
        at, line = client.line(10.0)
        for mark in _MARK.findall(line):
            arrived.setdefault(int(mark), at)
    stamps: list[float] = json.loads(server.line()[1])["stamps"]
    return stamps, {number: at for number, at in arrived.items() if number >= first}


def _throughput(
    bench: Bench, scale: Scale, server: Child, kind: str, hello: dict[str, object]
) -> Iterator[Figure]:
    port = int(str(hello[_PORTS[kind]]))
    rivals: list[Optional[Figure]] = [None, None]
    if rival := theirs(kind, port):
        rates = [_blast(bench, scale, server, rival[1])[:2] for _ in range(scale.blast_runs)]
        name = f"{rival[0]}, {NAMES[kind]}"
        rivals = list(_rates(name, rates, [None, None], ""))
        yield from (found for found in rivals if found is not None)
    name = f"agentctl watch, {NAMES[kind]}"
    rates = []
    for _ in range(scale.blast_runs):
        wall, cpu, lines = _blast(bench, scale, server, ours(kind, port))
        wrong = _wrong(lines, scale, str(hello["cursor"]))
        if wrong:
            print(f"transports: FAILED: {name}: {wrong}")
        rates.append((wall, cpu))
    told = len(lines) - 1
    print(f"transports: {name}: {scale.blast_events:,} events came as {told:,} deltas, exact")
    yield from _rates(name, rates, rivals, ">=10,000")


def _rates(
    name: str,
    rates: Sequence[tuple[float, float]],
    rivals: Sequence[Optional[Figure]],
    goal: str,
) -> Iterator[Figure]:
    for index, unit in enumerate(("events/s", "events/CPU s")):
        values = tuple(rate[index] for rate in rates)
        mine = "" if index else goal
        yield Figure("transports", name, unit, values, True, rivals[index], goal=mine)


def _blast(
    bench: Bench, scale: Scale, server: Child, argv: Sequence[str]
) -> tuple[float, float, list[bytes]]:
    """Events a second, by the clock and by the client's CPU time, and the lines."""
    last = b"#%06d " % (scale.blast_events - 1)
    with bench.measured(argv) as client:
        lines = [client.line()[1]]
        server.until(b"watching")
        before = client.cpu_s()
        server.tell("go")
        ended = 0.0
        while not ended:
            at, line = client.line()
            lines.append(line)
            if last in line:
                ended = at
        used = client.cpu_s() - before
    began = json.loads(server.line()[1])["began"]
    count = scale.blast_events
    return count / (ended - began), count / max(used, 0.01), lines


def _wrong(lines: Sequence[bytes], scale: Scale, cursor: str) -> str:
    """What does not hold of the lines; empty if nothing was lost.

    Events that were queued when the client's engine looked are told as one delta: so each
    item may skip numbers, but never goes back, and in the end all are as the server's.
    """
    state: dict[ItemKey, Item] = {}
    newest: dict[ItemKey, str] = {}
    for line in lines:
        event = statusjson.event_of("message", line.decode(), datetime.max, Namespaces()).event
        assert event is not None
        state = fold(state, event)
        for item in event.changes if isinstance(event, Delta) else ():
            if item.message <= newest.get(item.key, ""):
                return f"{item.component} went back to {item.message[:8]}"
            newest[item.key] = item.message
        last = event.cursor
    count, items = scale.blast_events, scale.blast_items
    expected = {
        items_of(items)[number % items].component: message(number, SIZE)
        for number in range(max(0, count - items), count)
    }
    if {item.component: item.message for item in state.values()} != expected:
        return "the state in the end is another than the server's"
    return "" if last == cursor else "the last cursor is another than the server's"


def _decoder(bench: Bench, scale: Scale) -> Iterator[Figure]:
    counts = [str(scale.decoder_mb), str(scale.blast_runs)]
    with bench.measured([sys.executable, "-m", "bench.decoder", *counts]) as child:
        found = json.loads(child.line()[1])
    for size in SIZES:
        rates = found[str(size)]
        name = f"{size:,} B events"
        naive = Figure("transports", f"naive lines, {name}", "MB/s", tuple(rates["naive"]), True)
        yield naive
        mine = tuple(rates["ours"])
        yield Figure("transports", f"decoder, {name}", "MB/s", mine, True, naive, ">=50")
    for key, what in (("events", "events"), ("pieces", "bytes of one event, 1 KB a read")):
        name = f"decoder, ten times the {what}"
        yield Figure("transports", name, "x the time", (found[key],), goal="10")
