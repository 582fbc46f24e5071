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
from agentctl.cli.config.table import BY_KEY, TLS_PARTS
from agentctl.errors import ConfigError, UsageError

CONFIG_KEYS = tuple(key for key in BY_KEY if key not in TLS_PARTS)
TLS_KEYS = tuple(key[len("tls.") :] for key in TLS_PARTS)
"""Of ``tls``, where it is an object."""

MAX_CONFIG_BYTES = 1 << 20


def config_path(environ: Mapping[str, str], home: str) -> str:
    """Where the config file is, whether it exists or not."""
    base = environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config")
    return os.path.join(base, "agentctl", "config.json")


def read_config(path: str) -> dict[str, Any]:
    """The config file's content by key; empty if there is none.

    Raises ConfigError, which names file and key, for one that cannot be meant.
    """
    return flatten(read_document(path), path)


def flatten(config: Mapping[str, Any], path: str = "config") -> dict[str, Any]:
    """The same of a document, with ``tls.ca`` for the ``ca`` of the object ``tls``."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if key not in CONFIG_KEYS:
            raise ConfigError(f"{path}: unknown key {key!r}{guess(key, CONFIG_KEYS)}")
        if key == "tls":
            flat.update(_flat_tls(value, path))
        else:
            flat[key] = _text(value, key, path)
    return flat


def _flat_tls(tls: Any, path: str) -> dict[str, Any]:
    if tls is None or isinstance(tls, bool):
        return {"tls": bool(tls)}
    if not isinstance(tls, dict):
        expected = f"true, false or an object of {', '.join(TLS_KEYS)}"
        raise ConfigError(f"{path}: tls: expected {expected}")
    for key in tls:
        if key not in TLS_KEYS:
            raise ConfigError(f"{path}: tls: unknown key {key!r}{guess(key, TLS_KEYS)}")
    return {f"tls.{key}": _text(value, f"tls.{key}", path) for key, value in tls.items()}


def _text(value: Any, key: str, path: str) -> str:
    if not isinstance(value, str):
        raise ConfigError(f"{path}: {key}: expected text, got {type(value).__name__}")
    return value


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


def put(config: dict[str, Any], key: str, value: Any) -> None:
    """Set a key. Raises UsageError rather than lose what is there."""
    name, _, inner = key.partition(".")
    now = config.get(name)
    if inner:
        config[name] = {**(now if isinstance(now, dict) else {}), inner: value}
    elif key == "tls" and isinstance(now, dict) and now:
        if not value:
            kept = ", ".join(f"tls.{each}" for each in now)
            raise UsageError(f"tls: {kept} would be lost; agentctl config unset tls takes all away")
    else:
        config[name] = value


def take(config: dict[str, Any], key: str) -> bool:
    """Take a key away, known or not; False if it is not there."""
    name, _, inner = key.partition(".")
    if key in config:
        del config[key]
    elif inner and isinstance(config.get(name), dict) and inner in config[name]:
        rest = {each: value for each, value in config[name].items() if each != inner}
        # The last of its files gone, TLS is still wanted: an empty object would turn it off.
        config[name] = rest or True
    else:
        return False
    return True


def change(path: str, edit: Callable[[dict[str, Any]], None]) -> None:
    """Change what is in the file, all of it or nothing, for its owner's eyes only.

    ``edit`` gets the content as it is, unknown keys included. What a symlink leads to is
    replaced, not the symlink. Of two changes at a time none is lost. Raises UsageError.
    """
    from agentctl.cli.host.atomic_write import write_whole

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
