"""Live view: the sink that redraws the screen on each event, and once a second for the ages.

All drawing is done by a thread of its own, so that a slow terminal never holds up the
engine; what happens while a frame is being drawn is seen in the next one.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from enum import Enum
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


class _Wake(Enum):
    LOOK = "look"
    END = "end"


class LiveView:
    """``start``, ``emit`` any number of times, ``close``; ``wake`` is safe in a handler."""

    def __init__(self, board: Board, screen: Screen, clock: Clock) -> None:
        self._board = board
        self._screen = screen
        self._clock = clock
        self._lock = threading.Lock()
        # Put to from signal handlers: of all queues only this one is made for that.
        self._wakes: queue.SimpleQueue[_Wake] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="live", daemon=True)
        self._failed: Callable[[], None] = lambda: None
        self._error: Optional[Exception] = None

    def start(self, failed: Callable[[], None]) -> None:
        """Begin to draw; ``failed`` is called if that cannot go on."""
        self._failed = failed
        self._thread.start()

    def emit(self, event: Event) -> None:
        if self._error is not None:
            raise self._error
        with self._lock:
            self._board.take(event, self._clock.monotonic())
        self.wake()

    def wake(self) -> None:
        """Have a frame drawn soon: something may have changed."""
        self._wakes.put(_Wake.LOOK)

    def close(self) -> None:
        """End, and give the terminal back. Raises what drawing has raised."""
        self._wakes.put(_Wake.END)
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
        try:
            self._screen.draw(self._frame)
            while self._waited():
                self._screen.draw(self._frame)
        except Exception as error:
            self._error = error
            self._failed()

    def _waited(self) -> bool:
        """Wait until there is a reason for a frame; False at the end."""
        try:
            wake = self._wakes.get(timeout=TICK_S)
            deadline = self._clock.monotonic() + GAP_S
            while wake is not _Wake.END and (left := deadline - self._clock.monotonic()) > 0:
                wake = self._wakes.get(timeout=left)
        except queue.Empty:
            return True
        return wake is not _Wake.END

    def _frame(self, size: Size) -> list[str]:
        with self._lock:
            return self._board.frame(self._clock.monotonic(), self._clock.now(), size)
