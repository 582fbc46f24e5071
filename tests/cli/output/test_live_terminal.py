"""``--live`` in a real terminal: drawn, resized, stopped, ended; and plain output elsewhere."""

from __future__ import annotations

import os
import pty
import re
import sys
import termios
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Optional

import pytest

from agentctl.cli.host.keys import Keys
from agentctl.cli.host.process import FdOutput, Process
from agentctl.cli.output.live import LiveOutput
from agentctl.demo import DemoControlPlane
from agentctl.live.board import Board
from agentctl.live.screen import GIVE_BACK, TAKE
from tests.cli.inprocess import call
from tests.cli.program import run
from tests.cli.tmux import TMUX, Tmux

GIVEN_BACK = {"cursor_flag": True, "alternate_on": False, "wrap_flag": True}
TAKEN = {"cursor_flag": False, "alternate_on": True, "wrap_flag": False}
DEMO = "agentctl demo --no-script --live 2>/dev/null"


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Tmux]:
    if TMUX is None:
        pytest.skip("tmux is not on PATH")
    with Tmux(tmp_path, 100, 16) as terminal:
        yield terminal


def age(lines: list[str]) -> int:
    found = next(re.search(r"^grpc .*>(\d+)s", line) for line in lines if line.startswith("grpc"))
    assert found
    return int(found[1])


def test_drawn_ticking_resized_and_ended(terminal: Tmux) -> None:
    terminal.type("echo before")
    terminal.type(f"./{DEMO} --heartbeat 1s; echo code $?")
    lines = terminal.until_shown("grpc")
    assert terminal.flags == TAKEN
    assert lines[0].startswith("agents: 7 healthy, 2 configured, 1 unknown")
    assert lines[1].split()[:2] == ["COMPONENT", "NAMESPACE"]
    before = age(lines)
    terminal.until(lambda lines: age(lines) > before + 1)

    terminal.resize(48, 7)
    lines = terminal.until(lambda lines: len(lines) == 7 and "more:" in lines[5])
    assert lines[0].startswith("agents: 7 healthy")
    assert lines[1].startswith("COMPONENT")
    names = [line.split()[0] for line in lines[2:5]]
    assert names == ["runtime:custom", "namespace", "agents-controller"]

    terminal.resize(140, 15)
    lines = terminal.until(lambda lines: len(lines) == 15 and lines[11].startswith("grpc"))
    assert lines[11].endswith("agents-grpc.agents.svc.cluster.local:50051")
    terminal.until(lambda lines: lines[-1].startswith("HEARTBEAT"))

    terminal.press("C-c")
    lines = terminal.until_shown("code 130")
    assert terminal.flags == GIVEN_BACK
    assert "before" in lines
    assert sum(line.startswith("grpc") for line in lines) == 1  # left to read


SCRIPT = """\
trap : INT
stty -g > before
sh -c 'echo $$ > pid; exec ./agentctl demo --no-script --live "$@" 2>/dev/null' - "$@"
code=$?
stty -g > after
echo code $code
"""
"""Of a shell that is not interactive: one that is would mend the terminal's modes itself."""


@pytest.mark.parametrize(
    ("end", "flags", "code"),
    [
        ("kill -TERM", "", 143),
        ("kill -HUP", "", 129),
        ("kill -QUIT", "", 131),
        ("C-c", "", 130),
        ("q", "", 0),
        ("q", "--until error", 1),
        ("", "--until healthy --stable-for 1s", 0),
    ],
)
def test_however_it_ends_the_terminal_is_given_back(
    terminal: Tmux, end: str, flags: str, code: int
) -> None:
    (terminal.home / "script").write_text(SCRIPT)
    terminal.type(f"ulimit -c 0; sh script {flags}")
    if end:
        terminal.until_shown("grpc")
        assert terminal.flags == TAKEN
        assert "-icanon" in terminal.modes
    if end.startswith("kill"):
        terminal.aside(f"{end} {(terminal.home / 'pid').read_text()}")
    elif end:
        terminal.press(end)
    terminal.until_shown(f"code {code}")
    assert terminal.flags == GIVEN_BACK
    assert (terminal.home / "after").read_text() == (terminal.home / "before").read_text()


def test_an_outage_is_told_whole_and_it_says_that_it_is_not_live(terminal: Tmux) -> None:
    with DemoControlPlane(script=False) as demo:
        (terminal.home / "kubeconfig").write_text(demo.kubeconfig_text())
        watch = "./agentctl status watch --live --kubeconfig kubeconfig --heartbeat 1s"
        terminal.resize(80, 24)
        terminal.type(f"{watch}; echo code $?")
        terminal.until(lambda lines: lines[-1].startswith("HEARTBEAT"))
    for columns in (80, 60, 40):
        terminal.resize(columns, 24)
        lines = terminal.until(
            lambda lines: (
                "connection refused; is the server running, is the port right?" in " ".join(lines)
                and lines[0].startswith("agents: NOT LIVE for ")
            )
        )
        assert any(re.match(r"ERROR \d+s ago  namespaces and \d more ", line) for line in lines)
    terminal.press("q")
    terminal.until_shown("code 0")


