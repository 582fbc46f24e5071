"""Keys of the terminal that stdin is: each at once and unseen (cbreak), while it is ours.

Ctrl-C and ctrl-Z stay what they are. Where stdin is no terminal there are no keys. A
terminal that another process has, as a job in the background finds it, is left alone.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Optional

LOCAL_FLAGS, CONTROL_CHARACTERS = 3, 6
"""Where ``tcgetattr`` has them."""


class Keys:
    """``take`` may be called again and again; ``give_back`` in a signal's handler too."""

    def __init__(self, fd: int = 0) -> None:
        self._fd = fd
        self._before: Optional[list[Any]] = None
        """The terminal's modes, as long as they are not as they were."""
        self._gone = False
        self._lock = threading.Lock()
        """Of the lending. Never taken in a signal's handler."""
        self._borrowers = 0
        self._aside = False
        self._step_aside: Callable[[], None] = lambda: None
        self._return: Callable[[], None] = lambda: None

    @property
    def fd(self) -> Optional[int]:
        """What to wait for, if there is anything that may be read."""
        return self._fd if self._before is not None and self._is_ours() else None

    def take(self) -> None:
        """Have keys, if there can be any; again, where a shell has set the modes meanwhile."""
        if self._borrowers or self._gone or not self._is_ours():
            return
        import termios

        try:
            before = termios.tcgetattr(self._fd)
            modes = termios.tcgetattr(self._fd)
            if self._before is not None and not modes[LOCAL_FLAGS] & termios.ICANON:
                return
            modes[LOCAL_FLAGS] &= ~(termios.ICANON | termios.ECHO)
            # A read never waits: somebody else may have been quicker.
            modes[CONTROL_CHARACTERS][termios.VMIN] = 0
            modes[CONTROL_CHARACTERS][termios.VTIME] = 0
            self._before = before
            termios.tcsetattr(self._fd, termios.TCSANOW, modes)
        except termios.error:
            self._gone = True

    def give_back(self) -> None:
        """Have the terminal as it was."""
        if self._before is None or not self._is_ours():
            return
        import termios

        before, self._before = self._before, None
        try:
            termios.tcsetattr(self._fd, termios.TCSANOW, before)
        except termios.error:
            self._gone = True

    def read(self) -> bytes:
        """What was typed."""
        if self.fd is None:
            return b""
        try:
            return os.read(self._fd, 64)
        except OSError:  # in the background by now, or hung up
            return b""

    def forget(self) -> None:
        """The terminal has hung up."""
        self._before, self._gone = None, True

    @contextmanager
    def lent(self) -> Iterator[None]:
        """For the while that somebody else may ask the user something."""
        with self._lock:
            self._borrowers += 1
        self.give_back()
        try:
            yield
        finally:
            with self._lock:
                self._borrowers -= 1
                if self._aside and not self._borrowers:
                    self._aside = False
                    self._return()

    def on_question(self, step_aside: Callable[[], None], back: Callable[[], None]) -> None:
        """What is called when who has the terminal lent says something, and at the end of that."""
        self._step_aside, self._return = step_aside, back

    def told(self) -> None:
        """Somebody else is about to write to the terminal."""
        with self._lock:
            if self._borrowers and not self._aside:
                self._aside = True
                self._step_aside()

    def _is_ours(self) -> bool:
        if not os.isatty(self._fd):
            return False
        try:
            return os.tcgetpgrp(self._fd) == os.getpgrp()
        except OSError:  # a terminal, but not the one that controls this process
            return True
