"""The real program as a process: real argv, environment, pipes and signals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Optional

Done = subprocess.CompletedProcess[str]

PATIENCE_S = 40.0
ENDED_S = 20.0
"""A signal ends it in well under a second where nothing else runs; here others may."""
COMMAND = (sys.executable, "-m", "agentctl")


def environment(home: Path, extra: Optional[Mapping[str, str]] = None) -> dict[str, str]:
    """Nothing of the developer's own settings gets in."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in ("PATH", "PYTHONPATH", "LANG", "LD_LIBRARY_PATH", "VIRTUAL_ENV")
    }
    return {**kept, "HOME": str(home), "PYTHONUNBUFFERED": "", **(extra or {})}


def run(*args: str, home: Path, extra: Optional[Mapping[str, str]] = None, **options: Any) -> Done:
    """Run to the end."""
    return subprocess.run(
        [*COMMAND, *args],
        env=environment(home, extra),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        **options,
    )


class Program:
    """A process that goes on; its stdout is read line by line as it comes."""

    def __init__(self, *args: str, home: Path, extra: Optional[Mapping[str, str]] = None) -> None:
        self.process = subprocess.Popen(
            [*COMMAND, *args],
            env=environment(home, extra),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        self.lines: list[str] = []
        self._condition = threading.Condition()
        self._ended = False
        self._reader = threading.Thread(target=self._read, name="stdout reader")
        self._reader.start()
        self._stderr: list[str] = []
        self._drain = threading.Thread(target=self._read_stderr, name="stderr reader")
        self._drain.start()

    def __enter__(self) -> Program:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.wait()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._condition:
                self.lines.append(line.rstrip("\n"))
                self._condition.notify_all()
        with self._condition:
            self._ended = True
            self._condition.notify_all()

    def _read_stderr(self) -> None:
        assert self.process.stderr is not None
        self._stderr += self.process.stderr

    def wait_lines(self, count: int) -> list[str]:
        """At least so many lines; raises AssertionError with stderr when they do not come."""
        with self._condition:
            self._condition.wait_for(lambda: len(self.lines) >= count or self._ended, PATIENCE_S)
            assert len(self.lines) >= count, (self.lines, self._stderr)
            return list(self.lines)

    def wait_for(self, what: Any) -> dict[str, Any]:
        """The first ndjson event that ``what`` is true for."""

        def found() -> Optional[dict[str, Any]]:
            return next((event for event in self.events if what(event)), None)

        with self._condition:
            self._condition.wait_for(lambda: found() is not None or self._ended, PATIENCE_S)
        event = found()
        assert event is not None, (self.lines[-5:], self._stderr)
        return event

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in list(self.lines)]

    def signal(self, number: signal.Signals) -> tuple[int, float]:
        """Send a signal; the exit code, and how many seconds the end took."""
        started = time.monotonic()
        self.process.send_signal(number)
        code = self.wait()
        return code, time.monotonic() - started

    def wait(self) -> int:
        code = self.process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        self._drain.join(PATIENCE_S)
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()
        return code

    @property
    def stderr(self) -> str:
        return "".join(self._stderr)


def snapshot_of(lines: Sequence[str]) -> dict[str, Any]:
    (snapshot,) = [event for event in map(json.loads, lines) if event["type"] == "snapshot"]
    return dict(snapshot)
