"""Runner: an engine or a server under signals and pipes, and how it ended.

It runs in a thread of its own; the main thread waits for whichever comes first: its end,
a signal, or the reader of stdout going away. The last matters when nothing is being
printed: ``| head -1`` must not leave a process behind until the next heartbeat.
"""

from __future__ import annotations

import os
import select
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Optional, Protocol

from agentctl.engine.policy import Outcome
from agentctl.errors import ExitCode
from agentctl.lazy_namedtuple import NamedTuple

STOP_S = 1.5
"""How long an engine may take to end once it was told to: its threads get a second."""

SERVER_STOP_S = 5.0
"""The same for a server, which has readers to say goodbye to."""

LOOK_S = 3600.0
"""Of one wait; the system's own limit is some days."""

JOIN_S = 1.0
"""How long a thread that has said all may take to be gone: a busy host is slow in this too."""

_GONE = select.POLLERR | select.POLLNVAL

SIGNALS = {
    signal.SIGINT: ExitCode.INTERRUPTED,
    signal.SIGTERM: ExitCode.TERMINATED,
}


class Running(Protocol):
    """An engine, or a server with one."""

    def run(self) -> Outcome:
        """Go on until it is over."""

    def stop(self, exit_code: int) -> None:
        """End the run, from any thread; never waits."""


class Last(NamedTuple):
    """The end of all patience: when (monotonic), and how the run has ended then."""

    at: float
    outcome: Callable[[], Outcome]


class Runner:
    """One run of one engine or server; use it once, from the main thread.

    ``stdout_fd`` is None for what prints no events: that nobody reads them is no end.
    ``last`` is the moment (monotonic) at which a run that should
    have ended by itself is left behind, and says what is its outcome then.
    """

    def __init__(
        self,
        engine: Running,
        stdout_fd: Optional[int],
        stop_s: float = STOP_S,
        last: Optional[Last] = None,
    ) -> None:
        self._last = last
        self._on_stop: Sequence[Callable[[], None]] = ()
        self._engine = engine
        self._stdout_fd = stdout_fd
        self._stop_s = stop_s
        self._thread = threading.Thread(target=self._main, name="engine", daemon=True)
        self._outcome: Optional[Outcome] = None
        self._error: Optional[BaseException] = None
        # Nobody ever writes to the first: the engine's thread closes its end of it when it is
        # done, and that can be looked at any number of times, as a byte could not.
        self._over, self._end = os.pipe()
        self._signalled, self._signal = os.pipe()
        os.set_blocking(self._signal, False)
        self._stop_by: Optional[float] = None
        self._code = int(ExitCode.OK)
        self._asked: Optional[int] = None
        self._asking = threading.Lock()
        self._listens = True

    def stop(self, code: int) -> None:
        """Have the run end with this code, from any thread; never waits."""
        with self._asking:
            self._asked = code
            if self._listens:
                with suppress(BlockingIOError):  # it looks anyway
                    os.write(self._signal, b"\0")

    def run(self, *on_stop: Callable[[], None]) -> Outcome:
        """Returns how the run ended; raises what the engine's sink raised.

        Each ``on_stop`` is called once the run is told to end early, possibly inside of a
        signal's handler: it must not wait.

        The thread may be left behind, if it is stuck: the process must not be kept by it.
        """
        self._on_stop = on_stop
        try:
            with self._signals():
                self._start()
                self._wait()
        finally:
            with self._asking:
                self._listens = False
                for fd in (self._over, self._signalled, self._signal):
                    os.close(fd)
        if self._error is not None:
            raise self._error
        return self._outcome or Outcome(ExitCode.DISCONNECTED)

    def _main(self) -> None:
        try:
            self._outcome = self._engine.run()
        except BrokenPipeError:
            self._outcome = Outcome(ExitCode.PIPE_CLOSED)
        except BaseException as error:
            self._error = error
        finally:
            os.close(self._end)

    def _start(self) -> None:
        try:
            self._thread.start()
        except BaseException:
            os.close(self._end)
            raise

    def _wait(self) -> None:
        poller = select.poll()
        poller.register(self._over, 0)  # only for POLLHUP: its other end is closed
        poller.register(self._signalled, select.POLLIN)
        if self._stdout_fd is not None:
            poller.register(self._stdout_fd, 0)  # only for POLLERR: nobody reads any more
        while True:
            ready = dict(poller.poll(self._patience_ms()))
            if ready.get(self._over):
                self._thread.join(JOIN_S)
                return
            if ready.get(self._signalled):
                os.read(self._signalled, 64)
                if self._asked is not None:
                    self._stop(self._asked)
            stdout_fd = self._stdout_fd
            if stdout_fd is not None and ready.get(stdout_fd, 0) & _GONE:
                poller.unregister(stdout_fd)
                self._stop(ExitCode.PIPE_CLOSED)
            now = time.monotonic()
            if self._stop_by is not None and now > self._stop_by:
                self._outcome = Outcome(self._code)
                return
            if self._last is not None and now > self._last.at:
                self._outcome = self._last.outcome()
                return

    def _patience_ms(self) -> Optional[float]:
        moments = [self._stop_by, self._last.at if self._last is not None else None]
        first = min((moment for moment in moments if moment is not None), default=None)
        if first is None:
            return None
        return min(max(0.0, first - time.monotonic()), LOOK_S) * 1000 + 1

    def _stop(self, code: int) -> None:
        if self._stop_by is None:
            self._stop_by = time.monotonic() + self._stop_s
            self._code = code
            self._engine.stop(code)
            for each in self._on_stop:
                each()

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """The first signal ends the run in good order, the second one at once."""

        def handle(number: int, frame: Optional[FrameType]) -> None:
            signal.signal(number, signal.SIG_DFL)
            self._stop(SIGNALS[signal.Signals(number)])

        # What was ignored from the start (nohup, a script's background job) stays so.
        before = {
            number: signal.signal(number, handle)
            for number in SIGNALS
            if signal.getsignal(number) != signal.SIG_IGN
        }
        wakeup = signal.set_wakeup_fd(self._signal, warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(wakeup)
            for number, handler in before.items():
                signal.signal(number, handler)
