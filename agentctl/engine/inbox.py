"""Inbox: what the sources' threads have put, until the engine takes it.

``queue.SimpleQueue``, which is one call of C for who puts and for who takes, with a bound.
"""

from __future__ import annotations

import queue
import threading
from typing import Optional, Protocol, Union

from agentctl.engine.messages import Message, Stop


class Outbox(Protocol):
    """What is known of an inbox where things are put; ``queue.Queue`` is one as well."""

    def put(self, message: Union[Message, Stop], /, *, timeout: float) -> None:
        """Wait for room, ``timeout`` seconds at most. Raises queue.Full."""


class Inbox:
    """At most ``size`` messages, put by any thread and taken by one."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._messages: queue.SimpleQueue[Union[Message, Stop]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        """Of those who put: none may fill what room another has seen."""
        self._crowded = False
        """Whether somebody has found it full, and wants to be told of room."""
        self._room = threading.Event()

    def full(self) -> bool:
        return self._messages.qsize() >= self._size

    def put(self, message: Union[Message, Stop], /, *, timeout: float) -> None:
        """Wait for room, ``timeout`` seconds at most.

        Raises queue.Full, also where another was faster.
        """
        with self._lock:
            if self._messages.qsize() < self._size:
                self._messages.put(message)
                return
            self._room.clear()
            self._crowded = True
        if self.full():  # still: whoever takes any from now on says so
            self._room.wait(timeout)
        with self._lock:
            if self.full():
                raise queue.Full
            self._messages.put(message)

    def take(self, wait: Optional[float], most: int) -> list[Union[Message, Stop]]:
        """All that is there, up to ``most``; waits for the first, for ever where it is None."""
        try:
            batch = [self._messages.get(timeout=wait)]
        except queue.Empty:
            return []
        # Nobody else takes any: so many are there at least.
        for _ in range(min(self._messages.qsize(), most - 1)):
            batch.append(self._messages.get_nowait())
        if self._crowded:
            self._crowded = False
            self._room.set()
        return batch
