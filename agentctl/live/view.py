"""Live view: the sink that redraws the screen on each event, and once a second for the ages.

All drawing is done by a thread of its own, so that a slow terminal never holds up the
engine; what happens while a frame is being drawn is seen in the next one.
"""

from __future__ import annotations

import os
import select
import signal
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import Optional

from agentctl.clock import Clock
from agentctl.live.board import Board, Size
from agentctl.live.screen import Screen
from agentctl.model import Event

TICK_S = 1.0
"""How often ages change."""

GAP_S = 0.05
"""At least between two frames: nobody sees more of them."""

JOIN_S = 0.5
"""How long a frame that is being drawn may still take at the end."""


QUIT = b"qQ"
"""Keys that end the run."""

_HUNG_UP = select.POLLHUP | select.POLLERR | select.POLLNVAL


class LiveView:
    """``start``, ``emit`` any number of times, ``close``; ``wake`` is safe in a handler."""

    def __init__(self, board: Board, screen: Screen, clock: Clock) -> None:
        self._board = board
        self._screen = screen
        self._clock = clock
        self._lock = threading.Lock()
        # A pipe can be written to in a signal's handler, and waited for together with keys.
        self._woken, self._wake = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(self._wake, False)
        # Not before nobody can wake it any more: the numbers may be another file's then.
        weakref.finalize(self, _close, self._woken, self._wake)
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="live", daemon=True)
        self._failed: Callable[[], None] = lambda: None
        self._quit: Callable[[], None] = lambda: None
        self._error: Optional[Exception] = None

    def start(self, failed: Callable[[], None], quit: Callable[[], None]) -> None:
        """Begin to draw; ``failed`` is called if that cannot go on, ``quit`` on a key."""
        self._failed = failed
        self._quit = quit
        self._thread.start()

    def emit(self, event: Event) -> None:
        if self._error is not None:
            raise self._error
        with self._lock:
            self._board.take(event, self._clock.monotonic())
        self.wake()

    def wake(self) -> None:
        """Have a frame drawn soon: something may have changed."""
        with suppress(BlockingIOError):  # it will be woken
            os.write(self._wake, b"\0")

    def close(self) -> None:
        """End, and give the terminal back. Raises what drawing has raised."""
        self._ended = True
        self.wake()
        if self._thread.is_alive():
            self._thread.join(JOIN_S)
        self._screen.close()
        if self._error is not None:
            raise self._error

    def summary(self, columns: int) -> list[str]:
        """What is left to read at the end."""
        with self._lock:
            return self._board.summary(self._clock.monotonic(), columns)

    def _run(self) -> None:
        # To read in the background must fail, and not stop the process.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTIN})
        try:
            self._screen.draw(self._frame)
            while self._waited():
                self._screen.draw(self._frame)
        except Exception as error:
            self._error = error
            self._failed()

    def _waited(self) -> bool:
        """Wait until there is a reason for a frame; False at the end."""
        woken, until = False, self._clock.monotonic() + TICK_S
        while not self._ended and (left := until - self._clock.monotonic()) > 0:
            if self._listened(left) and not woken:
                woken, until = True, self._clock.monotonic() + GAP_S
        return not self._ended

    def _listened(self, seconds: float) -> bool:
        """Wait to be woken, and then return True; or for a key, and look at it."""
        poller, keys = select.poll(), self._screen.keys
        poller.register(self._woken, select.POLLIN)
        if keys is not None:
            poller.register(keys, select.POLLIN)
        ready = dict(poller.poll(seconds * 1000 + 1))
        pressed = ready.get(keys, 0) if keys is not None else 0
        if pressed and any(key in QUIT for key in self._screen.typed(bool(pressed & _HUNG_UP))):
            self._quit()
        if self._woken not in ready:
            return False
        os.read(self._woken, 4096)
        return True

    def _frame(self, size: Size) -> list[str]:
        with self._lock:
            return self._board.frame(self._clock.monotonic(), self._clock.now(), size)


def _close(*fds: int) -> None:
    for fd in fds:
        os.close(fd)
