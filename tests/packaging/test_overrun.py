"""One test that overruns fails alone, in a distributed run too."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent

TESTS = """
import threading
import time

import pytest


def test_before(): pass


@pytest.mark.timeout(0.3)
def test_sleeps(): time.sleep(30)


@pytest.mark.timeout(0.3)
def test_joins():
    thread = threading.Thread(target=time.sleep, args=(5,), daemon=True)
    thread.start()
    thread.join()


@pytest.fixture
def slow():
    time.sleep(30)


@pytest.fixture
def slow_to_end():
    yield
    time.sleep(30)


@pytest.mark.timeout(0.3)
def test_setup(slow): pass


@pytest.mark.timeout(0.3)
def test_teardown(slow_to_end): pass


def test_after(): pass
"""


@pytest.mark.parametrize("how", [[], ["-n", "1"]], ids=["alone", "distributed"])
def test_an_overrun_fails_one_test(how: list[str], tmp_path: Path) -> None:
    (tmp_path / "test_slow.py").write_text(TESTS)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "tests.overrun", "-q"),
            *("-p", "no:cacheprovider", "--rootdir", str(tmp_path), *how, str(tmp_path)),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 1
    assert "3 passed, 2 errors" in done.stdout or "2 failed, 3 passed, 2 errors" in done.stdout
    assert "2 failed" in done.stdout
    assert "the test took longer than 0.3s" in done.stdout
    assert "crashed" not in done.stdout
