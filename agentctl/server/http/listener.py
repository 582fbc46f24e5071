"""Listening sockets: bound for all addresses of a name, and accepted from in bursts."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import socket
from collections.abc import Sequence
from selectors import EVENT_READ, BaseSelector
from typing import Any, Optional

from agentctl.server.address import Address
from agentctl.server.http.deadlines import NEVER
from agentctl.server.services import Services

log = logging.getLogger(__name__)

BACKLOG = 4096
"""Connections that the kernel holds while we are busy; it may hold fewer."""

ACCEPTED_AT_ONCE = 128
"""In one pass of the loop, so that those who are there have their turn."""

PAUSE_S = 0.1
"""How long not to accept when there are no descriptors left."""

COMPLAIN_S = 60.0
"""How often to say so."""

EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

_ABSENT = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


def bind(address: Address) -> list[socket.socket]:
    """Listening sockets, one for each address that the host stands for, all on one port.

    Raises OSError where none can be had, or one that exists is taken.
    """
    infos = socket.getaddrinfo(
        address.host,
        address.port,
        type=socket.SOCK_STREAM,
        proto=socket.IPPROTO_TCP,
        flags=socket.AI_PASSIVE,
    )
    bound: list[socket.socket] = []
    missing: Optional[OSError] = None
    port = address.port
    for family, _, _, _, where in dict.fromkeys(infos):
        try:
            bound.append(_listen(family, (where[0], port, *where[2:])))
            port = bound[-1].getsockname()[1]
        except OSError as error:
            # A host without IPv6 still has a name for its loopback address.
            if error.errno not in _ABSENT:
                for sock in bound:
                    sock.close()
                raise
            missing = error
    if missing is not None and not bound:
        raise missing
    return bound


class Listening:
    """Listeners in a selector. Pauses where there are no descriptors left.

    One is kept in reserve, to let a client know at once instead of leaving it in the
    kernel's queue.
    """

    def __init__(
        self, listeners: Sequence[socket.socket], selector: BaseSelector, services: Services
    ) -> None:
        self._listeners = list(listeners)
        self._selector = selector
        self._clock = services.clock
        self._metrics = services.metrics
        self._reserve: Optional[int] = os.open(os.devnull, os.O_RDONLY)
        self._complain_at = 0.0
        self.paused_until = NEVER
        """When (monotonic) to ``resume``."""
        self._register()

    def accept(self, listener: socket.socket) -> list[tuple[socket.socket, Any]]:
        """Who has come, with addresses; a bounded number of them."""
        accepted: list[tuple[socket.socket, Any]] = []
        while len(accepted) < ACCEPTED_AT_ONCE:
            try:
                accepted.append(listener.accept())
            except (BlockingIOError, InterruptedError):
                break
            except OSError as error:
                if error.errno not in EXHAUSTED:
                    # It was gone before we came to it (ECONNABORTED, EPROTO, its network's).
                    log.debug("cannot accept: %s", error)
                    break
                self._turn_away(listener, error)
                break
        return accepted

    def resume(self) -> None:
        """Accept again."""
        self.paused_until = NEVER
        self._register()

    def stop(self) -> None:
        """Close the listeners."""
        self._unregister()
        for listener in self._listeners:
            listener.close()
        self._listeners = []
        self.paused_until = NEVER
        self._give_reserve()

    def _turn_away(self, listener: socket.socket, error: OSError) -> None:
        self._metrics.stream_error("limit")
        now = self._clock.monotonic()
        if now >= self._complain_at:
            self._complain_at = now + COMPLAIN_S
            log.warning("connections are turned away: %s", error.strerror or error)
        self._give_reserve()
        with contextlib.suppress(OSError):
            listener.accept()[0].close()
        with contextlib.suppress(OSError):
            self._reserve = os.open(os.devnull, os.O_RDONLY)
        # The rest waits in the kernel's queue: one of ours may end meanwhile.
        self._unregister()
        self.paused_until = now + PAUSE_S

    def _give_reserve(self) -> None:
        if self._reserve is not None:
            os.close(self._reserve)
            self._reserve = None

    def _register(self) -> None:
        for listener in self._listeners:
            self._selector.register(listener, EVENT_READ, listener)

    def _unregister(self) -> None:
        for listener in self._listeners:
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(listener)


def _listen(family: int, where: Any) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # Its own addresses only: the IPv4 ones have a socket of their own.
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(where)
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener
