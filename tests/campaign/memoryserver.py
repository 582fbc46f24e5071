"""An API server in memory, in virtual time: what is asked of a connection it answers itself.

Takes the place of ``ApiClient`` and of all below: what an answer says and when it comes is
the double's (``Api``, ``Weather``), how a connection is made and lost is decided here.
"""

from __future__ import annotations

import errno
import http.client
import random
import socket
from collections.abc import Mapping
from email.message import Message
from email.utils import format_datetime
from enum import Enum
from types import TracebackType
from typing import Any, Optional, Union

from agentctl.apidouble.answers import ApiAnswer, failed
from agentctl.apidouble.api import Api
from agentctl.apidouble.failures import ApiFailure
from agentctl.apidouble.reading import Watch
from agentctl.apidouble.store import Store
from agentctl.apidouble.weather import Start
from agentctl.apidouble.wire import Request
from agentctl.duration import format_duration
from agentctl.kube.proof import NAME as PROOF
from agentctl.net.endpoint import Timeouts
from agentctl.net.failures import explain
from agentctl.net.kill_switch import KillSwitch
from agentctl.net.memory_budget import MemoryBudget, Share
from agentctl.net.tls_settings import TlsSettings
from tests.campaign.virtualtime import Signal, VirtualTime

DISCOVERY = "apis"
ADDRESS = "10.0.0.1:6443"
LATENCY_S = (0.001, 0.02)
BOOKMARK_S = 2.0
"""Before its end a watch sends one."""

VANISHED_S = 30.0
"""When keepalive gives up a peer that is not there..."""

KEEPALIVE_S = 15.0
"""...and asks one that is there again, and knows nothing of the connection."""

DIALS_S = (0.0, 1.0, 3.0, 7.0)
"""When a connection is tried that nobody answers: TCP doubles the pause each time."""


class Away(Enum):
    """What is met where the server was, while it is away."""

    REFUSED = "nobody listens, and connections were closed"
    RESET = "nobody listens, and connections were reset"
    SILENT = "nobody is there, and nobody says so"
    BALANCER = "somebody answers in its place that it is away"


class MemoryServer:
    """The server, and what of its time is to be known afterwards."""

    def __init__(self, time: VirtualTime, rng: random.Random) -> None:
        self.time = time
        self.rng = rng
        self.store = Store(time, seed=rng.randrange(1 << 30))
        self.api = Api(self.store)
        self.weather = self.api.weather
        self.changed = Signal(time)
        self.life = 0
        """How often it went: a connection of an earlier life is lost."""
        self.away: Optional[Away] = None
        self.went, self.went_at = Away.REFUSED, time.elapsed
        self.busy_until = 0.0
        """Until when it turns all away, each for a while."""
        self.asked_to_wait: dict[str, float] = {}
        """Source to the moment before which it was asked not to come again."""
        self.first_answer: Optional[float] = None
        """When somebody first had an answer since it came, or its storage did."""
        self.storage_answered = time.elapsed
        """When it last did."""
        self.found_out: dict[str, float] = {}
        """Source to the moment when it could know that its connection was lost."""

    def go(self, away: Away) -> None:
        self.went = self.away = away
        self.went_at, self.first_answer = self.time.elapsed, None
        self.life += 1
        self.found_out.clear()
        self.changed.notify()

    def come(self, start: Start, busy_s: float = 0.0) -> None:
        """Listen again; what was known of history is lost."""
        self.store.compact()
        self.weather.starting(start)
        self.busy_until = self.time.elapsed + start.answers_s + busy_s
        self.away, self.first_answer = None, None
        self.changed.notify()

    def freeze(self) -> None:
        self.weather.freeze(self.store.version)
        self.changed.notify()

    def thaw(self) -> None:
        self.weather.thaw()
        self.first_answer = None
        self.changed.notify()

    def source(self) -> str:
        """Which source's thread is asking."""
        return self.time.running.partition("-")[2].rpartition("-")[0]

    def answered(self, request: Request, answer: Union[ApiAnswer, Watch]) -> None:
        """Note who had which answer.

        Nobody can tell a server's bad answer from that of a balancer, and from a bad one to
        the proof of life nothing follows: it may be of silent storage. What discovery lists
        beside is not told.
        """
        well = not isinstance(answer, ApiAnswer) or answer.status == 200
        whole = request.query.get("limit") != "1" or self.source() == PROOF
        plain = "limit" in request.query and "resourceVersion" not in request.query
        if well and plain and whole and self.source() != DISCOVERY:
            self.storage_answered = self.time.elapsed
        told = self.went is not Away.BALANCER and self.source() != PROOF
        if self.first_answer is None and self.weather.horizon is None and (well or told):
            self.first_answer = self.time.elapsed

    def asked(self, answer: Union[ApiAnswer, Watch]) -> None:
        """Note who is to wait."""
        for name, value in answer.headers if isinstance(answer, ApiAnswer) else ():
            if name == "Retry-After":
                self.asked_to_wait[self.source()] = self.time.elapsed + float(value)


