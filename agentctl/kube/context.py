"""Context of a cluster's sources: its client, clock and what else they share."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Optional

from agentctl.clock import Clock
from agentctl.engine.attempt import UNREACHED, Attempt, Source
from agentctl.errors import SourceError
from agentctl.kube.client import ApiClient
from agentctl.kube.listwatch import ListWatch, WatchSettings
from agentctl.kube.reader import ApiReader, reader
from agentctl.kube.readiness import Anonymous, Startup
from agentctl.kube.resources import WatchSpec
from agentctl.lazy_dataclass import dataclass, field

if TYPE_CHECKING:
    from agentctl.kube.probe_stats import ProbeStats
    from agentctl.kube.turns import Turns


@dataclass
class LastProof:
    """When (monotonic) an answer last went through a server's storage; for all threads."""

    at: float = -math.inf


@dataclass(frozen=True)
class KubeContext:
    """What all sources of one cluster share."""

    client: ApiClient
    clock: Clock
    settings: WatchSettings = field(default_factory=WatchSettings)
    rng: random.Random = field(default_factory=random.Random)
    poll_interval_s: float = 10.0
    proof: LastProof = field(default_factory=LastProof)
    anonymous: Anonymous = field(default_factory=Anonymous)
    cluster: str = ""
    """Its name where several are watched."""

    @cached_property
    def turns(self) -> Turns:
        """When probes may begin; imported where there are any."""
        from agentctl.kube.turns import Turns

        return Turns()

    @cached_property
    def probes(self) -> ProbeStats:
        """What became of probes, for metrics."""
        from agentctl.kube.probe_stats import ProbeStats

        return ProbeStats()

    def startup(self, waits: bool = True) -> Startup:
        """For one source: what it can tell of its server's start."""
        return Startup(self.clock, self.anonymous, waits)

    def asked(self, noun: str) -> str:
        """The server, and what it was asked for, where no answer comes."""
        where = self.client.where
        return f"{where}, asked for {noun}," if where else noun

    def credentials(self) -> object:
        """What can be compared of the files that the credentials come from."""
        return self.client.provider.fingerprint()

    @contextmanager
    def reader(
        self, attempt: Attempt, wake: Optional[Callable[[], None]] = None
    ) -> Iterator[ApiReader]:
        """A connection for one attempt, freed from any wait when the attempt is stopped.

        ``wake`` is called then too, for a wait of the source's own.
        """
        with reader(self.client) as api:

            def free() -> None:
                api.kill()
                if wake is not None:
                    wake()

            attempt.on_stop(free)
            try:
                yield api
            finally:
                attempt.on_stop(None)

    @contextmanager
    def listwatch(self, attempt: Attempt, spec: WatchSpec, startup: Startup) -> Iterator[ListWatch]:
        """The same, ready to list and watch one resource.

        What a server refuses that is only starting ends the attempt with StartingError.
        """
        with self.reader(attempt) as api:
            try:
                yield ListWatch(spec, api, self.clock, self.settings, self.rng)
            except SourceError as error:
                judged = startup.judged(error, api)
                if judged is error:
                    raise
                raise judged from error


class ClusterSource(Source):
    """A source whose peer is the API server itself."""

    advice = UNREACHED

    def __init__(self, context: KubeContext) -> None:
        self.server = context.cluster
        self._context = context

    @property
    def asked(self) -> str:
        return self._context.asked(self.noun)

    def credentials(self) -> object:
        return self._context.credentials()
