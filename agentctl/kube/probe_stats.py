"""Counts of probes for metrics: how long good answers took, when, and why others failed."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Optional

from agentctl.lazy_dataclass import dataclass, field
from agentctl.lazy_namedtuple import NamedTuple


class Probed(NamedTuple):
    """Who was asked, and in which protocol."""

    protocol: str
    address: str


@dataclass
class ProbeRecord:
    """What became of asking one dependency."""

    latency_s: Optional[float] = None
    """Of the last probe, if that was good."""
    good_at: Optional[float] = None
    """When (seconds since 1970) the last good one was."""
    failures: Counter[str] = field(default_factory=Counter)
    """By cause."""


class ProbeStats:
    """All dependencies of a process; for any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: dict[Probed, ProbeRecord] = {}

    def good(self, probed: Probed, latency_s: float, at: float) -> None:
        with self._lock:
            record = self._records.setdefault(probed, ProbeRecord())
            record.latency_s, record.good_at = latency_s, at

    def failed(self, probed: Probed, cause: str) -> None:
        with self._lock:
            record = self._records.setdefault(probed, ProbeRecord())
            record.latency_s = None
            record.failures[cause] += 1

    def records(self) -> dict[Probed, ProbeRecord]:
        """A copy, by whom was asked."""
        with self._lock:
            return {
                probed: ProbeRecord(one.latency_s, one.good_at, one.failures.copy())
                for probed, one in sorted(self._records.items())
            }
