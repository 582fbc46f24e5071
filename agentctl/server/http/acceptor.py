"""Acceptor: the thread that accepts, reads requests and answers the short ones.

A loop that never waits for one client.

Each connection has its time for whatever it is at; when that is over it is closed. Where
there are as many as may be, a newcomer takes the place of the one whose time ends first.
A stream leaves for the writer with its socket.
"""

from __future__ import annotations

import contextlib
import logging
import selectors
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Optional, Union

from agentctl.server.http.connection import AGAIN, ConnectionEnded, HttpConnection
from agentctl.server.http.deadlines import NEVER, Deadlines
from agentctl.server.http.h11_parser import RequestHead
from agentctl.server.http.listener import Listening
from agentctl.server.http.router import Outcome, Router
from agentctl.server.http.sockets import close, peer_of, prepare, reset
from agentctl.server.http.stream_socket import StreamOpening, StreamSocket
from agentctl.server.http.wakeup import Wakeup
from agentctl.server.services import Services
from agentctl.server.tls import ServerTls

log = logging.getLogger(__name__)

MAX_CONNECTIONS = 10_000
"""That have no stream yet, or never will."""

TURN_S = 0.05
"""Of answering, and what was begun by then: at ten thousand components one answer may take 0.2 s,
and one client may ask for hundreds. Those of peers who have had less come first in the next."""

FORGET_S = 5.0
"""How long it is known what a peer has had."""


class Acceptor:
    def __init__(
        self,
        name: str,
        services: Services,
        listeners: Sequence[socket.socket],
        tls: Optional[ServerTls],
        router: Router,
        respond: Callable[[RequestHead, str], Outcome],
        begin: Callable[[StreamSocket], None],
    ) -> None:
        """``respond`` says what becomes of a request, ``begin`` takes a stream's reader."""
        self._clock = services.clock
        self._metrics = services.metrics
        self._give_up = services.give_up
        self._held = services.held
        self._tls = tls
        self._router = router
        self._respond = respond
        self._begin = begin
        self._selector = selectors.DefaultSelector()
        self._wakeup = Wakeup(self._selector)
        self._listening = Listening(listeners, self._selector, services)
        self._connections: dict[HttpConnection, None] = {}
        self._deadlines: Deadlines[HttpConnection] = Deadlines()
        self._again: deque[HttpConnection] = deque()
        self._spent: dict[str, float] = {}
        """Seconds by peer, lately."""
        self._forget_at = 0.0
        self._end_by = NEVER
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """Look at the clock again."""
        self._wakeup.ring()

    def stop(self, deadline: float) -> None:
        """Close; answers under way may be taken until ``deadline`` (monotonic)."""
        self._end_by = deadline
        self._wakeup.ring()
        if self._thread.ident is not None:
            self._thread.join()
        else:
            self._close()

    def _run(self) -> None:
        try:
            while self._end_by == NEVER:
                self._turn()
            self._listening.stop()
            for connection in list(self._connections):
                if not connection.answering:
                    self._drop(connection)
            while self._connections and self._clock.monotonic() < self._end_by:
                self._turn()
        except Exception:
            log.critical("nothing is accepted any more: the server ends", exc_info=True)
            self._give_up()
        finally:
            self._close()

    def _turn(self) -> None:
        """Wait until something is to be done, then do a bounded part of it."""
        due = min(self._deadlines.next(), self._listening.paused_until, self._end_by)
        wait = 0.0 if self._again else max(0.0, due - self._clock.monotonic())
        found = self._selector.select(None if wait == NEVER else wait)
        ready = dict.fromkeys(self._again)
        self._again.clear()
        for key, _ in found:
            if key.data is None:
                self._wakeup.hear()
            elif isinstance(key.data, HttpConnection):
                ready[key.data] = None
            else:
                for sock, address in self._listening.accept(key.data):
                    self._welcome(sock, address)
        self._advance(ready)
        now = self._clock.monotonic()
        while (late := self._deadlines.pop(now)) is not None:
            self._step(late, late.expire)
        if now >= self._listening.paused_until:
            self._listening.resume()

    def _welcome(self, sock: socket.socket, address: Any) -> None:
        try:
            prepare(sock)
            if self._tls is not None:
                sock = self._tls.context().wrap_socket(
                    sock, server_side=True, do_handshake_on_connect=False
                )
        except (OSError, ValueError) as error:
            log.debug("a connection was lost as it came: %s", error)
            sock.close()
            return
        if len(self._connections) >= MAX_CONNECTIONS:
            first = self._deadlines.first()
            if first is not None:
                self._metrics.stream_error("limit")
                self._drop(first)
        now = self._clock.monotonic()
        peer = peer_of(address)
        connection = HttpConnection(
            sock, peer, now, self._respond, self._router.refused, self._held
        )
        self._connections[connection] = None
        self._selector.register(sock, connection.interest, connection)
        self._deadlines.set(connection, connection.expires)
        # Most send their request at once: it may be there by now.
        self._again.append(connection)

    def _advance(self, ready: Iterable[HttpConnection]) -> None:
        """Let each go on while the turn lasts: first those whose peers have had the least time."""
        now = self._clock.monotonic()
        if now >= self._forget_at:
            self._spent.clear()
            self._forget_at = now + FORGET_S
        end = now + TURN_S
        late: list[HttpConnection] = []
        for connection in sorted(ready, key=lambda one: self._spent.get(one.peer, 0.0)):
            if now >= end:
                late.append(connection)
            elif connection in self._connections:
                began, peer = now, connection.peer
                self._step(connection, connection.advance)
                now = self._clock.monotonic()
                self._spent[peer] = self._spent.get(peer, 0.0) + now - began
        # Before those that have had theirs, and have more to do.
        self._again.extendleft(reversed(late))

    def _step(
        self,
        connection: HttpConnection,
        step: Callable[[float, datetime], Union[int, StreamOpening]],
    ) -> None:
        try:
            wants = step(self._clock.monotonic(), self._clock.now())
            if isinstance(wants, StreamOpening):
                self._hand_over(connection, wants)
            else:
                self._await(connection, wants)
        except ConnectionEnded:
            self._drop(connection)
        except OSError as error:
            log.debug("a connection is lost: %s", error)
            self._drop(connection)
        except Exception:
            # A fault of ours: it must not take the other connections with it.
            log.exception("cannot go on with a request")
            self._drop(connection)

    def _await(self, connection: HttpConnection, wants: int) -> None:
        if wants == AGAIN:
            self._again.append(connection)
            wants = selectors.EVENT_READ
        if wants != connection.interest:
            self._selector.modify(connection.sock, wants, connection)
            connection.interest = wants
        self._deadlines.set(connection, connection.expires)

    def _hand_over(self, connection: HttpConnection, opening: StreamOpening) -> None:
        self._forget(connection)
        self._begin(StreamSocket(connection.sock, connection.peer, opening))

    def _drop(self, connection: HttpConnection) -> None:
        self._forget(connection)
        if connection.answering:
            reset(connection.sock)
        else:
            close(connection.sock)

    def _forget(self, connection: HttpConnection) -> None:
        self._connections.pop(connection, None)
        connection.release()
        with contextlib.suppress(KeyError, ValueError, OSError):
            self._selector.unregister(connection.sock)
        self._deadlines.drop(connection)

    def _close(self) -> None:
        self._listening.stop()
        for connection in list(self._connections):
            self._drop(connection)
        self._wakeup.close()
        self._selector.close()
