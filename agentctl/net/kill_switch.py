"""Kill switch: frees a thread that is blocked on the network, from any other thread."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Optional

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


class Lifeline:
    """One connection's end of a switch: which one has a say, and what it can shut down."""

    def __init__(self) -> None:
        self._switch: Optional[KillSwitch] = None
        self._hold: Optional[socket.socket] = None

    def obey(self, switch: Optional[KillSwitch]) -> None:
        """From now on ``switch`` has a say, and none that had before.

        Raises DisconnectedError if it was pulled.
        """
        if switch is self._switch:
            return
        if self._switch is not None and self._hold is not None:
            self._switch.detach(self._hold)
        self._switch = switch
        if switch is not None and self._hold is not None:
            switch.attach(self._hold)

    def hold(self, sock: socket.socket) -> None:
        """Take hold of ``sock``, in place of what was held, before it can block."""
        self.let_go()
        # A descriptor of its own for the same connection: the switch can shut that
        # down while this thread opens, wraps or closes the other.
        self._hold = socket.socket(fileno=socket.dup(sock.fileno()))
        if self._switch is not None:
            self._switch.attach(self._hold)

    def let_go(self) -> None:
        hold, self._hold = self._hold, None
        if hold is not None:
            if self._switch is not None:
                self._switch.detach(hold)
            hold.close()

    def check(self) -> None:
        """Raise DisconnectedError if the switch was pulled."""
        if self._switch is not None:
            self._switch.check()
