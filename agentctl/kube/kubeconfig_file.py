"""Kubeconfig files: read in bounds of time and bytes, and checked field by field.

kubectl refuses a file for a field of the wrong type in an entry that nobody uses as well.
"""

from __future__ import annotations

import os
import select
import stat
import time
from collections.abc import Iterator, Mapping
from typing import Any

from agentctl.duration import format_duration
from agentctl.errors import ConfigError
from agentctl.kube.kubeconfig_entry import KubeconfigEntry
from agentctl.kube.kubeconfig_yaml import first_document

MAX_BYTES = 64 << 20

PIPE_S = 30.0
"""How long a pipe may keep us waiting: nobody may ever write to it."""

KINDS = {"clusters": "cluster", "contexts": "context", "users": "user"}

_TEXTS = {
    "cluster": ("server", "tls-server-name", "certificate-authority", "proxy-url"),
    "context": ("cluster", "user", "namespace"),
    "user": (
        *("client-certificate", "client-key", "token", "tokenFile", "username", "password"),
        *("as", "as-uid"),
    ),
}
_DATA = {
    "cluster": ("certificate-authority-data",),
    "context": (),
    "user": ("client-certificate-data", "client-key-data"),
}


def read_file(path: str) -> tuple[str, dict[str, dict[str, KubeconfigEntry]]]:
    """The current context, and the entries of each kind by name.

    Raises ConfigError naming the file and what is wrong with it.
    """
    content = first_document(_content(path), path)
    if content is None:
        return "", {kind: {} for kind in KINDS.values()}
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: the kubeconfig must be a mapping, with clusters and contexts")
    top = KubeconfigEntry(path, path, content)
    for key, expected in (("kind", "Config"), ("apiVersion", "v1")):
        said = top.text(key)
        if said not in ("", expected):
            raise ConfigError(f"{path}: {key} is {said!r}, not {expected}; is it a kubeconfig?")
    KubeconfigEntry(f"{path}: preferences", path, top.mapping("preferences")).flag("colors")
    _check_extensions(top)
    entries = {kind: _entries(top, plural, kind) for plural, kind in KINDS.items()}
    return top.text("current-context"), entries


def _entries(top: KubeconfigEntry, plural: str, kind: str) -> dict[str, KubeconfigEntry]:
    found: dict[str, KubeconfigEntry] = {}
    for name, values in _named(top, plural, kind):
        entry = KubeconfigEntry(f"{top.path}: {kind} {name!r}", top.path, values)
        _check(entry, kind)
        if name in found:
            raise ConfigError(f"{top.path}: two {plural} are named {name!r}; remove or rename one")
        found[name] = entry
    return found


def _named(top: KubeconfigEntry, plural: str, key: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Names and values of a list; null for either is empty, as in Go."""
    listed = top.values.get(plural)
    if listed is not None and not isinstance(listed, list):
        raise ConfigError(f"{top.what}: {plural} must be a list")
    for each in listed or ():
        if not isinstance(each, (dict, type(None))):
            raise ConfigError(f"{top.what}: an entry of {plural} must be a mapping with a name")
        entry = KubeconfigEntry(f"{top.what}: an entry of {plural}", top.path, each or {})
        name = entry.text("name")
        named = KubeconfigEntry(f"{top.what}: {key} {name!r}", top.path, entry.values)
        yield name, named.mapping(key)


def _check(entry: KubeconfigEntry, kind: str) -> None:
    """Raises ConfigError for a field of the wrong type."""
    for key in _TEXTS[kind]:
        entry.text(key)
    for key in _DATA[kind]:
        entry.data(key)
    if kind == "cluster":
        entry.flag("insecure-skip-tls-verify")
        entry.flag("disable-compression")
    if kind == "user":
        entry.texts("as-groups")
        entry.text_lists("as-user-extra")
        entry.mapping("exec")
        entry.mapping("auth-provider")
    _check_extensions(entry)


def _check_extensions(entry: KubeconfigEntry) -> None:
    listed = entry.values.get("extensions")
    if listed is None:
        return
    if not isinstance(listed, list):
        raise ConfigError(f"{entry.what}: extensions must be a list")
    names = [each.get("name") for each in listed if isinstance(each, dict)]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigError(f"{entry.what}: two extensions are named {twice!r}; remove one")


def _content(path: str) -> bytes:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"{path}: cannot read the kubeconfig: {why}") from error
    try:
        return _read(handle, path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot read the kubeconfig: {error.strerror}") from error
    finally:
        os.close(handle)


def _read(handle: int, path: str) -> bytes:
    is_pipe = stat.S_ISFIFO(os.fstat(handle).st_mode)
    deadline = time.monotonic() + PIPE_S
    content = bytearray()
    poller = select.poll()
    poller.register(handle, select.POLLIN)
    hung_up = False
    while True:
        try:
            part = os.read(handle, 1 << 20)
        except BlockingIOError:  # a pipe or a terminal that is still written to
            part = None
        content += part or b""
        if len(content) > MAX_BYTES:
            raise ConfigError(f"{path}: has more than {MAX_BYTES >> 20} MiB; is it a kubeconfig?")
        # Without a writer a pipe that nobody has opened yet looks as if it were at its end.
        if part == b"" and (content or hung_up or not is_pipe):
            return bytes(content)
        if not part:
            left = max(0.0, deadline - time.monotonic())
            events = poller.poll(left * 1000)
            if not events:
                raise ConfigError(
                    f"{path}: this pipe was not written to its end in {format_duration(PIPE_S)}; "
                    "name a file"
                )
            hung_up = not events[0][1] & select.POLLIN
