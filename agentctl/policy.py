"""How a stream behaves, as its user asked for it, and how a run ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional

from agentctl.backoff import Backoff


@dataclass(frozen=True)
class StreamPolicy:
    """Durations in seconds; None for never."""

    heartbeat_s: Optional[float] = 30.0
    retry: bool = True
    backoff: Backoff = field(default_factory=Backoff)
    fallback_poll: bool = False
    timeout_s: Optional[float] = None
    max_staleness_s: Optional[float] = 120.0
    follow_only: bool = False
    since: Optional[str] = None
    once: bool = False
    """Take one snapshot and end."""

    first_answer_s: float = 10.0
    """How long the snapshot waits for the slowest source."""

    refused_retry_s: float = 60.0
    """Permissions are granted by people, and hammering with refused credentials gets a
    host banned."""

    stream_retry_s: float = 300.0
    """How often a stream is tried again where polling took its place."""


@dataclass(frozen=True)
class Outcome:
    """How the run ended; ``message`` is one line for stderr, empty when all is well."""

    exit_code: int
    message: str = ""