def test_where_stdin_is_no_terminal_there_are_no_keys(terminal: Tmux) -> None:
    terminal.type(f"./{DEMO} < /dev/null; echo code $?")
    lines = terminal.until_shown("grpc")
    terminal.press("q")
    before = age(lines)
    terminal.until(lambda lines: age(lines) > before)
    assert "-icanon" not in terminal.modes
    terminal.press("C-c")
    terminal.until_shown("code 130")


def test_stopped_and_continued(terminal: Tmux) -> None:
    terminal.type(f"./{DEMO}")
    terminal.until_shown("grpc")
    terminal.press("C-z")
    terminal.until_shown("Stopped")
    assert terminal.flags == GIVEN_BACK
    terminal.type("fg")
    terminal.until(lambda lines: lines[0].startswith("agents: 7 healthy"))
    assert terminal.flags == TAKEN
    assert "-icanon" in terminal.modes
    terminal.press("C-z")
    terminal.until_shown("Stopped")
    terminal.type("bg")
    terminal.type("sleep 1.5; echo nothing was drawn")
    lines = terminal.until(lambda lines: "nothing was drawn" in lines)
    assert terminal.flags == GIVEN_BACK
    assert not any(line.startswith("grpc") for line in lines)
    terminal.type("fg")
    terminal.until(lambda lines: lines[0].startswith("agents: 7 healthy"))
    terminal.press("q")
    terminal.until(lambda lines: "$" in lines)  # what is typed before that, it may read
    terminal.type("echo over")
    terminal.until(lambda lines: "over" in lines)
    assert terminal.flags == GIVEN_BACK


def test_a_terminal_that_can_do_no_more_than_lines_gets_lines(terminal: Tmux) -> None:
    terminal.type("TERM=dumb ./agentctl demo --no-script --live --until healthy; echo over")
    lines = terminal.until(lambda lines: "over" in lines)
    assert "---" in lines
    assert terminal.flags == GIVEN_BACK


@pytest.fixture
def ends() -> Iterator[tuple[int, int]]:
    """The two ends of a terminal; the first one is the test's to close if it likes."""
    master, slave = pty.openpty()
    yield master, slave
    for fd in (master, slave):
        with suppress(OSError):
            os.close(fd)


def output(slave: int, keys: Optional[Keys] = None) -> LiveOutput:
    keys = keys or Keys(slave)
    process = Process({"TERM": "xterm"}, FdOutput(slave), sys.stderr, keys=keys)
    return LiveOutput(Board("agents", False), process, 0)


def test_who_asks_the_user_something_has_the_screen_and_the_modes_for_it(
    ends: tuple[int, int],
) -> None:
    master, slave = ends
    modes, keys = termios.tcgetattr(slave), Keys(slave)
    said = ""

    def until(text: str) -> None:
        nonlocal said
        while text not in said:
            said += os.read(master, 4096).decode()

    with output(slave, keys).shown(pytest.fail):
        until("waiting for the first state")
        keys.told()  # by somebody who asks nothing
        with keys.lent(), keys.lent():
            keys.told()
            os.write(slave, b"Code: ")
            assert termios.tcgetattr(slave) == modes
            until("Code: ")
            assert said.count(GIVE_BACK) == 1
            assert said.index(GIVE_BACK) < said.index("Code: ")
        said = said.partition("Code: ")[2]
        until(TAKE)


def test_a_fault_of_ours_gives_it_back_too(ends: tuple[int, int]) -> None:
    master, slave = ends
    modes = termios.tcgetattr(slave)

    def fault() -> None:
        with output(slave).shown(pytest.fail):
            said = ""
            while "waiting for the first state" not in said:
                said += os.read(master, 4096).decode()
            assert said.startswith(TAKE)
            assert termios.tcgetattr(slave) != modes
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fault()
    assert os.read(master, 4096).decode() == GIVE_BACK
    assert termios.tcgetattr(slave) == modes


def test_somebody_hangs_up(ends: tuple[int, int]) -> None:
    master, slave = ends
    gave_up = threading.Event()

    def hang_up() -> None:
        with output(slave).shown(lambda code: gave_up.set()):
            os.close(master)
            assert gave_up.wait(10)

    with pytest.raises(BrokenPipeError):
        hang_up()


def test_a_pipe_gets_the_same_as_without_it(tmp_path: Path) -> None:
    done = run("demo", "--no-script", "--live", "--until", "healthy", home=tmp_path)
    assert "\x1b" not in done.stdout
    assert done.stdout.splitlines()[-1] == "---"


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (("watch", "--live", "-o", "json"), "it has no meaning with -o json"),
        (("watch", "--live", "--follow-only"), "--follow-only leaves it out"),
        (("watch", "--live", "--since", "x"), "--since leaves it out"),
        (("--live",), "agentctl status watch --live"),
    ],
)
def test_what_makes_no_sense(tmp_path: Path, flags: tuple[str, ...], says: str) -> None:
    done = call("status", *flags, home=tmp_path)
    assert done.code == 2
    assert says in done.stderr
