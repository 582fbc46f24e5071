"""The decoder of server-sent events alone, in a process of its own.

    python -m bench.decoder MEGABYTES RUNS

Prints one JSON object: for each size of event the MB/s of each run, ours and of splitting
lines the naive way; and how many times as long ten times as much takes, for events and for
one event that comes in small pieces.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from agentctl.wire.sse_decode import EventStreamDecoder
from agentctl.wire.sse_encode import sse_plain
from bench.fanout_emitter import delta

SIZES = (300, 1000, 2000)
"""Bytes of an event, with its type and its cursor."""

READ = 1 << 16
"""As much as the client reads at a time."""

PIECE = 1000
"""Of an event that comes in pieces."""


class Naive:
    """What is written in an hour: lines as requests' ``iter_lines`` makes them, and a dict."""

    def __init__(self) -> None:
        self._pending = b""
        self._fields: dict[str, str] = {}

    def feed(self, data: bytes) -> list[dict[str, str]]:
        data = self._pending + data
        lines = data.splitlines()
        self._pending = lines.pop() if lines and not data.endswith(b"\n") else b""
        events = []
        for line in lines:
            text = line.decode("utf-8")
            if not text:
                events.append(self._fields)
                self._fields = {}
                continue
            name, _, value = text.partition(":")
            value = value[1:] if value.startswith(" ") else value
            before = self._fields.get(name)
            self._fields[name] = value if before is None else f"{before}\n{value}"
        return events


def event_of(number: int, size: int) -> bytes:
    """A delta of about that many bytes; a small one has a shorter cursor."""
    event = delta(number, 0)
    missing = size - len(sse_plain(event))
    if missing < 0:  # the cursor is in it twice
        event = replace(event, cursor=event.cursor[: missing // 2])
    else:
        event = delta(number, len(event.changes[0].message) + missing)
    return sse_plain(event)


def pieces(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def spent(feed: Callable[[bytes], Sequence[object]], parts: list[bytes]) -> tuple[float, int]:
    """CPU seconds, and events that came out."""
    count = 0
    began = time.process_time()
    for part in parts:
        count += len(feed(part))
    return time.process_time() - began, count


def rate(feed: Callable[[bytes], Sequence[object]], size: int, megabytes: float) -> float:
    count = max(1, int(megabytes * 1e6 / size))
    data = b"".join(event_of(number, size) for number in range(min(count, 1000)))
    data *= max(1, count // 1000)
    seconds, found = spent(feed, pieces(data, READ))
    sent = data.count(b"\n\n")
    if found != sent:
        raise RuntimeError(f"{found} events of {sent}")
    return len(data) / 1e6 / max(seconds, 1e-6)


def growth(one: bytes, ten: bytes, size: int) -> float:
    """How many times as long ten times as much takes; the best of three each."""

    def best(data: bytes) -> float:
        parts = pieces(data, size)
        return min(spent(EventStreamDecoder(1 << 40).feed, parts)[0] for _ in range(3))

    return best(ten) / max(best(one), 1e-6)


def main() -> None:
    megabytes, runs = float(sys.argv[1]), int(sys.argv[2])
    found: dict[str, object] = {}
    for size in SIZES:
        found[f"{size}"] = {
            "ours": [rate(EventStreamDecoder().feed, size, megabytes) for _ in range(runs)],
            "naive": [rate(Naive().feed, size, megabytes) for _ in range(runs)],
        }
    events = b"".join(event_of(number, 1000) for number in range(100))
    events *= max(1, int(megabytes))
    found["events"] = growth(events, events * 10, READ)
    line = b"data: " + b"x" * int(megabytes * 1e6 / 8)
    found["pieces"] = growth(line + b"\n\n", line * 10 + b"\n\n", PIECE)
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
