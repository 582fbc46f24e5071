"""When frames are drawn, and that the terminal is always given back."""

from __future__ import annotations

import os
import threading
from datetime import datetime, timezone
from typing import Optional

import pytest

from agentctl.clock import SystemClock
from agentctl.live import view as views
from agentctl.live.board import Board, Size
from agentctl.live.screen import GIVE_BACK, TAKE, Screen
from agentctl.live.view import LiveView
from agentctl.model import Heartbeat, Item, Snapshot, Status

AT = datetime(2026, 1, 30, tzinfo=timezone.utc)
STATE = Snapshot(AT, (Item("grpc", "agents", Status.HEALTHY),), "")


class FakeTerminal:
    def __init__(self) -> None:
        self.writes: list[str] = []
        self.now = Size(60, 5)
        self.ours = True
        self.stopped = False
        self.broken = False
        self.keys: Optional[int] = None
        self.modes: list[str] = []
        self._news = threading.Condition()

    def write(self, text: str) -> None:
        if self.broken:
            raise BrokenPipeError
        with self._news:
            self.writes.append(text)
            self._news.notify_all()

    def size(self) -> Size:
        return self.now

    def is_ours(self) -> bool:
        return self.ours

    def takes_more(self, patience_s: float) -> bool:
        return not self.stopped

    def take_keys(self) -> None:
        self.modes.append("cbreak")

    def give_keys_back(self) -> None:
        self.modes.append("as before")

    def typed(self, hung_up: bool) -> bytes:
        assert self.keys is not None
        return os.read(self.keys, 64)

    def until(self, text: str) -> None:
        """Wait for a write that has this in it."""
        with self._news:
            assert self._news.wait_for(lambda: any(text in one for one in self.writes), 10)

    @property
    def is_taken(self) -> bool:
        said = "".join(self.writes)
        return said.rfind(TAKE) > said.rfind(GIVE_BACK)


@pytest.fixture
def terminal() -> FakeTerminal:
    return FakeTerminal()


@pytest.fixture
def screen(terminal: FakeTerminal) -> Screen:
    return Screen(terminal)


class TestScreen:
    def test_each_line_is_erased_and_written_at_its_place(
        self, terminal: FakeTerminal, screen: Screen
    ) -> None:
        screen.draw(lambda size: ["one", "two"])
        screen.draw(lambda size: [f"{size.columns}"])
        assert terminal.writes == [
            TAKE + "\x1b[1H\x1b[2Kone\x1b[2H\x1b[2Ktwo",
            "\x1b[1H\x1b[2K60",
        ]

    def test_it_is_given_back_once_and_nothing_is_drawn_after(
        self, terminal: FakeTerminal, screen: Screen
    ) -> None:
        screen.draw(lambda size: ["one"])
        screen.close()
        screen.close()
        screen.draw(lambda size: ["two"])
        assert terminal.writes[1:] == [GIVE_BACK]

    def test_what_was_never_taken_is_not_given_back(
        self, terminal: FakeTerminal, screen: Screen
    ) -> None:
        screen.close()
        assert terminal.writes == []

    def test_a_pause(self, terminal: FakeTerminal, screen: Screen) -> None:
        screen.draw(lambda size: ["one"])
        screen.pause()
        screen.draw(lambda size: ["two"])
        assert not terminal.is_taken
        screen.resume()
        screen.draw(lambda size: ["three"])
        assert terminal.is_taken
        assert "two" not in "".join(terminal.writes)

    def test_a_job_in_the_background_draws_nothing(
        self, terminal: FakeTerminal, screen: Screen
    ) -> None:
        terminal.ours = False
        screen.draw(lambda size: ["one"])
        assert terminal.writes == []
        terminal.ours = True
        screen.draw(lambda size: ["one"])
        assert terminal.is_taken

    def test_a_terminal_that_is_stopped_holds_up_no_end(
        self, terminal: FakeTerminal, screen: Screen
    ) -> None:
        screen.draw(lambda size: ["one"])
        terminal.stopped = True
        screen.close()
        assert GIVE_BACK not in terminal.writes

    def test_a_frame_that_hangs_is_not_waited_for(
        self, terminal: FakeTerminal, screen: Screen
    ) -> None:
        drawing, go_on = threading.Event(), threading.Event()

        def frame(size: Size) -> list[str]:
            drawing.set()
            go_on.wait(10)
            return ["late"]

        screen.draw(lambda size: ["one"])
        thread = threading.Thread(target=screen.draw, args=(frame,))
        thread.start()
        drawing.wait(10)
        started = SystemClock().monotonic()
        screen.close()
        assert SystemClock().monotonic() - started < 5
        assert GIVE_BACK in terminal.writes
        go_on.set()
        thread.join()

    def test_it_may_be_paused_in_the_middle_of_a_frame_by_the_same_thread(
        self, terminal: FakeTerminal, screen: Screen
    ) -> None:
        """As a signal's handler does."""

        def frame(size: Size) -> list[str]:
            screen.pause()
            screen.resume()
            return ["one"]

        screen.draw(frame)
        assert terminal.is_taken


