"""Unseen servers: what a run that cannot see all of what it watches, or sees nothing, ends with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Optional

from agentctl.engine.health import SourceHealth
from agentctl.engine.outage import ServerHealth
from agentctl.engine.policy import Outcome
from agentctl.errors import ExitCode, RefusedError, StreamingUnsupported

ORDER = (ExitCode.DISCONNECTED, ExitCode.STREAMING_UNSUPPORTED, ExitCode.REFUSED)
"""Of several clusters that are not seen, each for another reason: which one counts."""

WELL = Outcome(ExitCode.OK)
NOTHING = Outcome(ExitCode.OK, "nothing was found: there is no component to show")


def refused_everywhere(healths: Iterable[SourceHealth]) -> Optional[Outcome]:
    """An outcome if there is nothing but refusals: nothing will come of waiting."""
    failures = [health.refusal for health in healths if health.stream.essential]
    refused = [failure for failure in failures if isinstance(failure, RefusedError)]
    if not failures or len(refused) < len(failures):
        return None
    from agentctl.engine.refusals import refusals_told

    return Outcome(ExitCode.REFUSED, refusals_told(refused))


def essential(servers: Iterable[ServerHealth]) -> list[ServerHealth]:
    """Those without which nothing could be seen: not who is only asked on the side."""
    return [one for one in servers if any(health.stream.essential for health in one.members)]


def some_complete(servers: Iterable[ServerHealth]) -> bool:
    """Whether one has answered to each of its sources, and well to any of them."""
    each = (server.watches for server in essential(servers))
    return any(all(h.answered for h in one) and any(h.ever_up for h in one) for one in each)


def unseen(servers: Iterable[ServerHealth], waited_s: float, prefix: str = "") -> Optional[Outcome]:
    """The end of who cannot see all servers; ``waited_s`` is how long was waited for them."""
    found = [one for server in servers for one in (_unseen(server, waited_s, prefix),) if one]
    return min(found, key=lambda one: ORDER.index(ExitCode(one.exit_code)), default=None)


def hopeless(servers: Sequence[ServerHealth]) -> Optional[Outcome]:
    """An outcome if nothing will come of waiting: each waits for somebody to mend it."""
    found = [_refused(server) for server in essential(servers)]
    ends = [one for one in found if one is not None]
    if len(ends) < len(found):
        return None
    return min(ends, key=lambda one: ORDER.index(ExitCode(one.exit_code)), default=None)


def _unseen(server: ServerHealth, waited_s: float, prefix: str) -> Optional[Outcome]:
    lost = [health for health in server.down if health.lost]
    if not lost:
        return _refused(server)
    failure = lost[0].failure
    reason = failure.message if failure else lost[0].silence(waited_s)
    return _of(server, ExitCode.DISCONNECTED, lost[0].excuse or reason, prefix)


def _refused(server: ServerHealth) -> Optional[Outcome]:
    failures = [health.failure for health in server.down]
    unsupported = (one for one in failures if isinstance(one, StreamingUnsupported))
    failure = next(unsupported, None)
    if failure is not None:
        return _of(server, ExitCode.STREAMING_UNSUPPORTED, failure.message)
    refused = refused_everywhere(server.members)
    return refused and _of(server, ExitCode.REFUSED, refused.message)


def _of(server: ServerHealth, code: ExitCode, reason: str, prefix: str = "") -> Outcome:
    where = f"{server.cluster}: " if server.cluster else ""
    return Outcome(code, prefix + where + reason)
