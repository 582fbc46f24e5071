"""How many threads the host gives, and that trying it leaves none behind."""

from __future__ import annotations

import _thread
import os
import threading
from typing import Any

import pytest

from agentctl import threads
from agentctl.errors import LimitError


def refuse_after(count: int, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    started: list[int] = []
    start = _thread.start_new_thread

    def limited(*args: Any) -> int:
        if len(started) == count:
            raise RuntimeError("can't start new thread")
        started.append(start(*args))
        return started[-1]

    monkeypatch.setattr(_thread, "start_new_thread", limited)
    return started


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="nothing says who is gone")
def test_what_was_tried_is_gone_and_free_again() -> None:
    def tasks() -> set[str]:
        return set(os.listdir("/proc/self/task"))

    before = tasks()
    assert threads.room_for(20) == 20
    assert tasks() <= before


def test_where_the_host_gives_fewer_it_says_how_many(monkeypatch: pytest.MonkeyPatch) -> None:
    started = refuse_after(3, monkeypatch)
    with pytest.raises(LimitError, match=r"^this needs 5 more threads, and this host gives 3: "):
        threads.require(5, "this")
    assert len(started) == 3


def test_as_many_as_are_needed_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_after(3, monkeypatch)
    threads.require(3, "this")


def test_large_stacks_are_for_the_trial_only() -> None:
    before = threading.stack_size()
    assert threads.room_for(2, large=True) == 2
    assert threading.stack_size() == before


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (RuntimeError("can't start new thread"), "can't start new thread: raise the limits"),
        (MemoryError(), "out of memory: raise the limits"),
        (
            ImportError("x.so: failed to map segment from shared object"),
            "x.so: failed to map segment from shared object: raise the limits",
        ),
        (ImportError("No module named 'x'"), ""),
        (RuntimeError("dictionary changed size"), ""),
        (OSError("no"), ""),
    ],
)
def test_what_the_host_refused_is_told_from_a_fault(error: Exception, line: str) -> None:
    assert threads.refusal_of(error).partition(" (")[0] == line
