"""The parser of the whole command line: all commands, and what ``--help`` says first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agentctl import __version__
from agentctl.cli.commands import Command
from agentctl.cli.config.parser import Parser
from agentctl.cli.host.process import Process

DESCRIPTION = """\
The live health of a control plane on Kubernetes: one snapshot, then
every change as it happens."""

EPILOG = """\
start here:
  agentctl demo              watch an embedded control plane, no cluster needed
  agentctl status            how the control plane is now
  agentctl status watch      ... and every change from now on
  agentctl status watch -o ndjson --timeout 5m | jq .
  agentctl diagnose          why what is not well is not, and what to do

exit codes: 0 done, 1 bad verdict, 2 usage, 3 refused, 4 cannot stream,
            5 cannot connect, 130 ctrl-C, 141 closed pipe, 143 terminated"""


def build_parser(known: Sequence[Command], process: Process, wanted: str = "") -> Parser:
    """The parser of all commands; with ``wanted``, only that one knows its flags (``-``: none)."""
    bound = _bound(process)
    parser: Parser = bound(prog=process.name, description=DESCRIPTION, epilog=EPILOG)
    parser.add_argument("--version", action="version", version=f"agentctl {__version__}")
    subparsers = parser.add_subparsers(metavar="COMMAND", title="commands", parser_class=bound)
    for command in known:
        sub = subparsers.add_parser(
            command.NAME, help=command.HELP, description=command.DESCRIPTION
        )
        if wanted in ("", command.NAME):  # flags take a while to build
            _configure(sub, command)
            sub.set_defaults(run=command.run)
    return parser


def command_parser(command: Command, process: Process) -> Parser:
    """The parser of what follows the name of one command."""
    parser: Parser = _bound(process)(
        prog=f"{process.name} {command.NAME}", description=command.DESCRIPTION
    )
    _configure(parser, command)
    return parser


def _bound(process: Process) -> Any:
    class Bound(Parser):
        """Makes its subparsers with the same output."""

        def __init__(self, **kwargs: Any) -> None:
            super().__init__(process.stdout, **kwargs)

    return Bound


def _configure(parser: Parser, command: Command) -> None:
    command.configure(parser)
    parser.set_common(getattr(command, "COMMON", ()))
