"""Routes with short answers: the one-shot status, health, readiness, metrics.

Each is made at once, out of what is there; none waits for anything. The timeline's answer can
be long, and is made in pieces.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import chain
from typing import Any, Optional

from agentctl.model import StreamError
from agentctl.server.component_series import ComponentSeries
from agentctl.server.exposition import CONTENT_TYPE, render
from agentctl.server.fanout.channel import StatusNow
from agentctl.server.fanout.entry import Entry
from agentctl.server.http.answer import (
    JSON,
    PIECES_WEIGHT,
    HttpAnswer,
    json_answer,
    json_bytes,
    refusal_answer,
    retry_after,
    text_answer,
    warning,
)
from agentctl.server.http.choice import admitted, chosen
from agentctl.server.http.paths import STATUS, TIMELINE
from agentctl.server.http.request import Refusal, status_request, timeline_request
from agentctl.server.http.timeline_answer import TimelineAnswers
from agentctl.server.page.status_page import PageFile
from agentctl.server.services import Services
from agentctl.wire.sse_encode import ndjson_plain

METRICS = "/metrics"

ALIVE_S = 30.0
"""The engine looks at its sources each second. One that has not for so long is stuck, and
only a restart will help."""

_PAGE_WEIGHT = 100
"""Bytes for each component that an answer of /metrics keeps until it is through: 72 and less."""

Route = Callable[[str], HttpAnswer]
"""From a query to an answer."""


class Routes:
    """Routes by path: ``main`` and, without a token, ``open`` of the listener for all;
    ``probe`` of the probes'."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._since = services.clock.monotonic()
        self._components = ComponentSeries(services)
        self._described: Optional[HttpAnswer] = None
        self._amiss: tuple[Optional[Entry], tuple[StreamError, ...], bytes] = (None, (), b"")
        self._unready = json_answer({})
        self._timelines = TimelineAnswers(services)
        self.main: Mapping[str, Route] = {
            STATUS: self._status,
            TIMELINE: self._timeline,
            "/healthz": self._healthz,
            "/livez": self._healthz,
            "/readyz": self._readyz,
            METRICS: self._metrics,
            "/openapi.json": self._openapi,
        }
        page = services.page.answers(services.build) if services.page else {}
        self.open: Mapping[str, Route] = {path: _file_route(file) for path, file in page.items()}
        self.probe: Mapping[str, Route] = {
            "/healthz": self._healthz,
            "/livez": self._healthz,
            "/readyz": self._readyz_briefly,
        }

    def weight(self, path: str) -> int:
        """What the answer of a path counts as held, if that is known before it is made."""
        long = path == TIMELINE or (path == METRICS and self._components.many)
        return PIECES_WEIGHT if long else 0

    def _status(self, query: str) -> HttpAnswer:
        broadcaster = self._services.broadcaster
        wanted = admitted(status_request(query, broadcaster.channels), broadcaster)
        if isinstance(wanted, HttpAnswer):
            return wanted
        found = chosen(wanted, broadcaster)
        if isinstance(found, HttpAnswer):
            return found
        status = found.channel.status(self._services.clock.monotonic())
        if status is None:
            message = "the first state is not known yet; try again in a second"
            return refusal_answer(Refusal(503, message), retry_after(1))
        headers = warning(wanted.ignored, found.unmatched)
        return HttpAnswer(200, JSON, self._body(status), headers)

    def _body(self, status: StatusNow) -> bytes:
        """The same object for all who ask in one second."""
        whole = status.entry.encoded(ndjson_plain)
        if not status.errors:
            return whole
        entry, errors, body = self._amiss
        if entry is not status.entry or errors != status.errors:
            told = json_bytes([error.to_json() for error in status.errors])
            body = b'%s,"errors":%s}\n' % (whole[: -len(b"}\n")], told)
            self._amiss = status.entry, status.errors, body
        return body

    def _timeline(self, query: str) -> HttpAnswer:
        broadcaster = self._services.broadcaster
        wanted = admitted(timeline_request(query, broadcaster.channels), broadcaster)
        return wanted if isinstance(wanted, HttpAnswer) else self._timelines.answer(wanted)

    def _healthz(self, query: str) -> HttpAnswer:
        silent = self._services.clock.monotonic() - max(self._since, self._services.vitals().at)
        if silent > ALIVE_S:
            return text_answer(f"the engine has not been heard of for {silent:.0f} s", 503)
        return text_answer("ok")

    def _readyz(self, query: str) -> HttpAnswer:
        reasons = self._services.reasons_against()
        body: dict[str, Any] = {"ready": not reasons}
        if reasons:
            body["reasons"] = reasons
        answer = json_answer(body, 503 if reasons else 200)
        # Of many clusters they are long: who asks again shares them.
        if answer != self._unready:
            self._unready = answer
        return self._unready

    def _readyz_briefly(self, query: str) -> HttpAnswer:
        return text_answer("ready") if self._services.ready else text_answer("not ready", 503)

    def _metrics(self, query: str) -> HttpAnswer:
        components = self._components
        own = render(self._services)
        if components.many:
            pieces = chain([own], filter(None, components.pieces()))
            # Beside a piece it keeps what there is to say of each component.
            weight = max(PIECES_WEIGHT, _PAGE_WEIGHT * len(self._services.broadcaster.items))
            return HttpAnswer(200, CONTENT_TYPE, None, (), pieces, weight)
        return HttpAnswer(200, CONTENT_TYPE, own + components.render())

    def _openapi(self, query: str) -> HttpAnswer:
        if self._described is None:
            from agentctl.server.http.openapi import description

            self._described = json_answer(description(self._services.info.version))
        return self._described


def _file_route(file: PageFile) -> Route:
    answer = HttpAnswer(200, file.content_type, file.body, file.headers)
    return lambda query: answer
