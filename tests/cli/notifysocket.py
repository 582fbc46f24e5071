"""systemd's end of sd_notify(3): a datagram socket, and what has come in on it."""

from __future__ import annotations

import socket
import time
from types import TracebackType
from typing import Optional

from tests.cli.program import PATIENCE_S


class NotifySocket:
    """``with NotifySocket(path) as heard``; a path that begins with ``@`` is an abstract one."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + path[1:] if path.startswith("@") else path)
        self.lines: list[str] = []

    def __enter__(self) -> NotifySocket:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self._socket.close()

    def until(self, wanted: str) -> str:
        """Read until a line that begins like this comes; all of that line."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            lines = self.next(deadline - time.monotonic())
            assert lines, (wanted, self.lines)
            found = [line for line in lines if line.startswith(wanted)]
            if found:
                return found[0]

    def next(self, timeout_s: float) -> list[str]:
        """The lines of the next datagram; none when the time is up."""
        self._socket.settimeout(max(0.001, timeout_s))
        try:
            lines = self._socket.recv(4096).decode().split("\n")
        except socket.timeout:
            return []
        self.lines += lines
        return lines

    def during(self, seconds: float) -> list[str]:
        """All lines that come within this time."""
        before, deadline = len(self.lines), time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.next(left)
        return self.lines[before:]
