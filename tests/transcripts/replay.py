"""A server that answers as a real kube-apiserver once did, recording by recording.

Watches are played without the delays. A watch for which no recording is left is
accepted and stays silent, so that a source under test has somewhere to wait.
"""

from __future__ import annotations

import json
import queue
import random
import select
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Optional, Union
from urllib.parse import parse_qs, urlsplit

from agentctl.catalog.loader import load
from agentctl.clock import SystemClock
from agentctl.engine.attempt import Attempt, Source
from agentctl.engine.messages import Ended, Message, Stop
from agentctl.errors import SourceError
from agentctl.kube.access import AccessProvider, ClusterAccess
from agentctl.kube.client import ApiClient
from agentctl.kube.context import KubeContext
from agentctl.kube.evaluate import Evaluator
from agentctl.kube.listwatch import ListWatch, WatchSettings
from agentctl.kube.reader import ApiReader, reader
from agentctl.kube.resources import WatchSpec

DATA = Path(__file__).parent.parent / "data"
SETTINGS = WatchSettings(short_watch_s=0.0)
"""Played without delays, every watch is a short one."""
PATIENCE_S = 20.0


@dataclass(frozen=True)
class Exchange:
    """One recording: the request, and what was answered."""

    name: str
    path: str
    query: Mapping[str, str]
    accept: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    lines: Optional[tuple[str, ...]]
    """Of a watch that was accepted; None for an answer with a body."""
    date: str = ""

    @classmethod
    def load(cls, name: str, date: str = "") -> Exchange:
        """``date`` is the Date header to answer with: recordings have none."""
        recorded = json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))
        request, response = recorded["request"], recorded["response"]
        url = urlsplit(request["path"])
        body = response.get("body", "")
        assert response["closed_by"] == "server"
        return cls(
            name,
            url.path,
            _query(url.query),
            request["headers"]["accept"],
            response["status"],
            response["headers"],
            (body if isinstance(body, str) else json.dumps(body)).encode(),
            tuple(line for _, line in response["lines"]) if "lines" in response else None,
            date,
        )

    @property
    def watches(self) -> bool:
        return "watch" in self.query

    @property
    def objects(self) -> list[Any]:
        """A list's items."""
        return list(json.loads(self.body)["items"])

    @property
    def events(self) -> list[Any]:
        """A watch's events."""
        return [json.loads(line) for line in self.lines or ()]


@dataclass(frozen=True)
class Asked:
    """One request of the client."""

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]


@dataclass
class Replay:
    """Answers each request with the first recording left for its path and verb."""

    left: list[Exchange]
    asked: list[Asked] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    """Where the client asked for something else than was recorded."""
    changed: threading.Condition = field(default_factory=threading.Condition)
    url: str = ""

    def take(self, asked: Asked) -> Optional[Exchange]:
        watches = "watch" in asked.query
        with self.changed:
            self.asked.append(asked)
            self.changed.notify_all()
            for index, exchange in enumerate(self.left):
                if exchange.path == asked.path and exchange.watches == watches:
                    if not _same_form(exchange.accept, asked.headers.get("accept", "")):
                        self.faults.append(f"{asked.path}: accept {asked.headers.get('accept')}")
                    return self.left.pop(index)
            if not watches:
                self.faults.append(f"{asked.path}: no recording left")
            return None

    def queries(self, watches: bool) -> list[Mapping[str, str]]:
        """The queries of all lists, or of all watches, so far."""
        with self.changed:
            return [asked.query for asked in self.asked if ("watch" in asked.query) == watches]

    def await_watches(self, number: int) -> list[Mapping[str, str]]:
        """The queries of all watches, once there were that many."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.queries(True)) >= number, PATIENCE_S)
            return self.queries(True)


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # closing waits for them
    request_queue_size = 32

    def __init__(self, replay: Replay) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.replay = replay
        self.over, self._end = socket.socketpair()

    def finish(self) -> None:
        self._end.close()  # whoever selects on ``over`` is told
        self.shutdown()
        self.server_close()
        self.over.close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def handle_one_request(self) -> None:
        if self._idle():
            self.close_connection = True
        else:
            super().handle_one_request()

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        if url.path == "/readyz":  # nothing was starting when these were recorded
            self.send_response_only(200)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        asked = Asked(url.path, _query(url.query), headers)
        exchange = self.server.replay.take(asked)
        if exchange is None:
            self._no_recording(asked)
            return
        self.send_response_only(exchange.status)
        for name, value in exchange.headers.items():
            if name.lower() != "transfer-encoding":
                self.send_header(name, value)
        if exchange.date:
            self.send_header("Date", exchange.date)
        if exchange.lines is None and exchange.headers.get("transfer-encoding") != "chunked":
            self.send_header("Content-Length", str(len(exchange.body)))
            self.end_headers()
            self.wfile.write(exchange.body)
            return
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if exchange.lines is None:
            middle = len(exchange.body) // 2
            self._chunk(exchange.body[:middle])
            self._chunk(exchange.body[middle:])
        else:
            for line in exchange.lines:
                self._chunk(line.encode() + b"\n")
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, format: str, *args: object) -> None:
        """Tests say what went wrong."""

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def _no_recording(self, asked: Asked) -> None:
        if "watch" not in asked.query:
            self.send_response_only(500)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response_only(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self._idle()
        self.close_connection = True

    def _idle(self) -> bool:
        """Wait for the client's next word; True when the test is over instead."""
        over = self.server.over
        return over in select.select([self.connection, over], [], [])[0]


