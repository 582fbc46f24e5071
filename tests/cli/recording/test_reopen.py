"""SIGHUP after the file of ``--record`` was moved away: two recordings, each whole."""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agentctl.cli.recording.write import Recorder, RecordingFile
from agentctl.demo import DemoControlPlane
from agentctl.model import Delta, ErrorCode, Event, Item, Snapshot, Status, StreamError
from agentctl.recording import End, Header, Recorded, entries
from tests.cli.inprocess import call
from tests.cli.program import COMMAND, PATIENCE_S, Program, environment
from tests.fakes import FakeClock
from tests.fakes import Recorder as Sink
from tests.recording.told import at, beat, snapshot


def until(found: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while not (result := found()):
        assert time.monotonic() < deadline
        threading.Event().wait(0.02)
    return result


def lines_of(file: Path) -> list[dict[str, Any]]:
    """Those that are whole: it may be written meanwhile."""
    text = file.read_text() if file.exists() else ""
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def states_of(found: list[dict[str, Any]]) -> dict[str, str]:
    """What a reader of a whole recording knows at its end."""
    assert [one["type"] for one in found[:2]] == ["recording", "snapshot"]
    items = (item for one in found for item in one.get("items", one.get("changes", ())))
    return {item["component"]: item["status"] for item in items}


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[tuple[DemoControlPlane, tuple[str, ...]]]:
    with DemoControlPlane(script=False) as demo:
        path = tmp_path / "kubeconfig"
        path.write_text(demo.kubeconfig_text())
        yield demo, ("status", "watch", "--kubeconfig", str(path), "-o", "ndjson", "--record")


def test_a_file_that_was_moved_away_is_ended_and_a_new_one_begins_with_all_that_is_known(
    watch: tuple[DemoControlPlane, tuple[str, ...]], tmp_path: Path
) -> None:
    demo, words = watch
    file, moved = tmp_path / "r.ndjson", tmp_path / "r.ndjson.1"
    with Program(*words, str(file), home=tmp_path) as program:
        program.wait_lines(1)
        demo.plane.temporal_degrades()
        program.wait_for(lambda event: event["type"] == "delta")
        program.process.send_signal(signal.SIGHUP)  # nothing was moved: nothing is to be done
        file.rename(moved)
        program.process.send_signal(signal.SIGHUP)
        until(lambda: len(lines_of(file)) >= 2)
        old = lines_of(moved)
        assert old[-1].keys() == {"type", "offset_s"}  # it ended, and no exit code yet
        assert states_of(old) == states_of(lines_of(file))
        assert states_of(old)["runtime:temporal"] == "degraded"
        demo.plane.temporal_recovers()
        until(lambda: any(one["type"] == "delta" for one in lines_of(file)))
        code, _ = program.signal(signal.SIGTERM)
    assert code == 143
    assert lines_of(moved) == old
    new = lines_of(file)
    assert states_of(new)["runtime:temporal"] == "configured"
    assert new[-1]["exit_code"] == 143
    assert sum(event["type"] == "snapshot" for event in program.events) == 1
    for one in (moved, file):
        done = call("replay", str(one), "-o", "ndjson", home=tmp_path)
        assert (done.code, done.stderr) == (0, "")
    (tmp_path / "both").write_bytes(moved.read_bytes() + file.read_bytes())
    assert call("timeline", str(tmp_path / "both"), home=tmp_path).code == 0


@pytest.mark.skipif(shutil.which("setsid") is None, reason="setsid is not on PATH")
@pytest.mark.parametrize("ignored", [False, True])
def test_a_terminal_that_has_hung_up_ends_it_and_not_where_that_was_ignored(
    watch: tuple[DemoControlPlane, tuple[str, ...]], tmp_path: Path, ignored: bool
) -> None:
    _, words = watch
    file = tmp_path / "r.ndjson"
    master, slave = pty.openpty()
    before = "trap '' HUP; " if ignored else ""
    process = subprocess.Popen(
        ["setsid", "--ctty", "sh", "-c", f'{before}exec "$@"', "-", *COMMAND, *words, str(file)],
        stdin=slave,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment(tmp_path),
    )
    try:
        os.close(slave)
        until(lambda: len(lines_of(file)) >= 2)
        os.close(master)  # the kernel sends SIGHUP
        if ignored:
            file.unlink()
            process.send_signal(signal.SIGHUP)
            until(lambda: len(lines_of(file)) >= 2)
            process.terminate()
        assert process.wait(PATIENCE_S) == (143 if ignored else -signal.SIGHUP)
    finally:
        process.kill()
        process.wait()


class TestRecorder:
    """Without a process."""

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return tmp_path / "r"

    @pytest.fixture
    def told(self) -> list[str]:
        return []

    @pytest.fixture
    def recording(self, path: Path, told: list[str]) -> Iterator[Recorder]:
        clock = FakeClock()
        file = RecordingFile(str(path), False, 1)
        with Recorder(
            file, lambda: Header(clock.wall, "0.1.0", "kube", "agents"), clock, told.append
        ) as made:
            made.before(Sink())
            made.begin()
            yield made

    def events(self, path: Path) -> list[Event]:
        found = entries([path.read_bytes()])
        return [one.event for one in found if isinstance(one, Recorded)]

    def test_an_outage_that_goes_on_is_told_in_the_new_file_too(
        self, recording: Recorder, path: Path
    ) -> None:
        lost = StreamError(at(1), "refused", ErrorCode.DISCONNECTED, "pods", 1.0, "c")
        for event in (snapshot(0, "a=healthy").event, lost):
            recording.emit(event)
        path.rename(path.with_suffix(".1"))
        recording.reopen()
        first, second = self.events(path)
        assert isinstance(first, Snapshot)
        assert isinstance(second, StreamError)
        assert second.code is ErrorCode.DISCONNECTED
        recording.emit(beat(2).event)
        path.rename(path.with_suffix(".2"))
        recording.reopen()
        assert [one.type for one in self.events(path)] == ["snapshot"]

    def test_what_was_told_without_a_first_state_is_not_told_as_all_there_is(
        self, recording: Recorder, path: Path
    ) -> None:
        path.unlink()
        recording.reopen()
        assert self.events(path) == []
        recording.emit(Delta(at(1), (Item("a", "agents", Status.ERROR),), (), "c"))
        path.unlink()
        recording.reopen()
        assert [one.type for one in self.events(path)] == ["delta"]

    @pytest.mark.parametrize("in_the_way", ["directory", "file"])
    def test_where_no_new_file_can_be_it_goes_on_in_the_old_one(
        self, recording: Recorder, path: Path, told: list[str], in_the_way: str
    ) -> None:
        moved = path.with_suffix(".1")
        path.rename(moved)
        if in_the_way == "directory":
            path.mkdir()
        else:
            path.write_text("dear diary\n")
        recording.reopen()
        recording.emit(snapshot(0, "a=healthy").event)
        assert len(self.events(moved)) == 1
        assert len(told) == 1
        assert told[0].endswith("; it goes on in the file that was moved away")
        assert path.is_dir() or path.read_text() == "dear diary\n"

    def test_an_empty_file_is_taken_as_logrotate_makes_it(
        self, recording: Recorder, path: Path, told: list[str]
    ) -> None:
        path.rename(path.with_suffix(".1"))
        path.touch()
        recording.emit(snapshot(0, "a=healthy").event)
        recording.reopen()
        assert ([one.type for one in self.events(path)], told) == (["snapshot"], [])
        last = list(entries([path.with_suffix(".1").read_bytes()]))[-1]
        assert last == End(0.0, None)
