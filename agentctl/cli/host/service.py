"""Service manager: who waits for word from this process, if anybody does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from agentctl.clock import Clock
from agentctl.engine.policy import StreamPolicy, Vitals


class Service:
    """The service manager that waits for word from this process; this one does not."""

    def policy(self, policy: StreamPolicy) -> StreamPolicy:
        """The same, for an engine that shows that it is alive."""
        return policy

    @contextmanager
    def told(self, vitals: Callable[[], Vitals], clock: Clock) -> Iterator[Callable[[], None]]:
        """Tell how a run is; what it yields is to be called when the run is told to stop."""
        yield lambda: None
