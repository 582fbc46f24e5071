"""``agentctl replay`` and ``timeline``: codes, what is told, signals and pipes."""

from __future__ import annotations

import errno
import gzip
import json
import math
import os
import signal
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

from agentctl.cli.recording.play import Pace
from agentctl.recording import MAX_LINE, Entry, Header, Recorded, end_line, event_line, header_line
from tests.cli.inprocess import call
from tests.cli.program import COMMAND, ENDED_S, PATIENCE_S, Program, environment, run
from tests.fakes import FakeClock
from tests.recording.told import beat, delta, end, header, snapshot


def written(*told: Entry) -> bytes:
    lines = []
    for entry in told:
        if isinstance(entry, Header):
            lines.append(header_line(entry))
        elif isinstance(entry, Recorded):
            lines.append(event_line(entry.offset_s or 0, entry.event))
    return b"".join(lines)


WHOLE = written(
    header(), snapshot(0, "a=healthy b=unknown"), delta(20, "a=error"), beat(30)
) + end_line(end(40))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "r.ndjson"
    path.write_bytes(WHOLE)
    return path


def test_damage_is_told_by_line_and_the_rest_is_played(file: Path) -> None:
    lines = WHOLE.splitlines(keepends=True)
    file.write_bytes(b"".join([*lines[:2], b"oops\n", *lines[2:]])[:-9])
    done = call("replay", str(file), home=file.parent)
    assert done.code == 1
    assert "UPDATE 2026-01-30T18:00:20Z a status=error" in done.stdout
    assert done.stderr == (
        f"agentctl: {file}:3: not JSON: Expecting value at character 1\n"
        f"agentctl: {file}:6: cut off after {len(lines[-1]) - 9} bytes\n"
        f"agentctl: {file}: damaged: 2 lines could not be read; all the others were\n"
    )


@pytest.mark.parametrize("command", ["replay", "timeline"])
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no recording: it is empty"),
        (b"dear diary\n", "no recording: nothing in it can be read as one"),
        (b'{"type":"rec', "no recording: nothing in it can be read as one"),
        (b"x\n" * 100_000, "no recording: nothing in it can be read as one"),
        (b"x" * (MAX_LINE + 10), "no recording: nothing in it can be read as one"),
    ],
    ids=["empty", "text", "torn", "lines", "one line"],
)
def test_what_is_no_recording(file: Path, command: str, content: bytes, said: str) -> None:
    file.write_bytes(content)
    done = call(command, str(file), home=file.parent)
    assert (done.code, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1] == f"agentctl: {file}: {said}"
    assert len(done.stderr.splitlines()) <= 11
    assert len(done.stderr) < 2000


@pytest.mark.parametrize("command", ["replay", "timeline"])
def test_what_cannot_be_opened_or_read(file: Path, command: str) -> None:
    for path, why in ((f"{file}.none", errno.ENOENT), (file.parent, errno.EISDIR)):
        done = call(command, str(path), home=file.parent)
        assert done.code == 2
        assert f"{path}: cannot be read: {os.strerror(why)}" in done.stderr


def test_a_recording_of_nothing(file: Path) -> None:
    file.write_bytes(written(header()))
    assert call("replay", str(file), home=file.parent) == (0, "", "")
    done = call("timeline", str(file), home=file.parent)
    assert (done.code, done.stderr) == (
        2,
        f"agentctl: {file}: it holds no events: nothing to draw\n",
    )


def test_gzip_and_components(file: Path) -> None:
    plain = call("replay", str(file), "--component", "a", home=file.parent)
    file.write_bytes(gzip.compress(WHOLE))
    assert call("replay", str(file), "--component", "a", home=file.parent) == plain
    assert "\na " in plain.stdout
    assert "\nb " not in plain.stdout
    done = call("replay", str(file), "--component", "zz", home=file.parent)
    assert (done.code, "no component matches" in done.stderr) == (2, True)


def test_stdin(file: Path) -> None:
    with file.open("rb") as stdin:
        done = run("replay", "-", "-o", "ndjson", home=file.parent, stdin=stdin)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 3


def test_a_reader_that_goes_away(file: Path) -> None:
    file.write_bytes(WHOLE + written(*[beat(second) for second in range(50, 20_000)]))
    process = subprocess.Popen(
        [*COMMAND, "replay", str(file)],
        env=environment(file.parent),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(PATIENCE_S) == 141
    assert process.stderr.read() == b""
    process.stderr.close()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_pause(file: Path, number: signal.Signals, code: int) -> None:
    with Program("replay", "--timed", "-o", "ndjson", str(file), home=file.parent) as program:
        program.wait_lines(1)
        ended, took = program.signal(number)
    assert (ended, program.stderr) == (code, "")
    assert len(program.lines) == 1
    assert took < ENDED_S


def test_a_file_that_is_still_being_written_is_played_as_it_comes(file: Path) -> None:
    fifo = file.parent / "fifo"
    os.mkfifo(fifo)
    play = Program("replay", "-o", "ndjson", str(fifo), home=file.parent)
    with play as program, fifo.open("wb", buffering=0) as out:
        out.write(b"".join(WHOLE.splitlines(keepends=True)[:2]))
        assert json.loads(program.wait_lines(1)[0])["type"] == "snapshot"
        ended, took = program.signal(signal.SIGINT)  # while it waits for more
    assert ended == 130
    assert took < ENDED_S


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "fast", "1e999", ""])
def test_a_speed_that_is_none(file: Path, value: str) -> None:
    done = call("replay", f"--speed={value}", str(file), home=file.parent)
    assert done.code == 2
    assert "--speed: expected a number over 0, as in 10 or 0.5, or max" in done.stderr


