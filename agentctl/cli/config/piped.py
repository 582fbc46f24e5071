"""Standard input and pipes as files: what can be read once, in bounds of time and bytes."""

from __future__ import annotations

import os
import stat
import threading
import time
from typing import Optional

from agentctl.duration import format_duration
from agentctl.errors import DisconnectedError, UsageError
from agentctl.lazy_namedtuple import NamedTuple

STDIN = "-"
PIPE_S = 10.0
"""How long a pipe may take to be closed."""

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


class Patience(NamedTuple):
    """How long a pipe may take: ``seconds`` as they are told, until ``ends_at`` (monotonic)."""

    seconds: float
    ends_at: float

    @classmethod
    def usual(cls) -> Patience:
        """Where no --timeout says another."""
        return cls(PIPE_S, time.monotonic() + PIPE_S)


def read_piped(path: str, limit: int, patience: Optional[Patience] = None) -> bytes:
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

    patience = patience or Patience.usual()
    # Daemon: nobody can free it from a pipe that nobody writes to.
    thread = threading.Thread(target=read, name="prepare", daemon=True)
    thread.start()
    thread.join(max(0.0, patience.ends_at - time.monotonic()))
    if errors:
        raise errors[0]
    if not found:
        raise DisconnectedError(
            f"not connected after {format_duration(patience.seconds)}: {told(path)} keeps us "
            "waiting: what writes there has not ended; write it to a file first"
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
