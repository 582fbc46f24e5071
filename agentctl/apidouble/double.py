"""API double: the API and its server behind one context manager."""

from __future__ import annotations

import contextlib
import os
import ssl
import time
from collections import deque
from collections.abc import Collection
from email.utils import format_datetime
from typing import Optional, Union

from agentctl.apidouble.answers import ApiAnswer
from agentctl.apidouble.api import Api, Rules
from agentctl.apidouble.reading import Watch
from agentctl.apidouble.routes import ResourceTarget
from agentctl.apidouble.server import Server
from agentctl.apidouble.store import Store
from agentctl.apidouble.streaming import Interrupted, OpenWatches, Stream
from agentctl.apidouble.weather import Start
from agentctl.apidouble.wire import AcceptedConnection, Request

REQUESTS_KEPT = 10_000
PAUSE_S = 0.02
READY = Start(ready_s=0.0, groups_s=0.0, custom_s=0.0)
"""A start without any weather."""
_WATCH_HEADERS = (("Cache-Control", "no-cache, private"), ("Content-Type", "application/json"))


class ApiDouble:
    """A Kubernetes API server on loopback.

    ``store`` is its state, ``streams`` are the watches under way, ``requests`` the
    latest requests it got, oldest first.
    """

    def __init__(
        self,
        port: int = 0,
        tls: Optional[ssl.SSLContext] = None,
        store: Optional[Store] = None,
        tokens: Optional[Collection[str]] = None,
        host: str = "127.0.0.1",
    ) -> None:
        """``tokens``: the bearer tokens that are good; None to ask for none."""
        self.store = store if store is not None else Store()
        self.api = Api(self.store, tokens)
        self.weather = self.api.weather
        self.requests: deque[Request] = deque(maxlen=REQUESTS_KEPT)
        self.streams = OpenWatches()
        self._secure = tls is not None
        self._server = Server(self._serve, host, port, tls)

    @property
    def port(self) -> int:
        return self._server.port

    @property
    def url(self) -> str:
        scheme = "https" if self._secure else "http"
        return f"{scheme}://{self._server.host}:{self.port}"

    @property
    def tokens(self) -> Optional[Collection[str]]:
        """The bearer tokens that are good; may be set at any time."""
        return self.api.tokens

    @tokens.setter
    def tokens(self, tokens: Optional[Collection[str]]) -> None:
        self.api.tokens = tokens

    @property
    def denied(self) -> Rules:
        """What RBAC refuses; may be set at any time."""
        return self.api.denied

    @denied.setter
    def denied(self, rules: Rules) -> None:
        self.api.denied = rules

    def start(self) -> ApiDouble:
        """Listen. Raises OSError if the port cannot be had."""
        self._server.open()
        return self

    def stop(self) -> None:
        """Close the port and every connection, and join every thread, within seconds.

        Raises RuntimeError if a thread is still there then.
        """
        self._close()

    def restart(
        self,
        objects: bool = True,
        history: bool = True,
        start: Optional[Start] = None,
        moved: bool = False,
    ) -> None:
        """As if the process had died and come back, on the same port unless ``moved``.

        Without ``history`` every resourceVersion so far has expired; without ``objects``
        the store is empty and its versions start again. With ``start`` it comes back as
        a real one does: half-ready for a while, and with no history.
        """
        self._close()
        if not objects:
            self.store.clear()
        elif not history or start is not None:
            self.store.compact()
        if moved:
            self._server.port = 0
        self.weather.starting(start or READY)
        self._server.open()

    def freeze(self) -> None:
        """Storage answers nobody from now on: only what the watch cache knows can be had."""
        self.weather.freeze(self.store.version)

    def thaw(self) -> None:
        """Storage is back, and what hangs is answered."""
        self.weather.thaw()
        self.store.wake()

    def __enter__(self) -> ApiDouble:
        return self.start()

    def __exit__(self, *raised: object) -> None:
        self.stop()

    def kubeconfig(
        self,
        path: Union[str, os.PathLike[str], None] = None,
        token: Optional[str] = None,
        ca_file: Optional[str] = None,
        namespace: str = "agents",
    ) -> str:
        """A kubeconfig (YAML) for this server, written to ``path`` as well if given.

        Without ``ca_file`` a TLS server's certificate goes unchecked. kubectl sends a
        token over TLS only.
        """
        trust = f"certificate-authority: {ca_file}" if ca_file else "insecure-skip-tls-verify: true"
        lines = [
            "apiVersion: v1",
            "kind: Config",
            "clusters:",
            "- name: demo",
            "  cluster:",
            f"    server: {self.url}",
            *([f"    {trust}"] if self._secure else []),
            "contexts:",
            "- name: demo",
            "  context:",
            "    cluster: demo",
            "    user: demo",
            f"    namespace: {namespace}",
            "current-context: demo",
            "users:",
            "- name: demo",
            "  user:" if token else "  user: {}",
            *([f"    token: {token}"] if token else []),
        ]
        text = "\n".join(lines) + "\n"
        if path is not None:
            # It may hold a token: nobody else's business from the first byte on.
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with open(handle, "w", encoding="utf-8") as file:
                file.write(text)
        return text

    def _close(self) -> None:
        self._server.shut()
        self.store.wake()
        self._server.close()

    def _date(self) -> tuple[str, str]:
        return ("Date", format_datetime(self.store.now(), usegmt=True))

    def _serve(self, connection: AcceptedConnection) -> None:
        with contextlib.suppress(Interrupted):
            while not self._server.closing:
                request = connection.read_request()
                if request is None:
                    return
                self.requests.append(request)
                self._respond(connection, request)
                if not request.keep_alive:
                    return

    def _respond(self, connection: AcceptedConnection, request: Request) -> None:
        since = self.store.clock.monotonic()
        while self.api.held_s(request, self.api.target(request), since):
            self._pause(connection)
        self._answer(connection, request, self.api.target(request))

    def _answer(
        self, connection: AcceptedConnection, request: Request, target: ResourceTarget
    ) -> None:
        answer = self.api.answer(request, target)
        if isinstance(answer, ApiAnswer):
            self._send(connection, answer)
        else:
            self._follow(connection, self._stream(connection, answer))

    def _send(self, connection: AcceptedConnection, answer: ApiAnswer) -> None:
        connection.respond(answer.status, self._headers(answer), answer.body)

    def _headers(self, answer: ApiAnswer) -> tuple[tuple[str, str], ...]:
        return (self._date(), ("Content-Type", answer.content_type), *answer.headers)

    def _stream(self, connection: AcceptedConnection, watch: Watch) -> Stream:
        return Stream(watch, connection, self.store, self._is_closing, self._horizon)

    def _is_closing(self) -> bool:
        return self._server.closing

    def _horizon(self) -> Optional[int]:
        return self.weather.horizon

    def _follow(self, connection: AcceptedConnection, stream: Stream) -> None:
        connection.begin(200, (self._date(), *_WATCH_HEADERS))
        self.streams.add(stream)
        try:
            stream.run()
        finally:
            self.streams.remove(stream)

    def _pause(self, connection: AcceptedConnection) -> None:
        """Wait a moment. Raises Interrupted if the client goes or the server stops."""
        if self._server.closing or connection.wait_gone(PAUSE_S):
            raise Interrupted
        time.sleep(PAUSE_S / 4)  # wait_gone does not wait where a client talks out of turn