class Waits:
    """Waits that move a clock."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.waits: list[float] = []

    def __call__(self, seconds: float) -> bool:
        self.waits.append(round(seconds, 6))
        self.clock.advance(seconds)
        return False


@pytest.mark.parametrize(
    ("speed", "waits"), [(1.0, [2, 3]), (10.0, [0.2, 0.3]), (0.5, [4, 6]), (math.inf, [])]
)
def test_events_come_at_their_time(speed: float, waits: list[float]) -> None:
    wait = Waits()
    pace = Pace(wait.clock, speed, wait)
    assert all(pace.keep(at) for at in (5.0, 7.0, 7.0, 6.0, 10.0))
    assert wait.waits == waits


def test_time_that_output_took_is_no_pause_more() -> None:
    wait = Waits()
    pace = Pace(wait.clock, 1.0, wait)
    pace.keep(0)
    wait.clock.advance(1.5)
    pace.keep(2)
    assert wait.waits == [0.5]


def test_between_two_recordings_there_is_no_pause() -> None:
    wait = Waits()
    pace = Pace(wait.clock, 1.0, wait)
    pace.keep(5)
    pace.restart()
    assert pace.keep(900)
    assert wait.waits == []


def test_a_pause_of_years_ends_when_it_is_told_to() -> None:
    pace = Pace(FakeClock(), 1e-9, lambda seconds: True)
    assert pace.keep(0)
    assert not pace.keep(1e9)


def timeline(file: Path, *args: str, **extra: str) -> tuple[int, str, str]:
    return call("timeline", str(file), *args, home=file.parent, extra=extra)


def test_a_timeline_as_json(file: Path) -> None:
    code, out, _ = timeline(file, "-o", "json")
    found = json.loads(out)
    assert code == 0
    assert (found["from"], found["to"]) == ("2026-01-30T18:00:00Z", "2026-01-30T18:00:40Z")
    (first, second) = found["components"]
    assert (first["availability_percent"], first["transitions"]) == (50.0, 1)
    assert second["availability_percent"] is None
    assert first["spans"][1] == {
        "from": "2026-01-30T18:00:20Z",
        "to": "2026-01-30T18:00:40Z",
        "from_s": 20.0,
        "to_s": 40.0,
        "status": "error",
        "message": "",
    }


def test_blocks_only_with_colour_and_utf_8(file: Path) -> None:
    for args, extra, blocks, color in (
        ((), {"LANG": "C.UTF-8"}, False, False),
        (("--color", "always"), {"LANG": "C.UTF-8"}, True, True),
        (("--color", "always"), {"LANG": "C.UTF-8", "LC_ALL": "C"}, False, True),
        (("--color", "always"), {}, False, True),
        (("--color", "never"), {"LANG": "en_US.utf8"}, False, False),
    ):
        _, out, _ = timeline(file, *args, **extra)
        assert ("\u2588" in out, "\x1b[" in out) == (blocks, color)


def test_the_width_of_the_picture(file: Path) -> None:
    for args, extra, width in (
        ((), {}, 80),
        ((), {"COLUMNS": "120"}, 120),
        (("--width", "100"), {"COLUMNS": "120"}, 100),
        ((), {"COLUMNS": "wide"}, 80),
    ):
        _, out, _ = timeline(file, *args, **extra)
        assert len(out.splitlines()[3]) == width
    assert timeline(file, "--width", "5")[0] == 2


def test_the_svg_is_written_whole(file: Path) -> None:
    out = file.parent / "out.svg"
    out.write_text("old")
    code, picture, _ = timeline(file, "--svg", str(out))
    assert (code, picture.startswith("2026-01-30 18:00:00 to 18:00:40 UTC")) == (0, True)
    ElementTree.parse(out)
    assert sorted(one.name for one in file.parent.iterdir()) == ["out.svg", "r.ndjson", "stdout"]
    code, text, _ = timeline(file, "--svg", "-")
    assert (code, text) == (0, out.read_text())


def test_an_svg_that_cannot_be_written(file: Path) -> None:
    link = file.parent / "link"
    link.symlink_to(file)
    for out, why in (
        (f"{file.parent}/none/x.svg", "cannot write"),
        (str(file.parent), "not a regular file"),
        ("/dev/null", "not a regular file"),
        (str(file), "is the recording itself"),
        (str(link), "is the recording itself"),
    ):
        code, _, err = timeline(file, "--svg", out)
        assert (code, why in err) == (2, True), err
    assert file.read_bytes() == WHOLE
    assert sorted(one.name for one in file.parent.iterdir()) == ["link", "r.ndjson", "stdout"]


def test_a_timeline_of_a_damaged_recording_says_so(file: Path) -> None:
    file.write_bytes(WHOLE[:-9])
    code, out, err = timeline(file)
    assert (code, "a " in out) == (1, True)
    assert "1 line could not be read" in err


def test_a_component_that_is_not_there(file: Path) -> None:
    assert timeline(file, "--component", "a")[1].count("\n") == 6
    code, _, err = timeline(file, "--component", "zz")
    assert (code, err) == (2, "agentctl: no component matches --component zz\n")
