"""Live output (``--live``): the terminal and its signals, around a view that redraws the table.

The terminal is given back as soon as the run is told to end, and before anything that ends
or stops the process by its default action (SIGKILL and SIGSTOP alone cannot be met).
"""

from __future__ import annotations

import errno
import os
import signal
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Callable, Optional

from agentctl.cli.host.fd_output import END_S
from agentctl.cli.host.output_thread import takes_more
from agentctl.cli.host.process import Process
from agentctl.cli.output.outputs import Output
from agentctl.errors import ExitCode, UsageError
from agentctl.live.board import Board, Size
from agentctl.live.screen import Screen
from agentctl.live.view import LiveView

USUAL = Size(80, 24)
"""Of a terminal that does not know its own."""

ENDINGS = (signal.SIGHUP, signal.SIGQUIT, signal.SIGINT, signal.SIGTERM)
"""What ends the process. The last two are the runner's for the time that it runs."""


class FdTerminal:
    """The terminal that stdout is."""

    def __init__(self, process: Process) -> None:
        self._out = process.stdout
        self._keys = process.keys

    def write(self, text: str) -> None:
        with _hung_up():
            self._out.patient.write(text)

    def write_last(self, text: str) -> None:
        """What is shown at the end, unless nobody sees it."""
        with _hung_up():
            self._out.write_within(text, END_S)

    def size(self) -> Size:
        try:
            found = Size(*os.get_terminal_size(self._out.fd))
        except OSError:
            return USUAL
        return found if found.columns and found.lines else USUAL

    def is_ours(self) -> bool:
        try:
            return os.tcgetpgrp(self._out.fd) == os.getpgrp()
        except OSError:  # a terminal, but not the one that controls this process
            return True

    def takes_more(self, patience_s: float) -> bool:
        return takes_more(self._out.fd, patience_s)

    @property
    def keys(self) -> Optional[int]:
        return self._keys.fd

    def take_keys(self) -> None:
        self._keys.take()

    def give_keys_back(self) -> None:
        self._keys.give_back()

    def typed(self, hung_up: bool) -> bytes:
        if hung_up:
            self._keys.forget()
        return self._keys.read()


@contextmanager
def _hung_up() -> Iterator[None]:
    """As a pipe that nobody reads any more."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.EIO:
            raise BrokenPipeError from None
        raise


class LiveOutput(Output):
    """The table in place of the events."""

    def __init__(self, board: Board, process: Process, quit_code: int) -> None:
        """``quit_code`` is what the run ends with where the user has it ended by a key."""
        self._terminal = FdTerminal(process)
        self._screen = Screen(self._terminal)
        self._view = LiveView(board, self._screen, process.clock)
        self._quit_code = quit_code
        process.keys.on_question(self._screen.pause, self._resume)
        super().__init__(self._view, process.stdout.fd)

    def _resume(self) -> None:
        self._screen.resume()
        self._view.wake()

    @contextmanager
    def shown(self, give_up: Callable[[int], None]) -> Iterator[Callable[[], None]]:
        with _signals(self._screen, self._view):
            try:
                self._view.start(
                    lambda: give_up(ExitCode.INTERNAL), lambda: give_up(self._quit_code)
                )
                yield self._screen.close
            finally:
                self._view.close()
        lines = self._view.summary(self._terminal.size().columns)
        self._terminal.write_last("".join(line + "\n" for line in lines))


def is_live(args: Namespace, process: Process) -> bool:
    """Whether the table is to be redrawn. Raises UsageError where that makes no sense."""
    if args.output != "table":
        raise UsageError(f"--live redraws the table: it has no meaning with -o {args.output}")
    for flag, value in (("--follow-only", args.follow_only), ("--since", args.since)):
        if value:
            raise UsageError(f"--live shows the whole state, and {flag} leaves it out")
    if args.no_headers:
        raise UsageError("--live has headers: leave --no-headers out")
    logged = args.debug and process.stderr.isatty()  # the log would go across the table
    return process.is_terminal and not logged


def _is_taken(number: int) -> bool:
    """SIGHUP is a recording's, where there is one: it may ask for a new file."""
    return number == signal.SIGHUP and callable(signal.getsignal(number))


@contextmanager
def _signals(screen: Screen, view: LiveView) -> Iterator[None]:
    """Handlers for the while, except for signals that are ignored (a job without control)."""

    def resized(number: int, frame: Optional[FrameType]) -> None:
        view.wake()

    def continued(number: int, frame: Optional[FrameType]) -> None:
        screen.resume()
        view.wake()

    def suspended(number: int, frame: Optional[FrameType]) -> None:
        screen.pause()
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)  # stops here, until SIGCONT
        signal.signal(number, suspended)
        continued(number, frame)  # an orphaned process is not stopped

    def ended(number: int, frame: Optional[FrameType]) -> None:
        screen.close()
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)

    handlers = {
        signal.SIGWINCH: resized,
        signal.SIGCONT: continued,
        signal.SIGTSTP: suspended,
        **dict.fromkeys(ENDINGS, ended),
    }
    before = {
        number: signal.signal(number, handler)
        for number, handler in handlers.items()
        if signal.getsignal(number) != signal.SIG_IGN and not _is_taken(number)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
