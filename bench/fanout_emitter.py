"""A synthetic engine: items of which one changes with each event, at a given pace."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone

from agentctl.model import Delta, Item, Status

BEAT_S = 1.0
"""The engine says so often that all is well."""


@dataclass
class Emitted:
    """What one series of events was: when (CLOCK_MONOTONIC) each was told."""

    stamps: list[float] = field(default_factory=list)
    active: list[int] = field(default_factory=list)
    """How many streams there were then."""


def items_of(count: int) -> list[Item]:
    """The first state, which holds no mark."""
    return [
        Item(f"component-{number:04d}", "agents", Status.HEALTHY, "2/2 replicas are ready")
        for number in range(count)
    ]


def message(number: int, size: int) -> str:
    """The mark that readers know an event by, and as much more as is asked for."""
    return f"#{number:06d} ".ljust(size, "x")


def delta(number: int, size: int) -> Delta:
    """The same event for servers that only pass bytes on; its cursor is as long as ours."""
    changed = Item(f"component-{number % 10:04d}", "agents", Status.DEGRADED, message(number, size))
    return Delta(datetime.now(timezone.utc), (changed,), (), "c" * 150)


def paced(
    count: int,
    interval_s: float,
    emit: Callable[[int], None],
    beat: Callable[[], None],
    active: Callable[[], int],
) -> Emitted:
    """Emit ``count`` events, about ``interval_s`` apart and never in step with anything."""
    rng = random.Random(count)
    emitted = Emitted()
    beaten = time.monotonic()
    for number in range(count):
        until = time.monotonic() + interval_s * rng.uniform(0.5, 1.5)
        if time.monotonic() - beaten > BEAT_S:
            beat()
            beaten = time.monotonic()
        emitted.active.append(active())
        time.sleep(max(0.0, until - time.monotonic()))
        emitted.stamps.append(time.monotonic())
        emit(number)
    return emitted
