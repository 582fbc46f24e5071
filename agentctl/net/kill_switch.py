"""Kill switch: frees a thread that is blocked on the network, from any other thread."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

from agentctl.errors import DisconnectedError


class KillSwitch:
    """Pulled once: what is open is shut down, what would be opened is refused.

    The sockets it holds are duplicates of those in use, so that no descriptor is
    touched that another thread may be closing: shutting one down shuts the
    connection, and wakes whoever connects, shakes hands or reads on it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._killed = False

    @property
    def killed(self) -> bool:
        return self._killed

    def kill(self) -> None:
        """Shut everything down; returns at once, and may be called again."""
        with self._lock:
            self._killed = True
            for sock in self._sockets:
                with suppress(OSError):  # not connected, or no longer
                    sock.shutdown(socket.SHUT_RDWR)
            self._sockets.clear()

    def check(self) -> None:
        """Raise DisconnectedError if it was pulled."""
        if self._killed:
            raise DisconnectedError("stopped")

    def attach(self, sock: socket.socket) -> None:
        """Put ``sock`` within reach. Raises DisconnectedError if it was pulled before."""
        with self._lock:
            self.check()
            self._sockets.append(sock)

    def detach(self, sock: socket.socket) -> None:
        """Take ``sock`` out of reach; when this returns it may be closed."""
        with self._lock:
            if sock in self._sockets:
                self._sockets.remove(sock)
