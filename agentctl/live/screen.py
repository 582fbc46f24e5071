"""Screen: a terminal that is taken for a while and given back as it was.

The alternate screen holds the frames, so that what was on the terminal before is there
again at the end. Nothing is drawn while another process has the terminal (a job in the
background). Sequences are xterm's, which every terminal emulator of today understands.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Optional, Protocol

from agentctl.live.board import Size

TAKE = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J"
"""Alternate screen, no cursor, no wrapping at the right edge."""

GIVE_BACK = "\x1b[?7h\x1b[?25h\x1b[?1049l"

PATIENCE_S = 0.2
"""How long a frame that is being drawn is waited for, and a terminal that takes nothing."""


class Terminal(Protocol):
    """What a screen is made of."""

    def write(self, text: str) -> None:
        """Write all of it. Raises OSError."""

    def size(self) -> Size:
        """How large it is at this moment."""

    def is_ours(self) -> bool:
        """Whether this process may draw: it is in the foreground."""

    def takes_more(self, patience_s: float) -> bool:
        """Whether a write would return soon (ctrl-S stops a terminal)."""

    @property
    def keys(self) -> Optional[int]:
        """The file descriptor that keys come from, while there are any."""

    def take_keys(self) -> None:
        """Have keys at once and unseen, where that is possible; if they are, do nothing."""

    def give_keys_back(self) -> None:
        """Have the terminal's modes as they were."""

    def typed(self, hung_up: bool) -> bytes:
        """The keys that were pressed; none ever again where it has hung up."""


class Screen:
    """Thread-safe. ``pause`` and ``close`` may be called inside of a signal's handler."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        # Re-entrant: a handler may interrupt the very thread that holds it.
        self._lock = threading.RLock()
        self._taken = False
        self._paused = False
        self._closed = False

    def draw(self, frame: Callable[[Size], Sequence[str]]) -> None:
        """Draw what is made for the size that the terminal has now."""
        with self._lock:
            if self._paused or self._closed or not self._terminal.is_ours():
                return
            self._terminal.take_keys()
            lines = frame(self._terminal.size())
            # Each line is erased before it is written: after it, a line that fills the width
            # would lose its last character. Addressed by number, none can scroll the screen.
            body = "".join(f"\x1b[{row}H\x1b[2K{line}" for row, line in enumerate(lines, 1))
            take = "" if self._taken else TAKE
            self._taken = True
            self._terminal.write(take + body)

    @property
    def keys(self) -> Optional[int]:
        """The file descriptor that keys come from, while there are any."""
        return self._terminal.keys

    def typed(self, hung_up: bool) -> bytes:
        """The keys that were pressed; none ever again where it has hung up."""
        return self._terminal.typed(hung_up)

    def pause(self) -> None:
        """Give the terminal back, until ``resume``."""
        self._paused = True
        self._give_back()

    def resume(self) -> None:
        """Draw again; whoever had the terminal may have left anything on it."""
        self._taken = False
        self._paused = False

    def close(self) -> None:
        """Give the terminal back for good."""
        self._closed = True
        self._give_back()

    def _give_back(self) -> None:
        locked = self._lock.acquire(timeout=PATIENCE_S)
        try:
            self._terminal.give_keys_back()
            if self._taken and self._terminal.takes_more(PATIENCE_S):
                self._taken = False
                self._terminal.write(GIVE_BACK)
        except OSError:
            pass  # nobody is there to see it
        finally:
            if locked:
                self._lock.release()
