"""agentctl schema: the contract of the JSON output."""

from __future__ import annotations

from argparse import Namespace

from agentctl.cli.config.parser import Parser
from agentctl.cli.host.process import Process
from agentctl.errors import ExitCode

NAME = "schema"
HELP = "print the JSON Schema of the events"
DESCRIPTION = """\
Print the JSON Schema of the four events (snapshot, delta, heartbeat, error),
as '-o json' and '-o ndjson' print them. What is read of a server or a recording
is more than is written: --accepts prints that.

  agentctl schema > events.schema.json
  agentctl schema --accepts | jq '.["$defs"] | keys'"""


def configure(parser: Parser) -> None:
    parser.add_argument(
        "--accepts", action="store_true", help="print the schema of what is read instead"
    )


def run(args: Namespace, process: Process) -> int:
    from agentctl import schema

    process.stdout.write(schema.text(schema.ACCEPTED if args.accepts else schema.WRITTEN))
    return ExitCode.OK
