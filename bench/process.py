"""Processes under measurement: started on a core of their own, bounded, always ended."""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Optional

ROOT = Path(__file__).resolve().parent.parent
PEERS = Path(__file__).resolve().parent / "peers"

LIMIT_S = 120.0
"""No process lives longer, whatever happens."""

_IN_PROCESS = "from agentctl.cli.entry import entry; entry()"
# Without the first, modules would be compiled in every run, which nobody's are.
_TOUCHED = "Referenced:"
_UNWANTED = ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "PYTHONHASHSEED", "KUBECONFIG")


@dataclass(frozen=True)
class Usage:
    """What one process took, from start to end."""

    exit_code: int
    wall_s: float
    cpu_s: float
    peak_mb: float


class Child:
    """A running process whose stdout we read by line and whose stdin takes commands."""

    def __init__(self, argv: Sequence[str], env: dict[str, str], limit_s: float = LIMIT_S) -> None:
        self._started = time.monotonic()
        self._process = subprocess.Popen(
            argv, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, cwd=ROOT
        )
        self._held = b""
        self._usage: Optional[Usage] = None
        self._guard = threading.Timer(limit_s, self._signal, (signal.SIGKILL,))
        self._guard.daemon = True
        self._guard.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def tell(self, command: str) -> None:
        """Write one line to its stdin."""
        assert self._process.stdin is not None
        self._process.stdin.write(command.encode() + b"\n")

    def line(self, timeout: float = LIMIT_S) -> tuple[float, bytes]:
        """The next line of its stdout and when (CLOCK_MONOTONIC) it was here.

        Raises RuntimeError when there is none in time, or ever.
        """
        assert self._process.stdout is not None
        deadline = time.monotonic() + timeout
        now = time.monotonic()
        while b"\n" not in self._held:
            ready, _, _ = select.select([self._process.stdout], [], [], deadline - now)
            data = os.read(self._process.stdout.fileno(), 1 << 16) if ready else b""
            now = time.monotonic()
            if not data:
                raise RuntimeError(f"{self._process.args!r}: no further line")
            self._held += data
        found, _, self._held = self._held.partition(b"\n")
        return now, found

    def until(self, text: bytes, timeout: float = LIMIT_S) -> float:
        """Read lines up to one that holds ``text``; when that was here."""
        deadline = time.monotonic() + timeout
        while True:
            now, line = self.line(max(0.0, deadline - time.monotonic()))
            if text in line:
                return now

    def times(self, text: bytes, count: int, timeout: float = LIMIT_S) -> float:
        """Read until ``text`` has come so many times; when that was. Cheaper than by line."""
        assert self._process.stdout is not None
        deadline = time.monotonic() + timeout
        data, self._held = self._held, b""
        while (count := count - data.count(text)) > 0:
            rest = data[-len(text) + 1 :]
            ready, _, _ = select.select(
                [self._process.stdout], [], [], max(0.0, deadline - time.monotonic())
            )
            more = os.read(self._process.stdout.fileno(), 1 << 20) if ready else b""
            if not more:
                raise RuntimeError(f"{self._process.args!r}: no further output")
            data = rest + more
        return time.monotonic()

    def cpu_s(self) -> float:
        """CPU seconds so far, of all its threads (Linux; else 0)."""
        try:
            stat = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii")
        except OSError:
            return 0.0
        fields = stat.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_mb(self, field: str) -> float:
        """A field of its status in MB, ``VmRSS`` or ``VmHWM`` (Linux; else 0)."""
        try:
            status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        except OSError:
            return 0.0
        for line in status.splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1]) / 1000
        return 0.0

    def forget_touched(self) -> bool:
        """Count the pages it touches from now on; False where the system does not (Linux does)."""
        try:
            Path(f"/proc/{self.pid}/clear_refs").write_text("1", encoding="ascii")
        except OSError:
            return False
        return True

    def touched_pages(self) -> int:
        """The pages of memory it has touched since, code and data: accessed bits, whole pages."""
        maps = Path(f"/proc/{self.pid}/smaps").read_text(encoding="ascii", errors="replace")
        sizes_kb = (int(line.split()[1]) for line in maps.splitlines() if line.startswith(_TOUCHED))
        return sum(sizes_kb) * 1024 // mmap.PAGESIZE

    def wait(self) -> Usage:
        """Read its output to the end and say what it took."""
        if self._usage is not None:
            return self._usage
        process = self._process
        assert process.stdout is not None
        assert process.stdin is not None
        while process.stdout.read(1 << 16):
            pass
        _, status, used = os.wait4(process.pid, 0)
        wall = time.monotonic() - self._started
        self._guard.cancel()
        process.returncode = code = os.waitstatus_to_exitcode(status)
        process.stdout.close()
        process.stdin.close()
        unit = 1e6 if sys.platform == "darwin" else 1e3
        self._usage = Usage(code, wall, used.ru_utime + used.ru_stime, used.ru_maxrss / unit)
        return self._usage

    def stop(self) -> Usage:
        """End it and wait for it."""
        if self._usage is None:
            self._signal(signal.SIGTERM)
        return self.wait()

    def _signal(self, number: int) -> None:
        # Popen's own would also take the exit code, which belongs to wait4.
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def __enter__(self) -> Child:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.stop()


