"""agentctl schema: the contract of the JSON output."""

from __future__ import annotations

from argparse import Namespace

from agentctl.cli.parser import Parser
from agentctl.cli.world import World
from agentctl.errors import ExitCode

NAME = "schema"
HELP = "print the JSON Schema of the events"
DESCRIPTION = """\
Print the JSON Schema of the four events (snapshot, delta, heartbeat, error),
as '-o json' and '-o ndjson' print them."""


def configure(parser: Parser) -> None:
    pass


def run(args: Namespace, world: World) -> int:
    from agentctl import schema

    world.stdout.write(schema.text())
    return ExitCode.OK
