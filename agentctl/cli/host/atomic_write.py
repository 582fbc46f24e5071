"""Atomic write of a file: a reader sees the old one or the new one, always whole.

What is written goes to a file beside it first, which then takes its name. Its own name
begins with a dot and ends in ``.tmp``: what collects ``*.prom`` or ``*.json`` passes over
it. Its writer holds a lock on it, so that the next one can tell what a killed one left.
"""

from __future__ import annotations

import fcntl
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Optional

from agentctl.errors import UsageError

_SUFFIX = ".agentctl.tmp"


def write_whole(path: str, text: str, mode: Optional[int] = None) -> None:
    """Put a text in the place of what is there, or where a symlink leads.

    ``mode`` is the file's; by default what the umask leaves. Raises UsageError, and then
    what was there is there still.
    """
    real = _checked(path)
    try:
        _sweep(real)
        _replace(real, text.encode("utf-8", "replace"), mode)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from None


def check_place(path: str) -> None:
    """Raises UsageError for what no file can be written to."""
    _checked(path)


def _checked(path: str) -> Path:
    try:
        real = Path(os.path.realpath(path))
    except OSError:  # the one that we are in is gone
        raise UsageError(f"cannot write {path}: no such folder") from None
    try:
        if not path or not stat.S_ISREG(os.stat(real).st_mode):
            raise UsageError(f"cannot write {path}: not a regular file")
    except FileNotFoundError:
        if not real.parent.is_dir():
            raise UsageError(f"cannot write {path}: no such folder") from None
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from None
    return real


def _replace(path: Path, data: bytes, mode: Optional[int]) -> None:
    fd, name = _temporary(path)
    try:
        with open(fd, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(fd, 0o666 & ~_umask() if mode is None else mode)
            os.fsync(fd)
            os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise
    _keep_the_name(path)


def _temporary(path: Path) -> tuple[int, str]:
    """A new file of this process's own, locked; for its owner's eyes only."""
    while True:
        fd, name = tempfile.mkstemp(_SUFFIX, _prefix(path), path.parent)
        with suppress(OSError):  # a file system without locks: then nothing is swept either
            fcntl.flock(fd, fcntl.LOCK_EX)
        if os.fstat(fd).st_nlink:
            return fd, name
        os.close(fd)  # swept away by another writer, before it was locked


def _sweep(path: Path) -> None:
    """Remove what killed writers have left: nobody holds a lock on it."""
    prefix = _prefix(path)
    with suppress(OSError):
        for name in os.listdir(path.parent):
            if name.startswith(prefix) and name.endswith(_SUFFIX):
                with suppress(OSError):
                    _remove_unlocked(path.parent / name)


def _remove_unlocked(path: Path) -> None:
    fd = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.unlink(path)
    finally:
        os.close(fd)


def _prefix(path: Path) -> str:
    return f".{path.name[:80]}."  # a name has 255 bytes at most, the random part included


def _keep_the_name(path: Path) -> None:
    """Have the new name survive a loss of power."""
    with suppress(OSError):
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
