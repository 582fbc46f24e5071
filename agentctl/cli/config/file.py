"""Config file: where it is, what may be in it, and writing it without losing anything."""

from __future__ import annotations

import fcntl
import json
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from agentctl.cli.config.parser import guess
from agentctl.cli.host.atomic_write import write_whole
from agentctl.errors import ConfigError

CONFIG_KEYS = ("address", "namespace", "token", "kubeconfig", "context", "mode", "tls")
MAX_CONFIG_BYTES = 1 << 20


def config_path(environ: Mapping[str, str], home: str) -> str:
    """Where the config file is, whether it exists or not."""
    base = environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config")
    return os.path.join(base, "agentctl", "config.json")


def read_config(path: str) -> dict[str, Any]:
    """The config file's content; empty if there is none.

    Raises ConfigError, which names file and key, for one that cannot be meant.
    """
    config = read_document(path)
    for key, value in config.items():
        if key not in CONFIG_KEYS:
            raise ConfigError(f"{path}: unknown key {key!r}{guess(key, CONFIG_KEYS)}")
        if not isinstance(value, str) and key != "tls":
            raise ConfigError(f"{path}: {key}: expected text, got {type(value).__name__}")
    return config


def read_document(path: str) -> dict[str, Any]:
    """The same, whatever its keys are."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise ConfigError(f"{path}: not a regular file")
        with open(path, "rb") as file:
            text = file.read(MAX_CONFIG_BYTES + 1)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    if len(text) > MAX_CONFIG_BYTES:
        raise ConfigError(f"{path}: larger than {MAX_CONFIG_BYTES} bytes")
    try:
        config = json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: not JSON: {error}") from None
    if not isinstance(config, dict):
        raise ConfigError(f"{path}: expected a JSON object with {', '.join(CONFIG_KEYS)}")
    return config


def change(path: str, edit: Callable[[dict[str, Any]], None]) -> None:
    """Change what is in the file, all of it or nothing, for its owner's eyes only.

    ``edit`` gets the content as it is, unknown keys included. What a symlink leads to is
    replaced, not the symlink. Of two changes at a time none is lost. Raises UsageError.
    """
    try:
        real = os.path.realpath(path)
        folder = os.path.dirname(real)
        if not os.path.isdir(folder):
            _make_private(folder)
        with _locked(folder):
            config = read_document(path)
            before = dict(config)
            edit(config)
            if config != before:
                write_whole(real, json.dumps(config, indent=2) + "\n", mode=0o600)
    except OSError as error:
        reason = error.strerror or error
        raise ConfigError(f"cannot write {path}: {reason}") from None


def _make_private(folder: str) -> None:
    """The folder, and those above that are missing: 0700, as the XDG specification says."""
    above = os.path.dirname(folder)
    if not os.path.isdir(above):
        _make_private(above)
    with suppress(FileExistsError):  # somebody else was as quick
        os.mkdir(folder, 0o700)


@contextmanager
def _locked(folder: str) -> Iterator[None]:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with suppress(OSError):  # a file system without locks: the last one wins there
            fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def readable_by_others(path: str) -> bool:
    """Whether somebody who is not the owner may read it."""
    try:
        return bool(os.stat(path).st_mode & (stat.S_IRGRP | stat.S_IROTH))
    except OSError:
        return False
