"""Stream policy: how a stream behaves, as its user asked for it, and how a run ended."""

from __future__ import annotations

from typing import Optional

from agentctl.backoff import Backoff
from agentctl.lazy_dataclass import dataclass, field
from agentctl.lazy_namedtuple import NamedTuple
from agentctl.model import ErrorCode, Status, StreamError


@dataclass(frozen=True)
class Goal:
    """What a run is to wait for, or to fail on. ``components`` are globs; none are all."""

    until: Optional[Status] = None
    stable_for_s: float = 0.0
    fail_on: Optional[Status] = None
    components: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.until is not None or self.fail_on is not None


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

    goal: Goal = field(default_factory=Goal)

    debounce_s: float = 0.0
    """What changes within this time of the last delta is told in one, at its end."""

    first_answer_s: float = 10.0
    """How long the snapshot waits for the slowest source."""

    laggards_s: Optional[float] = None
    """Of several clusters: how long it waits for the others once one has answered; None: as
    long as for any source."""

    began_at: Optional[float] = None
    """Since when (monotonic) ``timeout_s`` counts, and ``first_answer_s`` of one shot; None:
    since the start of the engine."""

    look_s: Optional[float] = None
    """Look around at least this often, so that the vitals tell that the engine is alive."""

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


class Notice(NamedTuple):
    """What is to be told of a source, or of several together: a failure, or its end."""

    source: str
    code: ErrorCode
    message: str
    retry_in: Optional[float] = None
    sources: tuple[str, ...] = ()
    """All of them, in the order of the sources."""
    lasted: Optional[float] = None
    cluster: str = ""
    """Whose sources they are, where several clusters are watched."""

    @classmethod
    def of(cls, error: StreamError) -> Notice:
        """What another server's error event tells."""
        return cls(
            error.source,
            error.code,
            error.message,
            error.retry_in,
            error.sources,
            error.lasted,
            error.cluster,
        )


class SourceVitals(NamedTuple):
    """How one source is. ``last_alive`` is monotonic seconds."""

    name: str
    up: bool
    lost: bool
    """Down for want of a connection or of good credentials, not of a permission."""
    last_alive: float
    attempts: int
    failure: str
    """Why its last attempt failed, as one line; empty while it is up."""
    cluster: str = ""
    heard: bool = True
    """It has told what there is, some time or other."""

    @property
    def label(self) -> str:
        """Its name among those of its cluster."""
        return self.name[len(self.cluster) + 1 :] if self.cluster else self.name


class Vitals(NamedTuple):
    """How an engine and its sources are. ``at`` is when (monotonic) it last looked."""

    at: float
    begun: bool
    """The first state has been told."""
    sources: tuple[SourceVitals, ...]
    amiss: tuple[str, ...] = ()
    """What is missing at the sources' own sources: a server's, where there is one."""

    @property
    def lost(self) -> list[SourceVitals]:
        """The sources that are down for want of what they share with all others."""
        return [source for source in self.sources if source.lost]

    @property
    def missed(self) -> list[SourceVitals]:
        """Those lost without which there is nothing: not those of one cluster of several."""
        lost = self.lost
        if {one.cluster for one in self.sources} - {one.cluster for one in lost}:
            return []
        return lost

    @property
    def ready(self) -> bool:
        return self.begun and not self.missed
