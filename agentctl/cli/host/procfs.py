"""Process age and children, from /proc."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Optional

from agentctl.lazy_namedtuple import NamedTuple

OTHERS_S = 5.0
"""A longer sleep before our first instruction was not this interpreter's."""


class ProcessStart(NamedTuple):
    """How old the process was (``age_s``) at a moment (``seen_at``, monotonic)."""

    seen_at: float
    age_s: float

    @classmethod
    def look(cls) -> ProcessStart:
        return cls(time.monotonic(), process_age_s())

    def at(self, limit_s: float) -> float:
        """When (monotonic) a limit of so many seconds begins to count.

        The age is no more than likely: at least half of the limit is left.
        """
        return self.seen_at - min(self.age_s, limit_s / 2)


def process_age_s() -> float:
    """How long ago this program was started.

    The kernel tells when the process was forked, and not when it became this program: a
    shell or ``doas`` may have waited before its ``exec``. That is not our time: what counts
    then is the processor's time alone, had and waited for.
    """
    busy_s = time.process_time() + _waited_for_processor_s()
    start = forked()
    if start is None or start.waited_for_others or start.ago_s > busy_s + OTHERS_S:
        return busy_s
    return max(busy_s, start.ago_s)


class Forked(NamedTuple):
    ago_s: float
    waited_for_others: bool
    """It had children and has seen them end: a script, before it became this program."""


def forked() -> Optional[Forked]:
    """From proc(5); None where there is no such thing."""
    try:
        with open("/proc/self/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        ticks, faults_of_children = int(fields[19]), int(fields[8])
        now = time.clock_gettime(time.CLOCK_BOOTTIME)
    except (OSError, ValueError, IndexError, AttributeError):  # the last: not on Linux
        return None
    return Forked(now - ticks / os.sysconf("SC_CLK_TCK"), faults_of_children > 0)


def _waited_for_processor_s() -> float:
    try:
        with open("/proc/self/schedstat", "rb") as file:
            return int(file.read().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0


def children() -> frozenset[int]:
    """The processes that were started by this one, or by what it was before; direct ones."""
    found: set[int] = set()
    with suppress(OSError, ValueError):  # not on Linux, or not told there
        for thread in os.listdir("/proc/self/task"):
            with open(f"/proc/self/task/{thread}/children", "rb") as file:
                found.update(map(int, file.read().split()))
    return frozenset(found)


def end_all(processes: Iterable[int]) -> None:
    """Ask them to end, with their groups: nobody waits for what they have to say."""
    for process in processes:
        with suppress(OSError):
            if os.getpgid(process) == process:
                os.killpg(process, signal.SIGTERM)
            else:
                os.kill(process, signal.SIGTERM)
