"""Services that transports share: the stream, who may have it, and the counts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Optional

from agentctl.clock import Clock
from agentctl.engine.policy import Vitals
from agentctl.kube.probe_stats import ProbeStats
from agentctl.lazy_dataclass import dataclass, field
from agentctl.model import ItemKey
from agentctl.redact import redact
from agentctl.server.auth import TokenGate
from agentctl.server.cors import CorsPolicy
from agentctl.server.fanout.broadcaster import Broadcaster
from agentctl.server.fanout.liveness import SILENT_S
from agentctl.server.held_bytes import HeldBytes
from agentctl.server.hosts import AllowedHosts
from agentctl.server.limits import StreamCount
from agentctl.server.metrics import Metrics
from agentctl.server.page.status_page import StatusPage

HEARTBEAT_S = 30.0
"""Where a reader names none."""

MIN_HEARTBEAT_S, MAX_HEARTBEAT_S = 1.0, 300.0
"""Below, a thousand readers would keep the server busy with saying that it is not; above,
proxies and readers take the connection for dead."""


@dataclass(frozen=True)
class ServerInfo:
    """What runs here, for GetServerInfo."""

    version: str
    build_sha: str = ""
    build_time: str = ""
    service: str = "agentctl"


@dataclass(frozen=True)
class Services:
    """One server's parts, as its transports see them."""

    broadcaster: Broadcaster
    vitals: Callable[[], Vitals]
    gate: TokenGate
    count: StreamCount
    metrics: Metrics
    clock: Clock
    info: ServerInfo
    hosts: AllowedHosts = field(default_factory=AllowedHosts)
    """Whom those listeners answer to that ask for no credentials."""

    cors: CorsPolicy = field(default_factory=CorsPolicy)
    """The origins whose pages may read, beside our own."""

    page: Optional[StatusPage] = None
    """The status page at ``/``; None where it is left out."""

    held: HeldBytes = field(default_factory=HeldBytes)
    """What slow readers of all transports have yet to take."""

    draining: threading.Event = field(default_factory=threading.Event)
    """Set when the server is about to end: not ready, and no new streams."""

    probes: Callable[[], Iterable[ProbeStats]] = tuple
    """Of each cluster, what became of asking dependencies themselves."""

    rests_on: Callable[[], Mapping[ItemKey, Sequence[Sequence[str]]]] = dict
    """For each component the sources that its verdict rests on: of each the names that it may go
    by. A component that is not in it has those of what stands before its slash, or rests on
    nothing that could be silent."""

    give_up: Callable[[], None] = lambda: None
    """Ends the server: something that it cannot go on without is broken."""

    @property
    def build(self) -> str:
        """What runs here, as each answer names it: a page of another build is to be loaded anew."""
        version = self.info.version
        return f"{version}+{self.page.hash}" if self.page else version

    @property
    def ready(self) -> bool:
        return not self.reasons_against()

    def reasons_against(self) -> list[str]:
        """Why no reader should be sent here; none where one should."""
        if self.draining.is_set():
            return ["about to end"]
        vitals = self.vitals()
        found = [f"without {one.name}: {one.failure or 'no answer yet'}" for one in vitals.missed]
        if not vitals.begun:
            return ["the first state is not known yet", *map(redact, found)]
        silent = self.clock.monotonic() - vitals.at
        if silent > SILENT_S:
            found.insert(0, f"the sources have not been looked at for {silent:.0f} s")
        return [redact(reason) for reason in found]
