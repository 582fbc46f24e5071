"""Answer of a dependency to one probe, or why there was none. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from agentctl.lazy_dataclass import dataclass, field


class Cause(Enum):
    """Why a probe failed; a label of metrics, and what ``diagnose`` goes by."""

    NAME = "name"
    """The host's name does not resolve, or not in time."""
    ADDRESS = "address"
    """It resolves to what may not be dialled."""
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    CUT = "cut"
    """The connection ended before an answer."""
    PROTOCOL = "protocol"
    """What it answered is another protocol."""
    CERTIFICATE = "certificate"
    STATUS = "status"
    """It answered that it is not well, or not as was asked for."""
    STARTING = "starting"
    FULL = "full"
    """It has no connection to give."""
    SLOW = "slow"
    LOCAL = "local"
    """The fault is on this side."""

    @property
    def answered(self) -> bool:
        """Whether the dependency itself said it: a connection there was."""
        return self in _ANSWERED


_ANSWERED = (Cause.CERTIFICATE, Cause.STATUS, Cause.STARTING, Cause.FULL, Cause.SLOW)


class ProbeError(Exception):
    """A probe failed; ``message`` is one clause for people."""

    def __init__(self, cause: Cause, message: str) -> None:
        super().__init__(message)
        self.cause = cause
        self.message = message


@dataclass(frozen=True)
class Answer:
    """A good answer: how long it took, and what else is to be told of it."""

    latency_ms: float = field(compare=False)
    details: Mapping[str, Any] = field(default_factory=dict)
