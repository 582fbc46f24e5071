"""Nobody reads what is printed: it goes on, ends in time, and says what was not written."""

from __future__ import annotations

import array
import fcntl
import io
import json
import os
import re
import signal
import subprocess
import termios
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import ExitStack
from functools import reduce
from pathlib import Path

import pytest

from agentctl.cli.host import fd_output, output_thread
from agentctl.cli.host.fd_output import FdErrors, FdOutput
from agentctl.cli.host.output_thread import OutputThread, Texts, write_at_once
from agentctl.cli.host.process import Process
from agentctl.cli.host.time_limit import TimeLimit
from agentctl.cli.main import main
from agentctl.cli.output.outputs import StreamOutput
from agentctl.clock import SystemClock
from agentctl.demo import DemoControlPlane
from agentctl.engine.stream import EventStream
from agentctl.errors import ExitCode
from agentctl.model import Item, ItemKey, Status, StreamError, fold
from agentctl.renderers import Style
from tests.cli.inprocess import Done, until_timeout
from tests.cli.program import COMMAND, environment
from tests.cli.unread import Reader, UnreadPipe
from tests.fakes import event_in

LEFT = "agentctl: nobody reads the output: "
OLD = '{"type":"heartbeat","generated_at":"2026-01-30T18:15:00Z","cursor":""}\n'


WELL = ("--until", "healthy")

