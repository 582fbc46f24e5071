"""A test that takes too long fails by itself: the alarm rings inside of its own phases only.

An alarm that rings between two tests, or while one is being reported, ends the worker that
runs it and with it the whole distributed run. Here each phase (setup, call, teardown) has
an alarm of its own, set and taken back where pytest still counts what is raised as the
test's own. Beyond that:

- what is raised is no Exception, so that neither the code under test nor hypothesis, which
  would try the same again and again, takes it for theirs;
- the alarm rings again while the test is still being left: a clean-up may hang as well;
- code that no signal gets to (it holds the interpreter, or waits outside of it) costs the
  process. xdist tells that as a failure of the test, and starts another process.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import threading
from collections.abc import Generator

import pytest

DEFAULT_S = 60.0
AGAIN_S = 10.0
"""Between the rings of one alarm: long enough for a clean-up that does end."""
GRACE_S = 30.0
"""How long after its first ring a test may take to be left before its process is ended."""
LAST_S = 15.0
"""How long threads that an overrun left behind may keep the process when all is reported."""

HAS_ALARM = hasattr(signal, "setitimer")
OVERRAN = pytest.StashKey[bool]()
_STDERR = pytest.StashKey[int]()


class Overrun(BaseException):
    """The test's time is up."""


def seconds_for(item: pytest.Item) -> float:
    """What each phase of a test may take: its ``timeout`` mark, or ``--overrun``."""
    mark = item.get_closest_marker("timeout")
    return float(mark.args[0] if mark else item.config.getoption("--overrun"))


def alarmed(item: pytest.Item, phase: str) -> Generator[None, object, object]:
    seconds = seconds_for(item)
    if not HAS_ALARM or not seconds or threading.current_thread() is not threading.main_thread():
        return (yield)
    running = True

    def ring(*_: object) -> None:
        if not running:
            return
        item.stash[OVERRAN] = item.config.stash[OVERRAN] = True
        faulthandler.dump_traceback(file=2)  # the captured one: shown with the failure
        raise Overrun(f"{phase} took longer than {seconds:g}s")

    before = signal.signal(signal.SIGALRM, ring)
    faulthandler.dump_traceback_later(seconds + GRACE_S, exit=True, file=item.config.stash[_STDERR])
    signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN_S)
    try:
        try:
            return (yield)
        finally:
            running = False  # it may ring just before this, and so:
    finally:
        running = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        faulthandler.cancel_dump_traceback_later()


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    return (yield from alarmed(item, "setup"))


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    return (yield from alarmed(item, "the test"))


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    return (yield from alarmed(item, "teardown"))


def pytest_enter_pdb() -> None:
    """Who debugs a test takes as long as it takes."""
    if HAS_ALARM:
        signal.setitimer(signal.ITIMER_REAL, 0)
        faulthandler.cancel_dump_traceback_later()


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
    config.stash[_STDERR] = os.dup(sys.__stderr__.fileno() if sys.__stderr__ else 2)


def pytest_unconfigure(config: pytest.Config) -> None:
    if config.stash.get(OVERRAN, False):
        faulthandler.dump_traceback_later(LAST_S, exit=True, file=config.stash[_STDERR])
    else:
        os.close(config.stash[_STDERR])
