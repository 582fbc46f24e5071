"""What a command may know of the process it runs in, as one value that tests can make."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TextIO

from agentctl.clock import Clock, SystemClock


class FdOutput:
    """Text to a file descriptor, unbuffered: out when the call returns, or an exception.

    Always UTF-8: what a pipe carries must not depend on the locale of a cron job.
    """

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def write(self, text: str) -> None:
        """Write all of it. Raises BrokenPipeError when the reader has gone."""
        data = memoryview(text.encode("utf-8", "replace"))
        while data:
            try:
                data = data[os.write(self.fd, data) :]
            except BlockingIOError:  # somebody made our stdout non-blocking (ssh does)
                select.select([], [self.fd], [])

    def isatty(self) -> bool:
        return os.isatty(self.fd)


@dataclass(frozen=True)
class World:
    """The environment, the streams and the clock."""

    environ: Mapping[str, str]
    stdout: FdOutput
    stderr: TextIO
    clock: Clock = field(default_factory=SystemClock)
    name: str = "agentctl"
    """How the program was called: ``kubectl agentctl`` as a plugin of kubectl."""

    @classmethod
    def real(cls, name: str = "agentctl") -> World:
        """This process's own. Call it before anything else opens a file."""
        take_the_places_of_closed_streams()
        # Python has no sys.stderr in a process that was started without one.
        stderr = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        return cls(environ=os.environ, stdout=FdOutput(1), stderr=stderr, name=name)

    @property
    def home(self) -> str:
        return self.environ.get("HOME") or os.path.expanduser("~")

    @property
    def is_terminal(self) -> bool:
        """Whether stdout is a terminal that can do more than print lines."""
        return self.stdout.isatty() and self.environ.get("TERM", "") not in ("", "dumb")

    def color(self, choice: str) -> bool:
        """Whether to colour: ``choice`` is auto, always or never (no-color.org)."""
        if choice == "auto":
            return self.is_terminal and not self.environ.get("NO_COLOR")
        return choice == "always"


def take_the_places_of_closed_streams() -> None:
    """See that no socket or pipe of ours becomes number 0, 1 or 2 (``>&-`` leaves it free).

    The events would go into it. Number 1 is opened for reading, so that a write to it
    fails as it does on a closed one; what goes to number 2 is lost.
    """
    for fd, flags in ((0, os.O_RDONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(fd)
        except OSError:
            os.set_inheritable(os.open(os.devnull, flags), True)  # takes the lowest free number
