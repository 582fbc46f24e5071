"""How many sockets this host lets a process have."""

from __future__ import annotations

import resource

SPARE = 100
"""Files that a process has open besides its readers' sockets."""


def raise_open_files() -> None:
    """Ask for as many open files as the host allows; a child process inherits it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def most_readers(wanted: int) -> int:
    """As many as wanted, or as many as there may be sockets in one process."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return wanted if hard == resource.RLIM_INFINITY else min(wanted, hard - SPARE)
