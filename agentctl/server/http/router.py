"""Router: from a request to an answer, or to a stream for the writer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from email.utils import format_datetime
from typing import Optional, Union

from agentctl.debug_log import DebugLog
from agentctl.server.cors import ALLOWED_METHODS, Headers
from agentctl.server.fanout.subscription import Subscription
from agentctl.server.hosts import AllowedHosts
from agentctl.server.http.answer import (
    HttpAnswer,
    method_not_allowed,
    refusal_answer,
    retry_after,
    unauthorized,
    warning,
)
from agentctl.server.http.choice import admitted, chosen
from agentctl.server.http.h11_parser import RequestHead
from agentctl.server.http.paths import STREAM
from agentctl.server.http.request import (
    Refusal,
    RequestTarget,
    split_target,
    stream_request,
)
from agentctl.server.http.routes import Route, Routes
from agentctl.server.http.stream_socket import StreamFormat, StreamOpening
from agentctl.server.services import Services
from agentctl.wire.sse_encode import ndjson_chunk, ndjson_plain, sse_chunk, sse_plain

log = DebugLog(__name__)

FORMS = {
    ("json", True): StreamFormat("sse", sse_chunk, chunked=True, frames=True),
    ("json", False): StreamFormat("sse", sse_plain, chunked=False, frames=True),
    ("ndjson", True): StreamFormat("ndjson", ndjson_chunk, chunked=True, frames=False),
    ("ndjson", False): StreamFormat("ndjson", ndjson_plain, chunked=False, frames=False),
}
"""By format, and whether the client can be sent chunks."""

CONTENT_TYPES = {"json": "text/event-stream", "ndjson": "application/x-ndjson"}

RETRY_MS = 1000
"""How soon a reader is to come back when it loses the stream."""

STREAM_HEADERS: Headers = (
    ("X-Accel-Buffering", "no"),  # nginx would hold events back
    ("Retry", str(RETRY_MS)),
)

BUILD = "Agentctl-Build"
"""The header that names the build of this server, with its page's where it has one."""

KINDS = {401: "unauthorized", 408: "timeout", 429: "limit", 431: "limit"}
"""What the metrics call a refusal; other 4xx are bad requests."""

_LOGGED = 100
"""Characters of a path."""


Outcome = Union[HttpAnswer, StreamOpening]


