"""Commands of agentctl: one file a command.

A command is a module here with ``NAME``, ``HELP`` (one line), ``configure(parser)``
and ``run(args, process) -> ExitCode``. Its file is all that a new command needs; it
imports what costs time inside ``run``, so that ``--help`` stays fast. One with many flags
has ``COMMON``, those that ``--help`` shows; a flag that is not named there is shown by
``--help-all`` alone.
"""

from __future__ import annotations

import importlib
from argparse import Namespace
from typing import Optional, Protocol, cast

from agentctl.cli.config.parser import Parser
from agentctl.cli.host.process import Process
from agentctl.package import module_names


class Command(Protocol):
    """What a command's module offers."""

    NAME: str
    HELP: str
    DESCRIPTION: str

    def configure(self, parser: Parser) -> None:
        """Add the flags."""

    def run(self, args: Namespace, process: Process) -> int:
        """Do it; returns the exit code, raises AgentctlError."""


def commands() -> list[Command]:
    """All commands, by name."""
    modules = (importlib.import_module(f"{__name__}.{name}") for name in module_names(__path__))
    return sorted((cast(Command, module) for module in modules), key=lambda each: each.NAME)


def command(name: str) -> Optional[Command]:
    """The command of that name, and no other imported; None where there is none."""
    if not name.isidentifier():
        return None
    try:
        module = importlib.import_module(f"{__name__}.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"{__name__}.{name}":
            raise
        return None
    return cast(Command, module) if getattr(module, "NAME", "") == name else None
