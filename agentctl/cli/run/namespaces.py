"""Namespaces of ``--all-namespaces``: asked of each cluster before its watches are made."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from agentctl.clock import Clock
from agentctl.debug_log import DebugLog
from agentctl.errors import AgentctlError
from agentctl.kube.client import ApiClient
from agentctl.kube.components import Component
from agentctl.kube.inhabited import inhabited
from agentctl.kube.reader import ApiReader, reader

log = DebugLog(__name__)

PATIENCE_S = 5.0
"""How long a cluster is waited for, of several: the others are not to wait for one."""


def all_namespaces(components: Sequence[Component], client: ApiClient, clock: Clock) -> list[str]:
    """Those of the only cluster. Raises SourceError."""
    with reader(client) as api:
        return inhabited(components, api, clock)


def of_each(
    components: Sequence[Component], clients: Sequence[ApiClient], clock: Clock, otherwise: str
) -> list[list[str]]:
    """Those of several clusters, asked together; ``otherwise`` stands for what one did not tell."""
    found: list[list[str]] = [[otherwise] for _ in clients]
    readers = [ApiReader(client, client.session()) for client in clients]

    def ask(at: int, api: ApiReader) -> None:
        try:
            found[at] = inhabited(components, api, clock)
        except AgentctlError as error:
            log.debug("namespaces: %s", error.message)

    # Daemons: one that is stuck in a name lookup or a credential plugin loses nothing.
    threads = [
        threading.Thread(target=ask, args=(at, api), name=f"namespaces-{at}", daemon=True)
        for at, api in enumerate(readers)
    ]
    for thread in threads:
        thread.start()
    ends_at = clock.monotonic() + PATIENCE_S
    for thread in threads:
        thread.join(max(0.0, ends_at - clock.monotonic()))
    for api in readers:
        api.kill()
    return list(found)