@pytest.fixture
def view(screen: Screen) -> LiveView:
    return LiveView(Board("agents", False), screen, SystemClock())


class TestView:
    def test_events_are_drawn(self, terminal: FakeTerminal, view: LiveView) -> None:
        view.start(pytest.fail, pytest.fail)
        terminal.until("waiting for the first state")
        view.emit(STATE)
        terminal.until("grpc")
        view.emit(Heartbeat(AT, ""))
        terminal.until("HEARTBEAT")
        view.close()
        assert terminal.writes[-1] == GIVE_BACK
        assert "grpc" in view.summary(80)[1]

    def test_ages_tick_without_any_event(
        self, terminal: FakeTerminal, view: LiveView, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(views, "TICK_S", 0.01)
        view.emit(STATE)
        view.start(pytest.fail, pytest.fail)
        terminal.until(">1s")
        view.close()

    def test_a_new_size_is_drawn_when_it_is_told(
        self, terminal: FakeTerminal, view: LiveView
    ) -> None:
        view.start(pytest.fail, pytest.fail)
        terminal.until("waiting")
        terminal.now = Size(10, 3)
        view.wake()
        terminal.until("\x1b[2Kwaiting f…")
        view.close()

    def test_a_burst_is_few_frames(self, terminal: FakeTerminal, view: LiveView) -> None:
        view.start(pytest.fail, pytest.fail)
        for _ in range(1000):
            view.emit(STATE)
        terminal.until("grpc")
        view.close()
        assert len(terminal.writes) < 100

    def test_what_drawing_raises_ends_the_run(self, terminal: FakeTerminal, view: LiveView) -> None:
        gave_up = threading.Event()
        terminal.broken = True
        view.start(gave_up.set, pytest.fail)
        assert gave_up.wait(10)
        with pytest.raises(BrokenPipeError):
            view.emit(STATE)
        with pytest.raises(BrokenPipeError):
            view.close()

    def test_a_key_quits_at_once_and_others_do_nothing(
        self, terminal: FakeTerminal, view: LiveView
    ) -> None:
        terminal.keys, keyboard = os.pipe()
        quitted = threading.Event()
        view.start(pytest.fail, quitted.set)
        terminal.until("waiting")
        os.write(keyboard, b"x\x1b[A")
        view.emit(STATE)
        terminal.until("grpc")
        assert not quitted.is_set()
        os.write(keyboard, b"q")
        assert quitted.wait(10)
        view.close()
        assert terminal.modes[0] == "cbreak"
        assert terminal.modes[-1] == "as before"
        os.close(keyboard)
        os.close(terminal.keys)

    def test_it_may_be_closed_before_it_has_begun(
        self, terminal: FakeTerminal, view: LiveView
    ) -> None:
        view.close()
        assert terminal.writes == []