class Router:
    """Answers for the listener for all (``main``) and for the probes' (``probe``)."""

    def __init__(
        self, services: Services, routes: Routes, hosts: Optional[AllowedHosts] = None
    ) -> None:
        """``hosts`` are those that are answered to; None for all."""
        self._services = services
        self._routes = routes
        self._hosts = hosts
        self._own: Headers = ((BUILD, services.build),)

    def main(self, request: RequestHead, peer: str) -> Outcome:
        origins = request.values(b"origin")
        headers = (*self._own, *self._services.cors.headers(origins))
        outcome = self._preflight(request, origins) or self._main(request, peer, headers)
        if isinstance(outcome, HttpAnswer):
            outcome = outcome._replace(headers=(*outcome.headers, *headers))
        return self._counted(request, outcome)

    def probe(self, request: RequestHead, peer: str) -> Outcome:
        """The probes' listener knows health and readiness alone, and asks for no token."""
        target = self._target(request)
        if isinstance(target, HttpAnswer):
            return target
        route = self._routes.probe.get(target.path)
        return route(target.query) if route is not None else _nothing_here()

    def refused(self, refusal: Refusal) -> HttpAnswer:
        """For what is no request at all."""
        self._services.metrics.stream_error(KINDS.get(refusal.status, "bad_request"))
        return refusal_answer(refusal, (*self._own, *self._services.cors.varies))

    def _preflight(self, request: RequestHead, origins: Sequence[str]) -> Optional[HttpAnswer]:
        """The answer to a browser that asks whether it may ask; None for any other request.

        It carries no token, whatever the request after it will carry.
        """
        asked = request.values(b"access-control-request-method")
        if request.method != "OPTIONS" or not origins or not asked or request.has_body:
            return None
        cors = self._services.cors
        if not cors.allows(origins):
            return refusal_answer(Refusal(403, cors.refusal(origins)))
        private = request.values(b"access-control-request-private-network") == ["true"]
        return HttpAnswer(204, "", None, cors.preflight(private))

    def _main(self, request: RequestHead, peer: str, headers: Headers) -> Outcome:
        """``headers`` are those that every answer carries."""
        target = self._target(request)
        if isinstance(target, RequestTarget):
            route = self._routes.open.get(target.path)
            if route is not None:
                return self._held(route(target.query), peer)
        # Two such headers are one bad one.
        credentials = ", ".join(request.values(b"authorization"))
        ticket = self._services.gate.ticket(credentials)
        if ticket is None:
            return unauthorized()
        if isinstance(target, HttpAnswer):
            return target
        if target.path == STREAM:
            return self._stream(request, target.query, peer, ticket, headers)
        route = self._routes.main.get(target.path)
        return _nothing_here() if route is None else self._answered(route, target, peer)

    def _answered(self, route: Route, target: RequestTarget, peer: str) -> HttpAnswer:
        if target.path in self._routes.probe:
            return route(target.query)  # whatever others hold
        # What takes long to make is not made in vain.
        if not self._services.held.fits(peer, route, self._routes.weight(target.path)):
            return self._crowded()
        return self._held(route(target.query), peer)

    def _held(self, answer: HttpAnswer, peer: str) -> HttpAnswer:
        """An answer that there is room for; or a refusal."""
        return answer if self._services.held.fits(peer, *answer.held) else self._crowded()

    def _crowded(self) -> HttpAnswer:
        self._services.metrics.stream_error("limit")
        held = self._services.held
        return refusal_answer(Refusal(503, held.refusal), retry_after(2))

    def _stream(
        self, request: RequestHead, query: str, peer: str, ticket: bytes, always: Headers
    ) -> Outcome:
        services = self._services
        broadcaster = services.broadcaster
        asked = stream_request(query, request.values(b"last-event-id"), broadcaster.channels)
        wanted = admitted(asked, broadcaster)
        if isinstance(wanted, HttpAnswer):
            return wanted
        if services.draining.is_set():
            return refusal_answer(Refusal(503, "this server is about to end"), retry_after(1))
        form = FORMS[wanted.format, request.chunks]
        found = chosen(wanted, broadcaster, services.count.no_more(peer))
        if isinstance(found, HttpAnswer):
            return found
        own = (*STREAM_HEADERS, *warning(wanted.ignored, found.unmatched))
        if request.method == "HEAD":
            return HttpAnswer(200, CONTENT_TYPES[wanted.format], None, own)
        full = services.count.enter(form.transport, peer, found.narrowed)
        if full is not None:
            return refusal_answer(Refusal(429, full), retry_after(5))
        now = services.clock.monotonic()
        subscription = Subscription(found.channel, now, wanted.since, wanted.heartbeat_s)
        head = _head(wanted.format, form, services.clock.now(), (*own, *always))
        return self._begun(
            StreamOpening(head, subscription, form, ticket, now, found.narrowed), peer
        )

    def _begun(self, opening: StreamOpening, peer: str) -> Outcome:
        """A stream that has its place in the count, and room for what it begins with."""
        first = opening.subscription.waiting
        beginning = b"" if first is None else first.encoded(opening.form.encode)
        if not self._services.held.fits(peer, beginning, len(beginning)):
            self._services.count.leave(opening.form.transport, peer, opening.narrowed)
            return self._crowded()
        if opening.narrowed is not None:
            opening.narrowed.readers.add(opening.subscription)
        return opening

    def _target(self, request: RequestHead) -> Union[RequestTarget, HttpAnswer]:
        """Where a request goes, or why no route takes it."""
        if request.method not in ALLOWED_METHODS:
            return method_not_allowed()
        if request.has_body:
            return refusal_answer(Refusal(413, "expected a request without a body"))
        expected = [value.lower() for value in request.values(b"expect")]
        if expected not in ([], ["100-continue"]):
            return refusal_answer(Refusal(417, "no expectation can be met but 100-continue"))
        target = split_target(request.target)
        if isinstance(target, Refusal):
            return refusal_answer(target)
        named = [*request.values(b"host"), *([target.host] if target.host else [])]
        foreign = None if self._hosts is None else self._hosts.refusal(named)
        return target if foreign is None else refusal_answer(Refusal(421, foreign))

    def _counted(self, request: RequestHead, outcome: Outcome) -> Outcome:
        if isinstance(outcome, StreamOpening):
            status = 200
        else:
            status = outcome.status
            if 400 <= status < 500:
                self._services.metrics.stream_error(KINDS.get(status, "bad_request"))
        # Without its query, and as repr: what a client sends must not forge a line.
        path = request.target.partition("?")[0][:_LOGGED]
        log.debug("%s %r: %d", request.method[:_LOGGED], path, status)
        return outcome


def _nothing_here() -> HttpAnswer:
    return refusal_answer(Refusal(404, f"nothing here; the stream is at {STREAM}"))


def _head(name: str, form: StreamFormat, now: datetime, own: Headers) -> bytes:
    """The first bytes of a stream of a format."""
    headers = [
        ("Date", format_datetime(now, usegmt=True)),
        ("Content-Type", CONTENT_TYPES[name]),
        ("Cache-Control", "no-cache"),
        *own,
        ("Connection", "close"),
    ]
    if form.chunked:
        headers.append(("Transfer-Encoding", "chunked"))
    lines = ["HTTP/1.1 200 OK", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, "", ""]).encode("ascii") + form.hint(RETRY_MS)
