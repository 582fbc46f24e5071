"""Process: its environment, streams and clock, as one value that tests can make."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Optional, Protocol

from agentctl.cli.host.fd_output import FdErrors, FdOutput
from agentctl.cli.host.keys import Keys
from agentctl.cli.host.procfs import ProcessStart
from agentctl.clock import Clock, SystemClock
from agentctl.lazy_dataclass import dataclass, field


class ErrorOutput(Protocol):
    """What stderr has to be: it never fails, whoever reads it or not."""

    def write(self, text: str, /) -> object: ...
    def flush(self) -> None: ...
    def isatty(self) -> bool: ...
    def close(self) -> None: ...


@dataclass(frozen=True)
class Process:
    """The environment, the streams and the clock."""

    environ: Mapping[str, str]
    stdout: FdOutput
    stderr: ErrorOutput
    clock: Clock = field(default_factory=SystemClock)
    keys: Keys = field(default_factory=Keys)
    name: str = "agentctl"
    """How the program was called: ``kubectl agentctl`` as a plugin of kubectl."""
    begun: Optional[ProcessStart] = None
    """When this process began; None where it is no part of the run."""
    quiet: bool = False
    """Nothing on stderr but an error that ends the run."""

    @classmethod
    def real(cls, name: str = "agentctl") -> Process:
        """This process's own. Call it before anything else opens a file."""
        take_the_places_of_closed_streams()
        return cls(os.environ, FdOutput(1), FdErrors(2), name=name, begun=ProcessStart.look())

    @property
    def has_user(self) -> bool:
        """Whether somebody may be there to answer a credential plugin's questions."""
        return os.isatty(0)

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
