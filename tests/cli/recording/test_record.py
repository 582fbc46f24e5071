"""``--record``: what is in the file is what was shown, and the watch outlives the file."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shlex
import signal
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentctl.cli.recording.write import Recorder, RecordingFile
from agentctl.demo import DemoControlPlane
from agentctl.recording import Header, Recorded, entries
from tests.cli.inprocess import Done, call
from tests.cli.program import COMMAND, Program, environment, run
from tests.fakes import FakeClock
from tests.fakes import Recorder as Sink
from tests.recording.told import beat, snapshot

UNTIL = ("--until", "healthy", "--timeout", "15s")
"""Ends a watch as soon as it has something to show, however busy the machine is."""


@pytest.fixture
def demo() -> Iterator[DemoControlPlane]:
    with DemoControlPlane(script=False) as demo:
        yield demo


@pytest.fixture
def watch(demo: DemoControlPlane, tmp_path: Path) -> tuple[str, ...]:
    path = tmp_path / "kubeconfig"
    path.write_text(demo.kubeconfig_text())
    return ("status", "watch", "--kubeconfig", str(path), "--heartbeat", "20ms")


def refused(*args: str, home: Path) -> str:
    """What is said to a watch that never begins."""
    done = call("status", "watch", "--kubeconfig", str(home / "none"), *args, home=home)
    assert (done.code, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    return done.stderr.removeprefix("agentctl: ").rstrip("\n")


def replay(file: Path, *args: str) -> Done:
    return call("replay", str(file), *args, home=file.parent)


def test_a_replay_gives_the_bytes_that_the_watch_gave(
    demo: DemoControlPlane, watch: tuple[str, ...], tmp_path: Path
) -> None:
    file = tmp_path / "r.ndjson"
    with Program(*watch, "-o", "ndjson", "--record", str(file), home=tmp_path) as program:
        program.wait_lines(2)
        demo.plane.temporal_degrades()
        program.wait_for(lambda event: event["type"] == "delta")
        code, _ = program.signal(signal.SIGINT)
    assert code == 130
    assert replay(file, "-o", "ndjson") == (0, "".join(f"{one}\n" for one in program.lines), "")
    first, *_, last = file.read_text().splitlines()
    assert json.loads(first)["heartbeat_s"] == 0.02
    assert json.loads(last)["exit_code"] == 130
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("output", ["table", "json"])
def test_so_does_any_output(watch: tuple[str, ...], tmp_path: Path, output: str) -> None:
    file = tmp_path / "r.ndjson"
    stable = ("--stable-for", "200ms")
    live = call(*watch, *UNTIL, *stable, "-o", output, "--record", str(file), home=tmp_path)
    assert live.code == 0
    assert replay(file, "-o", output) == (0, live.stdout, "")


def test_after_kill_9_all_that_was_shown_is_there(watch: tuple[str, ...], tmp_path: Path) -> None:
    file = tmp_path / "r.ndjson"
    with Program(*watch, "-o", "ndjson", "--record", str(file), home=tmp_path) as program:
        program.wait_lines(10)
        program.process.kill()
        assert program.wait() == -signal.SIGKILL
    done = replay(file, "-o", "ndjson")
    shown = [line for line in program.lines if line.endswith("}")]
    assert done.stdout.splitlines()[: len(shown)] == shown
    assert done.code == (1 if "cut off" in done.stderr else 0)


def test_a_full_disk_ends_the_recording_and_not_the_watch(
    watch: tuple[str, ...], tmp_path: Path
) -> None:
    file = tmp_path / "r.ndjson"
    flags = (*UNTIL, "--stable-for", "1s", "-o", "ndjson", "--record", str(file))
    line = shlex.join([*COMMAND, *watch, *flags])
    done = subprocess.run(
        ["bash", "-c", f"ulimit -f 4; exec {line}"],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0
    assert done.stderr.splitlines()[:-1] == [  # the last is the verdict's
        f"agentctl: recording to {file} has ended: File too large; "
        "what it holds is whole, and the watch goes on"
    ]
    again = replay(file, "-o", "ndjson")
    assert (again.code, again.stderr) == (0, "")
    assert done.stdout.startswith(again.stdout)
    assert len(done.stdout) > len(again.stdout) > 1000


def test_an_existing_file_is_refused_or_added_to(watch: tuple[str, ...], tmp_path: Path) -> None:
    file = tmp_path / "r.ndjson"
    record = (*watch, *UNTIL, "-o", "ndjson", "--record", str(file))
    first = call(*record, home=tmp_path)
    before = file.read_bytes()
    again = call(*record, home=tmp_path)
    assert (again.code, again.stdout) == (2, "")
    assert again.stderr == (
        f"agentctl: {file} exists: record to another file, or add to it with --record-append\n"
    )
    assert file.read_bytes() == before
    second = call(*record, "--record-append", home=tmp_path)
    assert second.code == 0
    assert file.read_bytes().startswith(before)
    assert replay(file, "-o", "ndjson").stdout == first.stdout + second.stdout


def test_what_is_added_to_a_torn_line_is_whole(watch: tuple[str, ...], tmp_path: Path) -> None:
    file = tmp_path / "r.ndjson"
    file.write_bytes(b'{"type":"recording","form')
    flags = ("-o", "ndjson", "--record", str(file), "--record-append")
    added = call(*watch, *UNTIL, *flags, home=tmp_path)
    done = replay(file, "-o", "ndjson")
    assert (done.code, done.stdout) == (1, added.stdout)
    assert f"{file}:1: not JSON" in done.stderr


def test_a_file_that_is_empty_can_be_recorded_to(watch: tuple[str, ...], tmp_path: Path) -> None:
    file = tmp_path / "mktemp"
    file.touch()
    file.chmod(0o640)
    done = call(*watch, *UNTIL, "--record", str(file), home=tmp_path)
    assert done.code == 0
    assert replay(file).stdout == done.stdout
    assert stat.S_IMODE(file.stat().st_mode) == 0o640  # its owner's decision


def test_a_link_is_followed_and_stays_one(watch: tuple[str, ...], tmp_path: Path) -> None:
    link, real = tmp_path / "link", tmp_path / "real"
    link.symlink_to(real)
    for more in ((), ("--record-append",)):  # it leads to nothing, then to a recording
        done = call(*watch, *UNTIL, "--record", str(link), *more, home=tmp_path)
        assert done.code == 0, done.stderr
        assert link.is_symlink()
        assert stat.S_IMODE(real.stat().st_mode) == (0o640 if more else 0o600)
        real.chmod(0o640)
    assert replay(real).code == 0


def test_a_watch_that_never_begins_leaves_no_file(tmp_path: Path) -> None:
    file = tmp_path / "r.ndjson"
    assert "none" in refused("--record", str(file), home=tmp_path)
    assert not file.exists()


def test_a_directory_that_is_missing(tmp_path: Path) -> None:
    said = refused("--record", f"{tmp_path}/none/r.ndjson", home=tmp_path)
    assert said == (
        f"cannot record to {tmp_path}/none/r.ndjson: No such file or directory; "
        "give --record a file in a directory that exists and can be written"
    )


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    assert os.strerror(errno.EISDIR) in refused("--record", str(tmp_path), home=tmp_path)


def test_a_fifo_would_make_the_watch_wait(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    said = refused("--record", str(tmp_path / "fifo"), home=tmp_path)
    assert "not a regular file; for a pipe use '-o ndjson'" in said


def test_a_device_is_refused(tmp_path: Path) -> None:
    assert "not a regular file" in refused("--record", "/dev/null", home=tmp_path)


def test_the_output_itself_is_refused(tmp_path: Path) -> None:
    said = refused("--record", str(tmp_path / "stdout"), home=tmp_path)
    assert said.endswith("the output goes there")


def test_something_else_is_not_added_to(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("dear diary\n")
    said = refused("--record", str(file), "--record-append", home=tmp_path)
    assert said == f"cannot add to {file}: it is no recording"
    assert file.read_text() == "dear diary\n"


def test_two_do_not_record_to_one_file(tmp_path: Path) -> None:
    file = tmp_path / "r.ndjson"
    with file.open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        said = refused("--record", str(file), "--record-append", home=tmp_path)
    assert said == f"another agentctl is recording to {file}"


def test_record_append_alone_means_nothing(tmp_path: Path) -> None:
    said = refused("--record-append", home=tmp_path)
    assert said == "--record-append says how to --record FILE: give --record too"


def test_one_shot_is_no_watch(tmp_path: Path) -> None:
    done = call("status", "--record", "r", home=tmp_path)
    assert done.code == 2
    assert "--record needs a stream: agentctl status watch --record" in done.stderr


def test_the_demo_is_recorded_too(tmp_path: Path) -> None:
    file = tmp_path / "r.ndjson"
    live = call("demo", *UNTIL, "--record", str(file), home=tmp_path)
    assert live.code == 0
    assert replay(file).stdout == live.stdout


def test_no_token_gets_into_a_recording(tmp_path: Path) -> None:
    file = tmp_path / "r.ndjson"
    done = run(
        *("status", "watch", "--transport", "sse", "--server", "http://127.0.0.1:1"),
        *("--token", "s3cr3t-value", "--no-retry", "--record", str(file)),
        home=tmp_path,
    )
    assert done.returncode == 5
    assert "s3cr3t" not in file.read_text()
    assert "127.0.0.1" not in file.read_text().splitlines()[0]


HEADER = Header(FakeClock().wall, "0.1.0", "kube", "agents")


def test_offsets_do_not_follow_the_wall_clock(tmp_path: Path) -> None:
    clock, sink = FakeClock(), Sink()
    file = RecordingFile(str(tmp_path / "r"), False, 1)
    with Recorder(file, lambda: HEADER, clock, pytest.fail) as recording:
        outlet = recording.before(sink)
        recording.begin()
        for event in (snapshot(0, "a=healthy").event, beat(30).event):
            clock.advance(1.5)
            clock.wall = clock.wall.replace(year=1999)
            outlet.emit(event)
    found = list(entries([(tmp_path / "r").read_bytes()]))
    assert [one.offset_s for one in found if isinstance(one, Recorded)] == [1.5, 3.0]
    assert [one.event for one in found if isinstance(one, Recorded)] == sink.events


def test_half_a_line_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = RecordingFile(str(tmp_path / "r"), False, 1)
    file.append(b"whole\n")
    write, calls = os.write, []

    def short(fd: int, data: bytes) -> int:
        calls.append(fd)
        if len(calls) > 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(fd, data[:3])

    monkeypatch.setattr(os, "write", short)
    with pytest.raises(OSError, match="No space left"):
        file.append(b"half\n")
    file.close()
    assert (tmp_path / "r").read_bytes() == b"whole\n"
