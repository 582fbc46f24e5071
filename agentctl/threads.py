"""Threads and the host's limits: how many more this process may start, and how large.

The limit may be one of the user (``ulimit -u``), of a container (pids), of a service
(``TasksMax=``) or of memory (``ulimit -v``), and none of them can be asked for what is left:
so it is tried. What cannot do without its threads tries before it begins, above all gRPC's
C core, which waits for ever, or aborts the process, where it is given none.
"""

from __future__ import annotations

import _thread
import os
import resource
import threading
import time

from agentctl.errors import LimitError

STACK_BYTES = 4 << 20
"""Half of what Linux reserves. With 2 MiB Python 3.13 overruns it before it raises its
RecursionError."""

GONE_S = 1.0
"""How long a thread may take to be gone, which is waited for where it can be seen."""

_M_ARENA_MAX = -8  # malloc.h

_TASKS = "/proc/self/task"


def reserve_little() -> None:
    """From now on, for Python's threads: what they reserve counts where memory is limited.

    There glibc is asked, too, not to reserve 64 MiB for each thread that allocates.
    """
    threading.stack_size(STACK_BYTES)
    if resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY:
        import ctypes  # seldom needed, and not cheap

        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(_M_ARENA_MAX, 1)


def grpc_core_threads() -> int:
    """How many gRPC's C core starts for itself, clients and servers of a process together."""
    return min(max(4, os.cpu_count() or 4), 16) + 2


def room_for(count: int, large: bool = False) -> int:
    """How many of ``count`` further threads the host gives now.

    ``large``: with stacks as C's threads have them. Use that while no other thread of
    Python's is started.
    """
    if large:
        small = threading.stack_size(0)
        try:
            return room_for(count)
        finally:
            threading.stack_size(small)
    gate = _thread.allocate_lock()
    ids: list[int] = []

    def wait() -> None:
        with gate:
            ids.append(threading.get_native_id())

    started = 0
    with gate:
        try:
            for _ in range(count):
                _thread.start_new_thread(wait, ())
                started += 1
        except (RuntimeError, MemoryError):
            pass
    _await_gone(ids, started)
    return started


def require(count: int, what: str, large: bool = False) -> None:
    """Raises LimitError where the host does not give so many further threads."""
    found = room_for(count, large)
    if found < count:
        raise LimitError(
            f"{what} needs {count} more threads, and this host gives {found}: raise its limits "
            "(ulimit -u and -v, TasksMax=, the container's pids and memory)"
        )


def refusal_of(error: BaseException) -> str:
    """That the host gave no thread or no memory, as a line; empty for any other error."""
    lacking = isinstance(error, RuntimeError) and "new thread" in str(error)
    unloaded = isinstance(error, ImportError) and "failed to map" in str(error)  # a library
    if not lacking and not unloaded and not isinstance(error, MemoryError):
        return ""
    return f"{str(error) or 'out of memory'}: raise the limits (see 'ulimit -a')"


def _await_gone(ids: list[int], count: int) -> None:
    """A thread that is at its end counts until the system has let it go."""
    until = time.monotonic() + GONE_S
    seen = os.path.isdir(_TASKS)
    while time.monotonic() < until:
        done = len(ids) == count
        if done and not (seen and any(os.path.exists(f"{_TASKS}/{one}") for one in ids)):
            return
        time.sleep(0.0005)
