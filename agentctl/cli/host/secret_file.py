"""Token files that every user of this host may read, and the warning of them."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Optional

from agentctl.cli.host.process import Process
from agentctl.cli.host.stderr import complain


def warn_of_token_file(given: Optional[str], process: Process) -> None:
    """Say on stderr that every user of this host may read the token, if so."""
    path = os.path.expanduser(given or "")
    if path and is_for_all_to_read(path):
        message = f"warning: --token-file {path} can be read by every user here: chmod o-r it"
        complain(process, message)


def is_for_all_to_read(path: str) -> bool:
    """Whether any user may read a regular file; False for one that is not there.

    Those that Kubernetes mounts are readable by all as it makes them: whoever is in the
    pod may read them anyway.
    """
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return stat.S_ISREG(mode) and bool(mode & stat.S_IROTH) and not _is_mounted(path)


def _is_mounted(path: str) -> bool:
    """Whether it is where ``..data`` leads, the link that Kubernetes swaps at each update."""
    folders = Path(os.path.realpath(path)).parents
    return any(os.path.realpath(one.parent / "..data") == str(one) for one in folders)