@contextmanager
def replaying(*exchanges: Union[str, Exchange]) -> Iterator[Replay]:
    """Serve recordings; fails if the client asked for something that none answers."""
    replay = Replay([Exchange.load(one) if isinstance(one, str) else one for one in exchanges])
    server = _Server(replay)
    replay.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), name="replay")
    thread.start()
    try:
        yield replay
    finally:
        server.finish()
        thread.join(PATIENCE_S)
    assert not replay.faults, replay.faults


def spec_for(check: str, source: str) -> WatchSpec:
    """The watch that a check (YAML, flow style) takes, by the name of its source."""
    return next(spec for spec in evaluator_for(check).specs if spec.name == source)


def evaluator_for(*checks: str) -> Evaluator:
    """Of a catalog with one component, ``it``, in namespace ``agents``."""
    catalog = load(f"components: [{{name: it, checks: [{', '.join(checks)}]}}]".encode(), "it.yaml")
    return Evaluator(catalog.components, ["agents"], "agents")


@contextmanager
def reading(replay: Replay, access: Optional[ClusterAccess] = None) -> Iterator[ApiReader]:
    """agentctl's own reader of the API, on the recordings."""
    with reader(client_for(replay, access)) as api:
        yield api


@contextmanager
def listwatch(spec: WatchSpec, *exchanges: Union[str, Exchange]) -> Iterator[ListWatch]:
    """agentctl's own list and watch, on the recordings."""
    with replaying(*exchanges) as replay, reading(replay) as api:
        yield ListWatch(spec, api, SystemClock(), SETTINGS, random.Random(7))


class Run:
    """One attempt of one source, and what it puts on the queue."""

    def __init__(self, source: Source) -> None:
        self._inbox: queue.Queue[Union[Message, Stop]] = queue.Queue(1000)
        self.attempt = Attempt(source, 1, "", self._inbox)

    def take(self) -> Message:
        """The next message."""
        message = self._inbox.get(timeout=PATIENCE_S)
        assert not isinstance(message, Stop)
        return message

    def until(self, kind: type) -> list[Message]:
        """All messages up to and with the first of that kind."""
        taken = [self.take()]
        while not isinstance(taken[-1], kind):
            taken.append(self.take())
        return taken

    def failure(self) -> Optional[SourceError]:
        """What the attempt ended with."""
        end = self.until(Ended)[-1]
        assert isinstance(end, Ended)
        return end.failure


@contextmanager
def running(source: Source) -> Iterator[Run]:
    """Run one attempt, and stop it at the end."""
    run = Run(source)
    run.attempt.start()
    try:
        yield run
    finally:
        run.attempt.stop()
        assert run.attempt.join(PATIENCE_S)


def context_for(replay: Replay) -> KubeContext:
    return KubeContext(client_for(replay), SystemClock(), SETTINGS, random.Random(7))


def client_for(replay: Replay, access: Optional[ClusterAccess] = None) -> ApiClient:
    found = access or ClusterAccess(server=replay.url)
    return ApiClient(AccessProvider(lambda: found, SystemClock()), SystemClock())


def _query(text: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(text).items()}


def _same_form(recorded: str, asked: str) -> bool:
    """Whether the form asked for first is the recorded one, its parameters in any order."""
    first = asked.partition(",")[0]
    return set(recorded.split(";")) == set(first.split(";"))
