"""Proof of life: whether an API server's storage answers, asked for all of its sources.

While storage hangs, an API server goes on answering watches and discovery from its caches.
Only a list without a resourceVersion has to go through storage.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Sequence
from typing import Optional

from agentctl.errors import DisconnectedError, ForbiddenError, ServerError
from agentctl.kube.api import ApiReader, Timeouts, refusal
from agentctl.kube.resources import SERVED, WatchSpec
from agentctl.sources.base import Alive, Attempt, Source
from agentctl.sources.kube import KubeContext

log = logging.getLogger(__name__)

NAME = "storage"

PERIOD_S = 30.0
"""At most; a third of what staleness allows, so that two may fail before it is reached."""

TIMEOUTS = Timeouts(10.0, 5.0, 5.0)
MAX_BYTES = 8 << 20
"""One object: etcd holds none over 1.5 MiB."""


class ProofSource:
    """Lists one object now and then, and says so. Needs no permission of its own."""

    name = noun = NAME
    essential = False
    proves = True
    server = ""

    def __init__(
        self, specs: Sequence[WatchSpec], context: KubeContext, max_staleness_s: Optional[float]
    ) -> None:
        # In the watched namespace if possible, and nothing that is large or of the cluster.
        asked = [spec for spec in specs if spec.resource is not SERVED]
        self._paths = [
            (spec.resource.path(spec.namespace), spec.resource.plural)
            for spec in sorted(asked, key=lambda spec: not spec.namespace)
        ]
        self._context = context
        self._period_s = min(PERIOD_S, (max_staleness_s or PERIOD_S * 3) / 3)

    def credentials(self) -> object:
        return None

    def fallback(self) -> Optional[Source]:
        return None

    def run(self, attempt: Attempt) -> None:
        """The first question at once after a failure, else when the first period is over."""
        first = attempt.epoch == 1
        with self._context.reader(attempt) as api:
            while not attempt.stopping:
                if first and attempt.wait(self._wait_s()):
                    return
                first = True
                if not self._ask(api):
                    log.debug("no permission to list anything: storage cannot be asked")
                    return
                attempt.put(Alive(self.name, attempt.epoch, consistent=True))

    def _wait_s(self) -> float:
        return self._period_s * self._context.rng.uniform(0.75, 1.0)

    def _ask(self, api: ApiReader) -> bool:
        """Whether there was anything that may be asked; a slow answer is asked for twice."""
        for path, noun in list(self._paths):
            try:
                self._list(api, path, noun)
            except ForbiddenError:
                self._paths.remove((path, noun))
                continue
            except DisconnectedError as error:
                if not isinstance(error.__cause__, socket.timeout):
                    raise
                log.debug("storage: %s; asking once more", error.message)
                self._again(api, path, noun)
            return True
        return False

    def _again(self, api: ApiReader, path: str, noun: str) -> None:
        try:
            self._list(api, path, noun)
        except DisconnectedError as error:
            if not isinstance(error.__cause__, socket.timeout):
                raise
            raise ServerError(
                f"the API server's storage does not answer ({error.message}): "
                "what it still tells comes from its caches"
            ) from error

    def _list(self, api: ApiReader, path: str, noun: str) -> None:
        with api.get(path, {"limit": "1"}, "application/json", TIMEOUTS) as response:
            if response.status != 200:
                raise refusal(response, "list", noun)[0]
            response.read_all(MAX_BYTES)
