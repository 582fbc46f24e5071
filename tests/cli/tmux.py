"""A real terminal of its own: tmux, with a shell in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Optional

from tests.cli.program import PATIENCE_S, environment

ROOT = Path(__file__).parent.parent.parent
TMUX = shutil.which("tmux")


TERMINAL = {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}


class Tmux:
    """``with Tmux(tmp_path, 100, 20) as terminal``; its shell prompts with ``$``."""

    def __init__(self, home: Path, columns: int, lines: int) -> None:
        assert TMUX
        self.home = home
        # A path of its own, short: a socket's may have 107 bytes.
        self._server = [TMUX, "-L", f"agentctl-{id(self)}-{time.monotonic_ns()}", "-f", "/dev/null"]
        (home / "agentctl").write_text(f'#!/bin/sh\nexec {sys.executable} -m agentctl "$@"\n')
        (home / "agentctl").chmod(0o755)
        size = ("-x", str(columns), "-y", str(lines))
        shell = "env PS1='$ ' PYTHONPATH=" + str(ROOT) + " bash --norc --noprofile"
        self._call("new-session", "-d", *size, "-c", str(home), shell)
        self._call("set-option", "-g", "history-limit", "1000")

    def __enter__(self) -> Tmux:
        self.until(lambda lines: any(line.startswith("$") for line in lines))
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self._call("kill-server")

    def _call(self, *args: str) -> str:
        return subprocess.run(
            [*self._server, *args],
            env={**environment(self.home), "SHELL": "/bin/sh", **TERMINAL},
            capture_output=True,
            encoding="utf-8",
            timeout=PATIENCE_S,
            check=True,
        ).stdout

    def type(self, text: str) -> None:
        self._call("send-keys", "-l", text)
        self._call("send-keys", "Enter")

    def aside(self, command: str) -> None:
        """Run a command outside of the terminal."""
        subprocess.run(["sh", "-c", command], timeout=PATIENCE_S, check=True)

    def press(self, key: str) -> None:
        self._call("send-keys", key)

    def resize(self, columns: int, lines: int) -> None:
        self._call("resize-window", "-x", str(columns), "-y", str(lines))

    def lines(self) -> list[str]:
        return self._call("capture-pane", "-p").splitlines()

    def until(self, found: Callable[[list[str]], bool]) -> list[str]:
        """The screen once this is true of it."""
        deadline = time.monotonic() + PATIENCE_S
        while not found(lines := self.lines()):
            assert time.monotonic() < deadline, "\n".join(lines)
            threading.Event().wait(0.03)
        return lines

    def until_shown(self, text: str) -> list[str]:
        return self.until(lambda lines: any(text in line for line in lines))

    @property
    def flags(self) -> dict[str, bool]:
        """What a program may leave behind: the cursor, the alternate screen, wrapping."""
        names = ("cursor_flag", "alternate_on", "wrap_flag")
        values = self._call("display-message", "-p", " ".join(f"#{{{name}}}" for name in names))
        return {name: value == "1" for name, value in zip(names, values.split())}

    @property
    def modes(self) -> str:
        """The terminal's modes, as stty tells them."""
        path = self._call("display-message", "-p", "#{pane_tty}").strip()
        terminal = os.open(path, os.O_RDONLY | os.O_NOCTTY)
        try:
            told = subprocess.run(
                ["stty", "-a"], stdin=terminal, capture_output=True, text=True, check=True
            )
        finally:
            os.close(terminal)
        return told.stdout
