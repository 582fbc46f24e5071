"""The program without its standard streams, as daemons and ``>&-`` start it."""

from __future__ import annotations

import io
import os
import shlex
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentctl.cli.host.process import FdOutput, Process
from agentctl.cli.main import main
from agentctl.demo import DemoControlPlane
from tests.cli.inprocess import call
from tests.cli.program import COMMAND, environment, run


@pytest.fixture
def extra(tmp_path: Path) -> Iterator[dict[str, str]]:
    with DemoControlPlane(script=False) as demo:
        path = tmp_path / "kubeconfig"
        path.write_text(demo.kubeconfig_text())
        yield {"KUBECONFIG": str(path)}


def shell(
    redirection: str, *args: str, home: Path, extra: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run under a redirection that only a shell can make."""
    return subprocess.run(
        ["sh", "-c", f"exec {shlex.join([*COMMAND, *args])} {redirection}"],
        env=environment(home, extra),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("args", [("status",), ("status", "watch"), ("--help",)], ids=" ".join)
def test_a_closed_stdout_is_told_at_once(
    tmp_path: Path, extra: dict[str, str], args: tuple[str, ...]
) -> None:
    done = shell(">&-", *args, home=tmp_path, extra=extra)
    assert done.returncode == 2
    assert done.stderr == "agentctl: cannot write the output: Bad file descriptor\n"


@pytest.mark.parametrize("redirection", [">&- 2>&-", "<&- >&- 2>&-"])
def test_without_any_stream_the_exit_code_still_tells(
    tmp_path: Path, extra: dict[str, str], redirection: str
) -> None:
    assert shell(redirection, "status", home=tmp_path, extra=extra).returncode == 2


@pytest.mark.parametrize("redirection", ["2>&-", "<&-", "<&- 2>&-"])
def test_a_closed_stdin_or_stderr_takes_nothing_from_the_output(
    tmp_path: Path, extra: dict[str, str], redirection: str
) -> None:
    args = ("status", "watch", "--until", "healthy")
    done = shell(redirection, *args, home=tmp_path, extra=extra)
    assert done.returncode == 0
    assert done.stdout == call(*args, home=tmp_path, extra=extra).stdout
    assert "\n---\n" in done.stdout


def test_a_mistake_with_stderr_closed_is_still_2(tmp_path: Path) -> None:
    assert shell("2>&-", "statsu", home=tmp_path, extra={}).returncode == 2


def test_the_demo_goes_on_when_its_greeting_cannot_be_written(tmp_path: Path) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    done = shell(
        "2>/dev/full", "demo", "--no-script", "--until", "healthy", home=tmp_path, extra={}
    )
    assert done.returncode == 0
    assert "\n---\n" in done.stdout


@pytest.mark.parametrize("command", ["", "status", "demo", "catalog", "schema", "version"])
def test_help_fits_a_terminal_of_80_columns(tmp_path: Path, command: str) -> None:
    done = run(*command.split(), "--help", home=tmp_path, extra={"COLUMNS": "80"})
    assert [line for line in done.stdout.splitlines() if len(line) > 80] == []


def test_a_host_that_gives_no_thread_is_told(
    tmp_path: Path, extra: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    said = io.StringIO()
    environ = {**environment(tmp_path), **extra}
    process = Process(environ, FdOutput(os.open(os.devnull, os.O_WRONLY)), said)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    try:
        code = main(["status"], process)
    finally:
        os.close(process.stdout.fd)
    assert code == 2
    assert (
        said.getvalue() == "agentctl: can't start new thread: raise the limits (see 'ulimit -a')\n"
    )
