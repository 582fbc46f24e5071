"""Looking up a dependency's name, in bounds."""

from __future__ import annotations

import socket
import threading
from typing import Optional

from agentctl.net.origin import is_ip
from agentctl.probe.address import HostPort
from agentctl.probe.answer import Cause, ProbeError


class Lookup:
    """Looks up a name in a thread of its own, since no lookup can be stopped.

    One at a time: while one hangs, who asks again is told so when their time is up.
    """

    def __init__(self) -> None:
        self._pending: Optional[_Question] = None
        self._stopped = False

    def stop(self) -> None:
        """Let go whoever waits, from any thread."""
        self._stopped = True
        question = self._pending
        if question is not None:
            question.done.set()

    def addresses(self, address: HostPort, seconds: float) -> list[str]:
        """All addresses of the host, each once, in the resolver's order. Raises ProbeError."""
        if is_ip(address.host):
            return [address.host]
        question = self._pending
        if question is None or question.host != address.host or question.done.is_set():
            question = self._pending = _Question(address.host)
            try:
                threading.Thread(target=question.ask, name="probe-lookup", daemon=True).start()
            except (RuntimeError, MemoryError):
                self._pending = None
                raise ProbeError(Cause.LOCAL, "this host gives no thread") from None
        if self._stopped:
            raise ProbeError(Cause.LOCAL, "stopped")
        if not question.done.wait(seconds):
            raise ProbeError(Cause.NAME, f"looking up {address.host} takes too long")
        if self._stopped:
            raise ProbeError(Cause.LOCAL, "stopped")
        self._pending = None
        if question.failure:
            raise ProbeError(Cause.NAME, f"cannot look up {address.host}: {question.failure}")
        return question.found


class _Question:
    def __init__(self, host: str) -> None:
        self.host = host
        self.done = threading.Event()
        self.found: list[str] = []
        self.failure = ""

    def ask(self) -> None:
        try:
            infos = socket.getaddrinfo(self.host, None, 0, socket.SOCK_STREAM)
            self.found = list(dict.fromkeys(str(info[4][0]) for info in infos))
        except (OSError, UnicodeError) as error:
            self.failure = getattr(error, "strerror", None) or "it is no name"
        finally:
            self.done.set()
