"""A file written whole or not at all: a reader sees the old one or the new one."""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress

from agentctl.errors import UsageError


def write_whole(path: str, text: str) -> None:
    """Put a text in the place of what is there, or where a symlink leads.

    Raises UsageError, and then what was there is there still.
    """
    real = os.path.realpath(path)
    new = os.path.join(
        os.path.dirname(real), f".{os.path.basename(real)[:80]}.{secrets.token_hex(6)}"
    )
    try:
        with suppress(FileNotFoundError):
            if not stat.S_ISREG(os.stat(real).st_mode):
                raise UsageError(f"cannot write {path}: not a regular file")
        fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        try:
            with open(fd, "w", encoding="utf-8") as file:
                file.write(text)
            os.replace(new, real)
        except BaseException:
            os.unlink(new)
            raise
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from None
