"""Time limit of a run (``--timeout``), counted from the beginning of the process."""

from __future__ import annotations

import threading
from argparse import Namespace
from collections.abc import Callable
from typing import Optional, TypeVar

from agentctl.cli.host.fd_output import END_S
from agentctl.cli.host.process import Process
from agentctl.clock import Clock
from agentctl.duration import format_duration
from agentctl.errors import DisconnectedError
from agentctl.lazy_namedtuple import NamedTuple
from agentctl.renderers import timeout_s

T = TypeVar("T")

ONE_SHOT_S = 10.0
"""For one shot, where nothing else is asked for."""

GRACE_S = 1.5
"""How long a run that has come to its end may take to be gone: its threads get a second."""


class TimeLimit(NamedTuple):
    """``seconds`` from ``began_at`` (monotonic); None for as long as it takes."""

    clock: Clock
    began_at: float
    seconds: Optional[float]
    once: bool

    @property
    def ends_at(self) -> Optional[float]:
        return None if self.seconds is None else self.began_at + self.seconds

    def left_s(self) -> Optional[float]:
        """Never less than 0."""
        ends_at = self.ends_at
        return None if ends_at is None else max(0.0, ends_at - self.clock.monotonic())

    def end_patience_s(self) -> float:
        """How long a reader that takes nothing is waited for at the end of the run."""
        return max(END_S, self.left_s() or 0.0) if self.once else END_S

    def prepared(self, make: Callable[[], T], asked: str = "") -> T:
        """What ``make`` makes, if it does so in time: it may wait for a pipe, a plugin, a name.

        ``asked`` is what else it may wait for, in words.

        Raises DisconnectedError, and leaves it behind, when the time is over.
        """
        if self.seconds is None:
            return make()
        made: list[T] = []
        errors: list[BaseException] = []

        def run() -> None:
            try:
                made.append(make())
            except BaseException as error:
                errors.append(error)

        left_s = self.left_s() or 0.0
        # Daemon: whatever it waits for cannot be freed.
        thread = threading.Thread(target=run, name="prepare", daemon=True)
        thread.start()
        thread.join(left_s)
        if errors:
            raise errors[0]
        if not made:
            last = f"a credential plugin, or {asked}" if asked else "or a credential plugin"
            why = f"the kubeconfig, a file that it names, {last} keeps us waiting"
            if left_s < self.seconds / 2:
                why = "half of that was gone when agentctl had started; is this host too busy?"
            raise DisconnectedError(f"not connected after {format_duration(self.seconds)}: {why}")
        return made[0]


def time_limit(args: Namespace, process: Process, once: bool) -> TimeLimit:
    """What the flags ask for."""
    if args.timeout:
        return _counted(args.timeout, process, once)
    if not once:
        return TimeLimit(process.clock, process.clock.monotonic(), None, once)
    seconds = timeout_s(args.output)
    return one_shot_limit(process) if seconds is None else _counted(seconds, process, once)


def one_shot_limit(process: Process) -> TimeLimit:
    """Where nothing else is asked for. Somebody who is there may be asked to log in, and
    that takes its time."""
    if process.has_user:
        return TimeLimit(process.clock, process.clock.monotonic(), None, once=True)
    return _counted(ONE_SHOT_S, process, once=True)


def _counted(seconds: float, process: Process, once: bool) -> TimeLimit:
    began_at = process.clock.monotonic() if process.begun is None else process.begun.at(seconds)
    return TimeLimit(process.clock, began_at, seconds, once)
