"""Terminal: its width, and whether it shows blocks and colour."""

from __future__ import annotations

import os

from agentctl.cli.host.process import Process

WIDTH = 80
"""Of what does not say."""

MAX_WIDTH = 2000


def width(process: Process) -> int:
    """Columns: COLUMNS, then the terminal's own, then 80."""
    told = process.environ.get("COLUMNS", "")
    if told.isascii() and told.isdecimal() and len(told) <= 6 and int(told):
        return min(int(told), MAX_WIDTH)
    try:
        found = os.get_terminal_size(process.stdout.fd).columns
    except OSError:
        found = 0
    return min(found, MAX_WIDTH) or WIDTH


def has_utf8(process: Process) -> bool:
    """Whether the locale says so: the first of LC_ALL, LC_CTYPE and LANG that is set."""
    for variable in ("LC_ALL", "LC_CTYPE", "LANG"):
        locale = process.environ.get(variable)
        if locale:
            return "utf8" in locale.lower().replace("-", "")
    return False
