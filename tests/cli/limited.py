"""The program where the host gives a process few threads, or little memory."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache

import pytest

USER = 60_000 + os.getpid() % 5_000
"""Nobody's, so that nobody else's processes count; each worker of the tests has its own."""

_COUNT = """\
import threading
gate, found = threading.Event(), 0
try:
    while found < 9:
        threading.Thread(target=gate.wait).start()
        found += 1
except RuntimeError:
    pass
gate.set()
print(found)
"""


def threads(limit: int) -> list[str]:
    """What to put before a command, for a process that may have so many threads.

    root's own threads are not limited: it takes another user, who may read root's files. All
    others take a namespace of users, in which nothing else of theirs counts.
    """
    reason = _lacking()
    if reason:
        pytest.skip(reason)
    return [*_user(), "prlimit", f"--nproc={limit}:{limit}"]


def memory(mebibytes: int) -> list[str]:
    """The same for the address space."""
    if shutil.which("prlimit") is None:
        pytest.skip("there is no prlimit")
    return ["prlimit", f"--as={mebibytes << 20}"]


def limit_running(pid: int, threads: int) -> None:
    """From now on for a process that was started so."""
    subprocess.run(
        [*_user(), "prlimit", "--pid", str(pid), f"--nproc={threads}:{threads}"], check=True
    )


def count(pid: int) -> int:
    """How many threads a process has."""
    return len(os.listdir(f"/proc/{pid}/task"))


def _user() -> list[str]:
    if os.getuid():
        return ["unshare", "--user"]
    user = str(USER)
    capability = "+dac_read_search"
    return [
        *("setpriv", "--reuid", user, "--regid", user, "--clear-groups"),
        *("--inh-caps", capability, "--ambient-caps", capability),
    ]


@cache
def _lacking() -> str:
    """Why threads cannot be limited here; empty if they can."""
    tool = _user()[0]
    if shutil.which(tool) is None or shutil.which("prlimit") is None:
        return f"there is no {tool} or no prlimit"
    done = subprocess.run(
        [*_user(), "prlimit", "--nproc=4:4", sys.executable, "-c", _COUNT],
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if done.stdout.strip() == "3" else f"threads are not limited here: {done.stderr}"
