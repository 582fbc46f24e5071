"""Limit of open files (RLIMIT_NOFILE), raised for thousands of sockets."""

from __future__ import annotations

import resource

SPARE = 512
"""For listeners, connections that are no streams yet, the cluster's, and short answers."""


def room_for(streams: int) -> int:
    """Raise this process's soft limit on open files to what so many streams need.

    Returns how many streams there is room for then: fewer where the hard limit is lower.
    """
    needed = streams + SPARE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return streams
    wanted = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (ValueError, OSError):  # macOS has one more limit, which it does not tell
        wanted = soft
    return max(1, min(streams, wanted - SPARE))
