"""Bearer tokens in files: read, checked, and noticed when they change."""

from __future__ import annotations

import os
from collections.abc import Iterable

from agentctl.errors import ConfigError

MAX_TOKEN_BYTES = 64 * 1024


def read_token(path: str, what: str = "") -> str:
    """A file's token. Raises ConfigError, which names the file as ``what`` does."""
    what = what or path
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_TOKEN_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{what}: cannot be read: {error.strerror or error}") from None
    return checked_token(data.decode("utf-8-sig", "replace"), what)


def checked_token(text: str, what: str) -> str:
    """A token as a header can carry it. Raises ConfigError without showing it."""
    token = text.strip()
    if not token:
        raise ConfigError(f"{what}: holds no token")
    if len(token) > MAX_TOKEN_BYTES or not all("!" <= c <= "~" for c in token):
        raise ConfigError(f"{what}: is no token: expected visible ASCII on one line")
    return token


def fingerprint(paths: Iterable[str]) -> tuple[tuple[int, int, int], ...]:
    """What tells one state of some files from another: time, size, identity. Opens none."""
    found = []
    for path in paths:
        try:
            stat = os.stat(path)
        except OSError:
            found.append((0, 0, 0))
        else:
            found.append((stat.st_mtime_ns, stat.st_size, stat.st_ino))
    return tuple(found)
