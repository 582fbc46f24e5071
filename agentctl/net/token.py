"""Bearer tokens in files: read, checked, and noticed when they change."""

from __future__ import annotations

import os
from collections.abc import Iterable

from agentctl.errors import ConfigError


def read_token(path: str) -> str:
    """A token file's content. Raises ConfigError if there is no usable token in it."""
    try:
        with open(path, encoding="utf-8") as file:
            token = file.read().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not text"
        raise ConfigError(f"{path}: cannot read the token: {reason}") from error
    if not token:
        raise ConfigError(f"{path}: the token file is empty")
    return checked_token(token, path)


def checked_token(token: str, where: str) -> str:
    """``token`` without surrounding blanks, if it can go into a header; else ConfigError."""
    token = token.strip()
    if not all("!" <= char <= "~" for char in token):
        raise ConfigError(f"{where}: the token has characters that no token has; copy it again")
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
