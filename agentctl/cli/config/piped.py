"""Standard input and pipes as files: what can be read once, in bounds of time and bytes."""

from __future__ import annotations

import os
import stat
import threading
from typing import Optional

from agentctl.duration import format_duration
from agentctl.errors import DisconnectedError, UsageError

STDIN = "-"
PIPE_S = 10.0
"""How long a pipe may take to be closed, where no --timeout says another."""

CHUNK = 1 << 16


def is_piped(path: str) -> bool:
    """Whether it can be read once alone: ``-``, a pipe, a terminal."""
    if path == STDIN:
        return True
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def read_piped(path: str, limit: int, timeout_s: Optional[float] = None) -> bytes:
    """All that comes, ``limit`` bytes and one more at most; ``-`` is the standard input.

    Raises OSError, and DisconnectedError where it is not closed in time; a terminal may take
    its time.
    """
    if path == STDIN and os.isatty(0):
        return _read(path, limit)
    found: list[bytes] = []
    errors: list[OSError] = []

    def read() -> None:
        try:
            found.append(_read(path, limit))
        except OSError as error:
            errors.append(error)

    seconds = timeout_s or PIPE_S
    # Daemon: nobody can free it from a pipe that nobody writes to.
    thread = threading.Thread(target=read, name="pipe", daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not found:
        raise DisconnectedError(
            f"{told(path)}: nobody closed it within {format_duration(seconds)}: what writes there "
            "has not ended; write it to a file first"
        )
    return found[0]


def told(path: str) -> str:
    """What an error calls it."""
    return "standard input" if path == STDIN else path


def once(paths: list[str]) -> None:
    """Raises UsageError where the standard input is to be read twice."""
    if paths.count(STDIN) > 1:
        raise UsageError("'-' is the standard input, which can be read once: give one as a file")


def _read(path: str, limit: int) -> bytes:
    fd = 0 if path == STDIN else os.open(path, os.O_RDONLY)
    data = bytearray()
    try:
        while len(data) <= limit:
            more = os.read(fd, CHUNK)
            if not more:
                break
            data += more
    finally:
        if fd:
            os.close(fd)
    return bytes(data[: limit + 1])
