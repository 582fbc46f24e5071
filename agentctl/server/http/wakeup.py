"""Wakeup of a thread that waits in a selector, from any other thread."""

from __future__ import annotations

import contextlib
import socket
from selectors import EVENT_READ, BaseSelector
from typing import Any


class Wakeup:
    """Rings that come before the thread has heard the first are one."""

    def __init__(self, selector: BaseSelector, data: Any = None) -> None:
        """``data`` is what the selector's key carries."""
        self._heard, self._rung = socket.socketpair()
        self._heard.setblocking(False)
        self._rung.setblocking(False)
        self._ringing = False
        selector.register(self._heard, EVENT_READ, data)

    def ring(self) -> None:
        """Never waits; nothing happens once closed."""
        if not self._ringing:
            self._ringing = True
            # A full buffer rings as well.
            with contextlib.suppress(OSError):
                self._rung.send(b"\0")

    def hear(self) -> None:
        """For the thread that was woken, before it looks at what there is to do."""
        with contextlib.suppress(OSError):
            self._heard.recv(4096)
        # Only now: who rings from here on rings for what may not be seen any more.
        self._ringing = False

    def close(self) -> None:
        self._heard.close()
        self._rung.close()
