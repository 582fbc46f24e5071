"""The API double with faults: ``FaultyDouble().faults`` make it fail while it runs."""

from __future__ import annotations

import threading
import time
from typing import Any, Callable, Optional

from agentctl.apidouble.answers import ApiAnswer
from agentctl.apidouble.double import ApiDouble
from agentctl.apidouble.reading import Watch
from agentctl.apidouble.routes import ResourceTarget
from agentctl.apidouble.streaming import Interrupted, OpenWatches, Stream
from agentctl.apidouble.wire import AcceptedConnection, Request
from tests.apidouble.faults import (
    Faults,
    Hang,
    Interruption,
    Reply,
    Split,
    Then,
    Truncate,
)
from tests.ports import free_port

ORDER_S = 2.0
"""A stream whose client does not read cannot carry out an order; nobody waits longer."""

_ENDLESS = b'{"type":"MODIFIED","object":{"kind":"' + b"x" * 65536


class FaultyDouble(ApiDouble):
    """A Kubernetes API server on loopback that can be told to fail.

    Its port is one that nobody takes while it is closed.
    """

    streams: FaultyWatches

    def __init__(self, port: int = 0, **options: Any) -> None:
        super().__init__(port or free_port(), **options)
        self.streams = FaultyWatches(self.store.wake)
        self.faults = Faults(self.streams, open_port=self._server.open, close_port=self._close)
        self.api.refuses = self.faults.forbids

    def _answer(
        self, connection: AcceptedConnection, request: Request, target: ResourceTarget
    ) -> None:
        epoch = self.faults.epoch
        action = self.faults.take(target.plural, target.verb, request)
        if isinstance(action, Hang):
            self._hang(connection, epoch)
        if isinstance(action, Reply):
            kind = action.content_type
            self._send(connection, ApiAnswer(action.status, action.body, kind, action.headers))
            return
        connection.splitter = action.splitter if isinstance(action, Split) else None
        answer = self.api.answer(request, target)
        if isinstance(answer, Watch):
            opening = action if isinstance(action, Interruption) else None
            self._follow(connection, self._faulty(connection, answer, opening))
            return
        if isinstance(action, Truncate):
            self._truncate(connection, answer, action, epoch)
        self._send(connection, answer)

    def _faulty(
        self, connection: AcceptedConnection, watch: Watch, opening: Optional[Interruption]
    ) -> Stream:
        stream = FaultyStream(watch, connection, self.store, self._is_closing, self._horizon)
        stream.epoch = lambda: self.faults.epoch
        if opening is not None:
            stream.order(opening)
        return stream

    def _truncate(
        self, connection: AcceptedConnection, answer: ApiAnswer, action: Truncate, epoch: int
    ) -> None:
        connection.begin(answer.status, self._headers(answer))
        connection.send([answer.body[: action.after]])
        if action.then is Then.RESET:
            connection.reset()
        elif action.then is Then.HANG:
            self._hang(connection, epoch)
        raise Interrupted

    def _hang(self, connection: AcceptedConnection, epoch: int) -> None:
        """Until the faults are cleared. Raises Interrupted if that is too late."""
        if not hang(connection, self._is_closing, lambda: self.faults.epoch, epoch):
            raise Interrupted


class FaultyStream(Stream):
    """A watch that can be told to send something else, or to break off."""

    epoch: Callable[[], int]
    """It changes when hanging is over."""
    _order: Optional[Interruption] = None

    def order(self, interruption: Interruption) -> threading.Event:
        """Have the stream's own thread do it; the event is set when it is done."""
        self._done = threading.Event()
        self._order = interruption
        return self._done

    def _called(self) -> bool:
        return self._order is not None or super()._called()

    def _attend(self) -> None:
        order, self._order = self._order, None
        if order is not None:
            try:
                self._interrupt(order)
            finally:
                self._done.set()

    def _interrupt(self, interruption: Interruption) -> None:
        self._connection.send([interruption.raw])
        then = interruption.then
        if then is Then.END:
            self._connection.end()
        elif then is Then.RESET:
            self._connection.reset()
        elif then is Then.CLOSE:
            self._connection.close()
        elif then is Then.HANG:
            self._done.set()
            if hang(self._connection, self._closing, self.epoch, self.epoch()):
                return
        elif then is Then.ENDLESS:
            self._done.set()
            while not self._closing():
                self._connection.send([_ENDLESS])
        else:
            return
        raise Interrupted


class FaultyWatches(OpenWatches):
    """All watches under way, to be interrupted."""

    def __init__(self, wake: Callable[[], None]) -> None:
        """``wake`` makes every stream look at its orders."""
        super().__init__()
        self._wake = wake

    def interrupt(self, plural: str, interruption: Interruption) -> int:
        with self._changed:
            streams = [one for one in self._of(plural) if isinstance(one, FaultyStream)]
            done = [stream.order(interruption) for stream in streams]
        self._wake()
        deadline = time.monotonic() + ORDER_S
        for event in done:
            event.wait(max(0.0, deadline - time.monotonic()))
        return len(done)


def hang(
    connection: AcceptedConnection,
    closing: Callable[[], bool],
    epoch: Callable[[], int],
    since: int,
) -> bool:
    """Do nothing while ``epoch`` is as ``since``; False if the client goes or the server stops."""
    while epoch() == since:
        if closing() or connection.wait_gone(0.02):
            return False
        time.sleep(0.005)  # wait_gone does not wait where a client talks out of turn
    return True
