"""SSE source: a server's stream as server-sent events, and its status asked for once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Optional
from urllib.parse import urlencode

from agentctl.clock import Clock
from agentctl.debug_log import DebugLog
from agentctl.duration import format_duration
from agentctl.engine.attempt import Attempt
from agentctl.errors import (
    DisconnectedError,
    ServerError,
    StreamingUnsupported,
)
from agentctl.model import Snapshot, StreamError
from agentctl.net.failures import TimedOut
from agentctl.net.kill_switch import KillSwitch
from agentctl.remote.access import ServerAccess
from agentctl.remote.asking import ServerQuestions
from agentctl.remote.http_failures import is_json, refusal, refuse_coding, wrong_type
from agentctl.remote.poll import RemoteSource
from agentctl.remote.receiver import Receiver
from agentctl.wire.sse_decode import EventStreamDecoder, EventTooLarge, ServerEvent
from agentctl.wire.statusjson import Read, event_of, status_of

if TYPE_CHECKING:
    from agentctl.net.response import Response

log = DebugLog(__name__)

STATUS = "/api/agents/control-plane/status"
STREAM = STATUS + "/stream"

EVENT_STREAM = "text/event-stream"

MAX_EVENT_BYTES = 16 << 20
"""Of an event and of a status: some 50,000 items."""

STATUS_S = 30.0
"""For the body of a status."""

MAX_RETRY_S = 300.0
"""Longest reconnection time that a server may ask for."""

MAX_CURSOR = 4096
"""Of a cursor that is sent back; ours are a quarter of it."""


class SseSource(RemoteSource):
    """Raises ConfigError for an access that cannot be used at all."""

    def __init__(self, access: ServerAccess, clock: Clock) -> None:
        super().__init__(access, clock)
        self._questions = ServerQuestions(access, clock, "--transport sse")
        self._retry_s: Optional[float] = None
        """The reconnection time that the server asked for: it outlives connections."""
        self._sent_away = ""
        """Why the server does not want to be asked for the stream again."""

    def watch(self, attempt: Attempt, receiver: Receiver) -> None:
        if self._sent_away:
            raise StreamingUnsupported(self._sent_away)
        try:
            self._watch(attempt, receiver)
        except DisconnectedError as error:
            if self._retry_s is not None:
                error.retry_after = max(self._retry_s, error.retry_after or 0.0)
            raise

    def ask(self, attempt: Attempt) -> tuple[Snapshot, list[StreamError]]:
        namespace = self._access.namespace
        target = f"{STATUS}?{urlencode({'namespace': namespace})}"
        with self._open(attempt, target, {"Accept": "application/json"}) as answer:
            if answer.status != 200:
                raise refusal(answer, self._clock, streaming=False)
            refuse_coding(answer)
            if not is_json(answer):
                raise wrong_type(answer, "a status as JSON", self._clock)
            body = answer.read_all(MAX_EVENT_BYTES, STATUS_S).decode("utf-8-sig", "replace")
            try:
                found = status_of(body, namespace, self._clock.now())
            except ValueError as error:
                raise ServerError(f"{answer.where}: not a status: {error}") from None
            if found is None:
                raise ServerError(f"{answer.where}: answered with JSON that is no status")
            return found

    def _watch(self, attempt: Attempt, receiver: Receiver) -> None:
        access = self._access
        cursor = receiver.cursor
        if not _can_be_sent(cursor):
            cursor = ""
        headers = {"Accept": EVENT_STREAM}
        if cursor:
            headers["Last-Event-ID"] = cursor
        query = {"namespace": access.namespace, "heartbeat": format_duration(access.heartbeat_s)}
        where = access.address
        log.debug("sse: watching %s at %s from %s", access.namespace, where, cursor or "nothing")
        with self._open(attempt, f"{STREAM}?{urlencode(query)}", headers) as answer:
            self._admit(answer)
            receiver.known = bool(cursor)
            receiver.connected()
            self._follow(answer, receiver)

    def _admit(self, answer: Response) -> None:
        """Raise SourceError unless what follows is a stream of events."""
        if answer.status == 204:
            self._sent_away = (
                f"{answer.where}: the server wants no reader of its stream (HTTP 204 No Content); "
                "use --fallback-poll"
            )
            raise StreamingUnsupported(self._sent_away)
        if answer.status != 200:
            raise refusal(answer, self._clock, streaming=True)
        if is_json(answer):
            raise StreamingUnsupported(
                f"{answer.where}: no stream there (it answers with one status at a time); "
                "use --fallback-poll"
            )
        if answer.content_type != EVENT_STREAM:
            raise wrong_type(answer, "a stream of events", self._clock)
        refuse_coding(answer)

    def _follow(self, answer: Response, receiver: Receiver) -> None:
        """Hand events on until the stream ends. Raises DisconnectedError."""
        decoder = EventStreamDecoder(MAX_EVENT_BYTES)
        heard_at = self._clock.monotonic()
        pending = 0
        place = ""
        while True:
            # Comments keep a connection open. Only an event, or more of one, shows that
            # the server still watches.
            answer.wait_until(heard_at + receiver.silence_s)
            try:
                data = answer.read1()
            except TimedOut:
                raise receiver.silent() from None
            if not data:
                raise DisconnectedError(f"{answer.where}: the server ended the stream")
            try:
                received = decoder.feed(data)
            except EventTooLarge as error:
                raise ServerError(f"{answer.where}: {error}") from None
            if decoder.retry_ms is not None:
                self._retry_s = min(decoder.retry_ms / 1000, MAX_RETRY_S)
            heard = decoder.pending > pending
            for one in received:
                read = self._read(one, answer.where, receiver)
                heard = receiver.take(read, one.last_event_id) or heard
                if receiver.known and read.event is not None:
                    place = one.last_event_id
            if decoder.last_event_id != place:
                place = decoder.last_event_id
                receiver.moved(place)
            pending = decoder.pending
            if heard:
                heard_at = self._clock.monotonic()

    def _read(self, received: ServerEvent, where: str, receiver: Receiver) -> Read:
        """Raises ServerError for what is no event."""
        try:
            now, namespaces = self._clock.now(), receiver.namespaces
            return event_of(received.type, received.data, now, namespaces)
        except ValueError as error:
            raise ServerError(f"{where}: not an event: {error}") from None

    @contextlib.contextmanager
    def _open(self, attempt: Attempt, target: str, headers: dict[str, str]) -> Iterator[Response]:
        switch = KillSwitch()
        attempt.on_stop(switch.kill)
        try:
            with self._questions.open(target, headers, switch) as answer:
                yield answer
        finally:
            attempt.on_stop(None)


def _can_be_sent(cursor: str) -> bool:
    """As a header, whatever the server that it came from took for a cursor."""
    return len(cursor) <= MAX_CURSOR and all("!" <= c <= "~" for c in cursor)
