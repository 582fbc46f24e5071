"""The inbox: bounded whoever puts, in order, and whoever waits is told at once."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import pytest

from agentctl.engine.inbox import Inbox
from agentctl.engine.messages import Alive, Message, Stop

LONG_S = 30.0


def said(source: str, number: int) -> Alive:
    return Alive(source, number)


def fill(inbox: Inbox, count: int) -> None:
    for number in range(count):
        inbox.put(said("a", number), timeout=0.0)


def beside(what: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=what)
    thread.start()
    return thread


def test_a_full_inbox_refuses_after_the_wait() -> None:
    inbox = Inbox(3)
    fill(inbox, 3)
    assert inbox.full()
    for wait in (0.0, 0.05):
        began = time.monotonic()
        with pytest.raises(queue.Full):
            inbox.put(said("a", 3), timeout=wait)
        assert time.monotonic() - began >= wait
    assert inbox.take(0.0, 10) == [said("a", number) for number in range(3)]


def test_who_waits_for_room_has_it_as_soon_as_any_is_taken() -> None:
    inbox = Inbox(1)
    fill(inbox, 1)
    waiting = beside(lambda: inbox.put(said("b", 0), timeout=LONG_S))
    time.sleep(0.05)
    began = time.monotonic()
    assert inbox.take(0.0, 10) == [said("a", 0)]
    assert inbox.take(LONG_S, 10) == [said("b", 0)]
    waiting.join()
    assert time.monotonic() - began < LONG_S / 2


def test_nothing_comes_within_the_wait() -> None:
    assert Inbox(1).take(0.01, 10) == []


def test_a_put_ends_a_wait_without_end() -> None:
    inbox = Inbox(1)
    stopping = beside(lambda: (time.sleep(0.05), inbox.put(Stop(130), timeout=0.0)))
    assert inbox.take(None, 10) == [Stop(130)]
    stopping.join()


def test_no_more_are_taken_at_once_than_is_asked_for() -> None:
    inbox = Inbox(5)
    fill(inbox, 5)
    assert [len(inbox.take(0.0, 2)) for _ in range(4)] == [2, 2, 1, 0]


def test_many_who_put_never_pass_the_bound_and_lose_nothing() -> None:
    inbox, size, each = Inbox(4), 4, 300
    names = "abcde"

    def put_all(name: str) -> None:
        for number in range(each):
            while True:  # another may have been faster
                with suppress(queue.Full):
                    inbox.put(said(name, number), timeout=LONG_S)
                    break

    threads = [beside(partial(put_all, name)) for name in names]
    found: list[Message] = []
    while len(found) < each * len(names):
        batch = inbox.take(LONG_S, 100)
        assert 0 < len(batch) <= size
        found += [one for one in batch if isinstance(one, Alive)]
    for thread in threads:
        thread.join()
    for name in names:
        numbers = [one.epoch for one in found if isinstance(one, Alive) and one.source == name]
        assert numbers == list(range(each))
