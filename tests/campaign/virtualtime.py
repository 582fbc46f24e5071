"""Time that passes only while nobody has anything to do, and threads that take turns in it.

The product's threads are real ones, but one runs at a time: whoever waits hands over to
the next that is ready, and where nobody is, the clock goes to the next moment that somebody
waits for. So hours pass in a second, and one seed is one course of events.
"""

from __future__ import annotations

import heapq
import itertools
import queue
import threading
from collections import deque
from datetime import datetime, timedelta, timezone
from types import TracebackType
from typing import Any, Callable, Optional

import pytest

from agentctl.engine import attempt
from agentctl.kube import discovery_source, readiness

BEGAN = datetime(2026, 1, 30, 18, 15, tzinfo=timezone.utc)
JOIN_S = 10.0


class _Strand:
    """One thread as the clock sees it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.baton = threading.Lock()
        self.baton.acquire()
        self.asleep = False
        self.waits = 0
        """Tells an old alarm from that of the present wait."""


class Signal:
    """What several can wait for; nothing is kept for who comes later."""

    def __init__(self, time: VirtualTime) -> None:
        self._time = time
        self.waiting: list[_Strand] = []

    def notify(self) -> None:
        for strand in self.waiting:
            self._time.wake(strand)


class VirtualTime:
    """A Clock, and what hands the turn from thread to thread.

    Whoever makes it is the first to have the turn.
    """

    def __init__(self) -> None:
        self.elapsed = 1000.0
        self._main = self._current = _Strand("main")
        self._ready: deque[_Strand] = deque()
        self._alarms: list[tuple[float, int, _Strand, int]] = []
        self._numbers = itertools.count()
        self._threads: list[threading.Thread] = []
        self._failure: Optional[BaseException] = None

    def monotonic(self) -> float:
        return self.elapsed

    def now(self) -> datetime:
        return BEGAN + timedelta(seconds=self.elapsed - 1000.0)

    @property
    def running(self) -> str:
        """The name of the thread whose turn it is."""
        return self._current.name

    def wait(self, timeout: Optional[float], *signals: Signal) -> None:
        """Let others run until one of the signals, or for so many seconds (None: for ever)."""
        me = self._current
        me.waits += 1
        me.asleep = True
        for signal in signals:
            signal.waiting.append(me)
        if timeout is not None:
            due = self.elapsed + max(0.0, timeout)
            heapq.heappush(self._alarms, (due, next(self._numbers), me, me.waits))
        self._hand_over(me)
        for signal in signals:
            signal.waiting.remove(me)
        if me is self._main and self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure

    def wake(self, strand: _Strand) -> None:
        if strand.asleep:
            strand.asleep = False
            self._ready.append(strand)

    def spawn(self, target: Callable[[], None], name: str) -> Callable[[], None]:
        """Begin a thread that has its turn later; what is returned takes over its end."""
        strand = _Strand(name)

        def main() -> None:
            strand.baton.acquire()
            try:
                target()
            except BaseException as error:  # for whoever made the clock
                self._fail(error)
            self._hand_over(None)

        thread = threading.Thread(target=main, name=name, daemon=True)
        self._threads = [one for one in self._threads if one.is_alive()]
        self._threads.append(thread)
        thread.start()
        self._ready.append(strand)
        return lambda: thread.join(JOIN_S)

    def close(self) -> None:
        """All threads have had their last turn: let them go."""
        for thread in self._threads:
            thread.join(JOIN_S)

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Have what waits in the product wait here."""
        for module in (attempt, discovery_source, readiness):
            monkeypatch.setattr(module, "threading", Threading(self))

    def _fail(self, error: BaseException) -> None:
        self._failure = self._failure or error
        self.wake(self._main)

    def _hand_over(self, me: Optional[_Strand]) -> None:
        following = self._next()
        if following is me:
            return
        self._current = following
        following.baton.release()
        if me is not None:
            me.baton.acquire()

    def _next(self) -> _Strand:
        while not self._ready:
            if not self._alarms:
                self._fail(RuntimeError("everybody waits, and nothing is due"))
                continue
            due, _, strand, waits = heapq.heappop(self._alarms)
            if strand.waits == waits and strand.asleep:
                self.elapsed = max(self.elapsed, due)
                self.wake(strand)
        return self._ready.popleft()


class Inbox(queue.Queue[Any]):
    """A queue whose reader waits in virtual time."""

    def __init__(self, time: VirtualTime) -> None:
        super().__init__()
        self._time = time
        self._filled = Signal(time)

    def put(self, item: Any, block: bool = True, timeout: Optional[float] = None) -> None:
        super().put(item, False)
        self._filled.notify()

    def get(self, block: bool = True, timeout: Optional[float] = None) -> Any:
        if block and self.empty():
            self._time.wait(timeout, self._filled)
        return super().get(False)


class Threading:
    """Of the module ``threading`` what the product uses, in virtual time."""

    def __init__(self, time: VirtualTime) -> None:
        self._time = time

    def Event(self) -> _Event:
        return _Event(self._time)

    def Lock(self) -> _Lock:
        return _Lock(self._time)

    def Thread(
        self, target: Callable[..., None], args: tuple[Any, ...], name: str, daemon: bool
    ) -> _Thread:
        return _Thread(self._time, lambda: target(*args), name)


class _Event:
    def __init__(self, time: VirtualTime) -> None:
        self._time = time
        self._changed = Signal(time)
        self._set = False

    def is_set(self) -> bool:
        return self._set

    def set(self) -> None:
        self._set = True
        self._changed.notify()

    def clear(self) -> None:
        self._set = False

    def wait(self, timeout: Optional[float] = None) -> bool:
        if not self._set:
            self._time.wait(timeout, self._changed)
        return self._set


class _Lock:
    def __init__(self, time: VirtualTime) -> None:
        self._time = time
        self._released = Signal(time)
        self._held = False

    def __enter__(self) -> None:
        while self._held:
            self._time.wait(None, self._released)
        self._held = True

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self._held = False
        self._released.notify()


class _Thread:
    def __init__(self, time: VirtualTime, target: Callable[[], None], name: str) -> None:
        self._time = time
        self._target = target
        self._name = name
        self._ended = Signal(time)
        self._over = False
        self.ident: Optional[int] = None

    def start(self) -> None:
        self.ident = 1
        self._time.spawn(self._main, self._name)

    def is_alive(self) -> bool:
        return self.ident is not None and not self._over

    def join(self, timeout: Optional[float] = None) -> None:
        if self.is_alive() and timeout != 0:
            self._time.wait(timeout, self._ended)

    def _main(self) -> None:
        try:
            self._target()
        finally:
            self._over = True
            self._ended.notify()
