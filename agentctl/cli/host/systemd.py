"""systemd notifications: sd_notify(3), where NOTIFY_SOCKET is set.

``READY=1`` goes out once everything can be seen, and ``WATCHDOG=1`` only as long as that is
so: of data that are stale, or an engine that is stuck, no sign of life is given, and after
``WatchdogSec=`` without one systemd starts the service anew.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Callable, Optional

from agentctl.cli.host.service import Service
from agentctl.clock import Clock
from agentctl.debug_log import DebugLog
from agentctl.engine.policy import StreamPolicy, Vitals
from agentctl.lazy_dataclass import replace
from agentctl.redact import redact

log = DebugLog(__name__)

LOOK_S = 1.0
"""How often the engine is looked at, and how often it looks around at least."""

SILENT_S = 5.0
"""An engine that has not looked around for so long is stuck."""

Send = Callable[[str], bool]
"""Takes a message of one or more lines; False if it could not be delivered."""


class Notifier:
    """Tells how a run is. ``watchdog_s`` is systemd's patience, None for unlimited."""

    def __init__(self, send: Send, watchdog_s: Optional[float] = None) -> None:
        self._send = send
        self._watchdog_s = watchdog_s
        self._ready = False
        self._status = ""
        self._alive_until = float("-inf")
        self._stopping = False

    @property
    def period_s(self) -> float:
        """How often to look."""
        return LOOK_S if self._watchdog_s is None else min(LOOK_S, self._watchdog_s / 4)

    def look(self, vitals: Vitals, now: float) -> None:
        """Tell what is news, and that all is alive if it is and if it is time to."""
        if self._stopping:
            return
        trouble = _trouble(vitals, now)
        status = trouble or f"watching; all {len(vitals.sources)} sources are alive"
        starts = not trouble and not self._ready
        watchdog = self._watchdog_s
        pings = watchdog is not None and not trouble and now >= self._alive_until
        lines = ["READY=1"] if starts else []
        lines += ["WATCHDOG=1"] if pings else []
        lines += [f"STATUS={status}"] if status != self._status else []
        if lines and self._send("\n".join(lines)):
            self._status = status
            self._ready = self._ready or starts
            if pings and watchdog is not None:
                self._alive_until = now + watchdog / 2 - self.period_s / 2

    def stopping(self) -> None:
        """The run is coming to its end; may be called more than once, and in a signal."""
        if not self._stopping:
            self._stopping = True
            self._send("STOPPING=1\nSTATUS=stopping")


def _trouble(vitals: Vitals, now: float) -> str:
    """Why this is no time to say that all is well; empty if it is."""
    if not vitals.begun:
        return "waiting for the first state"
    if now - vitals.at > SILENT_S:
        return "the engine is stuck"
    for one in vitals.lost:
        names = ", ".join(source.name for source in vitals.lost)
        return redact(f"without {names}: {one.failure or 'no answer yet'}")
    if vitals.amiss:
        return f"the server is without {', '.join(vitals.amiss)}"
    return ""


class Systemd(Service):
    def __init__(self, send: Send, watchdog_s: Optional[float]) -> None:
        self._notifier = Notifier(send, watchdog_s)

    def policy(self, policy: StreamPolicy) -> StreamPolicy:
        return replace(policy, look_s=LOOK_S)

    @contextmanager
    def told(self, vitals: Callable[[], Vitals], clock: Clock) -> Iterator[Callable[[], None]]:
        notifier, over = self._notifier, threading.Event()

        def watch() -> None:
            while not over.wait(notifier.period_s):
                notifier.look(vitals(), clock.monotonic())

        thread = threading.Thread(target=watch, name="systemd", daemon=True)
        thread.start()
        try:
            yield notifier.stopping
        finally:
            over.set()
            thread.join()
            notifier.stopping()


def service_of(environ: Mapping[str, str]) -> Service:
    """Who waits for word from this process, by its environment."""
    address = environ.get("NOTIFY_SOCKET")
    if not address:
        return Service()
    if address[0] not in "/@":
        log.debug("systemd: NOTIFY_SOCKET=%s is no address that is known here", address)
        return Service()
    return Systemd(sender(address), watchdog_s(environ, os.getpid()))


def watchdog_s(environ: Mapping[str, str], pid: int) -> Optional[float]:
    """How long systemd waits for a sign of life from this process; None for ever."""
    text = environ.get("WATCHDOG_USEC", "")
    if environ.get("WATCHDOG_PID", str(pid)) != str(pid):
        log.debug("systemd: the watchdog waits for another process")
        return None
    if not (text.isascii() and text.isdecimal() and int(text)):
        if text:
            log.debug("systemd: WATCHDOG_USEC=%s is no number of microseconds", text)
        return None
    return int(text) / 1e6


def sender(address: str) -> Send:
    """Sends to a datagram socket, by path or (``@``) by abstract name; never waits."""
    name = "\0" + address[1:] if address[0] == "@" else address

    def send(message: str) -> bool:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
                out.setblocking(False)
                out.sendto(message.encode(), name)
        except (OSError, ValueError) as error:  # ValueError: a path with a NUL in it
            log.debug("systemd: cannot be told: %s", error)
            return False
        return True

    return send
