"""The program without a process: argv, environment and streams of its own, for less time."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple, Optional

from agentctl.cli.host.process import FdOutput, Process
from agentctl.cli.main import main
from agentctl.errors import ExitCode


class Done(NamedTuple):
    code: int
    stdout: str
    stderr: str


def call(*args: str, home: Path, extra: Optional[Mapping[str, str]] = None) -> Done:
    """Run to the end, in this thread."""
    stderr = io.StringIO()
    out = home / "stdout"
    with out.open("wb") as file:
        process = Process(
            environ={"HOME": str(home), **(extra or {})},
            stdout=FdOutput(file.fileno()),
            stderr=stderr,
        )
        log = logging.getLogger("agentctl")
        before = log.handlers, log.level, log.propagate
        try:
            code = main(args, process)
        finally:  # --debug turns it to this run's stderr, for good where there is a process
            log.handlers, level, log.propagate = before
            log.setLevel(level)
    return Done(int(code), out.read_text(encoding="utf-8"), stderr.getvalue())


def until_timeout(run: Callable[[str], Done]) -> Done:
    """What ends by its ``--timeout``, for ``run`` to do with one: again with a longer one
    where a busy machine let it pass before there was a connection, or a refusal of one."""
    for timeout in ("1s", "4s", "10s"):
        done = run(timeout)
        if done.code != ExitCode.DISCONNECTED or "refused" in done.stderr:
            break
    return done
