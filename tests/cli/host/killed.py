"""Files written whole by processes that are killed: run alone, since it forks.

A process with one thread can fork safely; one of pytest's workers has more.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Callable

from agentctl.cli.host import atomic_write
from agentctl.cli.host.atomic_write import write_whole

OLD, NEW = "old\n" * 50_000, "new\n" * 100_000


def forked(body: Callable[[], None]) -> int:
    """The id of a process that runs it; 0 is its exit code if nothing is raised."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            body()
            code = 0
        finally:
            os._exit(code)
    return pid


def ended(pid: int) -> int:
    return os.waitpid(pid, 0)[1]


def kill_at(call: int) -> None:
    """Have this process killed at the so-maniest call that touches the file system."""
    calls = 0

    def counted(original: Callable[..., object]) -> Callable[..., object]:
        def replaced(*args: object, **kwargs: object) -> object:
            nonlocal calls
            calls += 1
            if calls == call:
                os.kill(os.getpid(), signal.SIGKILL)
            return original(*args, **kwargs)

        return replaced

    for module, names in (
        (atomic_write.os, ("fchmod", "fsync", "replace", "unlink", "listdir", "open", "fstat")),
        (atomic_write.tempfile, ("mkstemp",)),
        (atomic_write.fcntl, ("flock",)),
    ):
        for name in names:
            setattr(module, name, counted(getattr(module, name)))


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name != "agents.prom"]


def at_every_step(path: Path) -> None:
    seen = set()
    for call in range(1, 30):
        write_whole(str(path), OLD)

        def body(call: int = call) -> None:
            kill_at(call)
            write_whole(str(path), NEW)

        status = ended(forked(body))
        seen.add(path.read_text())
        left = leftovers(path.parent)
        assert all(n.startswith(".agents.prom.") and n.endswith(".tmp") for n in left), left
        if not os.WIFSIGNALED(status):
            break
    assert 8 < call < 29, call
    assert seen == {OLD, NEW}
    assert leftovers(path.parent) == []


def at_any_moment(path: Path) -> None:
    rng = random.Random(5)
    write_whole(str(path), OLD)

    def body() -> None:
        while True:
            write_whole(str(path), NEW)
            write_whole(str(path), OLD)

    for _ in range(40):
        pid = forked(body)
        time.sleep(rng.uniform(0, 0.01))  # the moment is what is tried, nothing is waited for
        os.kill(pid, signal.SIGKILL)
        ended(pid)
        assert path.read_text() in (OLD, NEW)
        assert len(leftovers(path.parent)) <= 1
    write_whole(str(path), OLD)
    assert leftovers(path.parent) == []


def by_several(path: Path) -> None:
    def body(text: str) -> Callable[[], None]:
        return lambda: [write_whole(str(path), text) for _ in range(30)] and None

    pids = [forked(body(text)) for text in (OLD, NEW, OLD)]
    assert [ended(pid) for pid in pids] == [0, 0, 0]
    assert path.read_text() in (OLD, NEW)
    assert leftovers(path.parent) == []


if __name__ == "__main__":
    globals()[sys.argv[1]](Path(sys.argv[2]))
