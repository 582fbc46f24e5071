"""A test that takes too long fails by itself: the alarm rings inside of its own phases only.

An alarm that rings between two tests, or while one is being reported, ends the worker that
runs it and with it the whole distributed run. Here each phase (setup, call, teardown) has
an alarm of its own, set and taken back where pytest still counts what is raised as the
test's own. Beyond that:

- what is raised is no Exception, so that neither the code under test nor hypothesis, which
  would try the same again and again, takes it for theirs;
- the alarm rings again while the test is still being left: a clean-up may hang as well;
- code that no signal gets to (it holds the interpreter, or waits outside of it) costs the
  process. xdist tells that as a failure of the test, and starts another process. What ends
  the process is a thread of faulthandler's: to start one for each phase, and to wait for its
  end, took more time on a busy machine than most tests, so that one watches many of them.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import threading
from collections.abc import Generator
from time import monotonic  # tests put other clocks in its place

import pytest

DEFAULT_S = 60.0
AGAIN_S = 10.0
"""Between the rings of one alarm: long enough for a clean-up that does end."""
GRACE_S = 30.0
"""How long after its first ring a test may take to be left before its process is ended: once
to twice as long."""
IDLE_S = 10.0
"""After so long without a test, less than GRACE_S, none is watched."""
LAST_S = 15.0
"""How long threads that an overrun left behind may keep the process when all is reported."""

HAS_ALARM = hasattr(signal, "setitimer")
OVERRAN = pytest.StashKey[bool]()
_STDERR = pytest.StashKey[int]()
WATCH = pytest.StashKey["Watch"]()


class Overrun(BaseException):
    """The test's time is up."""


class Watch:
    """Ends the process when a test is not left for too long."""

    def __init__(self, stderr: int) -> None:
        self._stderr = stderr
        self._end_s = 0.0

    def keep(self, seconds: float) -> None:
        """From now on: what began now may take ``seconds`` and GRACE_S at least, and at most
        another GRACE_S."""
        soonest_s = monotonic() + seconds + GRACE_S
        if not soonest_s <= self._end_s <= soonest_s + GRACE_S:
            self._end_s = soonest_s + GRACE_S
            faulthandler.dump_traceback_later(seconds + 2 * GRACE_S, exit=True, file=self._stderr)

    @property
    def watches(self) -> bool:
        return self._end_s > 0

    def end(self, *_: object) -> None:
        """Watch nothing any more (a signal's handler)."""
        if self.watches:
            self._end_s = 0.0
            faulthandler.cancel_dump_traceback_later()


def seconds_for(item: pytest.Item) -> float:
    """What each phase of a test may take: its ``timeout`` mark, or ``--overrun``."""
    mark = item.get_closest_marker("timeout")
    return float(mark.args[0] if mark else item.config.getoption("--overrun"))


def alarmed(item: pytest.Item, phase: str) -> Generator[None, object, object]:
    seconds = seconds_for(item)
    if not HAS_ALARM or not seconds or threading.current_thread() is not threading.main_thread():
        return (yield)
    watch = item.config.stash[WATCH]
    running, rang = True, False

    def ring(*_: object) -> None:
        nonlocal rang
        if not running:
            return
        rang = item.stash[OVERRAN] = item.config.stash[OVERRAN] = True
        faulthandler.dump_traceback(file=2)  # the captured one: shown with the failure
        raise Overrun(f"{phase} took longer than {seconds:g}s")

    signal.signal(signal.SIGALRM, ring)
    watch.keep(seconds)
    signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN_S)
    try:
        try:
            return (yield)
        finally:
            running = False  # it may ring just before this, and so:
    finally:
        running = False
        signal.setitimer(signal.ITIMER_REAL, IDLE_S)
        signal.signal(signal.SIGALRM, watch.end)
        if rang:
            watch.end()


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    return (yield from alarmed(item, "setup"))


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    return (yield from alarmed(item, "the test"))


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    return (yield from alarmed(item, "teardown"))


def pytest_enter_pdb(config: pytest.Config) -> None:
    """Who debugs a test takes as long as it takes."""
    _take_back(config)


def _take_back(config: pytest.Config) -> None:
    if HAS_ALARM:
        signal.setitimer(signal.ITIMER_REAL, 0)
    config.stash[WATCH].end()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--overrun",
        type=float,
        default=DEFAULT_S,
        metavar="S",
        help=f"fail a test one phase of which takes longer (default {DEFAULT_S:g}; 0 for never)",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "timeout(seconds): what each phase of the test may take")
    # A copy: while a test runs descriptor 2 is captured, and is lost with the process.
    stderr = os.dup(sys.__stderr__.fileno() if sys.__stderr__ else 2)
    config.stash[_STDERR], config.stash[WATCH] = stderr, Watch(stderr)


def pytest_unconfigure(config: pytest.Config) -> None:
    _take_back(config)
    if config.stash.get(OVERRAN, False):
        faulthandler.dump_traceback_later(LAST_S, exit=True, file=config.stash[_STDERR])
    else:
        os.close(config.stash[_STDERR])
