"""SIGHUP has a recording go on in a new file, as logrotate asks for after it moved the old one.

The handler only wakes a thread, which may wait for a disk. The same signal says that a
terminal has hung up: where that is so, it ends the process as it always does, unless it was
ignored from the start (nohup).
"""

from __future__ import annotations

import os
import queue
import signal
import threading
from collections.abc import Callable

JOIN_S = 0.5
"""How long a file that is being opened is waited for at the end."""


class ReopenOnHangup:
    """Calls ``reopen`` in a thread of its own. From the main thread: ``start``, then ``stop``."""

    def __init__(self, reopen: Callable[[], None]) -> None:
        self._reopen = reopen
        # Put to from a signal's handler: of all queues only this one is made for that.
        self._asked: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="record", daemon=True)
        self._may_hang_up = False

    def start(self) -> None:
        self._may_hang_up = signal.getsignal(signal.SIGHUP) != signal.SIG_IGN and _has_terminal()
        self._thread.start()
        self._before = signal.signal(signal.SIGHUP, self._signalled)

    def stop(self) -> None:
        signal.signal(signal.SIGHUP, self._before)
        self._asked.put(False)
        self._thread.join(JOIN_S)

    def _signalled(self, number: int, frame: object) -> None:
        if self._may_hang_up and not _has_terminal():
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        self._asked.put(True)

    def _run(self) -> None:
        while self._asked.get():
            self._reopen()


def _has_terminal() -> bool:
    """Whether this process has one that controls it; no more once it has hung up."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True
