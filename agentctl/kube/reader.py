"""Reader of an API: one thread's requests, tried again once with new credentials.

Refused credentials (401) are read again once before they count as refused: a token
that was rotated a second ago must not end a stream that runs for days.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, Optional

from agentctl.debug_log import DebugLog
from agentctl.errors import ServerError, SourceError
from agentctl.kube.client import JSON, ApiClient, ApiSession
from agentctl.kube.decode import parse
from agentctl.net.endpoint import Timeouts
from agentctl.net.kill_switch import KillSwitch
from agentctl.net.memory_budget import MemoryBudget
from agentctl.net.response import Response

log = DebugLog(__name__)

MAX_ERROR_BYTES = 1 << 20
"""What is read of an answer that is only good for its reason."""


class ApiReader:
    """A connection's worth of reading; ``kill`` frees it from any other thread."""

    def __init__(self, client: ApiClient, session: ApiSession) -> None:
        self._client = client
        self._session = session
        self._switch = KillSwitch()

    def kill(self) -> None:
        """End whatever is being waited for; later requests fail at once."""
        self._switch.kill()

    @property
    def budget(self) -> MemoryBudget:
        """What all readers of this client may hold at once."""
        return self._client.budget

    @property
    def connected_at(self) -> float:
        """When (monotonic) the connection in use was opened."""
        return self._session.connected_at

    @contextmanager
    def get(
        self, path: str, query: Mapping[str, str], accept: str, timeouts: Timeouts
    ) -> Iterator[Response]:
        """The answer, whatever its status.

        Raises DisconnectedError when there is no answer, UnauthorizedError when the
        credentials cannot be read again.
        """
        with self._answer(path, query, accept, timeouts) as response:
            yield response

    @contextmanager
    def get_anonymously(self, path: str, timeouts: Timeouts) -> Iterator[Response]:
        """The answer to who gives no credentials, whatever its status."""
        with self._session.open(path, {}, "*/*", timeouts, self._switch, anonymous=True) as found:
            yield found

    @contextmanager
    def post(self, path: str, value: Mapping[str, Any], timeouts: Timeouts) -> Iterator[Response]:
        """The same for a POST of ``value`` as JSON; only for what changes nothing."""
        body = json.dumps(value, separators=(",", ":")).encode()
        with self._answer(path, {}, JSON, timeouts, body) as response:
            yield response

    @contextmanager
    def _answer(
        self,
        path: str,
        query: Mapping[str, str],
        accept: str,
        timeouts: Timeouts,
        body: Optional[bytes] = None,
    ) -> Iterator[Response]:
        ask = partial(self._session.open, path, query, accept, timeouts, self._switch, body)
        response = ask()
        if response.status == 401:
            with response:
                response.read_all(MAX_ERROR_BYTES)
            log.debug("%s: credentials refused, reading them again", path)
            self._client.provider.refresh(response.endpoint.generation)
            response = ask()
        with response:
            yield response


@contextmanager
def reader(client: ApiClient) -> Iterator[ApiReader]:
    """A reader whose connection is closed at the end, or given back where it is shared."""
    with client.session() as session:
        yield ApiReader(client, session)


def refusal(response: Response, verb: str, noun: str) -> tuple[SourceError, dict[str, Any]]:
    """What an answer that is not 200 means, and its Status (empty if it sent none)."""
    from agentctl.kube.api_failures import failure_of  # where all is well, of no use

    try:
        body = response.read_all(MAX_ERROR_BYTES)
    except ServerError:  # too large or too slow: the status says enough
        body = b""
    failure = failure_of(response.status, response.headers, body, verb, noun)
    return failure, json_object(body)


def parsed_bytes(body: bytes) -> int:
    """At most so much memory is needed to parse JSON, beside that of the bytes.

    The text and its strings have a byte a character each, or four; the rest are objects, of
    which a hostile answer may hold nothing else.
    """
    text = (2 if body.isascii() else 8) * len(body)
    return text + 240 * body.count(b"{") + 72 * body.count(b"[") + 64 * body.count(b",")


def json_object(body: bytes) -> dict[str, Any]:
    """A JSON object, or an empty one if the body is anything else."""
    try:
        value = parse(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