class MemoryClient:
    """In place of ApiClient; it is its own provider of credentials, and has none."""

    def __init__(self, server: MemoryServer) -> None:
        self.server = server
        self.provider = self
        self.budget = MemoryBudget()

    def fingerprint(self) -> object:
        return None

    def session(self) -> MemorySession:
        return MemorySession(self.server)


class _Lifeline:
    """What a kill switch shuts down."""

    def __init__(self, time: VirtualTime) -> None:
        self.cut = Signal(time)

    def shutdown(self, how: int) -> None:
        self.cut.notify()


class MemorySession:
    """In place of Session: one thread's requests, over one connection while it lasts."""

    def __init__(self, server: MemoryServer) -> None:
        self._server = server
        self._life: Optional[int] = None
        self.connected_at = server.time.elapsed

    def __enter__(self) -> MemorySession:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        pass

    def open(
        self,
        path: str,
        query: Mapping[str, str],
        accept: str,
        timeouts: Timeouts,
        switch: KillSwitch,
        body: Optional[bytes] = None,
        anonymous: bool = False,
    ) -> MemoryResponse:
        switch.check()
        line: Any = _Lifeline(self._server.time)
        switch.attach(line)
        step = f"after {format_duration(timeouts.connect)} connecting"
        try:
            if self._life != self._server.life:
                self._dial(timeouts.connect, switch, line)
            step = f"after {format_duration(timeouts.header)} waiting for an answer"
            request = Request("GET", path, dict(query), {"accept": accept}, b"")
            answer = self._ask(request, timeouts.header, switch, line)
        except OSError as error:
            self._life = None
            raise explain(error, ADDRESS, step, TlsSettings("none")) from error
        finally:
            switch.detach(line)
        return MemoryResponse(self._server, answer, switch, timeouts.body)

    def _dial(self, timeout: float, switch: KillSwitch, line: _Lifeline) -> None:
        server, time = self._server, self._server.time
        began = time.elapsed
        tries = [one for one in DIALS_S if one < timeout]
        for at in tries:
            while time.elapsed < began + at:
                self._rest(began + at - time.elapsed, switch, line)
            if server.away is not Away.SILENT:
                break
        else:
            while time.elapsed < began + timeout:
                self._rest(began + timeout - time.elapsed, switch, line)
            raise socket.timeout("timed out")
        self._rest(server.rng.uniform(*LATENCY_S), switch, line)
        if server.away in (Away.REFUSED, Away.RESET):
            raise ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
        self._life, self.connected_at = server.life, time.elapsed

    def _ask(
        self, request: Request, timeout: float, switch: KillSwitch, line: _Lifeline
    ) -> Union[ApiAnswer, Watch]:
        server, time = self._server, self._server.time
        since = time.elapsed
        self._rest(server.rng.uniform(*LATENCY_S), switch, line)
        while True:
            if server.away is Away.BALANCER:
                answer: Union[ApiAnswer, Watch] = _away(server.rng)
                break
            left = since + timeout - time.elapsed
            if server.away is Away.SILENT:
                held = left
            elif server.life != self._life:
                raise ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")
            else:
                held = server.api.held_s(request, server.api.target(request), since)
                if not held:
                    answer = self._told(request)
                    break
            if left <= 0:
                raise socket.timeout("timed out")
            self._rest(min(held, left), switch, line)
        server.asked(answer)
        return answer

    def _told(self, request: Request) -> Union[ApiAnswer, Watch]:
        server = self._server
        if server.time.elapsed < server.busy_until:
            answer: Union[ApiAnswer, Watch] = _busy(server.rng)
        else:
            answer = server.api.answer(request, server.api.target(request))
        server.answered(request, answer)
        return answer

    def _rest(self, seconds: float, switch: KillSwitch, line: _Lifeline) -> None:
        if seconds > 0:
            self._server.time.wait(seconds, self._server.changed, line.cut)
        switch.check()


