"""Loss of sources: one outage, which sources it has taken, since when, and what was told of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Optional

from agentctl.engine.health import SourceHealth
from agentctl.lazy_namedtuple import NamedTuple
from agentctl.model import ErrorCode

SETTLE_S = 0.5
"""How long an outage waits for the others that it has taken, before it is told."""

APART_S = 10.0
"""Who was heard so long after others were lost is none of theirs: a server that goes down in
order, or whose balancer does, may take its time over it."""


class Outage(NamedTuple):
    """What was lost, since when (monotonic), and when that is to be told; None once it was."""

    names: tuple[str, ...]
    since: float
    tell_at: Optional[float]
    code: Optional[ErrorCode] = None
    """As what it was told last."""
    told: tuple[str, ...] = ()
    """Those that it was told of, whenever that was."""

    def spares(self, members: Iterable[SourceHealth]) -> bool:
        """Whether what these lose now has nothing to do with it.

        Others were well for some time beside those that were lost. That says nothing where
        credentials are refused: a server lets a watch go on until its term.
        """
        if self.tell_at is not None or self.code in (None, ErrorCode.UNAUTHORIZED):
            return False
        well_at = max((one.heard_at for one in members if one.name not in self.names), default=0.0)
        return well_at > self.since + APART_S