CASES = {
    "one shot": (("status",), 0),
    "one shot, as JSON": (("diagnose", "-o", "json"), 0),
    "plugin": (("status", "-o", "nagios"), 0),
    "plugin that fails": (("status", "-o", "nagios", "-n", "NO"), 3),
    "textfile": (("status", "-o", "prom"), 0),
    "--until": (("status", "watch", *WELL), 0),
    "--until, diagnosed": (("diagnose", "--watch", *WELL, "-o", "ndjson"), 0),
    "--fail-on": (("status", "watch", "--fail-on", "healthy"), 1),
    "not in time": (("status", "watch", "--until", "error", "--timeout"), 1),
    "demo": (("demo", "--no-script", *WELL), 0),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("unread")


@pytest.fixture(scope="module")
def env(folder: Path) -> Iterator[dict[str, str]]:
    with DemoControlPlane(script=False) as demo:
        kubeconfig = folder / "kubeconfig"
        kubeconfig.write_text(demo.kubeconfig_text())
        yield environment(folder, {"KUBECONFIG": str(kubeconfig)})


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The times are another test's."""
    monkeypatch.setattr(fd_output, "PATIENCE_S", 0.05)
    monkeypatch.setattr(TimeLimit, "end_patience_s", lambda limit: 0.05)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(("args", "code"), CASES.values(), ids=CASES)
def test_it_ends_with_the_code_that_it_would_have_had(
    args: tuple[str, ...], code: int, env: dict[str, str]
) -> None:
    def run(*more: str) -> Done:
        stderr = io.StringIO()
        with UnreadPipe() as pipe:
            ended = main([*args, *more], Process(env, FdOutput(pipe.end), stderr))
        return Done(ended, "", stderr.getvalue())

    done = until_timeout(run) if "--timeout" in args else run()
    assert done.code == code
    (told,) = [line for line in done.stderr.splitlines() if line.startswith(LEFT)]
    assert re.fullmatch(r"\d+ (event|events|bytes) not written", told.removeprefix(LEFT))


@pytest.mark.usefixtures("impatient")
def test_a_log_in_the_same_pipe_keeps_nobody(env: dict[str, str]) -> None:
    args = ("status", "watch", *WELL, "--debug")
    with UnreadPipe() as pipe:
        stderr = FdErrors(pipe.end)
        assert main(args, Process(env, FdOutput(pipe.end), stderr)) == 0
        stderr.close()


@pytest.mark.usefixtures("impatient")
def test_a_recording_goes_on_meanwhile(folder: Path, env: dict[str, str]) -> None:
    kept = folder / "recording"
    flags = ("--stable-for", "1s", "--heartbeat", "200ms", "--record", str(kept))
    with UnreadPipe() as pipe:
        args = ("status", "watch", *WELL, *flags)
        assert main(args, Process(env, FdOutput(pipe.end), io.StringIO())) == 0
    lines = [json.loads(line) for line in kept.read_text().splitlines()]
    kinds = [line["type"] for line in lines if "generated_at" in line]
    assert kinds[0] == "snapshot"
    assert "heartbeat" in kinds
    assert lines[-1]["exit_code"] == 0


@pytest.mark.parametrize(
    ("command", "number"),
    [
        (("status", "watch"), signal.SIGINT),
        (("status", "watch"), signal.SIGTERM),
        (("replay", "-"), signal.SIGTERM),
    ],
)
def test_a_signal_ends_it(number: signal.Signals, command: tuple[str, ...], tmp_path: Path) -> None:
    with ExitStack() as stack:
        pipe = stack.enter_context(UnreadPipe())
        demo = stack.enter_context(DemoControlPlane(script=False))
        (tmp_path / "kubeconfig").write_text(demo.kubeconfig_text())
        process = stack.enter_context(
            subprocess.Popen(
                [*COMMAND, *command],
                env=environment(tmp_path, {"KUBECONFIG": str(tmp_path / "kubeconfig")}),
                stdin=subprocess.PIPE,
                stdout=pipe.end,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        assert process.stdin is not None
        if command[0] == "replay":
            process.stdin.write(OLD * 2)
            process.stdin.flush()
            until_read(process.stdin.fileno())
        else:
            assert demo.double.streams.wait_for(1, "leases", 20)
        process.send_signal(number)
        process.communicate(timeout=60)
    assert process.returncode == 128 + number


def until_read(fd: int) -> None:
    """Wait until the other end of a pipe has taken all."""
    left = array.array("i", [1])
    while left[0]:
        fcntl.ioctl(fd, termios.FIONREAD, left)
        time.sleep(0.01)


@pytest.mark.parametrize(
    "args",
    [
        ("schema",),
        ("--help",),
        ("version",),
        ("catalog", "show"),
        ("completion", "bash"),
        ("config", "view"),
        ("config", "path"),
        ("timeline", "old"),
        ("auth", "can-watch"),
    ],
    ids=" ".join,
)
@pytest.mark.usefixtures("impatient")
def test_a_command_that_prints_once_gives_up(
    args: tuple[str, ...], tmp_path: Path, env: dict[str, str]
) -> None:
    (tmp_path / "old").write_text(OLD * 2)
    args = tuple(str(tmp_path / "old") if arg == "old" else arg for arg in args)
    stderr = io.StringIO()
    with UnreadPipe() as pipe:
        assert main(args, Process(env, FdOutput(pipe.end), stderr)) == ExitCode.OK
    assert stderr.getvalue().startswith(LEFT)


def test_who_reads_slowly_gets_all_of_it() -> None:
    text = "".join(f"{number}\n" for number in range(20_000))
    with UnreadPipe(full=False) as pipe, Reader(pipe) as reader:
        out = FdOutput(pipe.end)
        out.write(text)
    assert reader.text == text
    assert not out.lost


def test_one_that_reads_again_is_told_the_truth_and_what_was_merged() -> None:
    """Much more than a megabyte of changes, and a reader that comes late."""
    items = [Item(f"component-{n}", "agents", Status.HEALTHY, "x" * 300) for n in range(20)]
    state = {item.key: item for item in items}
    with UnreadPipe(full=False) as pipe:
        process = Process({}, FdOutput(pipe.end), io.StringIO())
        out = StreamOutput("ndjson", Style(), process, lambda: 20.0)
        stream = EventStream(out, SystemClock(), b"scope")
        with Reader(pipe, at_once=False) as reader, out.shown(pytest.fail):
            stream.begin(items, {})
            for number in range(1500):
                key = items[number % 20].key
                state.pop(key, None)
                if number % 7:
                    state[key] = Item(key.component, "agents", Status.ERROR, f"{number} " * 180)
                stream.publish(list(state.values()), {})
                stream.beat([])
            reader.begin()
            stream.publish(items, {})
    events = [event_in(line) for line in reader.text.splitlines()]
    assert events[0].type == "snapshot"
    (told,) = [event for event in events if isinstance(event, StreamError)]
    assert "deltas were merged" in told.message
    empty: dict[ItemKey, Item] = {}
    assert reduce(fold, events, empty) == {item.key: item for item in items}
    assert len(reader.text) < 2 << 20
    assert not process.stdout.lost


def test_the_flags_of_a_shared_stdout_stay_as_they_are() -> None:
    with UnreadPipe() as pipe:
        before = fcntl.fcntl(pipe.end, fcntl.F_GETFL)
        FdOutput(pipe.end).write_within("x", 0.01)
        assert fcntl.fcntl(pipe.end, fcntl.F_GETFL) == before


def test_it_takes_no_thread_to_write_what_is_read() -> None:
    """Where the kernel can say that it would have to wait."""
    with UnreadPipe(full=False, size=1 << 16) as pipe:
        if write_at_once(pipe.end, memoryview(b"")) is None:
            pytest.skip("this kernel cannot write to a pipe without a wait")
        thread = OutputThread(pipe.end, Texts(), str)
        for number in range(10):
            thread.put(f"{number}\n")
            assert "stdout" not in [running.name for running in threading.enumerate()]
        assert thread.end(0)


def test_a_log_that_nobody_reads_is_bounded_and_says_what_it_left_out() -> None:
    with UnreadPipe(full=False) as pipe:
        errors = FdErrors(pipe.end)
        for number in range(50_000):
            errors.write(f"line {number} {'x' * 100}\n")
        with Reader(pipe) as reader:
            while "stderr" in [running.name for running in threading.enumerate()]:
                errors.close()
    assert len(reader.text) < 2 << 20
    assert re.search(r"^agentctl: \d+ lines were left out", reader.text, re.MULTILINE)


def test_a_log_that_cannot_be_written_keeps_nothing_of_who_goes_on_to_write() -> None:
    """An error that is raised again and again keeps every frame that it has passed."""
    reader, writer = os.pipe()
    os.close(reader)
    errors = FdErrors(writer)

    def write() -> weakref.ref[Item]:
        held = Item("a", "agents", Status.HEALTHY)
        errors.write("a line\n")
        return weakref.ref(held)

    write()
    errors.flush()
    assert [write()() for _ in range(3)] == [None] * 3
    errors.close()
    os.close(writer)


def test_a_host_that_gives_no_thread_still_gets_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    monkeypatch.setattr(output_thread, "write_at_once", lambda fd, data: None)
    with UnreadPipe(full=False) as pipe:
        FdErrors(pipe.end).write("a line\n")
        FdOutput(pipe.end).write("another\n")
        assert pipe.rest() == b"a line\nanother\n"
