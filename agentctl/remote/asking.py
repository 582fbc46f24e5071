"""Asking an agentctl server over HTTP: with the token of now, and as it wants to be asked."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from agentctl.clock import Clock
from agentctl.debug_log import DebugLog
from agentctl.errors import ConfigError, UnauthorizedError
from agentctl.net.kill_switch import KillSwitch
from agentctl.remote.access import ServerAccess
from agentctl.requirements import require

if TYPE_CHECKING:
    from agentctl.net.response import Response
    from agentctl.remote.get import HttpGet

log = DebugLog(__name__)

ASK, CLUSTERS = "Agentctl-Ask", "clusters=1"
"""How a server of several clusters says that it has to be asked with this. Only then it is:
older servers may not know the parameter."""


class ServerQuestions:
    """Raises ConfigError for an access that cannot be used at all."""

    def __init__(self, access: ServerAccess, clock: Clock, what: str) -> None:
        """``what`` is what needs the package that may be missing."""
        self._access = access
        self._get = _http_get(access, clock, what)
        self._asked_for = ""
        """What else it wants to be asked with; no server that wants nothing is asked so."""

    @contextlib.contextmanager
    def open(self, target: str, headers: dict[str, str], switch: KillSwitch) -> Iterator[Response]:
        """GET ``target``, which has a query; whatever the status.

        A token that is refused is read again, once, and tried at once. Raises SourceError.
        """
        try:
            with contextlib.ExitStack() as stack:

                def get() -> Response:
                    stack.close()
                    more = f"&{self._asked_for}" if self._asked_for else ""
                    found = self._get.open(target + more, headers, self._token(), switch)
                    return stack.enter_context(found)

                answer = get()
                if answer.status == 401 and self._access.token is not None:
                    log.debug("sse: unauthorized; reading the token again")
                    answer = get()
                if answer.status == 400 and answer.headers.get(ASK.lower()) == CLUSTERS:
                    log.debug("sse: a server of several clusters")
                    self._asked_for = CLUSTERS
                    answer = get()
                yield answer
        except ConfigError as error:
            # Good at the start, or there would be no run: it is another's to mend.
            raise UnauthorizedError(error.message) from error

    def _token(self) -> str:
        return self._access.token() if self._access.token is not None else ""


def _http_get(access: ServerAccess, clock: Clock, what: str) -> HttpGet:
    require(what, ["requests"])
    from agentctl.remote.get import HttpGet

    return HttpGet(access, clock)
