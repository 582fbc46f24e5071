"""It ends: whatever a thread, a reader or a host does, a run is over when it says."""

from __future__ import annotations

import threading

import pytest

from agentctl.cli.runner import Runner
from agentctl.policy import Outcome


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


@pytest.mark.timeout(10)
def test_a_thread_that_is_slow_to_be_gone_is_not_waited_for_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(threading, "Thread", Preempted)
    assert Runner(Done(), None).run() == Outcome(0)