class Bench:
    """Where to run: a directory for what is written, and who gets which core.

    Servers and whoever measures share one core, what is measured has another, where
    there are two and the system lets us choose.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
        self._client = {cores[0]} if len(cores) > 1 else set(cores)
        self._server = {cores[-1]} if len(cores) > 1 else set(cores)
        self.pinned = len(cores) > 1
        if self.pinned:
            os.sched_setaffinity(0, self._server)
        kept = {
            name: value
            for name, value in os.environ.items()
            if name not in _UNWANTED
            and not name.startswith("AGENTCTL_")
            and not name.lower().endswith("_proxy")
        }
        self._env = {
            **kept,
            "HOME": str(directory),  # kubectl caches discovery there
        }

    def measured(self, argv: Sequence[str]) -> Child:
        """Start what is measured."""
        # A child inherits the affinity: it never runs anywhere else.
        if self.pinned:
            os.sched_setaffinity(0, self._client)
        try:
            return Child(argv, self._env)
        finally:
            if self.pinned:
                os.sched_setaffinity(0, self._server)

    def server(self, module: str, *args: str, limit_s: float = LIMIT_S) -> Child:
        """Start a server: a module of this package, on the other core."""
        argv = [sys.executable, "-m", f"bench.{module}", *args]
        return Child(argv, {**self._env, "PYTHONPATH": str(ROOT)}, limit_s)

    def run(self, argv: Sequence[str]) -> Usage:
        """Run to the end. Raises RuntimeError if it fails."""
        usage = self.measured(argv).wait()
        if usage.exit_code:
            raise RuntimeError(f"{argv!r} ended with {usage.exit_code}")
        return usage

    def file(self, name: str, text: str) -> str:
        """Write a file for a process to read; returns its path."""
        path = self.directory / name
        path.write_text(text, encoding="utf-8")
        return str(path)


def agentctl(*args: str) -> list[str]:
    """The command line: the installed script, or the package where there is none."""
    script = Path(sys.executable).with_name("agentctl")
    start = [str(script)] if script.exists() else [sys.executable, "-c", _IN_PROCESS]
    return [*start, *args]


def peer(name: str, *args: str) -> list[str]:
    """A script with the official client."""
    return [sys.executable, str(PEERS / f"{name}.py"), *args]


def kubectl() -> Optional[str]:
    """Where kubectl is, if it is: BENCH_KUBECTL, or the one on PATH.

    Some of the latter only choose by the server's version among those that lie beside them, and
    start that: then it is the one of their own version, started without that detour.
    """
    found = os.environ.get("BENCH_KUBECTL") or shutil.which("kubectl")
    if found is None or not kubectl_version(found).endswith("-dispatcher"):
        return found
    minor = kubectl_version(found).lstrip("v").rpartition(".")[0]
    beside = Path(found).resolve().with_name(f"kubectl.{minor}")
    return str(beside) if beside.exists() else found


@cache
def kubectl_version(program: str) -> str:
    """As ``v1.32.5``; empty where it does not say."""
    argv = [program, "version", "--client", "-o", "json"]
    done = subprocess.run(argv, capture_output=True, timeout=LIMIT_S, check=False)
    try:
        return str(json.loads(done.stdout)["clientVersion"]["gitVersion"])
    except (ValueError, KeyError):
        return ""


@contextmanager
def workbench() -> Iterator[Bench]:
    """A bench with a directory of its own, removed at the end."""
    with tempfile.TemporaryDirectory(prefix="agentctl-bench-") as directory:
        yield Bench(Path(directory))