class MemoryResponse:
    """In place of Response."""

    generation = 1

    def __init__(
        self,
        server: MemoryServer,
        answer: Union[ApiAnswer, Watch],
        switch: KillSwitch,
        body_timeout: float,
    ) -> None:
        time = server.time
        self._server = server
        self._life = server.life
        self._source = server.source()
        self._switch = switch
        self._body_timeout = body_timeout
        self._line: Any = _Lifeline(time)
        switch.attach(self._line)
        self._headers = Message()
        self._headers["Date"] = format_datetime(time.now(), usegmt=True)
        self._whole = isinstance(answer, ApiAnswer)
        self.status = 200
        self.server_time = time.now().timestamp()
        if isinstance(answer, ApiAnswer):
            self.status, self._body = answer.status, answer.body
            for name, value in answer.headers:
                self._headers[name] = value
            return
        self._watch = answer
        self._began = False
        self._ends_at = time.elapsed + answer.timeout_s
        self._marks_at: Optional[float] = self._ends_at - BOOKMARK_S

    @property
    def headers(self) -> Message:
        return self._headers

    def __enter__(self) -> MemoryResponse:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self._switch.detach(self._line)

    def read_all(self, limit: int, timeout: float = 60.0, share: Optional[Share] = None) -> bytes:
        return self._body

    def read1(self, n: int = 65536) -> bytes:
        try:
            return self._next()
        except (OSError, http.client.HTTPException) as error:
            step = f"after {format_duration(self._body_timeout)} without data"
            raise explain(error, ADDRESS, step, TlsSettings("none")) from error

    def _next(self) -> bytes:
        """What a watch says next."""
        server, time = self._server, self._server.time
        silent_at = time.elapsed + self._body_timeout
        while True:
            self._switch.check()
            if server.life != self._life:
                self._until_lost()
                raise ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")
            lines = self._lines()
            if lines:
                return lines
            now = time.elapsed
            if now >= self._ends_at:
                return b""
            if now >= silent_at:
                raise socket.timeout("timed out")
            marks_at = self._ends_at if self._marks_at is None else self._marks_at
            self._rest(min(silent_at, self._ends_at, marks_at) - now)

    def _until_lost(self) -> None:
        """Wait until it is to be seen: where nobody was there to say so, only by and by."""
        server, time = self._server, self._server.time
        if server.went is not Away.SILENT:
            return
        vanished_at = server.went_at + VANISHED_S
        while server.away is Away.SILENT and time.elapsed < vanished_at:
            self._rest(vanished_at - time.elapsed)
        if server.away is not Away.SILENT:
            told_at = time.elapsed + server.rng.uniform(0.0, KEEPALIVE_S)
            while time.elapsed < told_at:
                self._rest(told_at - time.elapsed)
        server.found_out[self._source] = time.elapsed

    def _rest(self, seconds: float) -> None:
        self._server.time.wait(seconds, self._server.changed, self._line.cut)
        self._switch.check()

    def _lines(self) -> bytes:
        server, watch = self._server, self._watch
        try:
            lines = [] if self._began else watch.begin()
            self._began = True
            horizon = server.weather.horizon
            if horizon is None or watch.version < horizon:
                news = server.store.wait(watch.kind, watch.version, 0.0, lambda: True)
                if horizon is not None:
                    news = news.until(horizon)
                lines += [watch.line(change) for change in news.changes]
                watch.version = max(watch.version, news.version)
        except ApiFailure as failure:
            self._ends_at = server.time.elapsed
            return watch.failure(failure)
        if self._marks_at is not None and server.time.elapsed >= self._marks_at:
            self._marks_at = None
            if horizon is None:
                lines.append(watch.bookmark())
        return b"".join(lines)


def _busy(rng: random.Random) -> ApiAnswer:
    """It has too much to do: come again in a while."""
    wait = str(rng.choice([1, 2, 5, 15]))
    return failed(ApiFailure(429, "too many requests", headers=(("Retry-After", wait),)))


def _away(rng: random.Random) -> ApiAnswer:
    """A balancer without a server behind it."""
    headers = (("Retry-After", str(rng.choice([5, 20]))),) if rng.random() < 0.2 else ()
    status = rng.choice([502, 503])
    return ApiAnswer(status, b"<html><title>no server</title></html>", "text/html", headers)
