"""It ends: whatever a thread, a reader or a host does, a run is over when it says."""

from __future__ import annotations

import signal
import threading
import time

import pytest

from agentctl.cli.run.runner import Last, Runner
from agentctl.engine.policy import Outcome


class Done:
    """An engine that has nothing to do."""

    def run(self) -> Outcome:
        return Outcome(0)

    def stop(self, exit_code: int) -> None:
        pass


class Preempted(threading.Thread):
    """Has done its work and does not get the processor to be gone."""

    def run(self) -> None:
        super().run()
        threading.Event().wait(0.1)


@pytest.mark.timeout(30)
def test_a_thread_that_is_slow_to_be_gone_is_not_waited_for_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(threading, "Thread", Preempted)
    assert Runner(Done(), None).run() == Outcome(0)


class Stuck:
    """An engine that does not hear anything, until ``over``."""

    def __init__(self) -> None:
        self.over = threading.Event()

    def run(self) -> Outcome:
        self.over.wait()
        return Outcome(1)

    def stop(self, exit_code: int) -> None:
        pass


@pytest.mark.timeout(30)
def test_an_engine_that_is_stuck_is_left_behind_at_its_time() -> None:
    engine = Stuck()
    try:
        last = Last(time.monotonic() + 0.05, lambda: Outcome(5, "late"))
        assert Runner(engine, None, last=last).run() == Outcome(5, "late")
    finally:
        engine.over.set()


@pytest.mark.timeout(30)
def test_an_engine_that_is_stuck_is_left_behind_when_the_output_asks_for_the_end() -> None:
    engine = Stuck()
    runner = Runner(engine, None, stop_s=0.05)
    told: list[str] = []
    threading.Timer(0.05, runner.stop, [0]).start()
    try:
        assert runner.run(lambda: told.append("one"), lambda: told.append("two")) == Outcome(0)
    finally:
        engine.over.set()
    assert told == ["one", "two"]
    runner.stop(0)  # too late, and no harm


@pytest.mark.timeout(30)
def test_an_engine_that_is_stuck_is_left_behind_after_a_signal() -> None:
    engine = Stuck()
    threading.Timer(0.05, signal.raise_signal, [signal.SIGTERM]).start()
    try:
        assert Runner(engine, None, stop_s=0.05).run() == Outcome(143)
    finally:
        engine.over.set()
