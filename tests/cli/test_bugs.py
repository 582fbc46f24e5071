"""A fault of our own must not look like a verdict, nor end a server without a word."""

from __future__ import annotations

import errno
import io
import os
from pathlib import Path
from typing import Any

import pytest

from agentctl.cli import main as cli
from agentctl.cli.commands import version
from agentctl.cli.host.process import FdOutput, Process
from agentctl.errors import ExitCode


@pytest.mark.parametrize(
    "error",
    [
        ZeroDivisionError("oops"),
        RuntimeError("token=hunter2"),
        FileNotFoundError(errno.ENOENT, "gone"),  # no output says that
    ],
)
def test_a_fault_of_ours_is_70_and_one_line(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def run(args: Any, process: Process) -> int:
        raise error

    monkeypatch.setattr(version, "run", run)
    stderr = io.StringIO()
    with open(os.devnull, "w") as null:
        process = Process({}, FdOutput(null.fileno()), stderr)
        assert cli.main(["version"], process) == ExitCode.INTERNAL
    (line,) = stderr.getvalue().splitlines()
    assert line.startswith(f"agentctl: internal error: {type(error).__name__}: ")
    assert "hunter2" not in line


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "cannot write the output: "),
        (errno.EMFILE, "no more files can be opened: raise the limit"),
    ],
)
def test_what_the_host_refuses_is_2_and_one_line(
    monkeypatch: pytest.MonkeyPatch, number: int, said: str
) -> None:
    def run(args: Any, process: Process) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(version, "run", run)
    stderr = io.StringIO()
    with open(os.devnull, "w") as null:
        process = Process({}, FdOutput(null.fileno()), stderr)
        assert cli.main(["version"], process) == ExitCode.USAGE
    assert stderr.getvalue().startswith(f"agentctl: {said}")


def test_exit_codes_below_the_shells_own_are_documented() -> None:
    readme = (Path(__file__).parent.parent.parent / "README.md").read_text(encoding="utf-8")
    for code in ExitCode:
        assert f"| {code.value} |" in readme
