"""Discovery source: API discovery polled, and asked at once when a CRD changes."""

from __future__ import annotations

import threading
from typing import Optional

from agentctl.engine.attempt import Attempt
from agentctl.engine.messages import Pending, Replaced
from agentctl.errors import STARTING, SourceError
from agentctl.kube import discovery
from agentctl.kube.context import ClusterSource, KubeContext
from agentctl.kube.reader import ApiReader
from agentctl.kube.readiness import AGAIN_S, Readiness
from agentctl.kube.resources import Seen, WatchSpec

INTERVAL_S = 60.0
"""Discovery changes with the CRDs, whose watch pokes; this is for what that misses."""

SETTLING_S = (0.0, 0.25, 1.0, 3.0)
"""When to look after a poke: discovery follows a CRD by controllers of its own, late."""


class DiscoverySource(ClusterSource):
    """Which custom resources are served, as objects with nothing but a name."""

    essential = False

    def __init__(self, spec: WatchSpec, context: KubeContext, once: bool = False) -> None:
        super().__init__(context)
        self.name = spec.name
        self.noun = "API discovery"
        self._spec = spec
        self._once = once
        self._poked = threading.Event()
        self._startup = context.startup()
        self._absent = frozenset[str]()
        """What a server that was ready did not name."""
        self._wanted = frozenset[str]().union(*(need.names or () for need in spec.needs))

    def poke(self) -> None:
        """From another thread: something changed, look again now and until it settles."""
        self._poked.set()

    def run(self, attempt: Attempt) -> None:
        self._absent = frozenset()
        # Being stopped pokes too, so that one wait serves both.
        with self._context.reader(attempt, wake=self._poked.set) as api:
            while not attempt.stopping:
                poked = self._poked.is_set()
                if poked:  # a poke that comes from here on is for the next round
                    self._poked.clear()
                settled = True
                for delay in SETTLING_S if poked else SETTLING_S[:1]:
                    if attempt.wait(delay):
                        return
                    settled = self._look(attempt, api)
                if self._once and settled:
                    return
                self._poked.wait(INTERVAL_S if settled else AGAIN_S)

    def _look(self, attempt: Attempt, api: ApiReader) -> bool:
        """Tell what is served; False where that is not the last word."""
        try:
            told = self._served(api)
        except SourceError as error:
            raise self._startup.judged(error, api) from error
        if told is None:
            attempt.put(Pending(self.name, attempt.epoch, STARTING))
            return False
        names, established = told
        seen = Seen(self._context.clock.monotonic(), 0.0)
        changes = tuple(
            self._spec.change({"metadata": {"name": name}, "served": name in names}, seen)
            for name in sorted((names | established) & self._wanted)
        )
        # Discovery is what the server itself remembers: its storage may be silent meanwhile.
        attempt.put(Replaced(self.name, attempt.epoch, changes, "", consistent=False))
        return not established

    def _served(self, api: ApiReader) -> Optional[tuple[frozenset[str], frozenset[str]]]:
        """What is served, and what is established and will be; None while nobody can say."""
        names = discovery.served(api, self._wanted)
        if not self._wanted - names <= self._absent:
            # What a starting server does not name says nothing, and it may just have ended.
            if self._startup.ask(api) is not Readiness.READY:
                return None
            names = discovery.served(api, self._wanted)
        self._startup.worked()
        self._absent = self._wanted - names
        return names, discovery.established(api, self._absent)
