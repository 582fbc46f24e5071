"""A test that takes too long fails by itself: the alarm rings inside of its own phases only.

An alarm that rings between two tests, or while one is being reported, ends the worker that
runs it and with it the whole distributed run. Here each phase (setup, call, teardown) has
an alarm of its own, set and taken back where pytest still counts what is raised as the
test's own.
"""

from __future__ import annotations

import faulthandler
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Optional

import pytest

DEFAULT_S = 60.0

HAS_ALARM = hasattr(signal, "setitimer")


def seconds_for(item: pytest.Item) -> float:
    """What each phase of a test may take: its ``timeout`` mark, or ``--overrun``."""
    mark = item.get_closest_marker("timeout")
    return float(mark.args[0] if mark else item.config.getoption("--overrun"))


@contextmanager
def alarm(item: pytest.Item, phase: str) -> Iterator[None]:
    seconds = seconds_for(item)
    if not HAS_ALARM or not seconds or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(number: int, frame: Optional[FrameType]) -> None:
        faulthandler.dump_traceback(file=sys.__stderr__ or 2)
        pytest.fail(f"{phase} took longer than {seconds:g}s", pytrace=True)

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    with alarm(item, "setup"):
        yield


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    with alarm(item, "the test"):
        yield


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    with alarm(item, "teardown"):
        yield


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
