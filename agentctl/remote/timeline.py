"""Timeline of a server: asked for once, over HTTP, in bounded bytes and time."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

from agentctl.clock import Clock
from agentctl.errors import NotFoundError, ServerError, UsageError
from agentctl.model import JSONObject
from agentctl.net.kill_switch import KillSwitch
from agentctl.remote.access import ServerAccess
from agentctl.remote.asking import ServerQuestions
from agentctl.remote.http_failures import is_json, refusal, refuse_coding, wrong_type
from agentctl.wire.statusjson import object_of

TIMELINE = "/api/agents/control-plane/status/timeline"

MAX_BYTES = 96 << 20
"""Of an answer: twice what 200,000 spans with messages come to."""

BODY_S = 60.0
"""For the body of one."""

MAX_GLOBS, MAX_QUERY = 100, 8_000
"""What a server takes of globs, and of a request's line."""

OLDER = "nothing here"
"""How a server begins that does not know the path."""


class TimelineQuestion:
    """Raises ConfigError for an access that cannot be used at all."""

    def __init__(self, access: ServerAccess, clock: Clock) -> None:
        self._clock = clock
        self._questions = ServerQuestions(access, clock, "--server")
        self._prefix = access.address.prefix
        self._switch = KillSwitch()

    def stop(self) -> None:
        """Free a question that is under way, from any thread."""
        self._switch.kill()

    def ask(self, since: str, globs: Sequence[str]) -> JSONObject:
        """What the server says; ``since`` is empty for all that it keeps.

        More may come than what fits ``globs``. Raises SourceError, and UsageError for what is not
        to be asked so.
        """
        query = [("format", "json"), *([("since", since)] if since else [])]
        narrowed = urlencode([*query, *(("component", glob) for glob in globs)])
        fits = len(globs) <= MAX_GLOBS and len(narrowed) <= MAX_QUERY
        target = f"{TIMELINE}?{narrowed if fits else urlencode(query)}"
        headers = {"Accept": "application/json"}
        with self._questions.open(target, headers, self._switch) as answer:
            if answer.status == 404:
                self._refuse_missing(refusal(answer, self._clock, streaming=False, what="timeline"))
            if answer.status != 200:
                error = refusal(answer, self._clock, streaming=False)
                raise UsageError(error.message) if answer.status == 400 else error
            refuse_coding(answer)
            if not is_json(answer):
                raise wrong_type(answer, "a timeline as JSON", self._clock)
            body = answer.read_all(MAX_BYTES, BODY_S)
            try:
                return object_of(body.decode("utf-8-sig", "replace"))
            except ValueError as error:
                raise ServerError(f"{answer.where}: not a timeline: {error}") from None

    def _refuse_missing(self, error: Exception) -> None:
        where, _, said = str(error).partition(": ")
        if said.startswith(OLDER) and self._prefix:
            raise NotFoundError(
                f"{where}: no timeline under {self._prefix}; leave the prefix out where no proxy "
                "takes it away, or upgrade the server if it is older than the timeline is"
            )
        if said.startswith(OLDER):
            raise NotFoundError(
                f"{where}: this server keeps no timeline, it is older than the timeline is: "
                "upgrade it, or draw a recording (--record FILE, agentctl timeline FILE)"
            )
        raise error
