"""One test that overruns fails alone, whatever it hangs in, in a distributed run too."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest

from tests import overrun

ROOT = Path(__file__).parent.parent.parent

CONFTEST = """
import signal
import time

import pytest

from tests import overrun
from tests.conftest import no_leaks

pytest_plugins = ["tests.overrun"]


def pytest_configure(config):
    overrun.AGAIN_S, overrun.IDLE_S, overrun.GRACE_S, overrun.LAST_S = 0.3, 0.3, GRACE, 0.3


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    # Reports take their time on a busy machine: until an alarm that is still set has rung.
    while item.name == "test_reported_slowly" and signal.getitimer(signal.ITIMER_REAL)[0]:
        time.sleep(0.01)
    if item.name == "test_reported_slowly":
        assert not item.config.stash[overrun.WATCH].watches
    return (yield)
"""

TESTS = """
import ctypes
import threading
import time

import pytest
from hypothesis import given, strategies

short = pytest.mark.timeout(0.3)


@pytest.mark.parametrize("n", range(10))
def test_before(n):
    pass


@short
def test_overran_asleep():
    time.sleep(600)


@short
def test_overran_joining_a_thread():
    thread = threading.Thread(target=threading.Event().wait)
    thread.start()
    thread.join()


@short
def test_overran_in_code_that_no_signal_gets_to():
    holding_the_interpreter, mutex = ctypes.PyDLL(None), ctypes.create_string_buffer(256)
    holding_the_interpreter.pthread_mutex_init(mutex, None)
    holding_the_interpreter.pthread_mutex_lock(mutex)
    holding_the_interpreter.pthread_mutex_lock(mutex)  # for ever


@short
def test_overran_and_its_clean_up_hangs_too():
    try:
        time.sleep(600)
    finally:
        threading.Event().wait()


@short
def test_overran_where_every_exception_is_caught():
    while True:
        try:
            time.sleep(600)
        except Exception:
            pass


@short
@given(strategies.integers())
def test_overran_in_a_law(number):
    time.sleep(600)


@pytest.fixture
def slow():
    time.sleep(600)


@short
def test_overran_being_set_up(slow):
    pass


@pytest.fixture
def slow_to_end():
    yield
    time.sleep(600)


@short
def test_overran_being_torn_down(slow_to_end):
    pass


@pytest.mark.timeout(5)
def test_reported_slowly():
    pass


@pytest.mark.parametrize("n", range(10))
def test_after(n):
    pass
"""


@pytest.mark.parametrize("workers", [0, 1])
def test_one_overrun_fails_one_test(tmp_path: Path, workers: int) -> None:
    grace = "1.0" if workers else "50.0"
    (tmp_path / "conftest.py").write_text(CONFTEST.replace("0.3, GRACE", f"0.3, {grace}"))
    text = TESTS
    if not workers:  # this one costs its process, and here there is one
        forever = "holding_the_interpreter.pthread_mutex_lock(mutex)  # for ever"
        assert forever in text
        text = text.replace(forever, "time.sleep(600)")
    (tmp_path / "test_it.py").write_text(text)
    report = tmp_path / "report.xml"
    chosen = "not overran or asleep or no_signal" if workers else ""
    options = ["-n", str(workers), "--dist", "worksteal", "-p", "no:cacheprovider", "-k", chosen]
    child = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-q", *options, f"--junitxml={report}", str(tmp_path)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        said, _ = child.communicate()
    finally:  # one of its workers may be in a loop that nothing gets to
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
    assert child.returncode == 1, said[-3000:]
    cases = list(ElementTree.parse(report).getroot().iter("testcase"))
    bad = sorted(case.get("name", "") for case in cases if len(case))
    names = sorted(re.findall(r"def (test_overran_\w*)\(", TESTS))
    if workers:
        names = [name for name in names if "asleep" in name or "no_signal" in name]
    assert bad == names, said[-3000:]
    assert len(cases) == len(names) + 21


def test_one_thread_watches_many_tests_and_none_is_ended_early(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now_s = 0.0
    ends_s: list[float] = []
    faults = SimpleNamespace(
        dump_traceback_later=lambda seconds, **_: ends_s.append(now_s + seconds),
        cancel_dump_traceback_later=lambda: ends_s.append(float("inf")),
    )
    with monkeypatch.context() as patch:  # this test is watched as well
        patch.setattr(overrun, "faulthandler", faults)
        patch.setattr(overrun, "monotonic", lambda: now_s)
        watch = overrun.Watch(2)
        for seconds in [60.0] * 400 + [0.5] * 400 + [300.0] * 400:
            watch.keep(seconds)
            most_s = seconds + 2 * overrun.GRACE_S
            assert now_s + seconds + overrun.GRACE_S <= ends_s[-1] <= now_s + most_s
            now_s += 0.25
        assert len(ends_s) <= 3 + 300 / overrun.GRACE_S
        watch.end()
        assert not watch.watches
        watch.keep(60.0)
    assert ends_s[-2:] == [float("inf"), now_s + 60.0 + 2 * overrun.GRACE_S]
