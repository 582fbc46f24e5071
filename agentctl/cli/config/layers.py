"""Precedence of settings: flag, environment, config file, default."""

from __future__ import annotations

import os
from argparse import ArgumentTypeError, Namespace
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any, Optional, Union

from agentctl.cli.config.file import config_path, read_config
from agentctl.cli.config.parser import boolean
from agentctl.cli.config.table import BY_KEY, TLS_PARTS, Setting
from agentctl.cli.host.process import Process
from agentctl.lazy_namedtuple import NamedTuple

if TYPE_CHECKING:
    from agentctl.catalog.files import CatalogText

CONFIG_FILE = "config file"


class Said(NamedTuple):
    """A value, and who says it; both are empty where nobody says anything."""

    value: str = ""
    by: str = ""
    is_default: bool = False


class Layers:
    """The places that are asked for a setting. ``config`` is as ``file.flatten`` gives it."""

    def __init__(
        self, args: Namespace, environ: Mapping[str, str], config: Mapping[str, Any]
    ) -> None:
        self.args = args
        self.environ = environ
        self.config = config
        self._timeout: Optional[tuple[float, float]] = None
        """In seconds, and when it is over (monotonic)."""

    @classmethod
    def of(cls, process: Process, args: Optional[Namespace] = None) -> Layers:
        """Those of this run. Raises ConfigError."""
        config = read_config(config_path(process.environ, process.home))
        layers = cls(args or Namespace(), process.environ, config)
        timeout = getattr(args, "timeout", None)
        if timeout:
            now = process.clock.monotonic()
            began = now if process.begun is None else process.begun.at(timeout)
            layers._timeout = timeout, began + timeout
        return layers

    @cached_property
    def catalog(self) -> Union[str, CatalogText]:
        """What ``--catalog`` says; of a pipe what came through it, as that can be read once.

        Raises CatalogError and DisconnectedError.
        """
        given: str = getattr(self.args, "catalog", None) or ""
        if not given:
            return ""
        from agentctl.cli.config.catalog_file import given_catalog
        from agentctl.cli.config.piped import Patience

        return given_catalog(given, Patience(*self._timeout) if self._timeout else None)

    def said(self, key: str) -> Iterator[Said]:
        """The one in force first; an empty value says nothing."""
        if key == "tls":
            return self._tls()
        told = self._told(BY_KEY[key])
        return map(_truth, told) if BY_KEY[key].choices == ("true", "false") else told

    def first(self, key: str) -> Said:
        """The one in force."""
        return next(self.said(key), Said())

    def text(self, key: str) -> str:
        """The value in force; empty if there is none."""
        return self.first(key).value

    def path(self, key: str) -> str:
        """The same, of a file."""
        return os.path.expanduser(self.text(key))

    def checked(self, key: str) -> Any:
        """The value in force. Raises AgentctlError, which names who says it."""
        return BY_KEY[key].checked(self.text(key), self.place(key))

    def place(self, key: str) -> str:
        """Who says it, as an error names it."""
        by = self.first(key).by
        return f"the config's {key}" if by == CONFIG_FILE else by

    def _told(self, one: Setting) -> Iterator[Said]:
        yield from flagged(self.args, one)
        for name in one.variables:
            if self.environ.get(name):
                yield Said(self.environ[name], name)
        if self.config.get(one.key):
            value = self.config[one.key]
            yield Said("true" if value is True else value, CONFIG_FILE)
        if one.default:
            yield Said(one.default, "default", True)

    def _tls(self) -> Iterator[Said]:
        """What turns TLS on or off: the address's scheme, then whatever speaks of TLS."""
        address = self.first("address")
        scheme, separator, _ = address.value.strip().lower().partition("://")
        if separator and scheme in ("http", "https"):
            yield Said("true" if scheme == "https" else "false", f"{scheme}:// in {address.by}")
        *plainly, default = self._told(BY_KEY["tls"])
        parts = [one._replace(value="true") for one in map(self.first, TLS_PARTS) if one.value]
        yield from (one for one in (*plainly, *parts) if one.by.startswith("--"))
        yield from map(_truth, plainly)
        if any(key in self.config for key in TLS_PARTS):
            yield Said("true", CONFIG_FILE)
        yield from parts
        yield default


def flagged(args: Namespace, one: Setting) -> Iterator[Said]:
    """What the flags say."""
    for flag in one.flags:
        value = getattr(args, flag[2:].replace("-", "_"), None)
        if isinstance(value, list):  # given more than once
            value = ", ".join(value) if one.together else (value or [None])[-1]
        if value is False:
            yield Said("false", f"--no-{flag[2:]}")
        elif value:
            yield Said("true" if value is True else value, flag)


def _truth(said: Said) -> Said:
    """True and false in one word each; what is neither stays as it is."""
    with suppress(ArgumentTypeError):
        return said._replace(value="true" if boolean(said.value) else "false")
    return said
